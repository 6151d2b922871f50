"""The report of a transcription: wrong symbols and strips without any error, together and by record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import few_patients_lines
from ecgrnn.reports.render import render
from ecgrnn.reports.terminal import Summary, level_of, with_ends


def transcription_report(summary: Mapping[str, Any], records: Sequence[Row], *, title: str) -> str:
    """Write the page.

    Args:
        summary: content of ``summary.json``.
        records: rows of ``records.csv``.
        title: full name of the database.
    """
    template = Path(__file__).parent / "templates" / "report.html"
    return render(template, summary=summary, records=records, title=title)


def transcription_lines(summary: Summary) -> list[str]:
    """Give the table of a translator: wrong symbols, and strips without any error."""
    found = summary["intervals"]
    kinds = ("substituted", "deleted", "inserted")
    return [
        f"{'':<17} {'of':>8} {'%':>7} {level_of(summary):>16}",
        f"{'token error rate':<17} {summary['symbols']:>8,} {with_ends(found['token_error_rate'])}",
        f"{'strips all right':<17} {summary['strips']:>8,} {with_ends(found['exact_share'])}",
        ", ".join(f"{summary[kind]:,} {kind}" for kind in kinds),
        *few_patients_lines(summary),
    ]
