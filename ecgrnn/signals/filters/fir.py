"""Zero-phase FIR filters: how they are designed and, with a change of sampling frequency, applied."""

import math
from collections.abc import Iterator

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError

BLOCK = 2**15
"""Samples per Fourier transform: large beside the longest kernel (7 s), small beside a processor's cache."""

_MOST_TAPS = 2**20
"""A minute at 16 kHz; 2,613 are usual."""

BATCH = 4
"""Blocks transformed at once: enough for the vector units, few enough for the cache."""


def lowpass_kernel(
    corner_hz: float, *, fs_hz: float, width_hz: float, attenuation_db: float
) -> NDArray[np.float64]:
    """Design a low-pass: a sinc under a Kaiser window.

    The gain is exactly 1 at 0 Hz and 1/2 at the corner; the transition band of ``width_hz`` lies half on
    either side. Length and window follow J. F. Kaiser, Nonrecursive digital filter design using the I0-sinh
    window function, Proc. IEEE Int. Symp. Circuits and Systems, 1974, pp. 20-23.

    Args:
        corner_hz: where the amplitude is halved (-6 dB).
        fs_hz: sampling frequency.
        width_hz: width of the transition band.
        attenuation_db: attenuation in the stop band, above 50; also the ripple of the pass band.

    Returns:
        ``(2 * M + 1,)``, symmetric about its centre.

    Raises:
        ConfigError: the filter would be too long.
    """
    beta = 0.1102 * (attenuation_db - 8.7)
    M = math.ceil((attenuation_db - 7.95) / (2.285 * 2 * math.pi * width_hz / fs_hz) / 2)
    if 2 * M + 1 > _MOST_TAPS:
        raise ConfigError(
            f"a filter with a corner of {corner_hz:g} Hz at {fs_hz:g} Hz would have {2 * M + 1} taps; "
            f"expected at most {_MOST_TAPS}"
        )
    k = np.arange(-M, M + 1)
    h = np.sinc(2 * corner_hz / fs_hz * k) * np.kaiser(2 * M + 1, beta)
    return np.asarray(h / h.sum(), np.float64)


def highpass_kernel(
    corner_hz: float, *, fs_hz: float, width_hz: float, attenuation_db: float
) -> NDArray[np.float64]:
    """Design a high-pass: what the low-pass of the same corner leaves; a constant is removed exactly."""
    return _complement(
        lowpass_kernel(corner_hz, fs_hz=fs_hz, width_hz=width_hz, attenuation_db=attenuation_db)
    )


def bandstop_kernel(
    low_hz: float, high_hz: float, *, fs_hz: float, width_hz: float, attenuation_db: float
) -> NDArray[np.float64]:
    """Design a band-stop: the low-pass at the lower corner, and what the one at the upper leaves."""
    below = lowpass_kernel(low_hz, fs_hz=fs_hz, width_hz=width_hz, attenuation_db=attenuation_db)
    upper = lowpass_kernel(high_hz, fs_hz=fs_hz, width_hz=width_hz, attenuation_db=attenuation_db)
    return below + _complement(upper)


