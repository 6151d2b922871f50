"""The figures of a classifier whose classes do not exclude each other, on held-out strips."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.ranks import rank
from ecgrnn.metrics.multilabel import area_under_roc
from ecgrnn.metrics.statistics import Resampling, few_patients, number
from ecgrnn.metrics.uncertainty import FEWEST_PATIENTS, MOST_UNDEFINED
from ecgrnn.reports.figures import few_patients_lines
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.render import render
from ecgrnn.reports.terminal import Summary, cell, ends_of, level_of
from ecgrnn.tasks.strips.results import StripResults, read_strips, strip_rows, strip_summary
from ecgrnn.tasks.strips.superclass_report import superclass_report
from ecgrnn.tasks.task import Evaluation, Scored

_MOST_DRAWS = 1000
"""Each draw ranks all scores anew."""


def score_superclass(evaluation: Evaluation) -> Scored:
    """Score held-out strips and write the results; one process does it."""
    if rank() != 0:
        return Scored([])
    return Scored(superclass_lines(write_superclass(read_strips(evaluation), run_dir=evaluation.run_dir)))


def write_superclass(results: StripResults, *, run_dir: Path) -> dict[str, Any]:
    """Write summary, table of records, audit, model card and report."""
    summary = summarise_superclass(results)
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "records.csv", strip_rows(results))
    write_json(run_dir / "audit.json", results.audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", superclass_card(summary, title=results.held_out.title))
    write_text(run_dir / "report.html", superclass_report(summary, results))
    return summary


def summarise_superclass(results: StripResults) -> dict[str, Any]:
    """Give all figures as plain data; the macro AUROC is the mean over the classes that have one."""
    label = results.dataset.label > 0
    areas = area_under_roc(results.logits, label)
    draws = _draws(results.logits, label, results.patients, results.resampling)
    defined = np.isfinite(areas)
    level, owner = results.resampling.level, np.array(results.patients)
    patients = [len(np.unique(owner[row])) for row in label.T]
    n_patients = len(set(results.patients))
    mean = draws[:, defined].mean(axis=1) if defined.any() else np.full(len(draws), np.nan)
    figures = {
        "macro_auroc": float(areas[defined].mean()) if defined.any() else None,
        "macro_auroc_interval": _interval_of(mean, level, patients=n_patients),
        "classes": {
            name: {
                "support": int(label[:, k].sum()),
                "patients": patients[k],
                "auroc": number(float(areas[k])),
                "interval": _interval_of(draws[:, k], level, patients=patients[k]),
            }
            for k, name in enumerate(results.classes)
        },
        "resampling": results.resampling.described() | {"method": "percentile", "resamples": len(draws)},
        "interval_note": few_patients(n_patients),
    }
    return strip_summary(results, figures)


def superclass_card(summary: Mapping[str, Any], *, title: str) -> str:
    """Write the model card."""
    template = Path(__file__).parent / "templates" / "superclass_card.md"
    return render(template, summary=summary, title=title)


def _draws(
    score: NDArray[np.float32], label: NDArray[np.bool_], patients: list[str], resampling: Resampling
) -> NDArray[np.float64]:
    """Give ``(draw, class)`` areas under the curves of strips whose patients were drawn with replacement."""
    rng = resampling.rng()
    _, patient = np.unique(patients, return_inverse=True)
    rows = [np.flatnonzero(patient == k) for k in range(int(patient.max()) + 1)]
    areas = []
    for _ in range(min(resampling.n_resamples, _MOST_DRAWS)):
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        areas.append(area_under_roc(score[drawn], label[drawn]))
    return np.stack(areas)


def _interval_of(values: NDArray[np.float64], level: float, *, patients: int) -> list[float] | None:
    """Give the percentile interval, under the rules of all intervals (see ``uncertainty.Interval``)."""
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if patients < FEWEST_PATIENTS or undefined > MOST_UNDEFINED * len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)] if low < high else None


def superclass_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier whose classes do not exclude each other."""
    lines = [f"{'':<10} {'strips':>8} {'patients':>8} {'AUROC':>7} {level_of(summary):>16}"]
    for name, score in summary["classes"].items():
        ends = ends_of(score["interval"], 1, digits=4)
        counted = f"{score['support']:>8,} {score['patients']:>8,}"
        lines.append(f"{name:<10} {counted} {cell(score['auroc'], 1, digits=4):>7} {ends:>16}")
    mean, ends = (
        cell(summary["macro_auroc"], 1, digits=4),
        ends_of(summary["macro_auroc_interval"], 1, digits=4),
    )
    counted = f"{summary['records']:>8,} {summary['patients']:>8,}"
    lines.append(f"{'macro mean':<10} {counted} {mean:>7} {ends:>16}")
    return [*lines, *few_patients_lines(summary)]
