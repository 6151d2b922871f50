"""The report: one HTML page that a cardiologist and an engineer can both read, and that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ecgrnn.evaluation.charts import interval_bar
from ecgrnn.evaluation.files import Row
from ecgrnn.evaluation.gallery import Exhibit
from ecgrnn.evaluation.page import Html, decimal, page, percent, section, table
from ecgrnn.evaluation.report_curves import calibration_section, curves_section, learning_section
from ecgrnn.evaluation.report_tables import (
    comparison_section,
    ec57_section,
    influence_section,
    positions_section,
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
    return page(title, [_header(shown), not_checked(summary), *(part for part in sections if part)])


def _header(shown: Shown) -> str:
    summary = shown.summary
    links = {
        "headline": "Headline",
        "sides": "Trained on what",
        "reference": "(a) At reference beats",
        "ec57": "(b) EC57, own beats",
        "influence": "Influence",
        "curves": "ROC and PR",
        "calibration": "Calibration",
        "gallery": "ECG gallery",
        "provenance": "Provenance",
    }
    nav = "".join(f'<a href="#{anchor}">{escape(text)}</a>' for anchor, text in links.items())
    network = summary["model"]["network"]["options"]["encoder"]
    return (
        f"<header><h1>Held-out evaluation</h1><p>{escape(shown.title)}</p>"
        f'<p class="sub">{_network_line(network)}, {summary["model"]["parameters"]:,} parameters · '
        f"split {escape(str(summary['split']))} · {summary['records']} records of {summary['patients']} "
        f"patients · {summary['beats']:,} reference beats</p>"
        f'<p><span class="badge">scheme {escape(summary["scheme"])}</span>'
        f'<span class="badge">research only, not a medical device</span></p><nav>{nav}</nav></header>'
    )


def _network_line(encoder: Mapping[str, Any]) -> str:
    direction = "bidirectional " if encoder.get("bidirectional") else ""
    return escape(
        f"{direction}{str(encoder.get('cell', '')).upper()}, {encoder.get('num_layers')} x "
        f"{encoder.get('hidden_size')}"
    )


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
    level = f"{100 * summary['resampling']['level']:g} %"
    return section(
        "headline",
        "Headline",
        f"<h3>(a) Classes at the reference's beat positions, scheme {escape(summary['scheme'])}</h3>",
        f'<div class="tiles">{"".join(tiles)}</div>',
        f"<h3>(b) EC57 with the application's own beat positions, scheme {escape(summary['scheme'])}</h3>",
        f'<div class="tiles">{"".join(own)}</div>',
        f'<p class="note">Below each figure its {level} interval (BCa), made by drawing whole patients, '
        f"{summary['resampling']['resamples']:,} times: beats of one patient resemble each other, "
        "and an interval "
        "that draws beats would be far too narrow.</p>",
    )


def not_checked(summary: Mapping[str, Any]) -> str:
    """Say what the leak audit could not look at, before any figure; empty where it has seen everything."""
    said = "".join(f"<li>{escape(line)}</li>" for line in summary["audit"]["not_checked"])
    if not said:
        return ""
    return section(
        "not-checked", "Not checked", f"<p>The leak audit could not look at this:</p><ul>{said}</ul>"
    )


def tile(name: str, found: Mapping[str, Any], *, digits: bool = False) -> str:
    """Show one figure with its interval, in percent or with three digits."""
    estimate, ends = found["estimate"], found["bca"]
    value = decimal(estimate) if digits else percent(estimate)
    span = ""
    if ends:
        span = f"{ends[0]:.3f} to {ends[1]:.3f}" if digits else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"
    return (
        f'<div class="tile"><span>{escape(name)}</span><b>{value}</b>{interval_bar(estimate, ends)}'
        f'<span class="sub">{span or "no interval"}</span></div>'
    )


def sides_section(summary: Mapping[str, Any], *, items: str = "beats") -> str:
    """Show who was trained on, chosen on and judged on, and the proof of it; ``items`` are counted."""
    audit = summary["audit"]
    split = audit["split"]
    classes = list(summary["classes"])
    rows = []
    for side in ("train", "validation", "test"):
        records = split[side]
        counts = audit["beats"].get(side, {})
        rows.append([side, len(records), len(set(records.values())), *(counts.get(name) for name in classes)])
    fitted = [[one["what"], one["on"]] for one in audit["fitted"]]
    marks = {True: "yes", False: "no", None: ""}
    words = {True: "proved", False: "failed", None: "not looked at"}
    checks = [
        [
            check["name"],
            Html(f'<span class="{marks[check["passed"]]}">{words[check["passed"]]}</span>'),
            check["detail"],
        ]
        for check in audit["checks"]
    ]
    names = "".join(
        f'<p class="note"><b>{side}</b> {escape(" ".join(split[side]))}</p>'
        for side in ("train", "validation", "test")
    )
    overlaps = "".join(
        f"<p><b>Named overlap:</b> records {escape(' and '.join(pair))} are one patient on two sides.</p>"
        for pair in split["accepted_overlaps"]
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in split["notes"])
    return section(
        "sides",
        "Who was trained on, chosen on and judged on",
        table(
            ["side", "records", "patients", *(f"{name} {items}" for name in classes)],
            rows,
            caption=f"The checkpoint's own split, {split['name']}; {items} by the checkpoint's scheme",
        ),
        overlaps,
        notes,
        '<div class="flow">',
        table(["what was fitted", "on which side"], fitted, kind="text"),
        table(["leak audit", "", "found"], checks, kind="text"),
        "</div>",
        f"<details><summary>Records on each side</summary>{names}</details>",
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
    minutes, seconds = divmod(float(row["time_s"] or 0.0), 60.0)
    where = f"record {row['record']} at {int(minutes)}:{seconds:04.1f}"
    said = (
        f"{row['reference']} called {row['predicted']}"
        if row["reference"] != row["predicted"]
        else f"{row['reference']}, found"
    )
    wide = ' class="full"' if row["kind"] == "worst" else ""
    sure = "" if row["kind"] == "worst" else f", probability {float(row['probability'] or 0.0):.3f}"
    text = f"<b>{escape(where)}</b>" + ("" if row["kind"] == "worst" else f" · {escape(said)}{sure}")
    return f'<figure{wide}><div class="wide">{drawing}</div><figcaption>{text}</figcaption></figure>'


def provenance_section(summary: Mapping[str, Any]) -> str:
    """Show what the model was made from and with."""
    model = summary["model"]
    options = {
        "database": model["database"],
        "fingerprint of its files": model["fingerprint"],
        "seed": model["seed"],
        "preprocessing": ", ".join(f"{key} {value}" for key, value in model["preprocessing"].items()),
        "network": ", ".join(
            f"{key} {value}" for key, value in model["network"]["options"].items() if key != "encoder"
        ),
        "encoder": ", ".join(
            f"{key} {value}" for key, value in model["network"]["options"]["encoder"].items()
        ),
        "versions": ", ".join(f"{key} {value}" for key, value in summary["versions"].items()),
    }
    return section(
        "provenance",
        "Provenance",
        table(["", ""], list(options.items()), kind="text"),
        '<p class="note">Every number on this page is in <code>summary.json</code> or in a CSV '
        "beside it.</p>",
        f"<p>{escape(summary['limits'])}</p>",
    )


__all__ = ["Exhibit", "Shown", "not_checked", "provenance_section", "report", "sides_section", "tile"]
