"""Judge beats in tiles of a fixed size: what comes out does not depend on how many beats come at once.

A product of matrices is rounded in another way where it has more rows. So that a stream gives what
``predict`` gives, to the last bit, both read 16 beats at a time, missing ones filled up with zeros.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.nn.state import State, map_state, select_rows
from ecgrnn.tasks.beats.sequences import BeatSequenceDataset

TILE = 16
"""Rows of a tile: 16 beats take hardly longer than one, and elementwise functions work on whole vectors."""


def beat_vectors(
    network: BeatSequenceClassifier, signal: NDArray[np.float32], features: NDArray[np.float32]
) -> Tensor:
    """Turn beats, ``(beat, lead, time, 2)`` and ``(beat, feature)``, into vectors ``(beat, size)``."""
    parts = [torch.zeros((0, network.sequence.input_size))]
    for start in range(0, len(signal), TILE):
        beats, numbers = (_filled(array[start : start + TILE]) for array in (signal, features))
        parts.append(network.vectors(beats[None], numbers[None])[0, : len(signal) - start])
    return torch.cat(parts)


def judge_next(network: BeatSequenceClassifier, u: Tensor, state: State) -> tuple[Tensor, State]:
    """Judge the next beat of many sequences: logits ``(sequence, class)`` and the states behind them."""
    logits: list[Tensor] = []
    after: list[State] = []
    for start in range(0, len(u), TILE):
        rows = torch.arange(start, start + TILE).clamp(max=len(u) - 1)
        judged, behind = network.step(u[rows], select_rows(state, rows))
        n = min(TILE, len(u) - start)
        logits.append(judged[:n])
        after.append(select_rows(behind, torch.arange(n)))
    cells = [part.c for part in after if part.c is not None]
    joined = State(torch.cat([part.h for part in after], dim=1), torch.cat(cells, dim=1) if cells else None)
    return torch.cat(logits), joined


def causal_logits(network: BeatSequenceClassifier, dataset: BeatSequenceDataset) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for every beat of a dataset, as a stream gives them.

    Args:
        network: a network that reads no later beat.
        dataset: the beats, cut into causal sequences.
    """
    network.eval()
    with torch.inference_mode():
        u = beat_vectors(network, dataset.beats, dataset.table.features)
        logits = np.zeros((len(u), network.head.out_features), np.float32)
        rows = dataset.sequences
        for first in range(0, len(rows), TILE):
            tile = slice(first, first + TILE)
            start = rows.start[tile]
            state = network.sequence.initial_state(len(start))
            for step in range(int((rows.stop[tile] - start).max())):
                at = start + step
                judged, state = judge_next(network, u[np.minimum(at, len(u) - 1)], state)
                kept = (at >= rows.keep_start[tile]) & (at < rows.keep_stop[tile])
                logits[at[kept]] = judged.numpy()[kept]
    return logits


class RunningSequences:
    """The sequences of beats of many patients, each beat judged in the one that ``cut_sequences`` says.

    Args:
        network: a network that reads no later beat.
        n_patients: how many there are.
        length: beats of a sequence.
    """

    def __init__(self, network: BeatSequenceClassifier, n_patients: int, *, length: int) -> None:
        self._network, self._n = network, n_patients
        self._length, self._hop = length, max(length // 2, 1)
        self._slots = -(-length // self._hop)
        """Sequences that a beat is in; number ``k`` has the state in slot ``k % slots``."""
        self._state = map_state(Tensor.clone, network.sequence.initial_state(n_patients * self._slots))
        self._initial = network.sequence.initial_state(1)
        self._beats = np.zeros(n_patients, np.int64)

    def push(self, patient: NDArray[np.int64], u: Tensor) -> NDArray[np.float32]:
        """Judge the next beat of some patients, none of them twice: logits ``(beat, class)``."""
        beat = self._beats[patient]
        self._beats[patient] += 1
        begins = beat % self._hop == 0
        self._put(patient[begins] + self._n * (beat[begins] // self._hop % self._slots), self._initial)
        every = torch.as_tensor(np.concatenate([patient + self._n * slot for slot in range(self._slots)]))
        logits, after = judge_next(self._network, u.repeat(self._slots, 1), select_rows(self._state, every))
        self._put(every.numpy(), after)
        judged_in = np.maximum((beat - self._length) // self._hop + 1, 0) % self._slots
        found: NDArray[np.float32] = logits.numpy()[judged_in * len(patient) + np.arange(len(patient))]
        return found

    def _put(self, rows: NDArray[np.int64], state: State) -> None:
        self._state.h[:, rows] = state.h
        if self._state.c is not None and state.c is not None:
            self._state.c[:, rows] = state.c


def _filled(array: NDArray[np.float32]) -> Tensor:
    tile = torch.zeros((TILE, *array.shape[1:]))
    tile[: len(array)] = torch.from_numpy(np.ascontiguousarray(array))
    return tile
