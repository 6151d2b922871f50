"""What the reports of all tasks have in common: header, tiles, who was trained on, and provenance."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ecgrnn.reports.charts import interval_bar
from ecgrnn.reports.figures import counted, interval, interval_note, network_line, percent, share
from ecgrnn.reports.page import Html, section, table

__all__ = ["interval_note", "network_line"]

SUBSETS = ("train", "validation", "test")


def header(summary: Mapping[str, Any], *, heading: str, title: str, items: str) -> str:
    """Give the head of a page: what was evaluated, on which records, by which network.

    Args:
        summary: content of ``summary.json``.
        heading: what the page is.
        title: full name of the database.
        items: how many items of what were scored.
    """
    return (
        f"<header><h1>{escape(heading)}</h1><p>{escape(title)}</p>"
        f'<p class="sub">{escape(network_line(summary["model"]))} · split {escape(str(summary["split"]))} · '
        f"{counted(summary['records'], 'record')} of {counted(summary['patients'], 'patient')} · "
        f"{escape(items)}</p>"
        f'<p><span class="badge">scheme {escape(summary["scheme"])}</span>'
        '<span class="badge">research only, not a medical device</span></p></header>'
        f"{_not_checked(summary)}"
    )


def tile(name: str, found: Mapping[str, Any], *, digits: bool = False) -> str:
    """Show one figure with its interval, in percent or with three digits."""
    estimate, ends = found["estimate"], found["bca"]
    value = share(estimate) if digits else percent(estimate)
    span = interval(ends, as_percent=not digits) or "no interval"
    return (
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b>{interval_bar(estimate, ends)}'
        f'<span class="sub">{escape(span)}</span></div>'
    )


def sides_section(summary: Mapping[str, Any], *, items: str = "beats") -> str:
    """Show the records of training, validation and test, and the proof; ``items`` are counted."""
    audit = summary["audit"]
    split = audit["split"]
    classes = list(dict.fromkeys(name for counts in audit["beats"].values() for name in counts))
    rows = []
    for side in SUBSETS:
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
    names = "".join(f'<p class="note"><b>{side}</b> {escape(" ".join(split[side]))}</p>' for side in SUBSETS)
    overlaps = "".join(
        f"<p><b>Named overlap:</b> records {escape(' and '.join(pair))} are one patient in two subsets.</p>"
        for pair in split["accepted_overlaps"]
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in split["notes"])
    return section(
        "sides",
        "Training, validation and test records",
        table(
            ["subset", "records", "patients", *(f"{name} {items}" for name in classes)],
            rows,
            caption=f"The checkpoint's own split, {split['name']}; {items} by the checkpoint's scheme",
        ),
        overlaps,
        notes,
        '<div class="flow">',
        table(["what was fitted", "on which subset"], fitted, kind="text"),
        table(["leak audit", "", "found"], checks, kind="text"),
        "</div>",
        f"<details><summary>Records of each subset</summary>{names}</details>",
        short="Trained on what",
    )


def provenance_section(summary: Mapping[str, Any]) -> str:
    """Show what the model was made from and with."""
    model = summary["model"]
    options = {
        "database": model["database"],
        "fingerprint of its files": model["fingerprint"],
        "seed": model["seed"],
        "preprocessing": _listed(model["preprocessing"]),
        "network": _listed(model["network"]["options"]),
        **{
            name: _listed(part)
            for name, part in model["network"]["options"].items()
            if isinstance(part, Mapping)
        },
        "versions": _listed(summary["versions"]),
    }
    return section(
        "provenance",
        "Provenance",
        table(["made from", ""], list(options.items()), kind="text"),
        '<p class="note">Every number on this page is in <code>summary.json</code> or in a CSV '
        "beside it.</p>",
        f"<p>{escape(summary['limits'])}</p>",
    )


def _listed(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items() if not isinstance(value, Mapping))


def _not_checked(summary: Mapping[str, Any]) -> str:
    """Say what the leak audit could not look at, before any figure; empty where it has seen everything."""
    said = "".join(f"<li>{escape(line)}</li>" for line in summary["audit"]["not_checked"])
    if not said:
        return ""
    return section(
        "not-checked", "Not checked", f"<p>The leak audit could not look at this:</p><ul>{said}</ul>"
    )
