"""From a signal to the label of each step of each lead, by a network of torch."""

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

    def labels(self, signal: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label ``(time, lead)``: ``(lead, label)``."""
        with torch.inference_mode():
            # The last frame may reach behind the record: as in training, what lies there is padding.
            lengths = torch.tensor([len(signal)])
            # a copy: signals of the cache are mapped read-only
            scores = self.network.outputs(torch.from_numpy(np.array(signal[np.newaxis])), lengths)
            require_finite(torch.logsumexp(scores, dim=-1).numpy(), of="the leads of the record")
            labels = self.network.decode(scores, lengths, beam_width=self.beam_width)
        return np.asarray(labels.numpy(), np.int64)
