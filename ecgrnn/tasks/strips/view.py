"""The dataset of whole strips: a signal of any length an item, with one class or several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.batch import Arrays, ClassBatch
from ecgrnn.data.beats import common_fs
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.kept_arrays import keep, read_kept
from ecgrnn.data.windows import PreparedSignal
from ecgrnn.errors import ConfigError, some_of
from ecgrnn.options.spec import LabelScheme
from ecgrnn.tasks.strips.features import strip_features

_BLOCK_S = 5.0
"""Batches are padded to a multiple of this: on a CPU a convolution is compiled anew for each new length."""

FEATURES_VERSION = 2
"""Raised whenever ``strip_features`` gives other numbers, as when beats are found at other places, so that
those kept are not taken."""


@dataclass(frozen=True)
class StripView:
    """What the tasks about whole strips make of records: one item per record that has a label.

    Attributes:
        scheme: the classes.
        strip_features: give numbers on rhythm and shape beside the signal.
        several: a strip may have several classes, or one exactly.
        in_memory_mb: see ``StripDataset``.
    """

    by_length: ClassVar[bool] = True
    simulates: ClassVar[bool] = False
    scheme: LabelScheme
    strip_features: bool
    several: bool
    in_memory_mb: float

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from: labels of strips come from a table."""
        return ()

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Mark each record's classes.

        Raises:
            ConfigError: no record has a label.
        """
        counts = {record.name: self._marks(record) for record in records}
        if counts and not any(row.any() for row in counts.values()):
            from ecgrnn.data.databases import DATABASES  # prediction needs none

            labelled = (one for one in DATABASES.values() if {*self.scheme.classes} <= {*one.strip_classes})
            fitting = [f"data={database.name}" for database in labelled]
            raise ConfigError(
                f"none of {len(counts)} records has a label of scheme {self.scheme.name}, such as "
                f"{self.scheme.classes[0]}: this task needs {' or '.join(fitting)}"
            )
        return counts

    def compared_windows(self, *, quick: bool) -> None:
        """Give nothing: items are compared as whole records."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "StripDataset":
        """Give the labelled records; what training does to them is the task's business.

        Raises:
            ConfigError: none of the records has a label, or their sampling frequencies differ.
        """
        marks = [self._marks(record) for record in records]
        labelled = [k for k, row in enumerate(marks) if row.any()]
        if not labelled:
            raise ConfigError(
                f"none of the {len(records)} records in one subset "
                f"({some_of([record.name for record in records])}) has a label of scheme {self.scheme.name}, "
                f"such as {self.scheme.classes[0]}; take another split, or more records"
            )
        rows = np.stack([marks[k] for k in labelled])
        label = rows.astype(np.float32) if self.several else rows.argmax(axis=1)
        features = np.stack([self._features(records[k]) for k in labelled])
        return StripDataset([records[k] for k in labelled], label, features, in_memory_mb=self.in_memory_mb)

    def unlabelled(
        self, strips: Sequence[PreparedSignal], beats: Sequence[NDArray[np.int64] | None] | None = None
    ) -> "StripDataset":
        """Give strips without labels as a dataset; their label is -1.

        Args:
            strips: the strips.
            beats: samples of the beats of each strip; None finds them.
        """
        shape = (len(strips), len(self.scheme.classes)) if self.several else (len(strips),)
        known = [None] * len(strips) if beats is None else beats
        features = np.stack([self._described(*one) for one in zip(strips, known, strict=True)])
        return StripDataset(strips, np.full(shape, -1), features, in_memory_mb=self.in_memory_mb)

    def _marks(self, record: CachedRecord) -> NDArray[np.int64]:
        return np.array([name in record.labels for name in self.scheme.classes], np.int64)

    def _features(self, record: CachedRecord) -> NDArray[np.float32]:
        """Give a record's features, kept beside its signal once they were made: finding beats takes time."""
        if not self.strip_features:
            return self._described(record)
        file = record.folder / f"strip-features-{FEATURES_VERSION}.npz"
        kept = read_kept(file, key=record.digest)
        if kept is not None:
            return kept["features"]
        made = self._described(record)
        keep(file, {"features": made}, key=record.digest)
        return made

    def _described(
        self, strip: PreparedSignal, beats: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        if not self.strip_features:
            return np.zeros(0, np.float32)
        return strip_features(_signal(strip)[:, 0], fs_hz=strip.fs_hz, beats=beats)


class StripDataset:
    """Whole strips, served a batch at a time and padded to a multiple of 5 s.

    Args:
        records: the strips, of one sampling frequency and number of leads.
        label: ``(strip,)`` class index, or ``(strip, class)`` with a 1 for each class.
        features: ``(strip, feature)``.
        in_memory_mb: hold all signals in memory when they take no more than this; else each batch is read
            from the cache, and memory does not grow with the database.

    Raises:
        ConfigError: there are no strips, or their sampling frequencies differ.
    """

    def __init__(
        self,
        records: Sequence[PreparedSignal],
        label: NDArray[np.int64] | NDArray[np.float32],
        features: NDArray[np.float32],
        *,
        in_memory_mb: float = 1024.0,
    ) -> None:
        self.records = records
        self.label = label
        self.features = features
        self.fs_hz = common_fs(records)
        self.lengths = np.array([_length(record) for record in records], np.int64)
        megabytes = float(self.lengths.sum()) * len(records[0].leads) * 4 / 1e6
        self._signals = [_signal(record) for record in records] if megabytes <= in_memory_mb else None

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> ClassBatch:
        """Give one strip as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> ClassBatch:
        """Give many strips at once; a DataLoader calls this with all indices of a batch."""
        return ClassBatch(*self.arrays(indices).tensors())

    def arrays(self, indices: Sequence[int]) -> Arrays:
        """Give many strips as arrays."""
        rows = np.asarray(indices, np.int64)
        lengths = self.lengths[rows]
        padded = np.zeros((len(rows), self._whole(lengths.max()), len(self.records[0].leads)), np.float32)
        for place, row in enumerate(rows):
            signal = _signal(self.records[row]) if self._signals is None else self._signals[row]
            padded[place, : lengths[place]] = signal
        return Arrays(
            signal=padded,
            lengths=lengths,
            features=self.features[rows],
            label=self.label[rows],
            index=rows,
        )

    def _whole(self, length: int) -> int:
        block = max(1, round(_BLOCK_S * self.fs_hz))
        return -(-int(length) // block) * block


def _length(record: PreparedSignal) -> int:
    return record.n_samples if isinstance(record, CachedRecord) else len(record.signal)


def _signal(record: PreparedSignal) -> NDArray[np.float32]:
    """Read a strip without mapping it: thousands of mapped files would be more than a process may open."""
    return record.read() if isinstance(record, CachedRecord) else record.signal
