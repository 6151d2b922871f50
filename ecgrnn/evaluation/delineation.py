"""The figures of a delineation on held-out records: one row per fiducial, as LUDB's literature gives them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgrnn.config import DelineateConfig
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.datasets.waves import WaveView
from ecgrnn.evaluation.files import Row, write_csv, write_json
from ecgrnn.inference.checkpoint import TrainedModel, versions
from ecgrnn.inference.waves import at_source_fs, delineate
from ecgrnn.metrics.delineation import FIDUCIALS, FiducialScore, score_waves, sum_scores
from ecgrnn.ranks import gather, share

Scores = dict[tuple[str, str], FiducialScore]


def score_records(model: TrainedModel, records: Sequence[CachedRecord]) -> dict[str, Scores]:
    """Delineate all leads of held-out records and score each record against its marks."""
    if not isinstance(model.task, DelineateConfig):
        raise TypeError("score_records needs a delineator")
    view = WaveView(annotator=model.data.annotator, step_s=model.task.step_s)
    scores = gather([_score_record(model, record, view) for record in share(records)])
    return {record.name: score for record, score in zip(records, scores, strict=True)}


def write_delineation(
    model: TrainedModel,
    records: Sequence[CachedRecord],
    *,
    database: str,
    split: str,
    run_dir: Path,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Score held-out records and write ``summary.json``, ``fiducials.csv`` and ``records.csv``."""
    by_record = score_records(model, records)
    total = sum_scores(by_record.values())
    rows = [_row(fiducial, total[fiducial]) for fiducial in FIDUCIALS]
    summary = {
        "database": database,
        "split": split,
        "scheme": model.scheme.name,
        "records": len(records),
        "record_names": [record.name for record in records],
        "macro_f1": float(np.mean([total[fiducial].f1 for fiducial in FIDUCIALS])),
        "fiducials": {str(row["fiducial"]): _json(row) for row in rows},
        "seconds": dict(seconds),
        "versions": versions(),
    }
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "fiducials.csv", rows)
    per_record = [
        {"record": name, **_row(fiducial, scores[fiducial])}
        for name, scores in by_record.items()
        for fiducial in FIDUCIALS
    ]
    write_csv(run_dir / "records.csv", per_record)
    return summary


def table_lines(summary: Mapping[str, Any]) -> list[str]:
    """Give the table of fiducials as lines of text."""
    lines = [f"{'':<11} {'marks':>6} {'Se %':>7} {'+P %':>7} {'F1 %':>7} {'mean ms':>8} {'SD ms':>7}"]
    for name, row in summary["fiducials"].items():
        ratios = (_cell(row[key], 100) for key in ("sensitivity", "positive_predictivity", "f1"))
        errors = f"{_cell(row['mean_ms'], 1, digits=1):>8} {_cell(row['sd_ms'], 1, digits=1):>7}"
        lines.append(f"{name:<11} {row['support']:>6} {' '.join(f'{cell:>7}' for cell in ratios)} {errors}")
    return lines


def _cell(value: float | None, factor: float, *, digits: int = 2) -> str:
    return "-" if value is None else f"{factor * value:.{digits}f}"


def _score_record(model: TrainedModel, record: CachedRecord, view: WaveView) -> Scores:
    found = delineate(model, [record.signal[:, lead] for lead in range(len(record.leads))])
    moved = [
        at_source_fs(
            waves,
            fs_hz=record.fs_hz,
            source_fs_hz=record.source_fs_hz,
            source_samples=record.source_samples,
        )
        for waves in found
    ]
    return sum_scores(
        score_waves(view.reference(record, lead), waves, fs_hz=record.source_fs_hz)
        for lead, waves in zip(record.leads, moved, strict=True)
    )


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
