"""The report of a delineation: the table of fiducials and pictures of the best and the worst record."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ecgrnn.evaluation.page import decimal, page, percent, section, table
from ecgrnn.evaluation.wave_strips import WAVE_CSS

TOLERANCE_SD_MS = {
    "P onset": 10.2,
    "P offset": 12.7,
    "QRS onset": 6.5,
    "QRS offset": 11.6,
    "T offset": 30.6,
}
"""Two standard deviations among referees: The CSE Working Party, Recommendations for measurement standards in
quantitative electrocardiography, European Heart Journal 6 (1985)."""


def delineation_report(summary: Mapping[str, Any], pictures: Mapping[str, Sequence[str]]) -> str:
    """Write the page.

    Args:
        summary: content of ``summary.json``.
        pictures: heading of a record to the drawings of its leads.
    """
    title = f"Delineation: {summary['database']}, {summary['split']}"
    return page(
        title,
        [
            f"<style>{WAVE_CSS}</style><h1>{escape(title)}</h1>",
            f'<p class="sub">{summary["records"]} held-out records; a mark within '
            "150 ms of a reference mark found it. Only the annotated stretch of a lead counts.</p>",
            section("fiducials", "Onsets and offsets", _table(summary)),
            section("records", "Onsets and offsets of whole records", _record_table(summary)),
            *(
                section(f"record{number}", heading, _LEGEND, *leads)
                for number, (heading, leads) in enumerate(pictures.items())
            ),
        ],
    )


_LEGEND = (
    '<p class="note">Above each lead what was marked, below it what was found: P green, QRS blue, T orange. '
    "Leads are drawn as the model reads them, filtered and, where the options say so, scaled.</p>"
)


def _table(summary: Mapping[str, Any]) -> str:
    head = [
        "fiducial",
        "marks",
        "Se",
        "+P",
        "F1",
        f"{100 * summary['resampling']['level']:g} % interval of F1",
        "mean error, ms",
        "SD, ms",
        "CSE tolerance, ms",
    ]
    rows = [
        [
            name,
            row["support"],
            percent(row["sensitivity"], digits=2),
            percent(row["positive_predictivity"], digits=2),
            percent(row["f1"], digits=2),
            _interval(summary["intervals"][name]["bca"]),
            decimal(row["mean_ms"], digits=1),
            decimal(row["sd_ms"], digits=1),
            decimal(TOLERANCE_SD_MS.get(name), digits=1),
        ]
        for name, row in summary["fiducials"].items()
    ]
    words = (
        "Errors are found less marked: positive is late. Intervals: patients drawn with replacement (BCa)."
    )
    return table(head, rows, caption=words)


def _record_table(summary: Mapping[str, Any]) -> str:
    head = ["fiducial", "beats", "Se", "+P", "F1", "mean error, ms", "SD, ms", "CSE tolerance, ms"]
    rows = [
        [
            name,
            row["support"],
            *(percent(row[key], digits=2) for key in ("sensitivity", "positive_predictivity", "f1")),
            decimal(row["mean_ms"], digits=1),
            decimal(row["sd_ms"], digits=1),
            decimal(TOLERANCE_SD_MS.get(name), digits=1),
        ]
        for name, row in summary["record_fiducials"].items()
    ]
    words = "Of each beat the median over the leads, marked against found: what the CSE tolerances are about."
    return table(head, rows, caption=words)


def _interval(ends: Sequence[float] | None) -> str:
    return "—" if ends is None else f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f} %"
