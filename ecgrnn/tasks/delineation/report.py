"""The report of a delineation: the table of fiducials and pictures of the best and the worst record."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.reports.figures import decimal, few_patients_lines, interval, percent
from ecgrnn.reports.page import few_patients_note, page, section, table
from ecgrnn.reports.sections import header, interval_note, provenance_section, sides_section
from ecgrnn.reports.terminal import SE_AND_PP, Summary, cell, ends_of, level_of
from ecgrnn.tasks.delineation.strips import WAVE_CSS

TOLERANCE_SD_MS = {
    "P onset": 10.2,
    "P offset": 12.7,
    "QRS onset": 6.5,
    "QRS offset": 11.6,
    "T offset": 30.6,
}
"""Two standard deviations among referees: The CSE Working Party, Recommendations for measurement standards in
quantitative electrocardiography, European Heart Journal 6 (1985)."""


def delineation_report(
    summary: Mapping[str, Any], pictures: Mapping[str, Sequence[str]], *, title: str
) -> str:
    """Write the page.

    Args:
        summary: content of ``summary.json``.
        pictures: heading of a record to the drawings of its leads.
        title: full name of the database.
    """
    head = header(
        summary,
        heading="Held-out evaluation: onsets and offsets of waves",
        title=title,
        items="found: within 150 ms of a mark; only the annotated stretch of a lead counts",
    )
    parts = [
        head,
        section(
            "fiducials",
            "Onsets and offsets",
            _table(summary),
            f'<p class="note">{interval_note(summary)}</p>',
            few_patients_note(summary),
        ),
        section(
            "records", "Onsets and offsets of whole records", _record_table(summary), short="Whole records"
        ),
        sides_section(summary, items="labels"),
        *(
            section(f"record{number}", heading, _LEGEND, _drawn(leads), short=heading.split(":")[0])
            for number, (heading, leads) in enumerate(pictures.items())
        ),
        provenance_section(summary),
    ]
    return page(f"Delineation: {summary['database']}, {summary['split']}", parts, css=WAVE_CSS)


def _drawn(leads: Sequence[str]) -> str:
    return f'<div class="wide">{"".join(leads)}</div>'


_LEGEND = (
    '<p class="note">Above each lead the waves of the reference, below it the waves found: P, Q (the QRS '
    "complex) and T. Leads are drawn as the model reads them, filtered and, where the options say so, "
    "scaled; samples that are missing in the recording are left blank.</p>"
)


def _table(summary: Mapping[str, Any]) -> str:
    head = [
        "fiducial",
        "marks",
        "patients",
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
            row["patients"],
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
        "Errors are found less reference: positive is late. Intervals: patients drawn with replacement (BCa)."
    )
    return table(head, rows, caption=words)


def _record_table(summary: Mapping[str, Any]) -> str:
    head = [
        "fiducial",
        "beats",
        "patients",
        "Se",
        "+P",
        "F1",
        "mean error, ms",
        "SD, ms",
        "CSE tolerance, ms",
    ]
    rows = [
        [
            name,
            row["support"],
            row["patients"],
            *(percent(row[key], digits=2) for key in ("sensitivity", "positive_predictivity", "f1")),
            decimal(row["mean_ms"], digits=1),
            decimal(row["sd_ms"], digits=1),
            decimal(TOLERANCE_SD_MS.get(name), digits=1),
        ]
        for name, row in summary["record_fiducials"].items()
    ]
    words = "Median over leads for each beat, compared with the reference. The CSE tolerances apply to these."
    return table(head, rows, caption=words)


def _interval(ends: Sequence[float] | None) -> str:
    return f"{interval(ends, digits=2)} %" if ends else "—"


def delineation_lines(summary: Summary) -> list[str]:
    """Give the table of a delineator: one row per fiducial."""
    lines = [
        f"{'':<11} {'marks':>6} {'patients':>8} {'Se %':>6} {'+P %':>6} {'F1 %':>6} {level_of(summary):>16} "
        f"{'mean ms':>7} {'SD ms':>6}"
    ]
    for name, row in summary["fiducials"].items():
        ratios = " ".join(f"{cell(row[key]):>6}" for key in (*SE_AND_PP, "f1"))
        ends = ends_of(summary["intervals"].get(name, {}).get("bca"))
        errors = f"{cell(row['mean_ms'], 1, digits=1):>7} {cell(row['sd_ms'], 1, digits=1):>6}"
        counted = f"{row['support']:>6,} {row['patients']:>8,}"
        lines.append(f"{name:<11} {counted} {ratios} {ends:>16} {errors}")
    lines.append(f"mean F1 {cell(summary['macro_f1'])} % of {summary['records']} records")
    return [*lines, *few_patients_lines(summary)]
