"""The report's curves: ROC and precision-recall, reliability, and the course of the training."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.charts import Series, line_chart
from ecgrnn.reports.figures import counted
from ecgrnn.reports.page import decimal, percent, section, share, table


def curves_section(summary: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Show how far each class can be told from all others, at any threshold."""
    classes = list(summary["classes"])
    fitted = summary["fitted_on_validation"] or {"thresholds": {}}
    thresholds: Mapping[str, Mapping[str, Any]] = fitted["thresholds"]
    roc = [_series("roc", name, classes, rows, thresholds) for name in summary["curves"]]
    pr = [_series("precision_recall", name, classes, rows, thresholds) for name in summary["curves"]]
    areas = [
        [
            name,
            summary["classes"][name]["patients"],
            share(found["auroc"], digits=4),
            share(found["average_precision"], digits=4),
            percent(found["prevalence"], digits=2),
            *(_threshold(thresholds.get(name))),
        ]
        for name, found in summary["curves"].items()
    ]
    scheme = f"scheme {summary['scheme']}, reference beat positions"
    return section(
        "curves",
        "Each class against all others",
        '<div class="pair"><figure>',
        line_chart(roc, x_label="false positive rate", y_label="sensitivity", diagonal=True),
        f"<figcaption>ROC, {escape(scheme)}</figcaption></figure><figure>",
        line_chart(pr, x_label="sensitivity", y_label="positive predictivity"),
        f"<figcaption>Precision and recall, {escape(scheme)}</figcaption></figure></div>",
        table(
            [
                "class",
                "patients",
                "area under ROC",
                "average precision",
                "prevalence",
                "threshold",
                "rests on",
                "its sensitivity",
                "its +P",
            ],
            areas,
            caption=f"{scheme}; thresholds (dots) have the best F1 on validation patients and rest on their "
            "beats of the class",
        ),
        short="ROC and PR",
    )


def calibration_section(summary: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Show whether a probability of 0.9 is right nine times in ten."""
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
    judged = [
        [
            kind,
            decimal(found["temperature"]),
            decimal(found["expected_calibration_error"], digits=4),
            decimal(found["negative_log_likelihood"], digits=4),
        ]
        for kind, found in summary["calibration"].items()
    ]
    fitted = summary["fitted_on_validation"]
    words = (
        f"The temperature was fitted on {counted(fitted['beats'], 'beat')} of "
        f"{counted(len(fitted['records']), 'validation record')} only."
        if fitted
        else "No temperature was fitted: the validation records are not at hand."
    )
    return section(
        "calibration",
        "Calibration: does a probability mean what it says?",
        '<div class="pair"><figure>',
        line_chart(
            series, x_label="probability of the called class", y_label="share right", diagonal=True, bars=bars
        ),
        f"<figcaption>Reliability, scheme {escape(summary['scheme'])}, reference beat positions; "
        "bars show the share "
        "of beats</figcaption></figure><div>",
        table(
            ["probabilities", "temperature", "ECE", "log loss"],
            judged,
            caption=f"Scheme {summary['scheme']}, reference beat positions",
        ),
        f"<p>{escape(words)}</p></div></div>",
        short="Calibration",
    )


def learning_section(rows: Sequence[Mapping[str, str]]) -> str:
    """Show the course of the training."""
    if not rows:
        return ""
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
            "<figure>"
            + line_chart(
                series,
                x_label="epoch",
                y_label=words,
                x_range=(min(xs), max(max(xs), min(xs) + 1)),
                y_range=(0.0, top or 1.0),
                whole_x=True,
            )
            + "</figure>"
        )
    if not charts:
        return ""
    return section(
        "learning",
        "Learning curves",
        f'<div class="pair">{"".join(charts)}</div>',
        '<p class="note">Training figures are taken while the weights move. best.ckpt is the '
        "epoch with the best macro-F1 on the validation patients, last.ckpt the last one.</p>",
    )


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


def _threshold(found: Mapping[str, Any] | None) -> list[str]:
    if not found or found["threshold"] is None:
        return ["—", "—", "—", "—"]
    return [
        share(found["threshold"]),
        f"{counted(found['validation_positives'], 'beat')} of "
        f"{counted(found['validation_patients'], 'patient')}",
        percent(found["sensitivity"]),
        percent(found["positive_predictivity"]),
    ]


def _course(rows: Sequence[Mapping[str, str]], key: str) -> list[tuple[float, float]]:
    return [(float(row["epoch"]), float(row[key])) for row in rows if row.get(key) and row.get("epoch")]
