"""The figures of a delineation on held-out records: one row per fiducial, as LUDB's literature gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.ranks import gather, rank, share
from ecgrnn.metrics.delineation import (
    FIDUCIALS,
    FiducialScore,
    score_record,
    score_waves,
    sum_scores,
)
from ecgrnn.metrics.statistics import Resampling, by_patient, few_patients, intervals, number
from ecgrnn.metrics.uncertainty import ClassStatistic, Statistic
from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import percent
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.render import render
from ecgrnn.signals.annotations import Waves
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.delineation.prediction import at_source_fs, delineate
from ecgrnn.tasks.delineation.report import delineation_lines, delineation_report
from ecgrnn.tasks.delineation.strips import wave_strip
from ecgrnn.tasks.delineation.view import WaveView
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.summary import form_summary
from ecgrnn.tasks.task import Evaluation, Scored

Scores = dict[tuple[str, str], FiducialScore]


@dataclass(frozen=True)
class Delineated:
    """One record with what was found in it.

    Attributes:
        record: the record.
        reference: the marked waves of each lead.
        found: the waves found in each lead, at the source's sampling frequency.
        scores: fiducial to its score over all leads.
        record_scores: fiducial to the score of its median over the leads.
    """

    record: CachedRecord
    reference: Sequence[Waves]
    found: Sequence[Waves]
    scores: Scores
    record_scores: Scores

    @property
    def mean_f1(self) -> float:
        """Mean F1 of the fiducials that the record has, or of which something was found."""
        return _mean_f1(self.scores)


def delineate_records(
    model: TrainedModel, records: Sequence[CachedRecord], *, annotator: str
) -> list[Delineated]:
    """Delineate all leads of held-out records and score each record against its marks."""
    task = model.task.options
    if not isinstance(task, DelineateConfig):
        raise TypeError("delineate_records needs a delineator")
    view = WaveView(annotator=annotator, step_s=task.step_s)
    found = gather([_waves_found(model, record) for record in share(records)])
    return [_scored(record, waves, view) for record, waves in zip(records, found, strict=True)]


def score_delineation(evaluation: Evaluation) -> Scored:
    """Score held-out records, of which every process reads a share, and write all that is told of them."""
    model, held_out, audit = evaluation.model, evaluation.held_out, evaluation.audit
    run_dir, resampling = evaluation.run_dir, evaluation.resampling
    delineated = delineate_records(model, held_out.test, annotator=held_out.annotator)
    total = sum_scores(one.scores for one in delineated)
    rows = [_row(key, total[key], patients=_patients(delineated, key)) for key in FIDUCIALS]
    of_records = sum_scores(one.record_scores for one in delineated)
    figures = {
        "macro_f1": number(_mean_f1(total)),
        "fiducials": {str(row["fiducial"]): _json(row) for row in rows},
        "record_fiducials": {
            " ".join(key): _json(_row(key, of_records[key], patients=_patients(delineated, key, whole=True)))
            for key in FIDUCIALS
        },
        "resampling": resampling.described(),
        "interval_note": few_patients(len({one.record.patient for one in delineated})),
        "intervals": _intervals(delineated, resampling),
    }
    summary = form_summary(model, held_out, figures, audit=audit, seconds=evaluation.seconds)
    scored = Scored(delineation_lines(summary))
    if rank() != 0:
        return scored  # the first process writes
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "fiducials.csv", rows)
    per_record = [
        {
            "record": one.record.name,
            "patient": one.record.patient,
            **_row(fiducial, one.scores[fiducial]),
        }
        for one in delineated
        for fiducial in FIDUCIALS
    ]
    write_csv(run_dir / "records.csv", per_record)
    write_json(run_dir / "audit.json", audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", _card(summary, title=held_out.title))
    pictures = _pictures(delineated, folder=held_out.folder)
    write_text(run_dir / "report.html", delineation_report(summary, pictures, title=held_out.title))
    return scored


def _card(summary: Mapping[str, Any], *, title: str) -> str:
    template = Path(__file__).parent / "templates" / "card.md"
    return render(template, summary=summary, title=title)


def _patients(delineated: Sequence[Delineated], fiducial: tuple[str, str], *, whole: bool = False) -> int:
    """Count the patients with a reference mark, in any lead or of the whole record."""
    return len(
        {
            one.record.patient
            for one in delineated
            for score in [(one.record_scores if whole else one.scores)[fiducial]]
            if score.found + score.missed
        }
    )


def _waves_found(model: TrainedModel, record: CachedRecord) -> list[Waves]:
    return [
        at_source_fs(
            waves,
            fs_hz=record.fs_hz,
            source_fs_hz=record.source_fs_hz,
            source_samples=record.source_samples,
        )
        for waves in delineate(model, np.asarray(record.signal))
    ]


def _scored(record: CachedRecord, found: Sequence[Waves], view: WaveView) -> Delineated:
    reference = [view.reference(record, lead) for lead in record.leads]
    scores = sum_scores(
        score_waves(marked, waves, fs_hz=record.source_fs_hz)
        for marked, waves in zip(reference, found, strict=True)
    )
    of_record = score_record(reference, found, fs_hz=record.source_fs_hz)
    return Delineated(record, reference, found, scores, of_record)


def _mean_f1(scores: Scores) -> float:
    """Give the mean F1 of the fiducials that were marked or found; NaN where none was."""
    known = [scores[fiducial].f1 for fiducial in FIDUCIALS if not np.isnan(scores[fiducial].f1)]
    return float(np.mean(known)) if known else float("nan")


def _intervals(delineated: Sequence[Delineated], resampling: Resampling) -> dict[str, Any]:
    """Give intervals of each F1 over patients, all from the same draws."""
    counts = np.array(
        [
            [(score.found, score.missed, score.extra) for score in (one.scores[key] for key in FIDUCIALS)]
            for one in delineated
        ]
    )
    statistics: dict[str, Statistic] = {
        " ".join(key): ClassStatistic(partial(_f1, k=k), partial(_marks, k=k))
        for k, key in enumerate(FIDUCIALS)
    }
    return intervals(by_patient(counts, [one.record.patient for one in delineated]), statistics, resampling)


def _marks(counts: NDArray[np.float64], *, k: int) -> NDArray[np.float64]:
    return np.asarray(counts[..., k, 0] + counts[..., k, 1])


def _f1(counts: NDArray[np.float64], *, k: int) -> NDArray[np.float64]:
    found, missed, extra = (counts[..., k, place] for place in range(3))
    # not defined without a reference mark, whatever was found: nothing could be
    total = np.where(found + missed > 0, 2 * found + missed + extra, 0)
    undefined = np.full(np.shape(total), np.nan)
    f1: NDArray[np.float64] = np.divide(2 * found, total, out=undefined, where=total > 0)
    return f1


def _pictures(delineated: Sequence[Delineated], *, folder: Path) -> dict[str, list[str]]:
    """Draw the best, the middle and the worst record, each record once where there are fewer than three."""
    order = sorted((one for one in delineated if not np.isnan(one.mean_f1)), key=lambda one: one.mean_f1)
    places = {"best": len(order) - 1, "worst": 0, "middle": len(order) // 2}
    chosen: dict[int, str] = {}
    for words, place in places.items():
        if order:
            chosen.setdefault(place, words)
    return {
        f"The {words} record, {order[place].record.name}: mean F1 {percent(order[place].mean_f1)}": [
            _picture(order[place], lead, missing=missing) for lead in range(len(missing))
        ]
        for place, words in sorted(chosen.items(), reverse=True)
        for missing in [_missing(order[place], folder)]
    }


_MOST_LEADS = 12


def _missing(one: Delineated, folder: Path) -> list[NDArray[np.bool_]]:
    """Tell which samples ``(time,)`` of each drawn lead are missing on disk; empty where none is.

    The cache has them filled.
    """
    record = one.record
    leads = record.leads[:_MOST_LEADS]
    if not any(record.missing[: len(leads)]):
        return [np.zeros(0, np.bool_)] * len(leads)
    source = read_record(folder / record.name, leads=list(leads))
    return list(np.isnan(source.signal).T)


def _picture(one: Delineated, lead: int, *, missing: Sequence[NDArray[np.bool_]]) -> str:
    record = one.record
    stop = min(record.n_samples, round(_SHOWN_S * record.fs_hz))
    signal = np.array(record.signal[:stop, lead])
    if len(missing[lead]):
        source = np.round(np.arange(stop) / record.fs_hz * record.source_fs_hz).astype(np.int64)
        signal[missing[lead][np.minimum(source, len(missing[lead]) - 1)]] = np.nan
    return wave_strip(
        signal,
        fs_hz=record.fs_hz,
        name=record.leads[lead],
        reference=one.reference[lead],
        found=one.found[lead],
        marks_fs_hz=record.source_fs_hz,
    )


_SHOWN_S = 10.0


def _row(fiducial: tuple[str, str], score: FiducialScore, *, patients: int | None = None) -> Row:
    return {
        "fiducial": " ".join(fiducial),
        "support": score.found + score.missed,
        **({} if patients is None else {"patients": patients}),
        "sensitivity": score.sensitivity,
        "positive_predictivity": score.positive_predictivity,
        "f1": score.f1,
        "mean_ms": score.mean_ms,
        "sd_ms": score.sd_ms,
    }


def _json(row: Row) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in row.items() if key != "fiducial"}
