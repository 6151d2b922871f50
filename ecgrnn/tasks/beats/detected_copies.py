"""Copies of training records as prediction meets them: in noise, with the beats that the detector finds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.windows import BeatTable, table_of_positions
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.tasks.beats.noise import Disturbance, disturbed, plan_disturbances

MATCH_S = 0.15
"""A detected beat is a reference beat that is so near (EC57)."""

NO_BEAT = "Q"
"""The class of what the detector finds where there is no beat: unclassifiable."""

_FLUTTER, _FLUTTER_S = "!", 1.0
"""Waves of ventricular flutter are no beats, and what is found within so much of one is not learned from."""


@dataclass(frozen=True)
class DisturbedCopy:
    """A record in added noise, made anew each time its signal is read: no copy stays in memory.

    Attributes:
        record: the record.
        plan: where which noise is added.
        seed: seed of the noise.
    """

    record: CachedRecord
    plan: tuple[Disturbance, ...]
    seed: int

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV, always the same."""
        return disturbed(self.record.signal, self.plan, seed=self.seed, fs_hz=self.fs_hz)

    @property
    def n_samples(self) -> int:
        """Length of ``signal``."""
        return self.record.n_samples

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of ``signal``."""
        return self.record.fs_hz

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return self.record.leads

    @property
    def source_fs_hz(self) -> float:
        """Sampling frequency of the positions of its beats."""
        return self.record.source_fs_hz


def detected_copies(
    records: Sequence[CachedRecord],
    table: BeatTable,
    *,
    annotator: str,
    scheme: LabelScheme,
    rng: np.random.Generator,
    causal: bool = False,
) -> tuple[list[DisturbedCopy], BeatTable]:
    """Disturb every record, find its beats, and label them by the reference.

    Some stretches get noise at signal-to-noise ratios from 12 to -6 dB, others are lost: nothing is left
    there but noise, and no beat. A detected beat has the class of the nearest reference beat within 150 ms;
    where there is none it is `NO_BEAT`, or -1 in a scheme without that class and near ventricular flutter.
    Beats that the detector misses are not in the table.

    Args:
        records: the records the table points into.
        table: their reference beats, record by record and in order of time.
        annotator: extension of the reference annotations.
        scheme: the classes of the labels.
        rng: source of every random draw.
        causal: the signals come through one-sided filters, which delay a QRS by some 20 ms, and prediction
            detects beats before these: all positions are moved back by the median delay of the records.
    """
    copies, positions, references = [], [], []
    ends = np.cumsum(np.bincount(table.record, minlength=len(records)))
    for record, rows in zip(records, np.split(np.arange(len(table)), ends[:-1]), strict=True):
        if not len(rows):
            continue
        duration_s = record.n_samples / record.fs_hz
        copy = DisturbedCopy(record, plan_disturbances(duration_s, rng=rng), int(rng.integers(2**31)))
        found = detect_qrs(copy.signal, fs_hz=copy.fs_hz)
        sample = resample_index(found, fs_hz=copy.fs_hz, to_hz=copy.source_fs_hz)
        copies.append(copy)
        positions.append(sample)
        references.append(rows)
    if causal and copies:
        delay = _delay(copies, positions, [table.source_sample[rows] for rows in references])
        positions = [np.maximum(sample - delay, 0) for sample in positions]
    labels = [
        _labels(sample, table, rows, copy=copy, scheme=scheme, notes=copy.record.annotations(annotator))
        for copy, sample, rows in zip(copies, positions, references, strict=True)
    ]
    beats = table_of_positions(copies, positions)
    return copies, replace(beats, label=np.concatenate([np.zeros(0, np.int64), *labels]))


def _delay(
    copies: Sequence[DisturbedCopy],
    positions: Sequence[NDArray[np.int64]],
    references: Sequence[NDArray[np.int64]],
) -> int:
    """Give the median over the records of how late their beats are found, in samples of the source."""
    delays = []
    for copy, found, reference in zip(copies, positions, references, strict=True):
        pair = matched(reference, found, within=MATCH_S * copy.source_fs_hz)
        if (pair >= 0).any():
            delays.append(np.median((found[pair] - reference)[pair >= 0]))
    return round(float(np.median(delays))) if delays else 0


def _labels(
    sample: NDArray[np.int64],
    table: BeatTable,
    rows: NDArray[np.int64],
    *,
    copy: DisturbedCopy,
    scheme: LabelScheme,
    notes: Annotations,
) -> NDArray[np.int64]:
    """Label detected beats of one copy, ``(beat,)``."""
    fs_hz = copy.source_fs_hz
    reference, label = table.source_sample[rows], table.label[rows]
    there = np.ones(len(rows), np.bool_)
    for one in copy.plan:
        if one.lost:
            there &= (reference < one.start_s * fs_hz) | (reference >= one.stop_s * fs_hz)
    no_beat = scheme.classes.index(NO_BEAT) if NO_BEAT in scheme.classes else -1
    flutter = notes.sample[notes.symbol == _FLUTTER]
    given = np.full(len(sample), no_beat, np.int64)
    if len(flutter):
        distance = np.abs(sample - flutter[_nearest(sample, flutter)])
        given[distance <= _FLUTTER_S * fs_hz] = -1
    reference, label = reference[there], label[there]
    pair = matched(reference, sample, within=MATCH_S * fs_hz)
    given[pair[pair >= 0]] = label[pair >= 0]
    return given


def matched(reference: NDArray[np.int64], found: NDArray[np.int64], *, within: float) -> NDArray[np.int64]:
    """Give each reference beat the index of its detected beat, -1 where none is near or has a nearer one.

    Args:
        reference: ``(beat,)``, samples in order.
        found: ``(detected,)``, samples in order.
        within: largest distance in samples.

    Example:
        >>> matched(np.array([100, 200, 300]), np.array([98, 203, 210]), within=20)
        array([ 0,  1, -1])
    """
    near = _nearest(reference, found)
    if not len(found) or not len(reference):
        return near
    mutual = _nearest(found, reference)[near] == np.arange(len(reference))
    return np.where(mutual & (np.abs(found[near] - reference) <= within), near, -1)


def _nearest(of: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the index of the nearest among some samples in order, -1 where there are none."""
    if not len(among):
        return np.full(len(of), -1)
    after = np.minimum(np.searchsorted(among, of), len(among) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(among[before] - of) <= np.abs(among[after] - of), before, after)
