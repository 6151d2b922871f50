"""Scores of a delineation: how many onsets and offsets were found, and how far off in time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.metrics.ratios import ratio
from ecgrnn.signals.annotations import Waves

FIDUCIALS = tuple((kind, mark) for kind in ("P", "QRS", "T") for mark in ("onset", "offset"))
TOLERANCE_MS = 150.0
"""A mark within 150 ms of a reference mark found it: ANSI/AAMI EC57's window, used by LUDB's authors too."""
BEAT_GAP_MS = 100.0
"""Marks of one beat in different leads are closer than this; marks of two beats are not."""


@dataclass(frozen=True)
class FiducialScore:
    """How well one kind of mark is found; scores of stretches add up.

    Attributes:
        found: reference marks with a test mark within the tolerance.
        missed: reference marks without one.
        extra: test marks without a reference mark.
        errors_ms: ``(found,)``, test minus reference in ms: positive is late.
    """

    found: int
    missed: int
    extra: int
    errors_ms: NDArray[np.float64]

    @property
    def sensitivity(self) -> float:
        """Share of the reference marks that was found."""
        return ratio(self.found, self.found + self.missed)

    @property
    def positive_predictivity(self) -> float:
        """Share of the test marks that found one."""
        return ratio(self.found, self.found + self.extra)

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN without a reference mark, whatever was found: nothing could be."""
        marked = self.found + self.missed
        return ratio(2 * self.found, self.found + marked + self.extra) if marked else float("nan")

    @property
    def mean_ms(self) -> float:
        """Mean error in ms."""
        return float(np.mean(self.errors_ms)) if self.found else float("nan")

    @property
    def sd_ms(self) -> float:
        """Standard deviation of the error in ms, over all marks found."""
        return float(np.std(self.errors_ms, ddof=1)) if self.found > 1 else float("nan")


def score_fiducial(
    reference: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    fs_hz: float,
    stretch: tuple[float, float],
    unmarked: NDArray[np.int64] | None = None,
    tolerance_ms: float = TOLERANCE_MS,
) -> FiducialScore:
    """Match marks of one kind one to one, the nearest pairs first.

    Args:
        reference: ``(mark,)``, samples; below 0 where the wave has no such mark, which is left out.
        test: ``(mark,)``, samples.
        fs_hz: sampling frequency of both.
        stretch: first and last annotated sample: a test mark outside it that finds no reference mark is no
            error, since nobody looked there.
        unmarked: ``(wave,)``, peaks of reference waves whose mark of this kind nobody set: a test mark within
            the tolerance of one that finds no reference mark is no error, since nobody said where it is.
        tolerance_ms: how far apart a pair may be.
    """
    reference, test = reference[reference >= 0], test[test >= 0]
    distance = (test[np.newaxis] - reference[:, np.newaxis]) / fs_hz * 1000
    rows, columns = np.nonzero(np.abs(distance) <= tolerance_ms)
    order = np.argsort(np.abs(distance[rows, columns]), kind="stable")
    free_reference, free_test = np.ones(len(reference), bool), np.ones(len(test), bool)
    errors = []
    for row, column in zip(rows[order], columns[order], strict=True):
        if free_reference[row] and free_test[column]:
            free_reference[row] = free_test[column] = False
            errors.append(distance[row, column])
    looked_at = (test >= stretch[0]) & (test <= stretch[1])
    if unmarked is not None:
        away = np.abs(test[:, np.newaxis] - unmarked[np.newaxis]) / fs_hz * 1000
        looked_at &= ~(away <= tolerance_ms).any(axis=1)
    return FiducialScore(
        found=len(errors),
        missed=int(free_reference.sum()),
        extra=int((free_test & looked_at).sum()),
        errors_ms=np.array(errors, np.float64),
    )


def score_waves(reference: Waves, test: Waves, *, fs_hz: float) -> dict[tuple[str, str], FiducialScore]:
    """Score every fiducial of one lead: ``(kind, "onset" or "offset")`` to its score."""
    stretch = _stretch([reference])
    return {
        (kind, mark): score_fiducial(
            getattr(reference, mark)[reference.kind == kind],
            getattr(test, mark)[test.kind == kind],
            fs_hz=fs_hz,
            stretch=stretch,
            unmarked=reference.peak[(reference.kind == kind) & (getattr(reference, mark) < 0)],
        )
        for kind, mark in FIDUCIALS
    }


