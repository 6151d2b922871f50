"""The report of a classifier of strips with several classes each: areas, ROC curves, surest mistakes."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from ecgrnn.metrics.calibration import roc_curve
from ecgrnn.reports.charts import Series, line_chart, thinned
from ecgrnn.reports.figures import counted
from ecgrnn.reports.page import Html, few_patients_note, page, section, share, table, with_interval
from ecgrnn.reports.sections import header, interval_note, provenance_section, sides_section, tile
from ecgrnn.tasks.strips.results import StripResults
from ecgrnn.tasks.strips.rhythm_report import draw_strip


def superclass_report(summary: Mapping[str, Any], results: StripResults) -> str:
    """Write the page; every number of it is in ``summary.json`` or in a table beside it."""
    head = header(
        summary,
        heading="Held-out evaluation: diagnostic superclasses",
        title=results.held_out.title,
        items=counted(summary["records"], "strip"),
    )
    parts = [
        head,
        _headline(summary),
        _classes(summary, results),
        sides_section(summary, items="strips"),
        _gallery(results),
        provenance_section(summary),
    ]
    return page(f"Held-out evaluation: {summary['database']}, {summary['split']}", parts)


def _found(score: Mapping[str, Any]) -> dict[str, Any]:
    return {"estimate": score["auroc"], "bca": score["interval"]}


def _headline(summary: Mapping[str, Any]) -> str:
    mean = {"estimate": summary["macro_auroc"], "bca": summary["macro_auroc_interval"]}
    tiles = [tile("macro AUROC", mean, digits=True)]
    tiles += [
        tile(f"AUROC of {name}", _found(score), digits=True) for name, score in summary["classes"].items()
    ]
    return section(
        "headline",
        "Headline",
        f'<div class="tiles">{"".join(tiles)}</div>',
        f'<p class="note">Below each figure its interval: {interval_note(summary, method="percentile")}</p>',
        few_patients_note(summary),
    )


def _classes(summary: Mapping[str, Any], results: StripResults) -> str:
    rows = [
        [name, score["support"], score["patients"], with_interval(_found(score), as_percent=False)]
        for name, score in summary["classes"].items()
    ]
    curves = _curves(results)
    chart = line_chart(curves, x_label="false positive rate", y_label="sensitivity", diagonal=True)
    return section(
        "classes",
        "Classes",
        '<div class="pair"><div>',
        table(["class", "strips", "patients", "area under ROC"], rows, caption="Each class against the rest"),
        "</div>",
        f"<figure>{chart}<figcaption>ROC</figcaption></figure>" if curves else "",
        "</div>",
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


def _gallery(results: StripResults) -> str:
    figures = []
    label = results.dataset.label > 0
    for k, name in enumerate(results.classes):
        for wanted, words in ((False, f"called {name}, which it is not"), (True, f"{name}, missed")):
            rows = np.flatnonzero(label[:, k] == wanted)
            chance = results.probabilities[rows, k]
            mistaken = (chance < 0.5) if wanted else (chance >= 0.5)
            if mistaken.any():
                place = np.argmin(chance) if wanted else np.argmax(chance)
                figures.append(
                    _figure(results, int(rows[place]), f"{words}, probability {share(float(chance[place]))}")
                )
    if not figures:
        return ""
    return section(
        "gallery",
        "Strips",
        "<p>The surest mistake of each kind, as recorded, 25 mm/s and 10 mm/mV: a large square is 0.2 s by "
        "0.5 mV.</p>",
        "".join(figures),
    )


def _figure(results: StripResults, row: int, words: str) -> Html:
    record = results.records[row]
    return Html(
        f'<details><summary>record {escape(record.name)}: {escape(words)}</summary><figure class="full">'
        f'<div class="wide">{draw_strip(results, row)}</div></figure></details>'
    )
