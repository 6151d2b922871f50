"""A trained network with arrays in and out: torch computes it, or, of an exported one, another program."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn


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


@runtime_checkable
class Represents(Protocol):
    """A network of torch that also gives what it reads the classes from."""

    def represent(self, signal: "Tensor", lengths: "Tensor", features: "Tensor") -> "Tensor":
        """Give what the classes are read from, the layer before the last."""

    def judge(self, represented: "Tensor") -> "Tensor":
        """Give the logits from that."""


def reading_of(
    network: Network, *arrays: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Give what a network says of a batch and what it reads that from; None of one that does not tell."""
    if isinstance(network, ExportedNetwork) or not isinstance(network, Represents):
        return None
    import torch

    from ecgrnn.data.batch import aligned_tensor

    network.eval()
    with torch.inference_mode():
        represented = network.represent(*map(aligned_tensor, arrays))
        return network.judge(represented).numpy(), represented.numpy()


def n_weights(network: Network) -> int:
    """Count what a network has learned."""
    if isinstance(network, ExportedNetwork):
        return network.n_weights
    return sum(parameter.numel() for parameter in network.parameters())
