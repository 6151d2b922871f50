"""A trained network with arrays in and out: torch computes it, or, of an exported one, another program."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn


class ExportedNetwork(ABC):
    """A network that reads arrays without torch.

    Attributes:
        n_weights: how many numbers it has learned.
        beside: arrays that belong to it and are not in its graph, such as the transitions of a CRF.
    """

    n_weights: int
    beside: Mapping[str, NDArray[np.float32]]

    @abstractmethod
    def read(self, *arrays: NDArray[Any]) -> NDArray[np.float32]:
        """Give the outputs for a batch: signal, lengths and, where the network has any, features."""


Network: TypeAlias = "nn.Module | ExportedNetwork"


def outputs_of(network: Network, *arrays: NDArray[Any]) -> NDArray[np.float32]:
    """Give what a network says of a batch, in evaluation mode."""
    if isinstance(network, ExportedNetwork):
        return network.read(*arrays)
    import torch

    from ecgrnn.data.batch import aligned_tensor

    network.eval()
    with torch.inference_mode():
        outputs: NDArray[np.float32] = network(*map(aligned_tensor, arrays)).numpy()
    return outputs


def n_weights(network: Network) -> int:
    """Count what a network has learned."""
    if isinstance(network, ExportedNetwork):
        return network.n_weights
    return sum(parameter.numel() for parameter in network.parameters())
