"""All files of an evaluation: summary, tables, EC57 reports, model card and the report to read."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.model_card import model_card
from ecgrnn.tasks.beats.report.gallery import choose_exhibits, draw_exhibit, gallery_rows
from ecgrnn.tasks.beats.report.page import Shown, report
from ecgrnn.tasks.beats.scoring.calibration import curve_rows, reliability_rows
from ecgrnn.tasks.beats.scoring.results import Results
from ecgrnn.tasks.beats.scoring.summary import (
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
    }
    for name, rows in tables.items():
        write_csv(run_dir / f"{name}.csv", rows)
    for name, scores in results.reading.ec57.items():
        write_scores(run_dir / "ec57" / name, scores)
    write_json(run_dir / "audit.json", results.audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", model_card(summary, title=shown.title))
    write_text(run_dir / "report.html", report(shown))
    return summary


def training_seconds(checkpoint: Path) -> dict[str, float]:
    """Read how long the training of a checkpoint took from its run folder's summary, where there is one.

    An evaluation's ``summary.json`` holds these and not its own times, so that two evaluations of one
    checkpoint are the same to the byte.
    """
    try:
        summary = json.loads((checkpoint.parent.parent / "summary.json").read_text(encoding="utf-8"))
        return {str(stage): float(value) for stage, value in summary["seconds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def training_curves(checkpoint: Path) -> list[dict[str, str]]:
    """Read the course of the training from its run folder's ``csv/metrics.csv``, where there is one."""
    try:
        with (checkpoint.parent.parent / "csv" / "metrics.csv").open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if _is_metrics(row)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _is_metrics(row: Mapping[str | None, object]) -> bool:
    """Tell whether a row holds numbers alone: the file is read as it is found."""
    try:
        return all(value is None or value == "" or float(str(value)) is not None for value in row.values())
    except ValueError:
        return False
