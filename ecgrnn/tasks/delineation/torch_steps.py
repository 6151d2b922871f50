"""From a signal to the label of each step of each lead, by a network of torch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecgrnn.errors import CheckpointError
from ecgrnn.networks.labeller import Labeller
from ecgrnn.tasks.finite import require_finite


class TorchLabels:
    """Labels by a network of torch.

    Args:
        network: a labeller.
        beam_width: sequences kept by the beam search of a head with feedback.

    Raises:
        CheckpointError: the network is no labeller.
    """

    def __init__(self, network: nn.Module, *, beam_width: int) -> None:
        if not isinstance(network, Labeller):
            raise CheckpointError("this checkpoint was not trained with task=delineate; it finds no waves")
        self.network = network
        self.beam_width = beam_width
        self.frame = network.encoder.frame
        self.samples_per_label = network.samples_per_label

    def labels(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Label several signals ``(time, lead)``: ``(lead, label)`` of each, without those of padding."""
        lengths = [len(signal) for signal in signals]
        padded = np.zeros((len(signals), max(lengths), signals[0].shape[1]), np.float32)
        for row, signal in zip(padded, signals, strict=True):
            row[: len(signal)] = signal
        with torch.inference_mode():
            # The last frame may reach behind a signal: as in training, what lies there is padding.
            ends = torch.tensor(lengths)
            scores = self.network.outputs(torch.from_numpy(padded), ends)
            require_finite(torch.logsumexp(scores, dim=-1).numpy(), of="the leads of the record")
            found = self.network.decode(scores, ends, beam_width=self.beam_width).numpy()
            counts = self.network.label_lengths(ends).tolist()
        of_signal = np.asarray(found, np.int64).reshape(len(signals), -1, found.shape[1])
        return [labels[:, :count] for labels, count in zip(of_signal, counts, strict=True)]
