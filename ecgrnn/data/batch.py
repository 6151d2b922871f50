"""What crosses from data to models: padded tensors with their lengths."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

_ALIGNMENT = 64
"""Bytes of a cache line and of the widest vector register; torch places its own tensors so."""


def aligned_tensor(array: NDArray[Any]) -> Tensor:
    """Give an array as a tensor that begins at a multiple of 64 bytes, without a copy where it does already.

    NumPy places an array wherever the heap has room, and a matrix product may add up in another order at
    another place: the same seed would give weights that differ in their last bits.
    """
    tensor = torch.from_numpy(array)
    return tensor if tensor.data_ptr() % _ALIGNMENT == 0 else tensor.clone()


@dataclass(frozen=True)
class _Batch:
    """What all batches have and can do.

    Attributes:
        signal: what is read, one row an item.
        lengths: ``(batch,)``, how much of each row is no padding.
    """

    signal: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return self.signal.shape[0]

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Self:
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

    features: Tensor
    label: Tensor
    index: Tensor


@dataclass(frozen=True)
class LabelBatch(_Batch):
    """Records with a label for every step of time of every lead.

    Attributes:
        signal: ``(batch, time, lead)``, padded with zeros behind each record's length.
        lengths: ``(batch,)``, samples of each record that count.
        labels: ``(batch, lead, label)``, class index of each step; -1 where it is not known.
        index: ``(batch,)``, the item's place in its dataset.
    """

    labels: Tensor
    index: Tensor


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

    features: Tensor
    label: Tensor
    index: Tensor


@dataclass(frozen=True)
class SymbolBatch(_Batch):
    """Items with a sequence of symbols each, of a length of its own.

    Attributes:
        signal: ``(batch, time, lead)``, padded with zeros behind each item's length.
        lengths: ``(batch,)``, samples of each item that count.
        symbols: ``(batch, symbol)``, class index of each symbol; -1 behind the end.
        index: ``(batch,)``, the item's place in its dataset.
    """

    symbols: Tensor
    index: Tensor
