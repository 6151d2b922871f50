"""The report of a transcription: wrong symbols and strips without any error, together and by record."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import counted, few_patients_lines
from ecgrnn.reports.page import few_patients_note, interval_text, page, percent, section, table
from ecgrnn.reports.sections import header, interval_note, provenance_section, sides_section, tile
from ecgrnn.reports.terminal import Summary, level_of, with_ends

_FIGURES = {"token_error_rate": "token error rate", "exact_share": "strips without any error"}


_KINDS = ("strips", "symbols", "substituted", "deleted", "inserted")


def transcription_report(summary: Mapping[str, Any], records: Sequence[Row], *, title: str) -> str:
    """Write the page.

    Args:
        summary: content of ``summary.json``.
        records: rows of ``records.csv``.
        title: full name of the database.
    """
    head = header(
        summary,
        heading="Held-out evaluation: beats of strips as symbols",
        title=title,
        items=counted(summary["strips"], "strip"),
    )
    parts = [
        head,
        _headline(summary),
        _records(records),
        sides_section(summary, items="beats"),
        provenance_section(summary),
    ]
    return page(f"Held-out evaluation: {summary['database']}, {summary['split']}", parts)


def _headline(summary: Mapping[str, Any]) -> str:
    found = summary["intervals"]
    tiles = "".join(tile(words, found[key]) for key, words in _FIGURES.items())
    rows = [
        [
            words,
            found[key]["patients"],
            percent(found[key]["estimate"]),
            interval_text(found[key]),
            interval_text(found[key], method="percentile"),
        ]
        for key, words in _FIGURES.items()
    ]
    counts = [[*(summary[kind] for kind in _KINDS)]]
    return section(
        "headline",
        "Headline",
        f'<div class="tiles">{tiles}</div>',
        table(
            ["figure", "patients", "all records", "BCa", "percentile"], rows, caption="All records together"
        ),
        table(list(_KINDS), counts, caption="Strips, beats of the reference, and errors by kind"),
        f'<p class="note">{interval_note(summary)}</p>',
        few_patients_note(summary),
    )


def _records(records: Sequence[Row]) -> str:
    rows = [
        [
            row["record"],
            row["patient"],
            *(row[kind] for kind in _KINDS),
            *(percent(_number(row[key])) for key in _FIGURES),
        ]
        for row in records
    ]
    head = ["record", "patient", *_KINDS, *_FIGURES.values()]
    return section("records", "Record by record", table(head, rows, caption="Each record by itself"))


def _number(value: str | int | float | None) -> float | None:
    return None if value is None else float(value)


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
