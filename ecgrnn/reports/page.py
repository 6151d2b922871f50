"""The HTML page around a report: its colours in light and dark, its tables, and how numbers are printed."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ecgrnn.reports.charts import CHART_CSS
from ecgrnn.reports.figures import decimal, interval, percent, share
from ecgrnn.reports.paper import PAPER_DEFS, STRIP_CSS

PAGE_CSS = """
:root{color-scheme:light dark;--ground:#f5f5f7;--card:#fff;--ink:#1b1e23;--muted:#5d6470;--rule:#dcdfe4;
--accent:#0a5fb4;--bad:#b3261e;--good:#1a7f45;--heat:10 95 180;--paper:#fffafa;--mm1:#f7d3d6;--mm5:#e9a1a9;
--trace:#15171a;--c0:#0a5fb4;--c1:#c25e00;--c2:#00805a;--c3:#a3338b;--c4:#5d6470}
@media (prefers-color-scheme:dark){:root{--ground:#121417;--card:#1b1e23;--ink:#e8eaed;--muted:#a0a7b3;
--rule:#343941;--accent:#6fb4ff;--bad:#ff8a80;--good:#6fd69b;--heat:80 150 235;--paper:#17191d;--mm1:#292d33;
--mm5:#454b55;--trace:#e9f5e9;--c0:#6fb4ff;--c1:#ffb067;--c2:#5fd3a8;--c3:#ec93d6;--c4:#a0a7b3}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:1.2rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.4rem 0 .3rem}
h2{font-size:1.22rem;margin:0 0 .5rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0 .7rem;max-width:75ch}
a{color:var(--accent)}
.sub,.note,figcaption{color:var(--muted)}
.note{font-size:.88rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.9rem;margin:.6rem 0 1rem}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1.1rem 1.2rem;
margin:1rem 0}
.badge{display:inline-block;border:1px solid var(--accent);color:var(--accent);border-radius:99px;
padding:0 .6rem;font-size:.8rem;font-weight:600;margin-right:.3rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:.8rem}
.tile{border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem}
.tile b{display:block;font-size:1.55rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{font-size:.84rem}
.tile .sub{display:block;font-variant-numeric:tabular-nums}
.interval{display:block;width:100%;height:7px;margin:.35rem 0 .1rem}
.interval .ground{fill:var(--rule)}.interval .span{fill:var(--accent);opacity:.45}
.interval .point{fill:var(--ink)}
.wide{overflow-x:auto;max-width:100%}
.flow{display:flex;flex-wrap:wrap;gap:.4rem 2.2rem;align-items:flex-start}
.flow>*{max-width:100%}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;margin:.3rem 0 .8rem}
caption{caption-side:top;text-align:left;max-width:min(75ch,calc(100vw - 3rem));
color:var(--muted);font-size:.86rem;padding:.3rem 0 .2rem}
th,td{padding:.22rem .6rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
th{font-weight:600;color:var(--muted)}
th:first-child,td:first-child,.text td,.text th{text-align:left}
.text td,.text th{white-space:normal;overflow-wrap:break-word}
.text td:last-child{max-width:60ch}
header p{max-width:none}
tbody th{color:var(--ink)}
.ci{color:var(--muted);font-size:.85em}
.heat td.hot{background:rgb(var(--heat)/calc(var(--v)*.55))}
.heat td.right{font-weight:700}
.bar-cell{min-width:120px}
.bar-cell i{display:block;height:.7em;border-radius:2px;background:var(--accent);width:calc(var(--v)*100%);
min-width:1px}
.bar-cell span{font-size:.85em;display:block;text-align:left;line-height:1.2}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(340px,100%),1fr));gap:1.2rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:1rem}
.full{grid-column:1/-1}
figure{margin:0}
figcaption{font-size:.86rem;margin:.3rem 0 0}
figcaption b{color:var(--ink)}
.yes,.no{font-weight:600;white-space:nowrap}.yes{color:var(--good)}.no{color:var(--bad)}
details{margin:.4rem 0}summary{cursor:pointer;color:var(--accent)}
code{font-size:.88em;overflow-wrap:anywhere}
svg.defs{position:absolute}
@media (max-width:560px){main{padding:.6rem .5rem 3rem}section{padding:.8rem .7rem}h1{font-size:1.35rem}
.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:1.25rem}}
@media print{body{background:#fff}section{break-inside:avoid;border:0}}
"""


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
        f"<title>{escape(title)}</title><style>{PAGE_CSS}{CHART_CSS}{STRIP_CSS}{css}</style></head>\n"
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
