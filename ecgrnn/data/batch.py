"""What crosses from data to models: padded arrays with their lengths, and the same as tensors of torch.

Prediction with an exported network reads the arrays, without torch.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_ALIGNMENT = 64
"""Bytes of a cache line and of the widest vector register; torch places its own tensors so."""


@dataclass(frozen=True)
class Arrays:
    """A batch as arrays; fields, shapes and meaning as in `ClassBatch` and `SequenceBatch`."""

    signal: NDArray[np.float32]
    lengths: NDArray[np.int64]
    features: NDArray[np.float32]
    label: NDArray[Any]
    index: NDArray[np.int64]

    def tensors(self) -> Iterator["Tensor"]:
        """Give the fields as tensors, in their order."""
        return (aligned_tensor(getattr(self, field.name)) for field in dataclasses.fields(self))


def aligned_array(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Make room for an array that `aligned_tensor` need not copy; its values are still to be set."""
    size = prod(shape) * np.dtype(np.float32).itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(np.float32).reshape(shape)


def aligned_tensor(array: NDArray[Any]) -> "Tensor":
    """Give an array as a tensor that begins at a multiple of 64 bytes, without a copy where it does already.

    NumPy places an array wherever the heap has room, and a matrix product may add up in another order at
    another place: the same seed would give weights that differ in their last bits.
    """
    import torch

    tensor = torch.from_numpy(array)
    return tensor if tensor.data_ptr() % _ALIGNMENT == 0 else tensor.clone()


@dataclass(frozen=True)
class _Batch:
    """What all batches have and can do.

    Attributes:
        signal: what is read, one row an item.
        lengths: ``(batch,)``, how much of each row is no padding.
    """

    signal: "Tensor"
    lengths: "Tensor"

    def __len__(self) -> int:
        return self.signal.shape[0]

    def to(self, device: "torch.device", *, non_blocking: bool = False) -> Self:
        """Copy to a device; Lightning calls this for every batch."""
        moved = {
            field.name: getattr(self, field.name).to(device, non_blocking=non_blocking)
            for field in dataclasses.fields(self)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True)
class ClassBatch(_Batch):
    """Items with one class each.

    Attributes:
        signal: ``(batch, time, lead)``, padded with zeros behind each item's length.
        lengths: ``(batch,)``, samples of each item that count.
        features: ``(batch, feature)``, numbers beside the signal, such as RR ratios.
        label: ``(batch,)``, class index.
        index: ``(batch,)``, the item's place in its dataset.
    """

    features: "Tensor"
    label: "Tensor"
    index: "Tensor"


@dataclass(frozen=True)
class LabelBatch(_Batch):
    """Records with a label for every step of time of every lead.

    Attributes:
        signal: ``(batch, time, lead)``, padded with zeros behind each record's length.
        lengths: ``(batch,)``, samples of each record that count.
        labels: ``(batch, lead, label)``, class index of each step; -1 where it is not known.
        index: ``(batch,)``, the item's place in its dataset.
    """

    labels: "Tensor"
    index: "Tensor"


@dataclass(frozen=True)
class SequenceBatch(_Batch):
    """Stretches of beats that follow one another, with a class for each beat.

    Attributes:
        signal: ``(sequence, beat, lead, time, 2)``, each beat and, last, the patient's beat template there.
        lengths: ``(sequence,)``, beats of each sequence; what stands behind is padding.
        features: ``(sequence, beat, feature)``, numbers beside each beat.
        label: ``(sequence, beat)``, class index; -1 for padding, for beats that are read as context only, and
            where it is not known.
        index: ``(sequence, beat)``, the beat's place in its dataset; -1 for padding and context.
    """

    features: "Tensor"
    label: "Tensor"
    index: "Tensor"


@dataclass(frozen=True)
class SymbolBatch(_Batch):
    """Items with a sequence of symbols each, of a length of its own.

    Attributes:
        signal: ``(batch, time, lead)``, padded with zeros behind each item's length.
        lengths: ``(batch,)``, samples of each item that count.
        symbols: ``(batch, symbol)``, class index of each symbol; -1 behind the end.
        index: ``(batch,)``, the item's place in its dataset.
    """

    symbols: "Tensor"
    index: "Tensor"
