"""The dataset of delineation: a record an item, with the label of every step of time of every lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ecgrnn.batch import LabelBatch, aligned_tensor
from ecgrnn.datasets.beats import common_fs
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.datasets.databases import PER_LEAD
from ecgrnn.errors import DataError
from ecgrnn.signals.annotations import Waves, waves_of
from ecgrnn.signals.waves import WAVE_SCHEME, labels_of_waves


@dataclass(frozen=True)
class WaveView:
    """What the delineation task makes of records: all leads of a record are an item.

    Attributes:
        annotator: extension of the wave annotations, or ``lead``.
        step_s: length of the step that gets a label, in s.
    """

    annotator: str
    step_s: float

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from; none means all that the database has."""
        return () if self.annotator == PER_LEAD else (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's waves by kind, over all its leads."""
        return {record.name: self._count(record) for record in records}

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
    """Records with a label for every step of every lead, padded to the longest record.

    Args:
        records: the records, all with the same number of leads.
        view: which annotations, and how long a step is.
    """

    def __init__(self, records: Sequence[CachedRecord], view: WaveView) -> None:
        self.records = records
        fs_hz = common_fs(records)
        longest = max(record.n_samples for record in records)
        steps = int(np.ceil(round(longest / fs_hz / view.step_s, 6)))
        self.signals = np.zeros((len(records), longest, common_leads(records)), np.float32)
        self.labels = np.zeros((len(records), self.signals.shape[2], steps), np.int64)
        for row, record in enumerate(records):
            self.signals[row, : record.n_samples] = record.signal
            for lead, name in enumerate(record.leads):
                self.labels[row, lead] = labels_of_waves(
                    view.reference(record, name), fs_hz=record.source_fs_hz, steps=steps, step_s=view.step_s
                )
        self.lengths = np.array([record.n_samples for record in records], np.int64)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> LabelBatch:
        """Give one record as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> LabelBatch:
        """Give many records at once; a DataLoader calls this with all indices of a batch."""
        rows = np.asarray(indices, np.int64)
        return LabelBatch(
            signal=aligned_tensor(self.signals[rows]),
            lengths=aligned_tensor(self.lengths[rows]),
            labels=aligned_tensor(self.labels[rows]),
            index=aligned_tensor(rows),
        )


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
