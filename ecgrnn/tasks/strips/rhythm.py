"""The figures of a rhythm classifier on held-out strips, and all files they are written into."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.ranks import rank
from ecgrnn.metrics.calibration import reliability_curve, top_label
from ecgrnn.metrics.statistics import (
    by_patient,
    class_statistics,
    few_patients,
    intervals,
    matrix_figures,
    number,
)
from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import few_patients_lines
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.render import render
from ecgrnn.reports.terminal import Summary, class_lines
from ecgrnn.tasks.strips.options import RhythmConfig
from ecgrnn.tasks.strips.results import StripResults, read_strips, strip_rows, strip_summary
from ecgrnn.tasks.strips.rhythm_report import choose_strips, rhythm_report
from ecgrnn.tasks.task import Evaluation, Scored


def score_rhythm(evaluation: Evaluation) -> Scored:
    """Score held-out strips and write the results; one process does it."""
    if rank() != 0:
        return Scored([])
    return Scored(rhythm_lines(write_rhythm(read_strips(evaluation), run_dir=evaluation.run_dir)))


def write_rhythm(results: StripResults, *, run_dir: Path) -> dict[str, Any]:
    """Write summary, tables of records and of confusion, audit, model card and report."""
    summary = summarise_rhythm(results)
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "records.csv", strip_rows(results))
    write_csv(run_dir / "confusion.csv", _confusion_rows(summary))
    write_json(run_dir / "audit.json", results.audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", rhythm_card(summary, title=results.held_out.title))
    shown = choose_strips(results.dataset.label.astype(np.int64), results.probabilities)
    write_text(run_dir / "report.html", rhythm_report(summary, results, shown))
    return summary


def summarise_rhythm(results: StripResults) -> dict[str, Any]:
    """Give all figures as plain data, under the names that a beat classifier's have."""
    label, classes = results.dataset.label.astype(np.int64), results.classes
    scored = _scored(results)
    one_by_one = _matrices(label, results.probabilities.argmax(axis=1), n_classes=len(classes))
    counts = by_patient(one_by_one, results.patients)
    statistics = class_statistics(classes, scored=scored)
    curve = reliability_curve(*top_label(results.probabilities, label))
    figures = {
        **matrix_figures(counts, classes, scored=scored),
        "resampling": results.resampling.described(),
        "interval_note": few_patients(len(counts)),
        "intervals": intervals(counts, statistics, results.resampling),
        "expected_calibration_error": number(curve.expected_calibration_error),
    }
    return strip_summary(results, figures)


def rhythm_card(summary: Mapping[str, Any], *, title: str) -> str:
    """Write the model card."""
    template = Path(__file__).parent / "templates" / "rhythm_card.md"
    return render(template, summary=summary, title=title)


def _scored(results: StripResults) -> tuple[str, ...]:
    task = results.model.task.options
    return tuple(task.macro_f1_classes) if isinstance(task, RhythmConfig) else results.classes


def _matrices(label: NDArray[np.int64], predicted: NDArray[np.intp], *, n_classes: int) -> NDArray[np.int64]:
    """Give a confusion matrix for each strip: a single 1."""
    matrices = np.zeros((len(label), n_classes, n_classes), np.int64)
    matrices[np.arange(len(label)), label, predicted] = 1
    return matrices


def _confusion_rows(summary: Mapping[str, Any]) -> list[Row]:
    classes = list(summary["classes"])
    return [
        {"reference": name, **dict(zip(classes, row, strict=True))}
        for name, row in zip(classes, summary["confusion_matrix"], strict=True)
    ]


def rhythm_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier of rhythms."""
    return [*class_lines(summary, "strips"), *few_patients_lines(summary)]
