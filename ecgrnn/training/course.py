"""The course of a training, read back from its run folder."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path


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
