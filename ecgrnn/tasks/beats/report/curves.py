"""The report's curves: ROC and precision-recall, reliability, and the course of the training."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.charts import Series, line_chart


def curve_charts(summary: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, str]:
    """Draw how far each class can be told from all others, at any threshold."""
    classes = list(summary["classes"])
    thresholds = (summary["fitted_on_validation"] or {"thresholds": {}})["thresholds"]
    roc, pr = (
        [_series(curve, name, classes, rows, thresholds) for name in summary["curves"]]
        for curve in ("roc", "precision_recall")
    )
    return {
        "roc": line_chart(roc, x_label="false positive rate", y_label="sensitivity", diagonal=True),
        "precision_recall": line_chart(pr, x_label="sensitivity", y_label="positive predictivity"),
    }


def reliability_chart(rows: Sequence[Row]) -> str:
    """Draw whether a probability of 0.9 is right nine times in ten."""
    kinds = list(dict.fromkeys(str(row["probabilities"]) for row in rows))
    series = []
    for place, kind in enumerate(kinds):
        points = [
            (float(row["confidence"]), float(row["accuracy"]))
            for row in rows
            if row["probabilities"] == kind and row["confidence"] is not None and row["accuracy"] is not None
        ]
        series.append(Series(kind, points, style=place, dots=points))
    counts = [row for row in rows if row["probabilities"] == kinds[-1]]
    total = sum(int(row["beats"] or 0) for row in counts) or 1
    bars = [
        (float(row["from"] or 0.0), float(row["to"] or 0.0), int(row["beats"] or 0) / total) for row in counts
    ]
    return line_chart(
        series, x_label="probability of the called class", y_label="share right", diagonal=True, bars=bars
    )


def learning_charts(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Draw the course of the training, as far as it was logged."""
    charts = []
    for quantity, words in (("loss", "loss"), ("macro_f1", "macro-F1")):
        series = [
            Series(stage, points, style=place, dots=points if len(points) < 30 else ())
            for place, stage in enumerate(("training", "validation"))
            if (points := _course(rows, f"{stage}/{quantity}"))
        ]
        if not series:
            continue
        xs = [x for one in series for x, _ in one.points]
        ys = [y for one in series for _, y in one.points]
        top = 1.0 if quantity == "macro_f1" else max(ys) * 1.05
        charts.append(
            line_chart(
                series,
                x_label="epoch",
                y_label=words,
                x_range=(min(xs), max(max(xs), min(xs) + 1)),
                y_range=(0.0, top or 1.0),
                whole_x=True,
            )
        )
    return charts


QUESTION_WAYS = {
    "head": "families and head",
    "fixed": "the same in a fixed order",
    "families": "families, no head",
    "nearest": "nearest beat asked",
    "random": "families at random, head",
}
"""Ways to use answers, as the page names them."""


def question_charts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Draw F1 against the number of questions, for S and V at either positions: caption and drawing."""
    drawn = []
    for positions, name in itertools.product(("reference", "own"), "SV"):
        ours = [row for row in rows if (row["positions"], row["class"]) == (positions, name)]
        series = []
        for style, (way, words) in enumerate(QUESTION_WAYS.items()):
            points = [
                (float(row["asked"]), float(row["f1"]))
                for row in ours
                if row["method"] == way and row["asked"] is not None and row["f1"] is not None
            ]
            series.append(Series(words, points, style=style, dots=points))
        known = [one for one in series if one.points]
        if known:
            most = max(x for one in known for x, _ in one.points)
            chart = line_chart(
                known, x_label="questions", y_label=f"F1 of {name}", x_range=(0, max(most, 1)), whole_x=True
            )
            drawn.append((f"{name}, {positions} positions", chart))
    return drawn


def _series(
    curve: str,
    name: str,
    classes: Sequence[str],
    rows: Sequence[Row],
    thresholds: Mapping[str, Mapping[str, Any]],
) -> Series:
    points = [
        (float(row["x"] or 0.0), float(row["y"] or 0.0))
        for row in rows
        if row["curve"] == curve and row["class"] == name
    ]
    found = thresholds.get(name, {})
    across, up = (
        ("false_positive_rate", "sensitivity") if curve == "roc" else ("sensitivity", "positive_predictivity")
    )
    at = (found.get(across), found.get(up))
    dots = [] if None in at else [(float(at[0] or 0.0), float(at[1] or 0.0))]
    return Series(name, points, style=classes.index(name) % 5, dots=dots)


def _course(rows: Sequence[Mapping[str, str]], key: str) -> list[tuple[float, float]]:
    return [(float(row["epoch"]), float(row[key])) for row in rows if row.get(key) and row.get("epoch")]
