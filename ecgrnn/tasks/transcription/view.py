"""The dataset of strips: a stretch of a record and the classes of the beats in it, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ecgrnn.data.batch import SymbolBatch
from ecgrnn.data.beats import common_fs
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.windows import beat_counts, beat_table, gather_windows
from ecgrnn.options.spec import LabelScheme


@dataclass(frozen=True)
class TranscriptView:
    """What transcription makes of records: one item per strip.

    Attributes:
        annotator: extension of the reference annotations.
        scheme: which class each symbol is.
        strip_s: length of a strip, in s.
    """

    by_length: ClassVar[bool] = False
    simulates: ClassVar[bool] = False
    annotator: str
    scheme: LabelScheme
    strip_s: float

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from."""
        return (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's beats by class."""
        return beat_counts(records, annotator=self.annotator, scheme=self.scheme)

    def compared_windows(self, *, quick: bool) -> None:
        """Give nothing: items are compared as whole records."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "TranscriptDataset":
        """Give the strips of the records; nothing here is different in training."""
        return TranscriptDataset(records, self)


class TranscriptDataset(Dataset[SymbolBatch]):
    """Strips of records with the classes of their beats.

    A record is cut from its beginning; what is left at its end, shorter than a strip, is left out, unless it
    is the whole record. A beat belongs to the strip that holds its mark.

    Args:
        records: the records.
        view: which annotations, and how long a strip is.

    Attributes:
        record: ``(strip,)``, index of the strip's record.
        start: ``(strip,)``, first sample.
        lengths: ``(strip,)``, samples.
        symbols: ``(strip, symbol)``, classes of the beats, -1 behind the last.
    """

    def __init__(self, records: Sequence[CachedRecord], view: TranscriptView) -> None:
        self.records = records
        self.width = round(view.strip_s * common_fs(records))
        cuts = [strip_starts(record.n_samples, self.width) for record in records]
        self.record = np.repeat(np.arange(len(records)), [len(cut) for cut in cuts])
        self.start = np.concatenate(cuts)
        ends = np.array([record.n_samples for record in records])[self.record]
        self.lengths = np.minimum(self.width, ends - self.start)
        table = beat_table(records, annotator=view.annotator, scheme=view.scheme)
        # One number that rises with record and time: beats of a strip are then found without a look at all.
        far = int(ends.max(initial=0)) + self.width
        at, begin = table.record * far + table.sample, self.record * far + self.start
        first, last = np.searchsorted(at, begin), np.searchsorted(at, begin + self.width)
        found = [table.label[a:b] for a, b in zip(first, last, strict=True)]
        self.symbols = np.full((len(found), max(map(len, found), default=0)), -1, np.int64)
        for row, classes in zip(self.symbols, found, strict=True):
            row[: len(classes)] = classes

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, index: int) -> SymbolBatch:
        """Give one strip as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> SymbolBatch:
        """Give many strips at once; a DataLoader calls this with all indices of a batch."""
        rows = np.asarray(indices, np.int64)
        # Of these records alone: each signal is a mapped file, and so many may be open at once.
        used, record = np.unique(self.record[rows], return_inverse=True)
        signals = [self.records[k].signal for k in used]
        windows = gather_windows(signals, record, self.start[rows], width=self.width)
        return SymbolBatch(
            signal=torch.from_numpy(windows),
            lengths=torch.from_numpy(self.lengths[rows]),
            symbols=torch.from_numpy(self.symbols[rows]),
            index=torch.from_numpy(rows),
        )


def strip_starts(n_samples: int, width: int) -> NDArray[np.int64]:
    """Give the first sample of each whole strip of a record; a record shorter than a strip is one strip.

    >>> strip_starts(25, 10).tolist(), strip_starts(7, 10).tolist()
    ([0, 10], [0])
    """
    return np.arange(max(n_samples // width, 1), dtype=np.int64) * width