def apply_fir(
    signal: NDArray[np.float32], kernel: NDArray[np.float64] | None, *, up: int = 1, down: int = 1
) -> NDArray[np.float32]:
    """Convolve with a symmetric kernel, without delay, and resample by ``up / down``.

    Overlap-save in float32: a block is transformed, multiplied by the kernel's response, cut (or padded) to
    the new Nyquist frequency, and transformed back at the new sampling frequency. The kernel must have no
    gain beyond the lower of both Nyquist frequencies. Beyond its ends the signal goes on as its own point
    reflection about the first and the last sample, which keeps level and slope, so that no filter rings
    there.

    Args:
        signal: ``(time, lead)``, without NaN, of at least one sample.
        kernel: ``(2 * M + 1,)`` at the sampling frequency of ``signal``; None is the identity.
        up: numerator of the change of sampling frequency.
        down: its denominator.

    Returns:
        ``(ceil(time * up / down), lead)``, a new array.
    """
    if kernel is None and up == down:
        return np.array(signal, np.float32, order="C")
    taps = np.ones(1) if kernel is None else kernel
    margin, size = _block(len(signal), half=len(taps) // 2, up=up, down=down)
    size_out = size // down * up
    response = _response(taps, size=size, bins=min(size, size_out) // 2 + 1) * np.float32(size_out / size)
    hop_out, first_out = (size - 2 * margin) // down * up, margin // down * up
    out = np.empty((-(-len(signal) * up // down), signal.shape[1]), np.float32)
    at = 0
    for blocks in _blocks(signal.T, margin=margin, size=size):
        spectrum = scipy.fft.rfft(blocks, axis=2)[:, :, : len(response)]
        spectrum *= response
        filtered = scipy.fft.irfft(spectrum, n=size_out, axis=2)[:, :, first_out : first_out + hop_out]
        by_lead = filtered.reshape(len(blocks), -1)[:, : len(out) - at]
        out[at : at + by_lead.shape[1]] = by_lead.T
        at += by_lead.shape[1]
    return out


def _complement(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    rest = -kernel
    rest[len(kernel) // 2] += 1.0
    return rest


def _block(n_samples: int, *, half: int, up: int, down: int) -> tuple[int, int]:
    """Choose margin and size of a block in source samples: whole output samples, a size good for an FFT."""
    margin = -(-half // down) * down
    wanted = min(max(BLOCK, 6 * margin), n_samples + 2 * margin + down)
    periods = 2 * scipy.fft.next_fast_len(-(-wanted // (2 * down)), real=True)
    return margin, periods * down


def _response(kernel: NDArray[np.float64], *, size: int, bins: int) -> NDArray[np.float32]:
    """Give the kernel's real frequency response at the first bins of a transform of ``size`` samples."""
    half = len(kernel) // 2
    centred = np.zeros(size)
    centred[: half + 1] = kernel[half:]
    centred[size - half :] = kernel[:half]
    return np.asarray(scipy.fft.rfft(centred).real[:bins], np.float32)


def _blocks(by_lead: NDArray[np.float32], *, margin: int, size: int) -> Iterator[NDArray[np.float32]]:
    """Yield all blocks in order as ``(lead, block, size)``, views where they lie inside the signal."""
    n, hop = by_lead.shape[1], size - 2 * margin
    firsts = range(-margin, n - margin, hop)
    whole = [block for block, first in enumerate(firsts) if 0 <= first <= n - size]
    begin, end = (whole[0], whole[-1] + 1) if whole else (len(firsts), len(firsts))
    for first in firsts[:begin]:
        yield _edge_block(by_lead, first, margin=margin, size=size)
    for block in range(begin, end, BATCH):
        some = firsts[block : min(block + BATCH, end)]
        yield sliding_window_view(by_lead, size, axis=1)[:, some[0] : some[-1] + 1 : hop]
    for first in firsts[end:]:
        yield _edge_block(by_lead, first, margin=margin, size=size)


def _edge_block(by_lead: NDArray[np.float32], first: int, *, margin: int, size: int) -> NDArray[np.float32]:
    """Copy the block that begins at sample ``first`` and reaches beyond an end, where reflections fill it up.

    Only ``margin`` samples beyond the end are reflected: what lies farther reaches no sample that is kept.
    """
    n = by_lead.shape[1]
    block = np.zeros((len(by_lead), 1, size), np.float32)
    inside = by_lead[:, max(first, 0) : first + size]
    at = max(-first, 0)
    block[:, 0, at : at + inside.shape[1]] = inside
    if first < 0:
        head = np.pad(by_lead[:, : margin + 1], ((0, 0), (margin, 0)), mode="reflect", reflect_type="odd")
        block[:, 0, :at] = head[:, margin - at : margin]
    if (beyond := min(first + size - n, margin)) > 0:
        tail = np.pad(by_lead[:, -margin - 1 :], ((0, 0), (0, margin)), mode="reflect", reflect_type="odd")
        block[:, 0, n - first : n - first + beyond] = tail[:, -margin:][:, :beyond]
    return block
