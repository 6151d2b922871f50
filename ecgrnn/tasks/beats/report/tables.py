"""The report's tables: both conventions of scoring, influence of records, two checkpoints compared."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.page import (
    Html,
    bar,
    decimal,
    heat,
    interval_text,
    percent,
    section,
    share,
    table,
    with_interval,
)

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


_ROWS, _COLUMNS = "NSVFQOX", "nsvfqox"


def positions_section(summary: Mapping[str, Any], records: Sequence[Row]) -> str:
    """Show convention (a): the class of each reference beat."""
    scheme = f"scheme {summary['scheme']}, reference beat positions"
    intervals, classes = summary["intervals"], summary["classes"]
    rows = [
        [
            name,
            score["support"],
            score["patients"],
            with_interval(intervals[f"{name}_sensitivity"]),
            with_interval(intervals[f"{name}_positive_predictivity"]),
            with_interval(intervals[f"{name}_f1"], as_percent=False),
        ]
        for name, score in classes.items()
    ]
    means = [
        [
            "accuracy",
            with_interval(intervals["accuracy"]),
            interval_text(intervals["accuracy"], method="percentile"),
        ],
        [
            f"macro-F1 over {' '.join(summary['macro_f1_classes'])}",
            with_interval(intervals["macro_f1"], as_percent=False),
            interval_text(intervals["macro_f1"], as_percent=False, method="percentile"),
        ],
    ]
    return section(
        "reference",
        "(a) Classes at the reference's beat positions",
        "<p>The convention of the papers: the reference says where each beat is, and the model "
        "says what it is. "
        "Nothing can be missed or invented, so these figures cannot be compared with those of (b).</p>",
        table(
            ["class", "beats", "patients", "sensitivity", "+P", "F1"],
            rows,
            caption=f"All beats of all records, {scheme}; BCa",
        ),
        table(["", "BCa", "percentile"], means, caption=f"All classes together, {scheme}"),
        '<div class="flow">',
        _confusion(summary, scheme),
        _clustering(summary, scheme),
        "</div>",
        "<h3>Record by record</h3>",
        _record_bars(list(classes), records, scheme),
        short="(a) At reference beats",
    )


def ec57_section(summary: Mapping[str, Any], records: Sequence[Row]) -> str:
    """Show convention (b): beats found and classified by the application, scored by EC57."""
    parts = []
    for name, ec57 in summary["ec57"].items():
        scheme = (
            f"scheme {name}, own beat positions, from {ec57['start_s']:g} s, "
            f"window {1000 * ec57['window_s']:g} ms"
        )
        rows = [
            [
                words,
                f"{ec57['statistics'][key]['hits']:,} / {ec57['statistics'][key]['total']:,}",
                ec57["intervals"][key]["patients"],
                with_interval(ec57["intervals"][key]),
                interval_text(ec57["intervals"][key], method="percentile"),
                _hundredths(ec57["gross_sumstats"].get(key)),
                _hundredths(ec57["average_sumstats"].get(key)),
            ]
            for key, words in _PRINTED.items()
        ]
        parts += [
            f'<h3><span class="badge">scheme {escape(name)}</span>{_scheme_words(name)}</h3>',
            '<div class="flow">',
            table(
                [
                    "",
                    "beats",
                    "patients",
                    "gross (BCa)",
                    "percentile",
                    "gross, sumstats",
                    "average, sumstats",
                ],
                rows,
                caption=f"EC57, {scheme}",
            ),
            _ec57_matrix(ec57, scheme),
            "</div>",
        ]
    scheme = summary["scheme"]
    keys = [key for key in _PRINTED if "rate" not in key]
    lines = [
        [row["record"], *(_hundredths(row[key]) for key in keys), f"{_hundredths(row['rr_error_ms'])} ms"]
        for row in records
    ]
    head = ["record", *(_PRINTED[key] for key in keys), "RR error"]
    parts.append(
        "<details><summary>Record by record</summary>"
        + table(head, lines, caption=f"EC57 in percent, scheme {scheme}, own beat positions")
        + "</details>"
    )
    return section(
        "ec57",
        "(b) EC57 with detected beats",
        "<p>The application finds the beats itself, classifies them and writes annotation files; "
        "those files are "
        "scored against the reference as ANSI/AAMI EC57 says. Missed and invented beats count.</p>",
        *parts,
        '<p class="note">sumstats reads the line format, in which fusion and unclassifiable '
        "beats share a column: it "
        "leaves fusion beats called S out of SVEB +P, which the gross column counts as EC57 and bxb do.</p>",
    )


def influence_section(summary: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Show what single patients do to the figures."""
    classes = list(summary["classes"])
    scheme = f"scheme {summary['scheme']}, reference beat positions"
    whole, each = rows[0], rows[1:]
    shares = [(name, _heaviest(each, name)) for name in classes if summary["classes"][name]["support"]]
    top = [
        [
            name,
            summary["classes"][name]["patients"],
            row["left_out"],
            bar(float(row[f"share_of_{name}"] or 0.0), percent(_float(row[f"share_of_{name}"]))),
            share(_float(whole[f"{name}_f1"])),
            share(_float(row[f"{name}_f1"])),
            share(_float(whole["macro_f1"])),
            share(_float(row["macro_f1"])),
        ]
        for name, row in shares
    ]
    head = ["left out", "beats", "accuracy", "macro-F1", *(f"{name} F1" for name in classes)]
    table_rows = [
        [
            row["left_out"],
            row["beats"],
            percent(_float(row["accuracy"])),
            share(_float(row["macro_f1"])),
            *(share(_float(row[f"{name}_f1"])) for name in classes),
        ]
        for row in rows
    ]
    return section(
        "influence",
        "With and without each patient",
        "<p>A class whose beats come from one patient is scored on one patient, whatever the number of "
        "beats. Without the only patient who has a class neither its F1 nor the macro-F1 is defined.</p>",
        table(
            [
                "class",
                "patients",
                "records of the patient with most",
                "share of the class",
                "F1 with",
                "F1 without",
                "macro-F1 with",
                "without",
            ],
            top,
            caption=f"The patient who weighs most in each class, {scheme}",
        ),
        "<details><summary>All patients</summary>"
        + table(head, table_rows, caption=f"Figures with each patient's records left out, {scheme}")
        + "</details>",
    )


