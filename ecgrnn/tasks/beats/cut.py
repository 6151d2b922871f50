"""Records cut into overlapping sequences of beats, each beat classified in one of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sequences:
    """One row per sequence: which beats it reads, and which of them it classifies.

    Attributes:
        start: ``(sequence,)``, index of the first beat in the table.
        stop: ``(sequence,)``, index behind the last.
        keep_start: ``(sequence,)``, index of the first beat that is classified.
        keep_stop: ``(sequence,)``, index behind the last.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    keep_start: NDArray[np.int64]
    keep_stop: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    def pick(self, rows: NDArray[np.int64]) -> "Sequences":
        """Give some of the sequences."""
        return Sequences(self.start[rows], self.stop[rows], self.keep_start[rows], self.keep_stop[rows])


def cut_sequences(beats: NDArray[np.int64], *, length: int, training: bool, causal: bool) -> Sequences:
    """Cut records into overlapping sequences of beats, none across the end of a record.

    Sequences follow one another by half their length. In training all their beats are learned from, so that
    each is seen twice, at two places. Else each beat is classified in the one sequence where it has a quarter
    of the length as context on either side, or, causally, half the length before it. The last sequence of a
    record is moved back to be a whole one; causally it is shorter instead, since where a sequence begins must
    not depend on how many beats are still to come.

    Args:
        beats: ``(record,)``, beats of each record.
        length: beats of a sequence.
        training: as above.
        causal: as above.
    """
    rows = []
    first = 0
    for count in beats.tolist():
        rows.append(_of_record(count, length=length, training=training, causal=causal) + first)
        first += count
    table = np.concatenate(rows) if rows else np.zeros((0, 4), np.int64)
    return Sequences(*table.T)


def _of_record(count: int, *, length: int, training: bool, causal: bool) -> NDArray[np.int64]:
    """Cut one record of ``count`` beats: rows of start, stop, keep_start and keep_stop."""
    if count == 0:
        return np.zeros((0, 4), np.int64)
    hop = max(length // 2, 1)
    start = np.arange(0, max(count - length, 0) + hop, hop)
    if not causal:
        start = np.unique(np.minimum(start, max(count - length, 0)))
    stop = np.minimum(start + length, count)
    if training:
        return np.stack([start, stop, start, stop], axis=1)
    # Where two sequences overlap, the earlier one ends and the later one begins to classify.
    border = stop[:-1] if causal else (start[1:] + stop[:-1]) // 2
    return np.stack([start, stop, np.append(0, border), np.append(border, count)], axis=1)


def spread(rows: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Keep a share of the rows, evenly spread."""
    steps = np.floor(np.arange(len(rows) + 1) * share + 1e-9)
    return np.asarray(rows[np.diff(steps) > 0])
