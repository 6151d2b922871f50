"""The report of a delineation: the table of fiducials and pictures of the best and the worst record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgrnn.reports.figures import few_patients_lines
from ecgrnn.reports.render import render
from ecgrnn.reports.terminal import SE_AND_PP, Summary, cell, ends_of, level_of

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
    return render(
        Path(__file__).parent / "templates" / "report.html",
        summary=summary,
        pictures=pictures,
        title=title,
        tolerance_ms=TOLERANCE_SD_MS,
    )


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
