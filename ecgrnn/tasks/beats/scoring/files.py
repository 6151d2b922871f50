"""All files of an evaluation: summary, tables, EC57 reports, model card and the report to read."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.ranks import rank
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.tasks.beats.report.gallery import choose_exhibits, draw_exhibit, gallery_rows, read_exhibit
from ecgrnn.tasks.beats.report.page import Shown, model_card, report
from ecgrnn.tasks.beats.scoring.calibration import curve_rows, reliability_rows
from ecgrnn.tasks.beats.scoring.questions import question_rows
from ecgrnn.tasks.beats.scoring.results import Results, evaluate_beats, matrices_by_record
from ecgrnn.tasks.beats.scoring.summary import (
    beat_lines,
    comparison_rows,
    confusion_rows,
    ec57_influence,
    ec57_rows,
    influence,
    interval_rows,
    record_rows,
    summarise,
)
from ecgrnn.tasks.score_files import write_scores
from ecgrnn.tasks.task import Evaluation, Scored


def score_beats(evaluation: Evaluation) -> Scored:
    """Score held-out records and write the results; every process reads a share of the records."""
    results = evaluate_beats(evaluation)
    if rank() != 0:
        return Scored([])
    summary = write_results(results, run_dir=evaluation.run_dir, seconds=evaluation.seconds)
    return Scored(beat_lines(summary), partial(_pictures, results))


def _pictures(results: Results) -> Mapping[str, NDArray[np.uint8]]:
    """Draw the confusion matrix on held-out records, and strips of ECG with reference and prediction."""
    # Here and not above: matplotlib takes a while to load, and a run without trackers needs none of it.
    from ecgrnn.reports.pictures import confusion_picture, strip_picture

    matrix = matrices_by_record(results.beats).sum(axis=0)
    pictures = {"test_confusion_matrix": confusion_picture(matrix, classes=results.beats.scheme.classes)}
    for place, exhibit in enumerate(choose_exhibits(results)[:_STRIPS]):
        stretch = read_exhibit(results, exhibit)
        pictures[f"test_strip_{place}_{exhibit.kind}"] = strip_picture(stretch)
    return pictures


_STRIPS = 8
"""Strips that are drawn for experiment trackers."""


def write_results(results: Results, *, run_dir: Path, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Write everything and give the summary; the same results give the same bytes.

    Args:
        results: what was found.
        run_dir: the run folder.
        seconds: time each stage of the training took, written into ``summary.json``.
    """
    summary = summarise(results, seconds=seconds)
    scheme = results.beats.scheme.name
    exhibits = choose_exhibits(results)
    shown = Shown(
        summary=summary,
        title=results.held_out.title,
        records=record_rows(results),
        ec57_records=ec57_rows(results.reading.ec57[scheme]),
        influence=influence(results),
        reliability=reliability_rows(results.beats, results.fitted),
        curves=curve_rows(results.beats),
        learning=results.curves,
        questions=question_rows(results.questions),
        exhibits=gallery_rows(results, exhibits),
        drawings=[draw_exhibit(results, exhibit) for exhibit in exhibits],
    )
    write_json(run_dir / "summary.json", summary)
    tables = {
        "records": shown.records,
        "confusion": confusion_rows(results),
        "intervals": interval_rows(summary),
        "influence": shown.influence,
        "ec57_records": shown.ec57_records,
        "ec57_influence": ec57_influence(results.reading.ec57[scheme], results.patients),
        "reliability": shown.reliability,
        "curves": shown.curves,
        "gallery": shown.exhibits,
        **({"comparison": comparison_rows(summary)} if summary["comparison"] else {}),
        **({"questions": shown.questions} if shown.questions else {}),
    }
    for name, rows in tables.items():
        write_csv(run_dir / f"{name}.csv", rows)
    for name, scores in results.reading.ec57.items():
        write_scores(run_dir / "ec57" / name, scores)
    write_json(run_dir / "audit.json", results.audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", model_card(summary, title=shown.title))
    write_text(run_dir / "report.html", report(shown))
    return summary
