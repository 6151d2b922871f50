"""High-pass, low-pass and notch of zero phase, in one pass with the change of sampling frequency.

All three are symmetric FIR filters, sinc under a Kaiser window, convolved with each other into one kernel, so
that no wave is moved: the delay is 0 samples at every frequency. Corners are where the amplitude is halved
(-6 dB).

=========  =============================  ===========  ========================  ====================
filter     transition band                attenuation  taps at 360 Hz            for
=========  =============================  ===========  ========================  ====================
high-pass  corner, half of it either side 60 dB        2,613 (0.5 Hz), 7.3 s     baseline wander
low-pass   1/4 of the corner              80 dB        183 (40 Hz), 0.5 s        muscle noise
notch      1 Hz, around +- 1 Hz           60 dB        1,307, 3.6 s              powerline
resampling 12 % of the lower Nyquist      80 dB        169 (to 180 Hz), 0.5 s    aliases
=========  =============================  ===========  ========================  ====================
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError
from ecgrnn.signals.filters.fir import apply_fir, bandstop_kernel, highpass_kernel, lowpass_kernel
from ecgrnn.signals.filters.resample import antialias_kernel, rate_ratio

_MOST_PRODUCTS = 2**28


def filter_signal(
    signal: NDArray[np.float32],
    *,
    fs_hz: float,
    to_hz: float | None = None,
    highpass_hz: float | None = None,
    lowpass_hz: float | None = None,
    notch_hz: float | None = None,
) -> NDArray[np.float32]:
    """Filter a signal and resample it, in one pass and without delay.

    Args:
        signal: ``(time, lead)``, without NaN.
        fs_hz: sampling frequency of ``signal``.
        to_hz: sampling frequency wanted; None keeps it.
        highpass_hz: corner of the high-pass; None leaves it out.
        lowpass_hz: corner of the low-pass; None leaves it out.
        notch_hz: powerline frequency; None leaves the notch out.

    Returns:
        ``(ceil(time * to_hz / fs_hz), lead)``; near the ends the signal is taken to go on as its point
        reflection.

    Raises:
        ConfigError: a corner does not lie below half of the sampling frequency.
    """
    to_hz = fs_hz if to_hz is None else to_hz
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    kernel = filter_kernel(
        fs_hz=fs_hz, to_hz=to_hz, highpass_hz=highpass_hz, lowpass_hz=lowpass_hz, notch_hz=notch_hz
    )
    return apply_fir(signal, kernel, up=ratio.numerator, down=ratio.denominator)


@lru_cache(maxsize=64)
def filter_kernel(
    *, fs_hz: float, to_hz: float, highpass_hz: float | None, lowpass_hz: float | None, notch_hz: float | None
) -> NDArray[np.float64] | None:
    """Design the one kernel that does all of it, at ``fs_hz``.

    Returns:
        ``(2 * M + 1,)``, symmetric, read-only; None where there is nothing to do. An output sample depends on
        ``M`` input samples either side.

    Raises:
        ConfigError: a corner does not lie below half of the sampling frequency.
    """
    check_corners(fs_hz, highpass_hz=highpass_hz, lowpass_hz=lowpass_hz, notch_hz=notch_hz)
    kernels = []
    if highpass_hz is not None:
        kernels.append(highpass_kernel(highpass_hz, fs_hz=fs_hz, width_hz=highpass_hz, attenuation_db=60))
    if lowpass_hz is not None:
        kernels.append(lowpass_kernel(lowpass_hz, fs_hz=fs_hz, width_hz=lowpass_hz / 4, attenuation_db=80))
    if notch_hz is not None:
        low_hz, high_hz = notch_hz - 1, notch_hz + 1
        kernels.append(bandstop_kernel(low_hz, high_hz, fs_hz=fs_hz, width_hz=1.0, attenuation_db=60))
    if rate_ratio(fs_hz=fs_hz, to_hz=to_hz) != 1 and not _removes_aliases(
        lowpass_hz, fs_hz=fs_hz, to_hz=to_hz
    ):
        kernels.append(antialias_kernel(fs_hz=fs_hz, to_hz=to_hz))
    if not kernels:
        return None
    joined = kernels[0]
    for kernel in kernels[1:]:
        joined = _convolved(joined, kernel)
    joined.setflags(write=False)
    return joined


def _convolved(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve; by Fourier transforms where the sums would take seconds, as of some 10 kHz on."""
    if len(one) * len(other) <= _MOST_PRODUCTS:
        return np.convolve(one, other)
    from scipy.signal import oaconvolve  # rarely needed, and it takes long to import

    return np.asarray(oaconvolve(one, other), np.float64)


def _removes_aliases(lowpass_hz: float | None, *, fs_hz: float, to_hz: float) -> bool:
    return lowpass_hz is not None and lowpass_hz * (1 + 1 / 8) <= min(fs_hz, to_hz) / 2


def check_corners(
    fs_hz: float, *, highpass_hz: float | None, lowpass_hz: float | None, notch_hz: float | None
) -> None:
    """Refuse corners that no filter at this sampling frequency can have.

    Raises:
        ConfigError: says which.
    """
    named = {"highpass_hz": highpass_hz, "lowpass_hz": lowpass_hz, "notch_hz": notch_hz}
    for name, corner_hz in named.items():
        if corner_hz is not None and not 0 < corner_hz < fs_hz / 2:
            raise ConfigError(
                f"{name}={corner_hz} must lie between 0 Hz and half of the record's sampling frequency, "
                f"{fs_hz / 2} Hz"
            )
    if notch_hz is not None and not 2 <= notch_hz <= fs_hz / 2 - 2:
        raise ConfigError(f"notch_hz={notch_hz} must lie 2 Hz inside 0 to {fs_hz / 2} Hz")
    if highpass_hz is not None and lowpass_hz is not None and highpass_hz >= lowpass_hz:
        raise ConfigError(
            f"highpass_hz={highpass_hz} must lie below lowpass_hz={lowpass_hz}; nothing would pass"
        )
