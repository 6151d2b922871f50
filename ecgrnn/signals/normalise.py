"""Scale the amplitude of a lead to its own record."""

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 2.0
"""Long enough for a beat at 30 bpm, short enough that a burst of noise spoils few blocks."""

LEAST_SPREAD_MV = 0.05
"""A lead without signal is not blown up beyond this."""


def robust_spread(signal: NDArray[np.float32], *, fs_hz: float) -> NDArray[np.float32]:
    """Measure how tall the beats of each lead are: the median over blocks of 2 s of maximum minus minimum.

    Noise moves it only where it fills half of the record: a spike changes one block. Blocks of nothing but
    NaN do not count; a last block shorter than 2 s counts only where it is the only one.

    Args:
        signal: ``(time, lead)``, in mV; NaN where a sample is missing.
        fs_hz: sampling frequency.

    Returns:
        ``(lead,)`` in mV, at least 0.05 mV.
    """
    return median_spread(block_spreads(signal, fs_hz=fs_hz))


def block_spreads(signal: NDArray[np.float32], *, fs_hz: float) -> NDArray[np.float32]:
    """Measure maximum minus minimum of each block of 2 s.

    Args:
        signal: ``(time, lead)``, in mV; NaN where a sample is missing.
        fs_hz: sampling frequency.

    Returns:
        ``(block, lead)`` in mV; NaN where a block has no sample.
    """
    block = max(min(block_samples(fs_hz), len(signal)), 1)
    blocks = signal[: len(signal) // block * block].reshape(-1, block, signal.shape[1])
    return np.asarray(np.fmax.reduce(blocks, axis=1) - np.fmin.reduce(blocks, axis=1), np.float32)


def block_samples(fs_hz: float) -> int:
    """Give the samples of a block of 2 s."""
    return round(BLOCK_S * fs_hz)


def median_spread(spreads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each lead's median over blocks, at least 0.05 mV.

    Args:
        spreads: ``(block, lead)`` in mV; NaN where a block has no sample.

    Returns:
        ``(lead,)`` in mV.
    """
    medians = [np.median(lead[np.isfinite(lead)]) if np.isfinite(lead).any() else 0.0 for lead in spreads.T]
    return np.maximum(np.asarray(medians, np.float32), np.float32(LEAST_SPREAD_MV))


def scale_signal(signal: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each lead by its spread: the beats of a quiet record are then about 1 tall.

    Args:
        signal: ``(time, lead)``, in mV.
        spread: ``(lead,)``, in mV.

    Returns:
        ``(time, lead)``, a new array without unit.
    """
    return signal / spread
