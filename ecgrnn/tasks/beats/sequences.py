"""The dataset of beats in sequence: stretches of beats in a row, each beside the patient's beat template."""

import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.batch import Arrays, SequenceBatch, aligned_array
from ecgrnn.data.beats import BeatView, common_fs
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.kept_arrays import keep, read_kept
from ecgrnn.data.large_arrays import large_array
from ecgrnn.data.windows import (
    BeatTable,
    PreparedSignal,
    beat_counts,
    beat_table,
    gather_windows,
    joined_tables,
)
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.rhythm_context import reach_beats, rhythm_context, rhythm_names
from ecgrnn.signals.template import (
    NEIGHBOURS,
    RENEWED_BEATS,
    SLOW_REACH_BEATS,
    BeatTemplates,
    beat_templates,
    slow_templates,
)
from ecgrnn.tasks.beats.cut import cut_sequences, spread
from ecgrnn.tasks.beats.shape import scale_of, scaled_beats, shape_names, shapes_of_leads

_WAY = 2
"""Counts up when beat templates or features are computed in another way, so that older ones are not read."""


@dataclass(frozen=True)
class BeatSequenceView:
    """What the task of beats in sequence makes of records.

    Attributes:
        annotator: extension of the reference annotations.
        scheme: which class each symbol is.
        before_s: window before each beat, in s.
        after_s: window after each beat, in s.
        sequence_beats: beats of a sequence.
        causal: no later beat is used, neither for features nor as context; what is read of the signal ends
            ``after_s`` behind a beat.
        in_memory_mb: see ``BeatSequenceDataset``.
        simulated_ectopy: share of the training sequences that are from records played back with simulated
            ectopic beats.
        detected_beats: share of the sequences of recorded beats that are read where the QRS detector finds
            the beats, in a copy of the record with noise.
        seed: seed of simulation and noise.
        mixed_leads: leads added to each training record, mixtures of its own.
        long_range: compare beats with the slow ones of some 15 minutes around, too.
    """

    by_length: ClassVar[bool] = False
    annotator: str
    scheme: LabelScheme
    before_s: float
    after_s: float
    sequence_beats: int
    causal: bool
    in_memory_mb: float
    simulated_ectopy: float = 0.0
    detected_beats: float = 0.0
    seed: int = 0
    mixed_leads: int = 0
    long_range: bool = False

    @property
    def context(self) -> int:
        """Beats on either side that the classification of a beat depends on.

        The beats of its sequence, and around each of them those that its features and its beat template are
        from; a multiple of the beats by which sequences and beat templates follow one another.
        """
        reach = reach_beats(causal=self.causal, long_range=self.long_range)
        templates = SLOW_REACH_BEATS + RENEWED_BEATS if self.long_range else NEIGHBOURS
        depended_on = self.sequence_beats + max(reach, templates)
        return -(-depended_on // self.step) * self.step

    @property
    def step(self) -> int:
        """Beats by which sequences and beat templates follow one another."""
        return math.lcm(max(self.sequence_beats // 2, 1), RENEWED_BEATS)

    @property
    def annotators(self) -> tuple[str, ...]:
        """The annotation files the task learns from."""
        return (self.annotator,)

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, NDArray[np.int64]]:
        """Count each record's beats by class."""
        return beat_counts(records, annotator=self.annotator, scheme=self.scheme)

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> "BeatSequenceDataset":
        """Give the beats of the records; in training every beat of a sequence is learned from."""
        table = beat_table(records, annotator=self.annotator, scheme=self.scheme)
        if not training:
            return BeatSequenceDataset(records, table, view=self, training=False, kept=True)
        from ecgrnn.tasks.beats.copies import training_parts  # prediction needs no simulator

        rng = np.random.default_rng(self.seed)
        parts = training_parts(self, records, table, rng=rng)
        joined = joined_tables([beats for _, beats in parts], records=[len(signals) for signals, _ in parts])
        signals = [signal for part, _ in parts for signal in part]
        dataset = BeatSequenceDataset(signals, joined, view=self, training=True, kept=True)
        if len(parts) > 1:
            dataset.choose_copies([len(beats) for _, beats in parts], view=self, rng=rng)
        return dataset

    @property
    def simulates(self) -> bool:
        """Whether copies with simulated ectopic beats, or in noise, are trained on."""
        return self.simulated_ectopy > 0 or self.detected_beats > 0

    def compared_windows(self, *, quick: bool) -> BeatView | None:
        """Give the windows that the leak audit compares, beat by beat."""
        if quick:
            return None
        return BeatView(self.annotator, self.scheme, self.before_s, self.after_s, in_memory_mb=0.0)

    def windows(self, records: Sequence[PreparedSignal], table: BeatTable) -> "BeatSequenceDataset":
        """Give the dataset of any table of beats, each to be classified once."""
        return BeatSequenceDataset(records, table, view=self, training=False)


def feature_names(n_leads: int, *, causal: bool, long_range: bool = False) -> tuple[str, ...]:
    """Name the features beside each beat: the rhythm, then the shape in each lead, ``NAME:LEAD``."""
    shapes = (f"{name}:{lead}" for lead in range(n_leads) for name in shape_names(long_range=long_range))
    return (*rhythm_names(causal=causal, long_range=long_range), *shapes)


class BeatSequenceDataset:
    """Sequences of beats, served a batch at a time.

    A beat's window and its beat template have the template's median taken off and are divided by the height
    of the template's QRS, in each lead.

    Args:
        records: the records the table points into.
        table: the beats, record by record and in order of time.
        view: how they are cut.
        training: whether sequences are learned from.
        kept: keep beat templates and features of a record of the cache in its entry, for the next start.
    """

    def __init__(
        self,
        records: Sequence[PreparedSignal],
        table: BeatTable,
        *,
        view: BeatSequenceView,
        training: bool,
        kept: bool = False,
    ) -> None:
        self.records = records
        self.view = view
        self._keep = kept
        fs_hz = common_fs(records)
        self._before = round(view.before_s * fs_hz)
        self._width = self._before + round(view.after_s * fs_hz)
        n_leads = max(len(record.leads) for record in records)
        self.feature_names = feature_names(n_leads, causal=view.causal, long_range=view.long_range)
        shape = (len(table), n_leads, self._width, 2)
        self._beats = large_array(shape, np.float32, in_memory_mb=view.in_memory_mb)
        features = large_array((len(table), len(self.feature_names)), np.float32)
        counts = np.bincount(table.record, minlength=len(records))
        stop = 0
        for record, count in zip(records, counts.tolist(), strict=True):
            start, stop = stop, stop + count
            own = self._prepare(record, table, start, stop)
            features[start:stop, : own.shape[1]] = own
            features[start:stop, own.shape[1] :] = 0  # of leads that other records have
        self.table = replace(table, features=features)
        self.sequences = cut_sequences(
            counts, length=view.sequence_beats, training=training, causal=view.causal
        )

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def beats(self) -> NDArray[np.float32]:
        """``(beat, lead, time, 2)``, the beats and their templates, scaled."""
        return self._beats

    def __getitem__(self, index: int) -> SequenceBatch:
        """Give one sequence as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> SequenceBatch:
        """Give many sequences at once; a DataLoader calls this with all indices of a batch."""
        return SequenceBatch(*self.arrays(indices).tensors())

    def arrays(self, indices: Sequence[int]) -> Arrays:
        """Give many sequences as arrays."""
        rows = np.asarray(indices, np.int64)
        start, stop = self.sequences.start[rows], self.sequences.stop[rows]
        at = start[:, np.newaxis] + np.arange((stop - start).max())
        kept = (at >= self.sequences.keep_start[rows, np.newaxis]) & (
            at < self.sequences.keep_stop[rows, np.newaxis]
        )
        return Arrays(
            signal=_rows_between(self._beats, start, stop),
            lengths=stop - start,
            features=_rows_between(self.table.features, start, stop),
            label=np.where(kept, self.table.label[np.where(kept, at, 0)], -1),
            index=np.where(kept, at, -1),
        )

    def counts(self, n_classes: int) -> list[int]:
        """Count how often an epoch learns from a beat of each class, simulated ones included."""
        change = np.zeros(len(self.table) + 1, np.int64)
        np.add.at(change, self.sequences.keep_start, 1)
        np.add.at(change, self.sequences.keep_stop, -1)
        times = change.cumsum()[:-1]
        known = self.table.label >= 0
        counted = np.bincount(self.table.label[known], weights=times[known], minlength=n_classes)
        return [int(count) for count in counted]

    def choose_copies(
        self, n_beats: Sequence[int], *, view: BeatSequenceView, rng: np.random.Generator
    ) -> None:
        """Keep the sequences of records, and of each kind of copies, that make up the shares of a view.

        Where beats are read at detected positions, too, each stretch of a record is so or so, evenly spread.

        Args:
            n_beats: beats of the records, then of the copies with ectopic beats and of those in noise, where
                there are some.
            view: has the shares.
            rng: chooses among the sequences with ectopic beats.
        """
        edges = np.searchsorted(self.sequences.start, np.cumsum([0, *n_beats]))
        rows = [np.arange(first, last) for first, last in itertools.pairwise(edges)]
        kept = [rows.pop(0)]
        ectopic = rows.pop(0) if view.simulated_ectopy else np.zeros(0, np.int64)
        if view.detected_beats:
            kept = [spread(kept[0], 1 - view.detected_beats), spread(rows.pop(0), view.detected_beats)]
        wanted = round(view.simulated_ectopy / (1 - view.simulated_ectopy) * sum(map(len, kept)))
        chosen = np.sort(rng.choice(ectopic, min(wanted, len(ectopic)), replace=False))
        self.sequences = self.sequences.pick(np.concatenate([*kept, chosen]))

    def _prepare(
        self, record: PreparedSignal, table: BeatTable, start: int, stop: int
    ) -> NDArray[np.float32]:
        """Fill in the beats of one record and give their features."""
        sample, source_sample = table.sample[start:stop], table.source_sample[start:stop]
        if not len(sample):
            return np.zeros((0, len(self.feature_names)), np.float32)
        nowhere = np.zeros(len(sample), np.int64)
        windows = gather_windows([record.signal], nowhere, sample - self._before, width=self._width)
        beats = np.ascontiguousarray(windows.transpose(0, 2, 1))  # (beat, lead, time)

        file, key = self._kept_in(record, sample, source_sample)
        kept = None if file is None else read_kept(file, key=key)
        rr = np.diff(sample, prepend=sample[0] - record.fs_hz).astype(np.float64)
        if kept is not None:
            usual = BeatTemplates(kept["usual"], kept["of"])
        else:
            usual = beat_templates(beats, rr, causal=self.view.causal)
        level, height = scale_of(usual.shape, before=self._before, fs_hz=record.fs_hz)
        scaled = scaled_beats(beats, level[usual.of], height[usual.of])
        scaled_usual = BeatTemplates((usual.shape - level) / height, usual.of)
        n_leads = beats.shape[1]
        self._beats[start:stop, :n_leads, :, 0] = scaled
        self._beats[start:stop, :n_leads, :, 1] = scaled_usual.around()
        self._beats[start:stop, n_leads:] = 0  # leads that other records have
        if kept is not None:
            return kept["features"]
        slow = None
        if self.view.long_range:
            slower = slow_templates(beats, rr, causal=self.view.causal)
            slow = BeatTemplates((slower - level) / height, usual.of)
        features = self._features(record, scaled, scaled_usual, slow, source_sample=source_sample)
        if file is not None:
            keep(file, {"usual": usual.shape, "of": usual.of, "features": features}, key=key)
        return features

    def _features(
        self,
        record: PreparedSignal,
        beats: NDArray[np.float32],
        usual: BeatTemplates,
        slow: BeatTemplates | None,
        *,
        source_sample: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Describe the rhythm around each beat of a record, and its shape in each lead."""
        rhythm = rhythm_context(
            source_sample,
            fs_hz=record.source_fs_hz,
            causal=self.view.causal,
            long_range=self.view.long_range,
        )
        shapes = shapes_of_leads(beats, usual, slow, before=self._before, fs_hz=record.fs_hz)
        return np.concatenate([rhythm, shapes], axis=1)

    def _kept_in(
        self, record: PreparedSignal, sample: NDArray[np.int64], source_sample: NDArray[np.int64]
    ) -> tuple[Path | None, str]:
        """Say in which file beat templates and features are kept, if any, and name all they depend on."""
        if not self._keep or not isinstance(record, CachedRecord):
            return None, ""
        settings = (_WAY, record.digest, record.fs_hz, record.source_fs_hz, *[2] * self.view.long_range)
        hashed = hashlib.blake2b(repr((*settings, self._before, self._width, self.view.causal)).encode())
        hashed.update(np.ascontiguousarray(sample).data)
        hashed.update(np.ascontiguousarray(source_sample).data)
        return record.folder / "beat_sequences.npz", hashed.hexdigest()


def _rows_between(
    array: NDArray[np.float32], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Copy stretches of rows side by side, zero behind the end of each: ``(stretch, row, ...)``.

    Written at once where the batch will lie: a batch of 64 beats in a row is a megabyte, and gathering,
    masking and moving it would each touch all of it.
    """
    taken = aligned_array((len(start), int((stop - start).max()), *array.shape[1:]))
    for into, first, last in zip(taken, start.tolist(), stop.tolist(), strict=True):
        into[: last - first] = array[first:last]
        into[last - first :] = 0.0
    return taken
