"""The report: one HTML page that a cardiologist and an engineer can both read, and that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import clock, counted, share
from ecgrnn.reports.page import few_patients_note, page, section
from ecgrnn.reports.sections import header, interval_note, provenance_section, sides_section, tile
from ecgrnn.tasks.beats.report.comparison import comparison_section
from ecgrnn.tasks.beats.report.curves import calibration_section, curves_section, learning_section
from ecgrnn.tasks.beats.report.gallery import Exhibit
from ecgrnn.tasks.beats.report.tables import ec57_section, influence_section, positions_section


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
    exhibits: Sequence[Row]
    drawings: Sequence[str]


def report(shown: Shown) -> str:
    """Write the page."""
    summary = shown.summary
    sections = [
        _headline(summary),
        sides_section(summary),
        comparison_section(summary) if summary["comparison"] else "",
        positions_section(summary, shown.records),
        ec57_section(summary, shown.ec57_records),
        influence_section(summary, shown.influence),
        curves_section(summary, shown.curves),
        calibration_section(summary, shown.reliability),
        learning_section(shown.learning),
        _gallery(shown),
        provenance_section(summary),
    ]
    title = f"Held-out evaluation: {summary['database']}, {summary['split']}"
    head = header(
        summary,
        heading="Held-out evaluation",
        title=shown.title,
        items=counted(summary["beats"], "reference beat"),
    )
    return page(title, [head, *sections])


def _headline(summary: Mapping[str, Any]) -> str:
    ec57 = summary["ec57"][summary["scheme"]]["intervals"]
    found = summary["intervals"]
    over = " ".join(summary["macro_f1_classes"])
    tiles = [
        tile(f"macro-F1 ({over})", found["macro_f1"], digits=True),
        tile("accuracy", found["accuracy"]),
        tile("V sensitivity", found["V_sensitivity"]) if "V_sensitivity" in found else "",
        tile("V +P", found["V_positive_predictivity"]) if "V_sensitivity" in found else "",
    ]
    own = [
        tile("QRS sensitivity", ec57["qrs_sensitivity"]),
        tile("QRS +P", ec57["qrs_positive_predictivity"]),
        tile("VEB sensitivity", ec57["veb_sensitivity"]),
        tile("VEB +P", ec57["veb_positive_predictivity"]),
        tile("SVEB sensitivity", ec57["sveb_sensitivity"]),
        tile("SVEB +P", ec57["sveb_positive_predictivity"]),
    ]
    return section(
        "headline",
        "Headline",
        f"<h3>(a) Classes at the reference's beat positions, scheme {escape(summary['scheme'])}</h3>",
        f'<div class="tiles">{"".join(tiles)}</div>',
        f"<h3>(b) EC57 with detected beats, scheme {escape(summary['scheme'])}</h3>",
        f'<div class="tiles">{"".join(own)}</div>',
        f'<p class="note">Below each figure its interval: {interval_note(summary)} Beats of one patient '
        "resemble each other: an interval that draws beats would be far too narrow.</p>",
        few_patients_note(summary),
    )


def _gallery(shown: Shown) -> str:
    groups = {
        "mistake": "The surest mistakes of each class",
        "hit": "Typical hits: right, and as sure as half of the class's hits",
        "worst": "The record with the largest share of mistakes, where they are densest",
    }
    parts = [
        "<p>Recordings as they are on disk, 25 mm/s and 10 mm/mV: a large square is 0.2 s by 0.5 "
        "mV. Above each "
        "beat stands its class in the reference (with its symbol, where that differs) and the "
        "model's; a triangle "
        "below is a beat that the application found by itself.</p>",
        f'<p class="note">Scheme {escape(shown.summary["scheme"])}; what a beat is called at the '
        "reference's "
        "position.</p>",
    ]
    for kind, words in groups.items():
        figures = [
            _figure(row, drawing)
            for row, drawing in zip(shown.exhibits, shown.drawings, strict=True)
            if row["kind"] == kind
        ]
        if figures:
            parts.append(f'<h3>{words}</h3><div class="gallery">{"".join(figures)}</div>')
    return section("gallery", "ECG gallery", *parts)


def _figure(row: Row, drawing: str) -> str:
    where = f"record {row['record']} at {clock(float(row['time_s'] or 0.0))}"
    said = (
        f"{row['reference']} called {row['predicted']}"
        if row["reference"] != row["predicted"]
        else f"{row['reference']}, found"
    )
    worst = row["kind"] == "worst"
    sure = f" · {said}, probability {share(float(row['probability'] or 0.0))}"
    text = f"<b>{escape(where)}</b>" + ("" if worst else escape(sure))
    wide = ' class="full"' if worst else ""
    return f'<figure{wide}><div class="wide">{drawing}</div><figcaption>{text}</figcaption></figure>'


__all__ = ["Exhibit", "Shown", "report"]