def _heaviest(rows: Sequence[Row], name: str) -> Row:
    """Give the row of the patient who has most beats of a class."""
    return max(rows, key=lambda row: float(row[f"share_of_{name}"] or 0.0))


def _confusion(summary: Mapping[str, Any], scheme: str) -> str:
    classes = list(summary["classes"])
    rows = []
    for name, counts in zip(classes, summary["confusion_matrix"], strict=True):
        total = sum(counts)
        cells = [
            heat(count, total, right=name == predicted)
            for predicted, count in zip(classes, counts, strict=True)
        ]
        rows.append([name, *cells, total, summary["classes"][name]["patients"]])
    return table(
        ["reference \\ model", *classes, "all", "patients"],
        rows,
        caption=f"Confusion matrix, {scheme}; darker is a larger share of the row",
        kind="heat",
    )


def _ec57_matrix(ec57: Mapping[str, Any], scheme: str) -> str:
    rows = []
    for name, counts in zip(_ROWS, ec57["matrix"], strict=True):
        total = sum(counts)
        cells: list[Any] = [
            heat(count, total, right=name.lower() == column)
            for column, count in zip(_COLUMNS, counts, strict=True)
        ]
        if name in "OX":
            cells[5:] = [Html("<td></td>"), Html("<td></td>")]
        rows.append([name, *cells])
    return table(
        ["reference \\ own", *_COLUMNS],
        rows,
        caption=f"Pooled matrix, {scheme}; O no beat, X no beat where unreadable, o missed, x missed in "
        "shutdown",
        kind="heat",
    )


def _clustering(summary: Mapping[str, Any], scheme: str) -> str:
    rows = [
        [
            statistic_words(name),
            int(found["beats"]),
            decimal(found["intraclass_correlation"]),
            decimal(found["design_effect"], digits=1),
            None if found["effective_beats"] is None else round(found["effective_beats"]),
        ]
        for name, found in summary["clustering"].items()
        if found["intraclass_correlation"] is not None
    ]
    return table(
        ["", "beats", "ICC", "design effect", "worth beats"],
        rows,
        caption=f"How alike a patient's beats are, {scheme}",
    )


def _record_bars(classes: Sequence[str], records: Sequence[Row], scheme: str) -> str:
    shown = [name for name in classes if any(row[f"{name}_support"] for row in records)]
    rows = [
        [
            row["record"],
            row["beats"],
            bar(_float(row["accuracy"]), percent(_float(row["accuracy"]))),
            *(
                bar(
                    _float(row[f"{name}_sensitivity"]),
                    f"{percent(_float(row[f'{name}_sensitivity']))} of {row[f'{name}_support']:,}",
                )
                if row[f"{name}_support"]
                else None
                for name in shown
            ),
        ]
        for row in records
    ]
    head = ["record", "beats", "accuracy", *(f"{name} sensitivity" for name in shown)]
    return table(head, rows, caption=f"Each record, {scheme}")


def statistic_words(name: str) -> str:
    """Print a statistic's name as clinicians write it."""
    words = name.replace("positive_predictivity", "+P").replace("macro_f1", "macro-F1").replace("f1", "F1")
    return _PRINTED.get(name, words.replace("_", " "))


def _scheme_words(name: str) -> str:
    return {
        "bxb": "escape beats (e, j, n) count as S, as the program bxb groups them",
        "aami": "escape beats (e, j, n) count as N, as in the papers after de Chazal 2004",
    }.get(name, "")


def _hundredths(value: Any) -> str:
    return "—" if value is None or value != value else f"{float(value):.2f}"


def _float(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
