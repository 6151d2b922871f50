"""Scale the amplitude of a lead to its own record."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 2.0
"""Long enough for a beat at 30 bpm, short enough that a burst of noise spoils few blocks."""

LEAST_SPREAD_MV = 0.05
"""A lead without signal is not blown up beyond this; a block within it is flat."""

_ENOUGH = 0.5
"""A block of which less is there holds a beat only by chance."""


def robust_spread(
    signal: NDArray[np.float32], valid: NDArray[np.bool_] | None = None, *, fs_hz: float
) -> NDArray[np.float32]:
    """Measure how tall the beats of each lead are: the median over blocks of 2 s of maximum minus minimum.

    Noise moves it only where it fills half of the record: a spike changes one block. Blocks that say nothing
    about beats do not count: flat ones, and those of which more than half is missing (they do where there is
    no other). A last block shorter than 2 s counts only where it is the only one.

    Args:
        signal: ``(time, lead)``, in mV; NaN where a sample is missing.
        valid: ``(time, lead)``, false where a sample is missing and was filled; None where none was.
        fs_hz: sampling frequency.

    Returns:
        ``(lead,)`` in mV, at least 0.05 mV.
    """
    if valid is not None and not valid.all():
        signal = np.where(valid, signal, np.float32(np.nan))
    return median_spread(block_spreads(signal, fs_hz=fs_hz))


@dataclass(frozen=True)
class BlockSpreads:
    """What the blocks of a record say about the height of its beats.

    Attributes:
        spread: ``(block, lead)``, maximum minus minimum in mV; NaN where a block has no sample.
        share: ``(block, lead)``, which part of its samples is there.
    """

    spread: NDArray[np.float32]
    share: NDArray[np.float32]


def block_spreads(signal: NDArray[np.float32], *, fs_hz: float) -> BlockSpreads:
    """Measure maximum minus minimum of each block of 2 s.

    Args:
        signal: ``(time, lead)``, in mV; NaN where a sample is missing.
        fs_hz: sampling frequency.
    """
    block = max(min(block_samples(fs_hz), len(signal)), 1)
    blocks = signal[: len(signal) // block * block].reshape(-1, block, signal.shape[1])
    spread = np.fmax.reduce(blocks, axis=1) - np.fmin.reduce(blocks, axis=1)
    return BlockSpreads(spread, np.isfinite(blocks).mean(axis=1, dtype=np.float32))


def joined_blocks(parts: Sequence[BlockSpreads]) -> BlockSpreads:
    """Put the blocks of the parts of a record one behind another."""
    return BlockSpreads(
        np.concatenate([part.spread for part in parts]), np.concatenate([part.share for part in parts])
    )


def block_samples(fs_hz: float) -> int:
    """Give the samples of a block of 2 s."""
    return round(BLOCK_S * fs_hz)


def median_spread(blocks: BlockSpreads) -> NDArray[np.float32]:
    """Give each lead's median over the blocks that count, ``(lead,)`` in mV, at least 0.05 mV."""
    leads = zip(blocks.spread.T, blocks.share.T, strict=True)
    return np.array([_median_of_lead(spread, share) for spread, share in leads], np.float32)


def _median_of_lead(spread: NDArray[np.float32], share: NDArray[np.float32]) -> np.float32:
    counts = spread > LEAST_SPREAD_MV  # false for NaN
    whole = counts & (share >= _ENOUGH)
    counting = spread[whole if whole.any() else counts]
    return np.float32(np.median(counting) if len(counting) else LEAST_SPREAD_MV)


def scale_signal(signal: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each lead by its spread: the beats of a quiet record are then about 1 tall.

    Args:
        signal: ``(time, lead)``, in mV.
        spread: ``(lead,)``, in mV.

    Returns:
        ``(time, lead)``, a new array without unit.
    """
    return signal / spread
