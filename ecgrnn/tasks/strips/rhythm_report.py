"""The report of a rhythm classifier: one HTML page with its figures and strips it called right and wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.figures import counted
from ecgrnn.reports.page import few_patients_note, heat, page, section, share, table, with_interval
from ecgrnn.reports.paper import strip_svg
from ecgrnn.reports.sections import header, interval_note, provenance_section, sides_section, tile
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.tasks.strips.results import StripResults

_MISTAKES_PER_CLASS = 3
_SHOWN_S = 12.0
"""What is drawn of a strip: a rhythm is seen in a dozen seconds."""


@dataclass(frozen=True)
class Shown:
    """A strip that the report shows.

    Attributes:
        kind: ``mistake`` or ``hit``.
        row: its place among the held-out strips.
    """

    kind: str
    row: int


def choose_strips(label: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[Shown]:
    """Choose the surest mistakes of each class, and a strip as surely right as half of them are."""
    predicted = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    chosen: list[Shown] = []
    for k in range(probabilities.shape[1]):
        wrong = np.flatnonzero((label == k) & (predicted != k))
        wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
        chosen += [Shown("mistake", int(row)) for row in wrong[:_MISTAKES_PER_CLASS]]
        right = np.flatnonzero((label == k) & (predicted == k))
        right = right[np.argsort(sure[right], kind="stable")]
        chosen += [Shown("hit", int(row)) for row in right[len(right) // 2 :][:1]]
    return chosen


def rhythm_report(summary: Mapping[str, Any], results: StripResults, shown: Sequence[Shown]) -> str:
    """Write the page; every number of it is in ``summary.json`` or in a table beside it."""
    head = header(
        summary,
        heading="Held-out evaluation: rhythm of whole strips",
        title=results.held_out.title,
        items=counted(summary["records"], "strip"),
    )
    parts = [
        head,
        _headline(summary),
        _classes(summary),
        sides_section(summary, items="strips"),
        _gallery(results, shown),
        provenance_section(summary),
    ]
    return page(f"Held-out evaluation: {summary['database']}, {summary['split']}", parts)


def _headline(summary: Mapping[str, Any]) -> str:
    found, over = summary["intervals"], " ".join(summary["macro_f1_classes"])
    tiles = [tile(f"mean F1 ({over})", found["macro_f1"], digits=True), tile("accuracy", found["accuracy"])]
    tiles += [tile(f"F1 of {name}", found[f"{name}_f1"], digits=True) for name in summary["classes"]]
    return section(
        "headline",
        "Headline",
        f'<div class="tiles">{"".join(tiles)}</div>',
        f'<p class="note">Below each figure its interval: {interval_note(summary)} Where a database does not '
        "say whose a strip is, every strip counts as a patient, and the interval is too narrow.</p>",
        few_patients_note(summary),
    )


def _classes(summary: Mapping[str, Any]) -> str:
    names, found = list(summary["classes"]), summary["intervals"]
    rows = [
        [
            name,
            score["support"],
            score["patients"],
            with_interval(found[f"{name}_sensitivity"]),
            with_interval(found[f"{name}_positive_predictivity"]),
            with_interval(found[f"{name}_f1"], as_percent=False),
        ]
        for name, score in summary["classes"].items()
    ]
    cells = [
        [
            name,
            *(heat(count, sum(row), right=name == other) for other, count in zip(names, row, strict=True)),
            summary["classes"][name]["patients"],
        ]
        for name, row in zip(names, summary["confusion_matrix"], strict=True)
    ]
    head = ["class", "strips", "patients", "sensitivity", "+P", "F1"]
    return section(
        "classes",
        "Classes",
        '<div class="flow">',
        table(head, rows, caption="Each class by itself; BCa"),
        table(
            ["reference \\ model", *names, "patients"],
            cells,
            caption="Confusion matrix; darker is a larger share of the row",
            kind="heat",
        ),
        "</div>",
        f'<p class="note">Expected calibration error {share(summary["expected_calibration_error"])}.</p>',
    )


def _gallery(results: StripResults, shown: Sequence[Shown]) -> str:
    parts = [
        f"<p>The first {_SHOWN_S:g} s of strips as they are on disk, 25 mm/s and 10 mm/mV: a large square is "
        "0.2 s by 0.5 mV.</p>"
    ]
    for kind, words in {"mistake": "The surest mistakes of each class", "hit": "Typical hits"}.items():
        figures = [_figure(results, one.row) for one in shown if one.kind == kind]
        if figures:
            parts.append(f'<h3>{words}</h3><div class="gallery">{"".join(figures)}</div>')
    return section("gallery", "Strips", *parts)


def draw_strip(results: StripResults, row: int) -> str:
    """Draw the beginning of a strip as it is on disk."""
    record, config = results.records[row], results.model.preprocessing
    stop = min(round(_SHOWN_S * record.source_fs_hz), record.source_samples)
    source = read_record(
        results.held_out.folder / record.name,
        leads=config.leads,
        n_leads=config.n_leads,
        first_lead=config.first_lead,
        stop=stop,
    )
    return strip_svg(source.signal, fs_hz=record.source_fs_hz, leads=source.leads, start_s=0.0)


def _figure(results: StripResults, row: int) -> str:
    chance = results.probabilities[row]
    reference = results.classes[int(results.dataset.label[row])]
    called = results.classes[int(chance.argmax())]
    said = f"{reference}, found" if called == reference else f"{reference} called {called}"
    text = escape(f" · {said}, probability {share(float(chance.max()))}")
    return (
        f'<figure class="full"><div class="wide">{draw_strip(results, row)}</div>'
        f"<figcaption><b>record {escape(results.records[row].name)}</b>{text}</figcaption></figure>"
    )
