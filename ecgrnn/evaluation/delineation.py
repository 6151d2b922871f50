"""The figures of a delineation on held-out records: one row per fiducial, as LUDB's literature gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.config import DelineateConfig
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.datasets.waves import WaveView
from ecgrnn.evaluation.delineation_report import delineation_report
from ecgrnn.evaluation.files import Row, write_csv, write_json, write_text
from ecgrnn.evaluation.held_out import HeldOutRecords
from ecgrnn.evaluation.statistics import Resampling, by_patient, intervals, number
from ecgrnn.evaluation.summary import form_summary
from ecgrnn.evaluation.wave_strips import wave_strip
from ecgrnn.inference.checkpoint import TrainedModel
from ecgrnn.inference.waves import at_source_fs, delineate
from ecgrnn.metrics.delineation import FIDUCIALS, FiducialScore, score_record, score_waves, sum_scores
from ecgrnn.ranks import gather, rank, share
from ecgrnn.signals.annotations import Waves

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
    if not isinstance(model.task, DelineateConfig):
        raise TypeError("delineate_records needs a delineator")
    view = WaveView(annotator=annotator, step_s=model.task.step_s)
    found = gather([_waves_found(model, record) for record in share(records)])
    return [_judged(record, waves, view) for record, waves in zip(records, found, strict=True)]


def write_delineation(
    model: TrainedModel,
    held_out: HeldOutRecords,
    *,
    resampling: Resampling,
    run_dir: Path,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Score held-out records; write ``summary.json``, ``fiducials.csv``, ``records.csv``, ``report.html``."""
    delineated = delineate_records(model, held_out.test, annotator=held_out.annotator)
    total = sum_scores(one.scores for one in delineated)
    rows = [_row(fiducial, total[fiducial]) for fiducial in FIDUCIALS]
    of_records = sum_scores(one.record_scores for one in delineated)
    figures = {
        "macro_f1": number(_mean_f1(total)),
        "fiducials": {str(row["fiducial"]): _json(row) for row in rows},
        "record_fiducials": {" ".join(key): _json(_row(key, of_records[key])) for key in FIDUCIALS},
        "resampling": resampling.described(),
        "intervals": _intervals(delineated, resampling),
    }
    summary = form_summary(model, held_out, figures, seconds=seconds)
    if rank() != 0:
        return summary  # the first process writes
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "fiducials.csv", rows)
    per_record = [
        {"record": one.record.name, **_row(fiducial, one.scores[fiducial])}
        for one in delineated
        for fiducial in FIDUCIALS
    ]
    write_csv(run_dir / "records.csv", per_record)
    write_text(run_dir / "report.html", delineation_report(summary, _pictures(delineated)))
    return summary


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


def _judged(record: CachedRecord, found: Sequence[Waves], view: WaveView) -> Delineated:
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
    """Give intervals of each F1 over patients."""
    patients = [one.record.patient for one in delineated]
    found: dict[str, Any] = {}
    for fiducial in FIDUCIALS:
        scores = [one.scores[fiducial] for one in delineated]
        counts = np.array([[score.found, score.missed, score.extra] for score in scores])
        name = " ".join(fiducial)
        found |= intervals(by_patient(counts, patients), {name: _f1}, resampling)
    return found


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    found, wrong = 2 * counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.where(found + wrong > 0, found / np.maximum(found + wrong, 1), np.nan)


def _pictures(delineated: Sequence[Delineated]) -> dict[str, list[str]]:
    order = sorted((one for one in delineated if not np.isnan(one.mean_f1)), key=lambda one: one.mean_f1)
    if not order:
        return {}
    chosen = {"The best": order[-1], "The middle": order[len(order) // 2], "The worst": order[0]}
    return {
        f"{words} record, {one.record.name}: mean F1 {100 * one.mean_f1:.1f} %": [
            _picture(one, lead) for lead in range(min(len(one.record.leads), _MOST_LEADS))
        ]
        for words, one in chosen.items()
    }


_MOST_LEADS = 12


def _picture(one: Delineated, lead: int) -> str:
    record = one.record
    stop = min(record.n_samples, round(_SHOWN_S * record.fs_hz))
    return wave_strip(
        np.asarray(record.signal)[:stop, lead],
        fs_hz=record.fs_hz,
        name=record.leads[lead],
        reference=one.reference[lead],
        found=one.found[lead],
        marks_fs_hz=record.source_fs_hz,
    )


_SHOWN_S = 10.0


def _row(fiducial: tuple[str, str], score: FiducialScore) -> Row:
    return {
        "fiducial": " ".join(fiducial),
        "support": score.found + score.missed,
        "sensitivity": score.sensitivity,
        "positive_predictivity": score.positive_predictivity,
        "f1": score.f1,
        "mean_ms": score.mean_ms,
        "sd_ms": score.sd_ms,
    }


def _json(row: Row) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in row.items() if key != "fiducial"}
