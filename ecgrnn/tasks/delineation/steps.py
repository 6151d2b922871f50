"""From a signal to the label of each step of each lead, by an exported network: decoding in NumPy."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ecgrnn.errors import CheckpointError
from ecgrnn.options.choices import Head
from ecgrnn.options.networks import LabellerConfig, read_network
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.running import ExportedNetwork


class WaveLabels(Protocol):
    """What labels the steps of a record.

    Attributes:
        frame: samples that the network reads at a time.
        samples_per_label: samples that a label stands for.
    """

    @property
    def frame(self) -> int:
        """Samples that the network reads at a time."""

    @property
    def samples_per_label(self) -> int:
        """Samples that a label stands for."""

    def labels(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Label several signals ``(time, lead)``: ``(lead, label)`` of each.

        Raises:
            DataError: the network gave numbers that are not finite.
        """


class ExportedLabels:
    """Labels by an exported network.

    Args:
        network: the network; with ``head=crf`` the CRF's transitions are beside it.
        plain: name and options of the network it was exported from.
        task: options of the task.
        fs_hz: sampling frequency of the signal.

    Raises:
        CheckpointError: it is of another network, or the CRF is missing.
    """

    def __init__(
        self, network: ExportedNetwork, plain: Mapping[str, Any], task: DelineateConfig, *, fs_hz: float
    ) -> None:
        config = read_network(plain)
        if not isinstance(config, LabellerConfig) or config.head in (Head.feedback, Head.feedback_both):
            raise CheckpointError("this exported network labels no steps; export a model of task=delineate")
        self.network = network
        self.frame = max(1, round(config.encoder.frame_s * fs_hz))
        self.samples_per_label = max(1, round(task.step_s * fs_hz))
        self.crf = config.head is Head.crf

    def labels(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Label several signals, one by one: the most probable labels, or with a CRF the best sequence."""
        return [self._labels(signal) for signal in signals]

    def _labels(self, signal: NDArray[np.float32]) -> NDArray[np.int64]:
        scores = self.network.read(signal[np.newaxis], np.array([len(signal)], np.int64))
        require_finite(logsumexp(scores, axis=-1), of="the leads of the record")
        scores = scores[:, : -(-len(signal) // self.samples_per_label)]
        if not self.crf:
            return np.asarray(scores.argmax(axis=-1), np.int64)
        beside = self.network.beside
        return viterbi(scores, beside["transitions"], start=beside["start"], end=beside["end"])


def viterbi(
    scores: NDArray[np.float32],
    transitions: NDArray[np.float32],
    *,
    start: NDArray[np.float32],
    end: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Find the most probable sequence of labels of each row, as ``LinearChainCrf.viterbi`` does.

    Args:
        scores: ``(row, step, class)``.
        transitions: ``(class before, class)``.
        start: ``(class,)``, scores of the first label.
        end: ``(class,)``, scores of the last label.

    Returns:
        ``(row, step)``.
    """
    best = start + scores[:, 0]
    pointers = np.zeros(scores.shape, np.int64)
    for t in range(1, scores.shape[1]):
        reached = best[:, :, np.newaxis] + transitions + scores[:, t, np.newaxis, :]
        pointers[:, t], best = reached.argmax(axis=1), reached.max(axis=1)
    path = np.empty(scores.shape[:2], np.int64)
    path[:, -1] = (best + end).argmax(axis=-1)
    for t in range(scores.shape[1] - 1, 0, -1):
        path[:, t - 1] = np.take_along_axis(pointers[:, t], path[:, t, np.newaxis], axis=1)[:, 0]
    return path
