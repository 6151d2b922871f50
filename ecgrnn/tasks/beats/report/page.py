"""The report: one HTML page that a cardiologist and an engineer can both read, and that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.render import render
from ecgrnn.tasks.beats.report.curves import (
    curve_charts,
    learning_charts,
    question_charts,
    reliability_chart,
)


@dataclass(frozen=True)
class Shown:
    """What the report shows; every number of it is in ``summary.json`` or in a table beside it.

    Attributes:
        summary: content of ``summary.json``.
        title: full name of the database.
        records: rows of ``records.csv``.
        ec57_records: rows of ``ec57_records.csv``.
        influence: rows of ``influence.csv``.
        reliability: rows of ``reliability.csv``.
        curves: rows of ``curves.csv``.
        learning: rows of the training's ``metrics.csv``; empty where there is none.
        questions: rows of ``questions.csv``; empty where none were asked.
        exhibits: rows of ``gallery.csv``.
        drawings: an SVG for each exhibit.
    """

    summary: Mapping[str, Any]
    title: str
    records: Sequence[Row]
    ec57_records: Sequence[Row]
    influence: Sequence[Row]
    reliability: Sequence[Row]
    curves: Sequence[Row]
    learning: Sequence[Mapping[str, str]]
    questions: Sequence[Row]
    exhibits: Sequence[Row]
    drawings: Sequence[str]


def report(shown: Shown) -> str:
    """Write the page."""
    summary = shown.summary
    return render(
        Path(__file__).parent / "templates" / "report.html",
        summary=summary,
        title=shown.title,
        printed=_PRINTED,
        words_of=statistic_words,
        records=shown.records,
        seen_classes=[
            name for name in summary["classes"] if any(row[f"{name}_support"] for row in shown.records)
        ],
        ec57_records=shown.ec57_records,
        influence=shown.influence,
        heaviest={
            name: _heaviest(shown.influence[1:], name)
            for name, score in summary["classes"].items()
            if score["support"]
        },
        charts=curve_charts(summary, shown.curves) | {"reliability": reliability_chart(shown.reliability)},
        learning_charts=learning_charts(shown.learning),
        question_charts=question_charts(shown.questions),
        exhibits=list(zip(shown.exhibits, shown.drawings, strict=True)),
    )


def model_card(summary: Mapping[str, Any], *, title: str) -> str:
    """Write the model card: what the checkpoint is, what it is for, how well it does and where it fails.

    Args:
        summary: content of ``summary.json``.
        title: full name of the database it is evaluated on.
    """
    return render(
        Path(__file__).parent / "templates" / "card.md",
        summary=summary,
        title=title,
        printed=_PRINTED,
        rare=[name for name, score in summary["classes"].items() if score["support"] < _RARE],
    )


_RARE = 100
"""With fewer beats, figures of a class say little."""

_PRINTED = {
    "qrs_sensitivity": "QRS sensitivity",
    "qrs_positive_predictivity": "QRS +P",
    "veb_sensitivity": "VEB sensitivity",
    "veb_positive_predictivity": "VEB +P",
    "veb_false_alarms": "VEB false alarms among paired beats",
    "sveb_sensitivity": "SVEB sensitivity",
    "sveb_positive_predictivity": "SVEB +P",
    "sveb_false_alarms": "SVEB false alarms among paired beats",
}


def statistic_words(name: str) -> str:
    """Print a statistic's name as clinicians write it."""
    words = name.replace("positive_predictivity", "+P").replace("macro_f1", "macro-F1").replace("f1", "F1")
    return _PRINTED.get(name, words.replace("_", " "))


def _heaviest(rows: Sequence[Row], name: str) -> Row:
    """Give the row of the patient who has most beats of a class."""
    return max(rows, key=lambda row: float(row[f"share_of_{name}"] or 0.0))
