"""Index tables: where in which record each window lies, what it is, and how a batch of them is gathered."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.large_arrays import GrowingArray
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotations import beats_of
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.rr_intervals import RR_FEATURES, rr_features


class PreparedSignal(Protocol):
    """A record ready to be cut into windows: from the cache, or prepared just now."""

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV."""

    @property
    def n_samples(self) -> int:
        """Length of ``signal``, which may be mapped or made only where it is read."""

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of ``signal``."""

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""

    @property
    def source_fs_hz(self) -> float:
        """Sampling frequency of the record on disk and of its annotations."""


@dataclass(frozen=True)
class BareSignal:
    """A signal ready to be cut into windows that is no record on disk.

    Attributes:
        signal: ``(time, lead)`` in mV.
        fs_hz: sampling frequency of ``signal``.
        leads: lead names.
        source_fs_hz: sampling frequency of the positions of its beats.
    """

    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    source_fs_hz: float

    @property
    def n_samples(self) -> int:
        """Length of ``signal``."""
        return len(self.signal)


@dataclass(frozen=True)
class BeatTable:
    """One row per beat, in the order of the records and of time.

    Attributes:
        record: ``(beat,)``, index of the beat's record.
        sample: ``(beat,)``, position at the cached signal's sampling frequency.
        source_sample: ``(beat,)``, position at the source's sampling frequency.
        label: ``(beat,)``, class index in the scheme.
        features: ``(beat, feature)``, rhythm around the beat.
    """

    record: NDArray[np.int64]
    sample: NDArray[np.int64]
    source_sample: NDArray[np.int64]
    label: NDArray[np.int64]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sample)


def beat_table(records: Sequence[CachedRecord], *, annotator: str, scheme: LabelScheme) -> BeatTable:
    """List every beat of the records that the scheme knows."""
    rows = (_beats_of_record(record, annotator=annotator, scheme=scheme) for record in records)
    return joined_tables(rows, records=itertools.repeat(1))


def beat_counts(
    records: Iterable[CachedRecord], *, annotator: str, scheme: LabelScheme
) -> dict[str, NDArray[np.int64]]:
    """Count each record's beats by class."""
    return {
        record.name: np.bincount(
            beats_of(record.annotations(annotator), scheme).label, minlength=len(scheme.classes)
        )
        for record in records
    }


def table_of_positions(
    records: Sequence[PreparedSignal], positions: Sequence[NDArray[np.int64]]
) -> BeatTable:
    """List beats given by their positions at the source's sampling frequency; their label is -1."""
    unlabelled = (
        _rows(record, source_sample, np.full(len(source_sample), -1))
        for record, source_sample in zip(records, positions, strict=True)
    )
    return joined_tables(unlabelled, records=itertools.repeat(1))


def joined_tables(tables: Iterable[BeatTable], *, records: Iterable[int]) -> BeatTable:
    """Put tables one behind another, so that they point into their records put one behind another.

    Args:
        tables: the tables; taken one by one, so that those of a large database are never all in memory.
        records: how many records each of them points into.
    """
    none = np.zeros(0, np.int64)
    empty = BeatTable(none, none, none, none, np.zeros((0, len(RR_FEATURES)), np.float32))
    columns = {column.name: GrowingArray(getattr(empty, column.name)) for column in fields(BeatTable)}
    before = 0
    for table, count in zip(tables, records, strict=False):  # the counts may be endless
        shifted = replace(table, record=table.record + before)
        for name, column in columns.items():
            column.append(getattr(shifted, name))
        before += count
    return BeatTable(**{name: column.joined() for name, column in columns.items()})


def gather_windows(
    signals: Sequence[NDArray[np.float32]],
    record: NDArray[np.int64],
    start: NDArray[np.int64],
    *,
    width: int,
) -> NDArray[np.float32]:
    """Cut windows out of records, one vectorised gather per record among them.

    Args:
        signals: ``(time, lead)`` of every record.
        record: ``(window,)``, index of each window's record.
        start: ``(window,)``, first sample of each window; may lie outside the record.
        width: samples of a window.

    Returns:
        ``(window, time, lead)``; zero where a window reaches beyond its record, and in leads of others.
    """
    n_leads = max(signal.shape[1] for signal in signals)
    same = all(signal.shape[1] == n_leads for signal in signals)
    windows = (np.empty if same else np.zeros)((len(record), width, n_leads), np.float32)
    for index in np.unique(record):
        rows = np.flatnonzero(record == index)
        signal = signals[index]
        first = start[rows]
        whole = (first >= 0) & (first <= len(signal) - width)
        if whole.any():
            # A view with the window that begins at each sample; only the rows that are asked for are copied.
            every = np.lib.stride_tricks.sliding_window_view(signal, width, axis=0)
            windows[rows[whole], :, : signal.shape[1]] = every[first[whole]].transpose(0, 2, 1)
        rows, at = rows[~whole], first[~whole, np.newaxis] + np.arange(width)
        inside = (at >= 0) & (at < len(signal))
        windows[rows, :, : signal.shape[1]] = signal[np.where(inside, at, 0)] * inside[..., np.newaxis]
    return windows


def _beats_of_record(record: CachedRecord, *, annotator: str, scheme: LabelScheme) -> BeatTable:
    beats = beats_of(record.annotations(annotator), scheme)
    return _rows(record, beats.sample, beats.label.astype(np.int64))


def _rows(record: PreparedSignal, source_sample: NDArray[np.int64], label: NDArray[np.int64]) -> BeatTable:
    sample = resample_index(source_sample, fs_hz=record.source_fs_hz, to_hz=record.fs_hz)
    return BeatTable(
        record=np.zeros(len(sample), np.int64),
        sample=np.minimum(sample, record.n_samples - 1),
        source_sample=source_sample,
        label=label,
        features=rr_features(source_sample, fs_hz=record.source_fs_hz),
    )
