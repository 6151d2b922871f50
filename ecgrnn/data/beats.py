"""The dataset of single beats: a window around each, its rhythm and its class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.batch import Arrays, ClassBatch
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.windows import BeatTable, PreparedSignal, beat_counts, beat_table, gather_windows
from ecgrnn.errors import ConfigError
from ecgrnn.options.spec import LabelScheme

_AT_ONCE = 256
"""Windows gathered at once where all are: they may lie in as many records, each of them an open file."""


@dataclass(frozen=True)
class BeatView:
    """What the beat task makes of records: one item per reference beat.

    Attributes:
        annotator: extension of the reference annotations.
        scheme: which class each symbol is.
        before_s: window before the beat, in s.
        after_s: window after the beat, in s.
        in_memory_mb: see ``BeatDataset``.
    """

    by_length: ClassVar[bool] = False
    simulates: ClassVar[bool] = False
    annotator: str
    scheme: LabelScheme
    before_s: float
    after_s: float
    in_memory_mb: float

    @property
    def context(self) -> int:
        """Beats on either side that the classification of a beat depends on, beside the features: none."""
        return 0

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from."""
        return (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's beats by class."""
        return beat_counts(records, annotator=self.annotator, scheme=self.scheme)

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "BeatDataset":
        """Give the beats of the records; nothing here is different in training."""
        return self.windows(records, beat_table(records, annotator=self.annotator, scheme=self.scheme))

    def compared_windows(self, *, quick: bool) -> "BeatView":
        """Give the windows that the leak audit compares: all of them, mapped and not held in memory."""
        return replace(self, in_memory_mb=0.0)

    def windows(self, records: Sequence[PreparedSignal], table: BeatTable) -> "BeatDataset":
        """Give the dataset of any table of beats."""
        return BeatDataset(
            records,
            table,
            before_s=self.before_s,
            after_s=self.after_s,
            in_memory_mb=self.in_memory_mb,
        )


class BeatDataset:
    """Windows around beats, served a batch at a time.

    Args:
        records: the records the table points into.
        table: the beats.
        before_s: window before the beat, in s.
        after_s: window after the beat, in s.
        in_memory_mb: hold all windows in memory when they take no more than this; else each batch is
            gathered from the mapped records, and memory does not grow with the database.
    """

    def __init__(
        self,
        records: Sequence[PreparedSignal],
        table: BeatTable,
        *,
        before_s: float,
        after_s: float,
        in_memory_mb: float = 1024.0,
    ) -> None:
        self.records = records
        self.table = table
        fs_hz = common_fs(records)
        self.before = round(before_s * fs_hz)
        self.width = self.before + round(after_s * fs_hz)
        n_leads = len(records[0].leads)
        megabytes = len(table) * self.width * n_leads * 4 / 1e6
        self._windows = self._gather_all() if 0 < megabytes <= in_memory_mb else None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> ClassBatch:
        """Give one beat as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> ClassBatch:
        """Give many beats at once; a DataLoader calls this with all indices of a batch."""
        return ClassBatch(*self.arrays(indices).tensors())

    def arrays(self, indices: Sequence[int]) -> Arrays:
        """Give many beats as arrays."""
        rows = np.asarray(indices, np.int64)
        return Arrays(
            signal=self._gather(rows) if self._windows is None else self._windows[rows],
            lengths=np.full(len(rows), self.width, np.int64),
            features=self.table.features[rows],
            label=self.table.label[rows],
            index=rows,
        )

    def _gather(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        used, record = np.unique(self.table.record[rows], return_inverse=True)
        signals = [self.records[k].signal for k in used]
        return gather_windows(signals, record, self.table.sample[rows] - self.before, width=self.width)

    def _gather_all(self) -> NDArray[np.float32]:
        windows = np.empty((len(self.table), self.width, len(self.records[0].leads)), np.float32)
        for start in range(0, len(windows), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(windows))
            windows[start:stop] = self._gather(np.arange(start, stop))
        return windows


def common_fs(records: Sequence[PreparedSignal]) -> float:
    """Give the sampling frequency that all records share.

    Raises:
        ConfigError: when there are no records, or they differ.
    """
    frequencies = sorted({record.fs_hz for record in records})
    if len(frequencies) != 1:
        raise ConfigError(
            f"windows need records of one sampling frequency; these have {frequencies or 'none'}: "
            "set preprocessing.fs_hz"
        )
    return frequencies[0]
