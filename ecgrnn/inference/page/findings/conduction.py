"""PR, QRS and QT of normal beats, from the onsets and offsets of waves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats, Waves

_PR_S = (0.06, 0.45)
_QT_S = (0.2, 0.75)
_QRS_S = (0.03, 0.3)
"""What is beyond these is no such interval but a wave of another beat."""

_RR_S = (0.3, 2.0)

_SAME_BEAT_S = 0.15
"""A QRS complex belongs to a beat that is this near: the match window of ANSI/AAMI EC57."""

_OTHER_BEAT_S = 0.25
"""A QRS complex that begins this far from both beats is of another one."""

FEWEST = 3
"""Beats that a median is of, at least."""


@dataclass(frozen=True)
class Conduction:
    """Medians over normal beats, in ms; None where fewer than three beats have one.

    Attributes:
        lead: the lead; empty for the median over leads.
        n_beats: QRS complexes of normal beats.
        pr_ms: from the onset of P to the onset of QRS.
        qrs_ms: from the onset of QRS to its offset.
        qt_ms: from the onset of QRS to the offset of T.
        qtc_fridericia_ms: QT / RR^(1/3), RR in s: L. S. Fridericia, Acta Medica Scandinavica 53 (1920) 469.
        qtc_bazett_ms: QT / RR^(1/2): H. C. Bazett, Heart 7 (1920) 353.
    """

    lead: str
    n_beats: int
    pr_ms: float | None
    qrs_ms: float | None
    qt_ms: float | None
    qtc_fridericia_ms: float | None
    qtc_bazett_ms: float | None


MEASURES = ("pr_ms", "qrs_ms", "qt_ms", "qtc_fridericia_ms", "qtc_bazett_ms")


def conduction(waves: Waves, beats: Beats | None, fibrillation_s: NDArray[np.float64]) -> list[Conduction]:
    """Measure each lead.

    Args:
        waves: the waves.
        beats: the beats, of which only the normal ones are measured; None measures every QRS complex.
        fibrillation_s: ``(episode, 2)``, episodes of atrial fibrillation, in which there is no PR.
    """
    leads = dict.fromkeys(waves.lead.tolist())
    return [_of_lead(waves, waves.lead == lead, beats, fibrillation_s, name=lead) for lead in leads]


def complexes_between(waves: Waves, start_s: float, stop_s: float) -> int:
    """Count the QRS complexes that were marked between two beats, in the lead that has most of them."""
    inside = (
        (waves.kind == "QRS")
        & (waves.onset_s > start_s + _OTHER_BEAT_S)
        & (waves.onset_s < stop_s - _OTHER_BEAT_S)
    )
    _, counts = np.unique(waves.lead[inside], return_counts=True)
    return int(counts.max(initial=0))


def over_leads(leads: list[Conduction]) -> Conduction | None:
    """Give the median over the leads of each measure, of those that have it; None without a lead."""
    if not leads:
        return None
    medians = {name: [getattr(one, name) for one in leads] for name in MEASURES}
    return Conduction(
        "",
        max(one.n_beats for one in leads),
        **{
            name: float(np.median(known)) if (known := [v for v in values if v is not None]) else None
            for name, values in medians.items()
        },
    )


def _of_lead(
    waves: Waves,
    chosen: NDArray[np.bool_],
    beats: Beats | None,
    fibrillation_s: NDArray[np.float64],
    *,
    name: str,
) -> Conduction:
    onset, offset, kind = waves.onset_s[chosen], waves.offset_s[chosen], waves.kind[chosen]
    qrs = kind == "QRS"
    q, s = onset[qrs], offset[qrs]
    order = np.argsort(q, kind="stable")
    q, s = q[order], s[order]
    rr = np.diff(q, prepend=np.nan)
    rr = np.where((rr >= _RR_S[0]) & (rr <= _RR_S[1]), rr, np.nan)
    normal = np.isfinite(q) & _normal(q, s, beats)
    pr = _between(_nearest_before(onset[kind == "P"], q, rr), _PR_S)
    for start, stop in fibrillation_s.tolist():
        pr[(q >= start) & (q < stop)] = np.nan
    qt = _between(_first_after(offset[kind == "T"], q), _QT_S)
    values = (pr, _between(s - q, _QRS_S), qt, qt / np.cbrt(rr), qt / np.sqrt(rr))
    return Conduction(name, int(normal.sum()), *(_median_ms(value[normal]) for value in values))


def _normal(q: NDArray[np.float64], s: NDArray[np.float64], beats: Beats | None) -> NDArray[np.bool_]:
    if beats is None:
        return np.ones(len(q), np.bool_)
    if not len(beats):
        return np.zeros(len(q), np.bool_)
    centre = np.where(np.isfinite(s), (q + s) / 2, q)
    after = np.clip(np.searchsorted(beats.time_s, centre), 1, max(len(beats) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(beats) - 1)
    nearer = np.abs(beats.time_s[after] - centre) < np.abs(beats.time_s[before] - centre)
    at = np.where(nearer, after, before)
    normal: NDArray[np.bool_] = (np.abs(beats.time_s[at] - centre) <= _SAME_BEAT_S) & (beats.label[at] == "N")
    return normal


def _nearest_before(
    marks: NDArray[np.float64], q: NDArray[np.float64], rr: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the time from the last mark before each QRS onset, NaN where the beat before lies between."""
    marks = np.sort(marks[np.isfinite(marks)])
    at = np.searchsorted(marks, q) - 1
    time = q - np.append(marks, np.nan)[at]
    return np.where((at < 0) | (time > np.nan_to_num(rr, nan=np.inf)), np.nan, time)


def _first_after(marks: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the time to the first mark behind each QRS onset, NaN where the next beat lies between."""
    marks = np.sort(marks[np.isfinite(marks)])
    time = np.append(marks, np.nan)[np.searchsorted(marks, q)] - q
    return np.where(time > np.diff(q, append=np.inf), np.nan, time)


def _between(values: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.float64]:
    return np.where((values >= ends[0]) & (values <= ends[1]), values, np.nan)


def _median_ms(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return 1000.0 * float(np.median(known)) if len(known) >= FEWEST else None
