"""The dataset of delineation: a record an item, with the label of every step of time of every lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ecgrnn.data.batch import LabelBatch, aligned_tensor
from ecgrnn.data.beats import common_fs
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.databases.database import PER_LEAD
from ecgrnn.errors import DataError
from ecgrnn.signals.annotations import Waves, waves_of
from ecgrnn.tasks.delineation.labels import UNKNOWN, WAVE_SCHEME, labels_of_waves


@dataclass(frozen=True)
class WaveView:
    """What the delineation task makes of records: all leads of a record are an item.

    Attributes:
        annotator: extension of the wave annotations, or ``lead``.
        step_s: length of the step that gets a label, in s.
    """

    by_length: ClassVar[bool] = False
    simulates: ClassVar[bool] = False
    annotator: str
    step_s: float

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from; none means all that the database has."""
        return () if self.annotator == PER_LEAD else (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's waves by kind, over all its leads."""
        return {record.name: self._count(record) for record in records}

    def compared_windows(self, *, quick: bool) -> None:
        """Give nothing: items are compared as whole records."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "WaveDataset":
        """Give the records with all their leads; nothing here is different in training."""
        return WaveDataset(records, self)

    def reference(self, record: CachedRecord, lead: str) -> Waves:
        """Give the marked waves of a lead, at the source's sampling frequency."""
        annotator = lead.lower() if self.annotator == PER_LEAD else self.annotator
        return _waves(record, annotator)

    def _count(self, record: CachedRecord) -> NDArray[np.int64]:
        kinds = np.concatenate([self.reference(record, lead).kind for lead in record.leads])
        return np.array([(kinds == name).sum() for name in WAVE_SCHEME.classes], np.int64)


class WaveDataset(Dataset[LabelBatch]):
    """Records with a label for every step of every lead, padded to the longest record of a batch.

    Args:
        records: the records, all with the same number of leads.
        view: which annotations, and how long a step is.
    """

    def __init__(self, records: Sequence[CachedRecord], view: WaveView) -> None:
        self.records = records
        self._view, self._fs_hz, self._n_leads = view, common_fs(records), common_leads(records)
        self._signals = [record.read() for record in records]
        self._labels = [self._labels_of(record) for record in records]
        self.lengths = np.array([record.n_samples for record in records], np.int64)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> LabelBatch:
        """Give one record as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> LabelBatch:
        """Give many records at once; a DataLoader calls this with all indices of a batch."""
        rows = np.asarray(indices, np.int64)
        longest = int(self.lengths[rows].max())
        signal = np.zeros((len(rows), longest, self._n_leads), np.float32)
        labels = np.full((len(rows), self._n_leads, self._steps(longest)), UNKNOWN, np.int64)
        for place, row in enumerate(rows.tolist()):
            signal[place, : self.lengths[row]] = self._signals[row]
            labels[place, :, : self._labels[row].shape[1]] = self._labels[row]
        return LabelBatch(
            signal=aligned_tensor(signal),
            lengths=aligned_tensor(self.lengths[rows]),
            labels=aligned_tensor(labels),
            index=aligned_tensor(rows),
        )

    def _labels_of(self, record: CachedRecord) -> NDArray[np.int8]:
        """Label the steps of each lead, ``(lead, step)``; numbers this small need no more than a byte."""
        steps, step_s = self._steps(record.n_samples), self._view.step_s
        labels = [
            labels_of_waves(
                self._view.reference(record, name), fs_hz=record.source_fs_hz, steps=steps, step_s=step_s
            )
            for name in record.leads
        ]
        return np.stack(labels).astype(np.int8)

    def _steps(self, n_samples: int) -> int:
        return int(np.ceil(round(n_samples / self._fs_hz / self._view.step_s, 6)))


def common_leads(records: Sequence[CachedRecord]) -> int:
    """Give the number of leads that all records have.

    Raises:
        DataError: when records differ in it.
    """
    first = records[0]
    for record in records:
        if len(record.leads) != len(first.leads):
            raise DataError(
                f"{record.name} has {len(record.leads)} leads and {first.name} has {len(first.leads)}; "
                "set preprocessing.n_leads to a number that every record has"
            )
    return len(first.leads)


@lru_cache(maxsize=4096)
def _waves(record: CachedRecord, annotator: str) -> Waves:
    """Read the marks of one lead; the split, the dataset and the scores ask for them in turn."""
    return waves_of(record.annotations(annotator))