def record_waves(leads: Sequence[Waves], *, fs_hz: float) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Give the marks of a record as a whole: of each fiducial the median over the leads, beat by beat.

    Marks of one kind belong to one beat where neighbours among those of all leads are less than
    ``BEAT_GAP_MS`` apart; a beat that fewer than half of the leads show is left out. A lead counts once,
    however many marks it has there: of several the one nearest to the median of all is taken. This is what
    the tolerances of the CSE working party are about, whose referees marked a record and not its leads.

    Args:
        leads: the waves of each lead.
        fs_hz: sampling frequency they count at.

    Returns:
        ``(kind, "onset" or "offset")`` to samples ``(mark,)``.
    """
    return {
        (kind, mark): _shown_in_half(
            [getattr(waves, mark)[waves.kind == kind] for waves in leads], fs_hz=fs_hz
        )
        for kind, mark in FIDUCIALS
    }


def unmarked_waves(leads: Sequence[Waves], *, fs_hz: float) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Give the waves of a record whose mark of a kind was not set in half of its leads.

    Such a wave is shown by at least half of the leads, by its peak, but fewer than half of them have the
    mark: nobody said where it is in the record.

    Returns:
        ``(kind, "onset" or "offset")`` to peaks ``(wave,)``.
    """
    found = {}
    for kind, mark in FIDUCIALS:
        shown = _shown_in_half([one.peak[one.kind == kind] for one in leads], fs_hz=fs_hz)
        marked = [one.peak[(one.kind == kind) & (getattr(one, mark) >= 0)] for one in leads]
        with_mark = _shown_in_half(marked, fs_hz=fs_hz)
        far = np.abs(shown[:, np.newaxis] - with_mark[np.newaxis]) / fs_hz * 1000 >= BEAT_GAP_MS
        found[kind, mark] = shown[far.all(axis=1)]
    return found


def score_record(
    reference: Sequence[Waves], test: Sequence[Waves], *, fs_hz: float
) -> dict[tuple[str, str], FiducialScore]:
    """Score the marks of a record as a whole: ``(kind, "onset" or "offset")`` to its score."""
    stretch = _stretch(reference)
    marked, found = record_waves(reference, fs_hz=fs_hz), record_waves(test, fs_hz=fs_hz)
    unmarked = unmarked_waves(reference, fs_hz=fs_hz)
    return {
        key: score_fiducial(marked[key], found[key], fs_hz=fs_hz, stretch=stretch, unmarked=unmarked[key])
        for key in FIDUCIALS
    }


def sum_scores(
    scores: Iterable[dict[tuple[str, str], FiducialScore]],
) -> dict[tuple[str, str], FiducialScore]:
    """Add up the scores of many leads."""
    listed = list(scores)
    return {fiducial: _sum([score[fiducial] for score in listed]) for fiducial in FIDUCIALS}


def _shown_in_half(leads: Sequence[NDArray[np.int64]], *, fs_hz: float) -> NDArray[np.int64]:
    """Give the median of every group of samples ``(mark,)`` that at least half of the leads have one in."""
    lead = np.concatenate([np.full(len(marks), k) for k, marks in enumerate(leads)]).astype(np.int64)
    marks = np.concatenate([np.zeros(0, np.int64), *leads])
    order = np.argsort(marks, kind="stable")
    order = order[marks[order] >= 0]
    edges = np.flatnonzero(np.diff(marks[order]) / fs_hz * 1000 >= BEAT_GAP_MS) + 1
    groups = [(marks[beat], lead[beat]) for beat in np.split(order, edges)]
    shown = [_one_a_lead(beat, of) for beat, of in groups]
    enough = [beat for beat in shown if len(beat) and 2 * len(beat) >= len(leads)]
    return np.array([round(float(np.median(beat))) for beat in enough], np.int64)


def _one_a_lead(marks: NDArray[np.int64], lead: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take from each lead the mark nearest to the median of all."""
    if len(marks) == 0:
        return marks
    order = np.argsort(np.abs(marks - np.median(marks)), kind="stable")
    _, first = np.unique(lead[order], return_index=True)
    return marks[order][first]


def _stretch(leads: Sequence[Waves]) -> tuple[float, float]:
    """Give the first and the last annotated sample; an empty stretch where nothing is."""
    marks = np.concatenate([part for waves in leads for part in (waves.onset, waves.peak, waves.offset)])
    marks = marks[marks >= 0]
    return (float(marks.min()), float(marks.max())) if len(marks) else (0.0, -1.0)


def _sum(scores: list[FiducialScore]) -> FiducialScore:
    return FiducialScore(
        found=sum(score.found for score in scores),
        missed=sum(score.missed for score in scores),
        extra=sum(score.extra for score in scores),
        errors_ms=np.concatenate([np.zeros(0), *(score.errors_ms for score in scores)]),
    )
