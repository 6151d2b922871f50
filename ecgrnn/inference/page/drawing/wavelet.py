"""The wavelet by which samples are stored: that of JPEG 2000 for pictures with loss."""

import numpy as np
from numpy.typing import NDArray

_LIFTING = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
_SCALE = 1.149604398860241
"""The 9/7 wavelet of Cohen, Daubechies and Feauveau, in the steps of Daubechies and Sweldens,
J. Fourier Anal. Appl. 4 (1998) 247."""


def analyse(signal: NDArray[np.float64], levels: int) -> list[NDArray[np.float64]]:
    """Split a signal ``(time, lead)`` into bands, the slowest first; then each twice as long.

    What has an odd number of samples is split with its last one twice.
    """
    bands: list[NDArray[np.float64]] = []
    for _ in range(levels):
        slow, fast = _split(signal)
        bands.append(fast)
        signal = slow
    return [signal, *reversed(bands)]


def _split(signal: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(signal) % 2:
        signal = np.concatenate([signal, signal[-1:]])
    slow, fast = signal[0::2].copy(), signal[1::2].copy()
    for k, factor in enumerate(_LIFTING):
        if k % 2:
            slow += factor * (fast + np.concatenate([fast[:1], fast[:-1]]))
        else:
            fast += factor * (slow + np.concatenate([slow[1:], slow[-1:]]))
    return slow * _SCALE, fast / _SCALE
