"""A trained beat classifier at work: logits for the beats of any records."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.batch import Arrays
from ecgrnn.data.ranks import gather, share
from ecgrnn.data.windows import BeatTable
from ecgrnn.families.evidence import reduced
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.running import Network, outputs_of, reading_of


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


class BeatReading(NamedTuple):
    """What a network makes of beats.

    Attributes:
        logits: ``(beat, class)``.
        represented: ``(beat, feature)``, what the classes are read from.
        windows: ``(beat, sample)``, the beats themselves as they were read, all leads side by side.
    """

    logits: NDArray[np.float32]
    represented: NDArray[np.float32]
    windows: NDArray[np.float16]


def beat_logits(network: Network, dataset: BeatItems, *, batch_size: int) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for every beat of a dataset, in its order.

    The batch size, in beats, changes speed and memory, no figure beyond rounding.

    Raises:
        DataError: some are not finite; names the record.
    """
    return read_beats(network, dataset, batch_size=batch_size, represented=False).logits


def read_beats(
    network: Network, dataset: BeatItems, *, batch_size: int, represented: bool = True
) -> BeatReading:
    """Give logits for every beat of a dataset, as `beat_logits` does, and what they are read from.

    Args:
        network: the network.
        dataset: the beats.
        batch_size: beats of a batch.
        represented: give what classes are read from and the windows, too, where the network gives the former;
            both are empty otherwise.
    """
    n_beats, wholes = len(dataset.table), _NOTHING
    items = max(1, round(batch_size * len(dataset) / max(n_beats, 1)))
    for start in range(0, len(dataset), items):
        batch = dataset.arrays(range(start, min(start + items, len(dataset))))
        parts: Sequence[NDArray[Any]] = _read_batch(network, batch, represented=represented)
        if start == 0:
            wholes = [np.empty((n_beats, part.shape[-1]), part.dtype) for part in parts]
        index = batch.index.reshape(-1)
        for whole, part in zip(wholes, parts, strict=True):
            whole[index[index >= 0]] = part[index >= 0]
    read = BeatReading(*wholes)
    _check(read.logits, dataset)
    return read


_NOTHING: list[NDArray[Any]] = [np.zeros((0, 0), kind) for kind in ("f4", "f4", "f2")]


def _read_batch(network: Network, batch: Arrays, *, represented: bool) -> BeatReading:
    given = (batch.signal, batch.lengths, batch.features)
    reading = reading_of(network, *given) if represented else None
    if reading is None:
        logits = outputs_of(network, *given)
        logits = logits.reshape(-1, logits.shape[-1])
        nothing = np.zeros((len(logits), 0))
        return BeatReading(logits, nothing.astype(np.float32), nothing.astype(np.float16))
    logits, read = (part.reshape(-1, part.shape[-1]) for part in reading)
    # of beats in sequence the last axis holds the beat, and its template beside it
    beats = batch.signal[..., 0] if batch.signal.ndim == 5 else batch.signal
    return BeatReading(logits, read, beats.reshape(len(logits), -1).astype(np.float16))


def shared_readings(
    network: Network,
    n_records: int,
    dataset_of: Callable[[Sequence[int]], BeatItems],
    *,
    batch_size: int,
    reduce: bool = False,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Give what a network makes of each record; of several processes, each reads a share of the records.

    Args:
        network: the network.
        n_records: how many records there are.
        dataset_of: gives the beats of the records with the indices it is given.
        batch_size: beats of a batch.
        reduce: give what the classes are read from and the beats, too, reduced within each record.

    Returns:
        Of each record the logits ``(beat, class)``, and the components ``(beat, component)``; none without
        ``reduce``.
    """
    mine = share(range(n_records))
    if not mine:
        return gather([])
    dataset = dataset_of(mine)
    read = read_beats(network, dataset, batch_size=batch_size, represented=reduce)
    parts = zip(*(split_by_record(part, dataset) for part in read), strict=True)
    return gather([(logits, reduced(represented, windows)) for logits, represented, windows in parts])


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


def split_by_record(values: NDArray[Any], dataset: BeatItems) -> Sequence[NDArray[Any]]:
    """Cut rows that stand in the order of a dataset into one array per record."""
    counts = np.bincount(dataset.table.record, minlength=len(dataset.records))
    return np.split(values, np.cumsum(counts)[:-1])
