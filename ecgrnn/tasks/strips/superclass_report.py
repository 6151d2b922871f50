"""The report of a classifier of strips with several classes each: areas, ROC curves, surest mistakes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ecgrnn.metrics.calibration import roc_curve
from ecgrnn.reports.charts import Series, line_chart, thinned
from ecgrnn.reports.render import render
from ecgrnn.tasks.strips.results import StripResults
from ecgrnn.tasks.strips.rhythm_report import draw_strip


def superclass_report(summary: Mapping[str, Any], results: StripResults) -> str:
    """Write the page; every number of it is in ``summary.json`` or in a table beside it."""
    curves = _curves(results)
    return render(
        Path(__file__).parent / "templates" / "superclass.html",
        summary=summary,
        title=results.held_out.title,
        roc=line_chart(curves, x_label="false positive rate", y_label="sensitivity", diagonal=True)
        if curves
        else None,
        strips=_surest_mistakes(results),
    )


def _curves(results: StripResults) -> list[Series]:
    label = results.dataset.label > 0
    series = []
    for k, name in enumerate(results.classes):
        if label[:, k].all() or not label[:, k].any():
            continue
        curve = roc_curve(results.probabilities[:, k], label[:, k])
        x, y = curve.false_positive_rate, curve.true_positive_rate
        points = [(float(x[at]), float(y[at])) for at in thinned(x, y)]
        series.append(Series(name, points, style=k % 5))
    return series


def _surest_mistakes(results: StripResults) -> list[dict[str, Any]]:
    """Give the surest strip called each class that it is not, and the surest that was missed."""
    shown = []
    label = results.dataset.label > 0
    for k, name in enumerate(results.classes):
        for missed in (False, True):
            rows = np.flatnonzero(label[:, k] == missed)
            chance = results.probabilities[rows, k]
            mistaken = (chance < 0.5) if missed else (chance >= 0.5)
            if mistaken.any():
                place = np.argmin(chance) if missed else np.argmax(chance)
                shown.append(
                    {
                        "record": results.records[rows[place]].name,
                        "name": name,
                        "missed": missed,
                        "probability": float(chance[place]),
                        "drawing": draw_strip(results, int(rows[place])),
                    }
                )
    return shown
