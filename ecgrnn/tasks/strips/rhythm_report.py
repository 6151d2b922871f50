"""The report of a rhythm classifier: one HTML page with its figures and strips it called right and wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.paper import strip_svg
from ecgrnn.reports.render import render
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
    return render(
        Path(__file__).parent / "templates" / "rhythm.html",
        summary=summary,
        title=results.held_out.title,
        shown_s=_SHOWN_S,
        strips=[_shown(results, one) for one in shown],
    )


def _shown(results: StripResults, shown: Shown) -> dict[str, Any]:
    chance = results.probabilities[shown.row]
    return {
        "kind": shown.kind,
        "record": results.records[shown.row].name,
        "reference": results.classes[int(results.dataset.label[shown.row])],
        "predicted": results.classes[int(chance.argmax())],
        "probability": float(chance.max()),
        "drawing": draw_strip(results, shown.row),
    }


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
