"""The dataset of delineation: one lead of one record an item, with the label of every step of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ecgrnn.batch import LabelBatch
from ecgrnn.datasets.beats import common_fs
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.signals.annotations import Waves, waves_of
from ecgrnn.signals.lead_context import common_slope, with_context
from ecgrnn.signals.waves import WAVE_SCHEME, labels_of_waves

PER_LEAD = "lead"
"""The ``data.annotator`` that says: every lead has an annotation file of its own, named like the lead."""


@dataclass(frozen=True)
class WaveView:
    """What the delineation task makes of records: one item per lead.

    Attributes:
        annotator: extension of the wave annotations, or ``lead``.
        step_s: length of the step that gets a label, in s.
        all_leads: put what all leads of the record show together beside each lead.
    """

    annotator: str
    step_s: float
    all_leads: bool = False

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from; none means all that the database has."""
        return () if self.annotator == PER_LEAD else (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's waves by kind, over all its leads."""
        return {record.name: self._count(record) for record in records}

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "WaveDataset":
        """Give all leads of the records; nothing here is different in training."""
        return WaveDataset(records, self)

    def reference(self, record: CachedRecord, lead: str) -> Waves:
        """Give the marked waves of a lead, at the source's sampling frequency."""
        annotator = lead.lower() if self.annotator == PER_LEAD else self.annotator
        return waves_of(record.annotations(annotator))

    def collate(self, batch: LabelBatch) -> LabelBatch:
        """Collate nothing: the dataset has already made the batch."""
        return batch

    def _count(self, record: CachedRecord) -> NDArray[np.int64]:
        kinds = np.concatenate([self.reference(record, lead).kind for lead in record.leads])
        return np.array([(kinds == name).sum() for name in WAVE_SCHEME.classes], np.int64)


class WaveDataset(Dataset[LabelBatch]):
    """Leads of records with a label for every step, padded to the longest record.

    Args:
        records: the records.
        view: which annotations, and how long a step is.
    """

    def __init__(self, records: Sequence[CachedRecord], view: WaveView) -> None:
        self.records = records
        self.items = [(record, lead) for record in records for lead in range(len(record.leads))]
        self.reference = [view.reference(record, record.leads[lead]) for record, lead in self.items]
        fs_hz = common_fs(records)
        longest = max(record.n_samples for record in records)
        steps = int(np.ceil(round(longest / fs_hz / view.step_s, 6)))
        common = {r.name: common_slope(r.signal) if view.all_leads else None for r in records}
        self.signals = np.zeros((len(self.items), longest, 1 + view.all_leads), np.float32)
        self.labels = np.zeros((len(self.items), steps), np.int64)
        for row, ((record, lead), waves) in enumerate(zip(self.items, self.reference, strict=True)):
            read = with_context(record.signal, lead, common=common[record.name])
            self.signals[row, : record.n_samples] = read
            self.labels[row] = labels_of_waves(
                waves, fs_hz=record.source_fs_hz, steps=steps, step_s=view.step_s
            )
        self.lengths = np.array([record.n_samples for record, _ in self.items], np.int64)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> LabelBatch:
        """Give one lead as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> LabelBatch:
        """Give many leads at once; a DataLoader calls this with all indices of a batch."""
        rows = np.asarray(indices, np.int64)
        return LabelBatch(
            signal=torch.from_numpy(self.signals[rows]),
            lengths=torch.from_numpy(self.lengths[rows]),
            labels=torch.from_numpy(self.labels[rows]),
            index=torch.from_numpy(rows),
        )
