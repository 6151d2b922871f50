"""Ectopic beats in sequence: couplets, runs, bigeminy and trigeminy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats
from ecgrnn.inference.page.findings.rate import Intervals

FEWEST_CYCLES = 3
"""Bigeminy is at least three ectopic beats in a row that each follow one normal beat, trigeminy two."""


@dataclass(frozen=True)
class Sequence:
    """Beats in sequence.

    Attributes:
        first: index of the first ectopic beat.
        last: index of the last one.
        n_ectopic: number of ectopic beats.
        start_s: time of the first one.
        duration_s: from the first one to the last.
    """

    first: int
    last: int
    n_ectopic: int
    start_s: float
    duration_s: float

    @property
    def bpm(self) -> float | None:
        """The rate within the sequence; only a run's is one of ectopic beats alone."""
        return 60.0 * (self.n_ectopic - 1) / self.duration_s if self.duration_s > 0 else None


def runs(beats: Beats, intervals: Intervals, label: str) -> list[Sequence]:
    """Give the sequences of beats of one class, single beats among them, each as long as it goes.

    A stretch that could not be read ends a sequence.
    """
    return _sequences(beats, intervals, label, period=1)


def bigeminy(beats: Beats, intervals: Intervals, label: str) -> list[Sequence]:
    """Give the episodes in which every other beat is of one class and the others are normal."""
    return [s for s in _sequences(beats, intervals, label, period=2) if s.n_ectopic >= FEWEST_CYCLES]


def trigeminy(beats: Beats, intervals: Intervals, label: str) -> list[Sequence]:
    """Give the episodes in which every third beat is of one class and the others are normal."""
    return [s for s in _sequences(beats, intervals, label, period=3) if s.n_ectopic >= FEWEST_CYCLES]


def longest(found: list[Sequence]) -> Sequence | None:
    """Give the sequence with the most ectopic beats, of several the fastest."""
    return max(found, key=lambda one: (one.n_ectopic, -one.duration_s), default=None)


def fastest(found: list[Sequence]) -> Sequence | None:
    """Give the sequence with the highest rate."""
    return max((one for one in found if one.bpm), key=lambda one: one.bpm or 0.0, default=None)


def _sequences(beats: Beats, intervals: Intervals, label: str, *, period: int) -> list[Sequence]:
    """Give the sequences of ectopic beats that are ``period`` beats apart, with normal beats between."""
    ectopic = np.flatnonzero(beats.label == label)
    if not len(ectopic):
        return []
    last = _linked(beats, intervals, ectopic, period=period)
    first = np.concatenate([[True], last[:-1]])
    begin, end = ectopic[first], ectopic[last]
    count = np.flatnonzero(last) - np.flatnonzero(first) + 1
    start_s, stop_s = beats.time_s[begin], beats.time_s[end]
    columns = (begin, end, count, start_s, stop_s - start_s)
    return [Sequence(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _linked(
    beats: Beats, intervals: Intervals, ectopic: NDArray[np.int64], *, period: int
) -> NDArray[np.bool_]:
    """Tell of each ectopic beat ``(ectopic,)`` whether its sequence ends with it."""
    lost = np.concatenate([[0], np.cumsum(~intervals.usable)])
    normal = np.concatenate([[0], np.cumsum(beats.label == "N")])
    here, there = ectopic[:-1], ectopic[1:]
    linked = (
        (there - here == period)
        & (lost[there] == lost[here])
        & (normal[there] - normal[here + 1] == period - 1)
    )
    return np.concatenate([~linked, [True]])
