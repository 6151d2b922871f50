"""A trained beat classifier at work: logits for the beats of any records."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.batch import Arrays
from ecgrnn.data.ranks import gather, share
from ecgrnn.data.windows import BeatTable
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.running import Network, outputs_of


class BeatItems(Protocol):
    """A dataset of beats, one by one or in sequences: how many items, the items, and the beats in them."""

    @property
    def table(self) -> BeatTable:
        """The beats."""

    @property
    def records(self) -> Sequence[Any]:
        """The records they are of."""

    def __len__(self) -> int: ...

    def arrays(self, indices: Sequence[int]) -> Arrays:
        """Give many items as a batch, each with the places of its beats in the table."""


def beat_logits(network: Network, dataset: BeatItems, *, batch_size: int) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for every beat of a dataset, in its order.

    The batch size, in beats, changes speed and memory, no figure beyond rounding.

    Raises:
        DataError: some are not finite; names the record.
    """
    logits = np.zeros((0, 0), np.float32)
    items = max(1, round(batch_size * len(dataset) / max(len(dataset.table), 1)))
    for start in range(0, len(dataset), items):
        batch = dataset.arrays(range(start, min(start + items, len(dataset))))
        found = outputs_of(network, batch.signal, batch.lengths, batch.features)
        found = found.reshape(-1, found.shape[-1])
        if start == 0:
            logits = np.empty((len(dataset.table), found.shape[-1]), np.float32)
        index = batch.index.reshape(-1)
        logits[index[index >= 0]] = found[index >= 0]
    _check(logits, dataset)
    return logits


def shared_logits(
    network: Network,
    n_records: int,
    dataset_of: Callable[[Sequence[int]], BeatItems],
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


def _check(logits: NDArray[np.float32], dataset: BeatItems) -> None:
    """Refuse logits that are not finite, in the name of the first record that has some."""
    bad = ~np.isfinite(logits).all(axis=-1)
    if bad.any():
        first = int(dataset.table.record[bad.argmax()])
        name = getattr(dataset.records[first], "name", None)
        of = "the beats of the record" if name is None else f"the beats of record {name}"
        require_finite(logits[dataset.table.record == first], of=of)


def without_classes(
    logits: NDArray[np.float32], untold: Sequence[str], *, classes: Sequence[str]
) -> NDArray[np.float32]:
    """Leave classes out of logits ``(beat, class)``, for references that do not tell them from others."""
    if not untold:
        return logits
    return np.where(np.isin(classes, untold), np.float32(_OUT_OF_THE_QUESTION), logits)


_OUT_OF_THE_QUESTION = -1e4
"""Far below every logit, and yet finite: temperatures and areas under curves are computed from it."""


def split_by_record(values: NDArray[np.float32], dataset: BeatItems) -> Sequence[NDArray[np.float32]]:
    """Cut rows that stand in the order of a dataset into one array per record."""
    counts = np.bincount(dataset.table.record, minlength=len(dataset.records))
    return np.split(values, np.cumsum(counts)[:-1])
