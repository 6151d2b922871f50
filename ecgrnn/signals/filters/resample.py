"""Change the sampling frequency of a signal and of the indices that point into it."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.filters.fir import apply_fir, lowpass_kernel

ANTIALIAS_WIDTH = 0.12
"""Transition band below the lower Nyquist frequency, as a part of that frequency."""

_SMALL, _LARGE = 2**12, 2**15
"""Denominators of a ratio of sampling frequencies. Filters work in blocks of a multiple of it: 10 s of 12
leads take 0.5 ms from 250 to 125 Hz, and a hundred times that from 249.97 Hz."""

_NEGLIGIBLE = 1e-6
"""Clocks of recorders are wrong by more."""


def resample(signal: NDArray[np.float32], *, fs_hz: float, to_hz: float) -> NDArray[np.float32]:
    """Resample a signal with zero phase.

    New sample ``n`` lies at ``n / to_hz`` seconds, so that sample 0 stays where it is. The anti-aliasing
    filter passes up to 88 % of the lower of both Nyquist frequencies and attenuates by 80 dB from that
    frequency on.

    Args:
        signal: ``(time, lead)``, without NaN.
        fs_hz: sampling frequency of ``signal``.
        to_hz: sampling frequency wanted.

    Returns:
        ``(ceil(time * to_hz / fs_hz), lead)``.
    """
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    kernel = None if ratio == 1 else antialias_kernel(fs_hz=fs_hz, to_hz=to_hz)
    return apply_fir(signal, kernel, up=ratio.numerator, down=ratio.denominator)


def resample_index(
    sample: NDArray[np.int64], *, fs_hz: float, to_hz: float, n_samples: int | None = None
) -> NDArray[np.int64]:
    """Find the new indices of samples, rounded to the nearest (halves up): truncation moves every beat early.

    Args:
        sample: indices at ``fs_hz``.
        fs_hz: sampling frequency they were counted at.
        to_hz: sampling frequency wanted.
        n_samples: length of the signal at ``fs_hz``; the new indices are clipped to the new signal. None only
            clips at 0.

    Returns:
        Indices at ``to_hz``, of the shape of ``sample``.
    """
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    up, down = ratio.numerator, ratio.denominator
    index = (2 * np.asarray(sample, np.int64) * up + down) // (2 * down)
    last = None if n_samples is None else max(resampled_length(n_samples, fs_hz=fs_hz, to_hz=to_hz) - 1, 0)
    return np.clip(index, 0, last)


def resampled_length(n_samples: int, *, fs_hz: float, to_hz: float) -> int:
    """Give the length of a signal of ``n_samples`` after ``resample``."""
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    return -(-n_samples * ratio.numerator // ratio.denominator)


@lru_cache(maxsize=64)
def rate_ratio(*, fs_hz: float, to_hz: float) -> Fraction:
    """Give ``to_hz / fs_hz`` as a fraction of small numbers.

    A denominator of at most 4,096 is exact for all usual frequencies, and taken for others where it is off by
    less than a millionth (0.1 s in a day). Elsewhere, as from 249.97 to 125 Hz, one of at most 32,768 is off
    by less than that number's reciprocal (2.7 s in a day), and most often by far less.
    """
    exact = Fraction(to_hz).limit_denominator(10**6) / Fraction(fs_hz).limit_denominator(10**6)
    small = exact.limit_denominator(_SMALL)
    return small if abs(small / exact - 1) < _NEGLIGIBLE else exact.limit_denominator(_LARGE)


def antialias_kernel(*, fs_hz: float, to_hz: float) -> NDArray[np.float64]:
    """Design the low-pass that keeps what both sampling frequencies can hold."""
    nyquist_hz = min(fs_hz, to_hz) / 2
    width_hz = ANTIALIAS_WIDTH * nyquist_hz
    return lowpass_kernel(nyquist_hz - width_hz / 2, fs_hz=fs_hz, width_hz=width_hz, attenuation_db=80)
