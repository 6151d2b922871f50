"""A trained beat classifier at work: logits for the beats of any records."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecgrnn.datasets.beats import BeatDataset
from ecgrnn.ranks import gather, share


def beat_logits(network: nn.Module, dataset: BeatDataset, *, batch_size: int) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for every beat of a dataset, in its order.

    The batch size changes speed and memory, no figure beyond rounding.
    """
    network.eval()
    parts: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(dataset), batch_size):
            batch = dataset.__getitems__(range(start, min(start + batch_size, len(dataset))))
            parts.append(network(batch.signal, batch.lengths, batch.features).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def shared_logits(
    network: nn.Module,
    n_records: int,
    dataset_of: Callable[[Sequence[int]], BeatDataset],
    *,
    batch_size: int,
) -> list[NDArray[np.float32]]:
    """Give logits ``(beat, class)`` of each record; of several processes, each reads a share of the records.

    Args:
        network: the network.
        n_records: how many records there are.
        dataset_of: gives the beats of the records with the indices it is given.
        batch_size: beats of a batch.
    """
    mine = share(range(n_records))
    if not mine:
        return gather([])
    dataset = dataset_of(mine)
    return gather(split_by_record(beat_logits(network, dataset, batch_size=batch_size), dataset))


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give class probabilities ``(beat, class)`` from logits, by the softmax."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def split_by_record(values: NDArray[np.float32], dataset: BeatDataset) -> Sequence[NDArray[np.float32]]:
    """Cut rows that stand in the order of a dataset into one array per record."""
    counts = np.bincount(dataset.table.record, minlength=len(dataset.records))
    return np.split(values, np.cumsum(counts)[:-1])
