"""The HTML page around a report: its colours in light and dark, its tables, and how numbers are printed."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ecgrnn.reports.figures import decimal, interval, percent, share
from ecgrnn.reports.paper import PAPER_DEFS

PAGE_CSS = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


__all__ = [
    "Html",
    "Section",
    "bar",
    "decimal",
    "few_patients_note",
    "interval_text",
    "page",
    "percent",
    "section",
    "share",
    "table",
    "with_interval",
]


class Html(str):
    """Text that is HTML already; any other text is escaped before it goes into the page."""

    __slots__ = ()


class Section(Html):
    """A section of a page, which the page's navigation names.

    Attributes:
        anchor: where a link to it leads.
        short: what the link is called.
    """

    __slots__ = ("anchor", "short")
    anchor: str
    short: str


def page(title: str, body: Sequence[str], *, css: str = "") -> str:
    """Give a whole page that needs nothing but itself; ``css`` is what only this page needs of style.

    Links to all sections stand before the first one.
    """
    parts = [part for part in body if part]
    sections = [part for part in parts if isinstance(part, Section)]
    if sections:
        parts.insert(parts.index(sections[0]), _navigation(sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{PAGE_CSS}{css}</style></head>\n"
        f"<body>{PAPER_DEFS}<main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def section(anchor: str, title: str, *content: str, short: str = "") -> Section:
    """Give a section with its heading; ``short`` is what a link to it is called, else its title."""
    head = f'<section id="{escape(anchor)}"><h2>{escape(title)}</h2>\n'
    made = Section(head + "\n".join(content) + "\n</section>")
    made.anchor, made.short = anchor, short or title
    return made


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    kind: str = "",
) -> str:
    """Give a table; the first cell of a row names it.

    Args:
        head: names of the columns.
        rows: cells; text is escaped, None is a dash, a float has three digits.
        caption: what is in it, and by which scheme.
        kind: its class in the style sheet.
    """
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join("<tr>" + _row(row) + "</tr>" for row in rows)
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table class="{escape(kind)}">{words}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def bar(share: float | None, text: str) -> Html:
    """Give the content of a cell: a bar from 0 to 1 with its number."""
    if share is None or share != share:
        return Html('<div class="bar-cell"><span>—</span></div>')
    return Html(f'<div class="bar-cell"><span>{escape(text)}</span><i style="--v:{share:.4f}"></i></div>')


def with_interval(found: Mapping[str, Any], *, as_percent: bool = True) -> Html:
    """Print an estimate with its BCa interval."""
    if found["estimate"] is None:
        return Html("—")
    text = escape(percent(found["estimate"]) if as_percent else share(found["estimate"]))
    return Html(f"{text} {interval_text(found, as_percent=as_percent)}")


def interval_text(found: Mapping[str, Any], *, as_percent: bool = True, method: str = "bca") -> Html:
    """Print an interval without its estimate."""
    ends = interval(found[method], as_percent=as_percent)
    return Html(f'<span class="ci">({escape(ends) or "no interval"})</span>')


def few_patients_note(summary: Mapping[str, Any]) -> str:
    """Say that intervals of few patients are too narrow; empty where there are enough."""
    note = summary["interval_note"]
    return f'<p class="note"><b>{escape(note)}</b></p>' if note else ""


def _navigation(sections: Sequence[Section]) -> str:
    links = "".join(f'<a href="#{escape(one.anchor)}">{escape(one.short)}</a>' for one in sections)
    return f'<nav aria-label="Sections">{links}</nav>'


def _row(row: Sequence[Any]) -> str:
    first = f'<th scope="row">{_cell(row[0])}</th>'
    return first + "".join(f"<td>{_cell(cell)}</td>" if not _is_td(cell) else str(cell) for cell in row[1:])


def _is_td(cell: Any) -> bool:
    return isinstance(cell, Html) and cell.startswith("<td")


def _cell(cell: Any) -> str:
    if isinstance(cell, Html):
        return str(cell)
    if cell is None:
        return "—"
    if isinstance(cell, float):
        return decimal(cell)
    return escape(f"{cell:,}" if isinstance(cell, int) else str(cell))


def heat(count: int, total: int, *, right: bool) -> Html:
    """Give a cell of a confusion matrix, the darker the larger its share of the row."""
    part = count / total if total else 0.0
    return Html(f'<td class="hot{" right" if right else ""}" style="--v:{part:.3f}">{count:,}</td>')
