"""Which parts of a recording cannot be read: samples missing, leads flat or saturated, no beat for long."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.recording import Recording

BLOCK_S = 2.0
"""Length of the blocks that are looked at one by one."""

NO_BEAT_S = 10.0
"""Without a beat for longer, a stretch is asystole or could not be read: nobody can tell without looking."""

_AT_ONCE = 300
"""Blocks that are read together: ten minutes."""

_MISSING = 0.05
"""Share of a block's samples: 0.1 s of 2 s, as long as a QRS complex, may hide a beat."""

_FLAT_MV = 0.01
"""A lead that moves less in 2 s is not connected: 0.1 mm on paper."""

_AT_RAIL = 0.05
"""Share of a block's samples at the lead's own extreme."""

_RAIL_MV = 2.0
"""The range of a converter ends farther from the lead's middle than this."""


@dataclass(frozen=True)
class Quality:
    """What is wrong with each lead in each block of about two seconds.

    Attributes:
        edge_s: ``(block + 1,)`` where blocks begin and end.
        missing: ``(block, lead)`` too many samples are missing.
        flat: ``(block, lead)`` the lead does not move.
        saturated: ``(block, lead)`` the lead stands at the end of its range.
        span_mv: ``(lead,)`` usual range of the lead within a block.
    """

    edge_s: NDArray[np.float64]
    missing: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    span_mv: NDArray[np.float64]

    @property
    def bad(self) -> NDArray[np.bool_]:
        """``(block, lead)``: whether the lead cannot be read."""
        return self.missing | self.flat | self.saturated

    @property
    def unreadable_s(self) -> NDArray[np.float64]:
        """Begin and end ``(stretch, 2)`` of the stretches in which no lead can be read."""
        none = np.logical_and.reduce(self.bad, axis=1)
        return stretches(np.asarray(none, np.bool_), self.edge_s)


def stretches(mask: NDArray[np.bool_], edge: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join neighbouring blocks ``(block,)`` into stretches ``(stretch, 2)``, given the blocks' edges."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edge[turns].reshape(-1, 2)


def without_beat(time_s: NDArray[np.float64], *, duration_s: float) -> NDArray[np.float64]:
    """Give begin and end ``(stretch, 2)`` of the stretches longer than ten seconds that have no beat."""
    marks = np.concatenate([[0.0], time_s, [duration_s]])
    long = np.flatnonzero(np.diff(marks) > NO_BEAT_S)
    return np.stack([marks[long], marks[long + 1]], axis=1)


def joined(*several: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join stretches ``(stretch, 2)`` that overlap or touch; the rest stays, in order.

    >>> joined(np.array([[0.0, 2.0], [5.0, 6.0]]), np.array([[1.0, 3.0]])).tolist()
    [[0.0, 3.0], [5.0, 6.0]]
    """
    every = np.concatenate(several)
    every = every[np.argsort(every[:, 0], kind="stable")]
    reach = np.maximum.accumulate(every[:, 1])
    first = np.concatenate([[True], every[1:, 0] > reach[:-1]])[: len(every)]
    last = np.concatenate([first[1:], [True]])[: len(every)]
    return np.stack([every[first, 0], reach[last]], axis=1)


def read_quality(recording: Recording) -> Quality:
    """Look at every lead of a recording, ten minutes at a time."""
    n_blocks = max(1, round(recording.duration_s / BLOCK_S))
    edge = np.rint(np.linspace(0, recording.n_samples, n_blocks + 1)).astype(np.int64)
    missing, low, high = (np.concatenate(part) for part in zip(*_blocks(recording, edge), strict=True))
    missing_block = missing > _MISSING
    flat = ~missing_block & (high - low < _FLAT_MV)
    at_rail = _at_rail(recording, edge, low, high) & ~missing_block
    flat, saturated = flat & ~at_rail, at_rail
    readable = np.where(missing_block | flat | saturated, np.nan, high - low)
    span = np.array([_middle(lead) for lead in readable.T])
    return Quality(edge / recording.fs_hz, missing_block, flat, saturated, span)


def _middle(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _at_rail(
    recording: Recording, edge: NDArray[np.int64], low: NDArray[np.float32], high: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Tell where a lead stays at its own extreme ``(block, lead)``; blocks that reach it are read again."""
    middle = np.array([_middle(lead) for lead in ((low + high) / 2).T])
    found = np.zeros(low.shape, np.bool_)
    for extreme, value in ((np.fmin, low), (np.fmax, high)):
        rail = extreme.reduce(value, axis=0)
        reaching = (value == rail) & (np.abs(rail - middle) >= _RAIL_MV)
        for block, lead in np.argwhere(reaching).tolist():
            start, stop = int(edge[block]), int(edge[block + 1])
            signal = recording.stretch(columns=[lead], start=start, stop=stop).signal
            found[block, lead] |= np.count_nonzero(signal == rail[lead]) >= _AT_RAIL * (stop - start)
    return found


def _blocks(recording: Recording, edge: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """Give the share of missing samples of blocks ``(block, lead)``, the lowest and the highest sample."""
    for first in range(0, len(edge) - 1, _AT_ONCE):
        part = edge[first : first + _AT_ONCE + 1]
        signal = recording.stretch(start=int(part[0]), stop=int(part[-1])).signal
        starts, lengths = part[:-1] - part[0], np.diff(part)[:, np.newaxis]
        missing = np.add.reduceat(np.isnan(signal), starts, axis=0, dtype=np.int64) / lengths
        yield missing, *(extreme.reduceat(signal, starts, axis=0) for extreme in (np.fmin, np.fmax))
