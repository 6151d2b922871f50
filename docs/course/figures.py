"""How the chapters show what they compute: the package's own drawings, as notebooks and the site display them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ecgrnn.reports.charts import Series, line_chart
from ecgrnn.reports.paper import Mark, strip_svg

_STYLE = """<style>
.ecgrnn{--ink:#1b1e23;--muted:#5d6470;--rule:#dcdfe4;--card:#fff;--accent:#0a5fb4;--bad:#b3261e;
--paper:#fffafa;--mm1:#f7d3d6;--mm5:#e9a1a9;--trace:#15171a;--heat:10 95 180;
--c0:#0a5fb4;--c1:#c25e00;--c2:#00805a;--c3:#a3338b;--c4:#5d6470;
display:flex;flex-wrap:wrap;gap:.6rem 1.6rem;margin:1em 0}
.ecgrnn figure{margin:0;flex:1 1 300px;max-width:100%;min-width:0;overflow-x:auto}
.ecgrnn .wide{flex-basis:100%}
.ecgrnn figcaption{font-size:.8em;color:var(--muted);max-width:none;margin:.2em 0;text-align:left;font-style:normal}
.ecgrnn .defs{position:absolute}
.ecgrnn .chart{display:block;width:100%;height:auto;max-width:440px}
.ecgrnn .chart text{font:11px system-ui,sans-serif;fill:var(--muted)}
.ecgrnn .chart .name{fill:var(--ink);font-weight:600}
.ecgrnn .frame{fill:none;stroke:var(--rule)}
.ecgrnn .rule{stroke:var(--rule);stroke-width:.6}
.ecgrnn .diagonal{stroke:var(--muted);stroke-dasharray:3 3}
.ecgrnn .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke:var(--line)}
.ecgrnn .dot{fill:var(--line);stroke:var(--card);stroke-width:1}
.ecgrnn .bar{fill:var(--line);opacity:.22}
.ecgrnn .s0{--line:var(--c0)}.ecgrnn .s1{--line:var(--c1)}.ecgrnn .s2{--line:var(--c2)}
.ecgrnn .s3{--line:var(--c3)}.ecgrnn .s4{--line:var(--c4)}
.ecgrnn .d1{stroke-dasharray:7 3}.ecgrnn .d2{stroke-dasharray:2 2.5}.ecgrnn .d3{stroke-dasharray:9 3 2 3}
.ecgrnn .d4{stroke-dasharray:4 4}
.ecgrnn .legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.8em;color:var(--muted)}
.ecgrnn .legend svg{width:26px;height:8px;margin-right:.35rem;vertical-align:middle}
.ecgrnn .legend line{stroke:var(--line);stroke-width:2.4}.ecgrnn .legend circle{fill:var(--line)}
.ecgrnn .strip,.ecgrnn .waves{display:block;width:100%;min-width:560px;height:auto;background:var(--paper)}
.ecgrnn .strip text{font:2.6px system-ui,sans-serif;fill:var(--ink)}
.ecgrnn .waves text{font:2.2px system-ui,sans-serif;fill:var(--muted)}
.ecgrnn .strip .side{font-size:2.1px;fill:var(--muted)}
.ecgrnn .label{text-anchor:middle}.ecgrnn .strip .wrong{fill:var(--bad);font-weight:700}
.ecgrnn .strip .symbol{font-size:1.9px;fill:var(--muted)}
.ecgrnn .mm1{fill:none;stroke:var(--mm1);stroke-width:.1}.ecgrnn .mm5{fill:none;stroke:var(--mm5);stroke-width:.18}
.ecgrnn .trace{fill:none;stroke:var(--trace);stroke-width:1.15;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.ecgrnn .pulse{fill:none;stroke:var(--muted);stroke-width:.2}
.ecgrnn .tick{stroke:var(--muted);stroke-width:.12;stroke-dasharray:.6 .6}
.ecgrnn .focus{fill:var(--accent);opacity:.14}
.ecgrnn .P{fill:var(--c2)}.ecgrnn .QRS{fill:var(--c0)}.ecgrnn .T{fill:var(--c1)}.ecgrnn .shade{opacity:.1}
.ecgrnn .waves .letter{font-size:2.1px;font-weight:700;fill:var(--card);text-anchor:middle}
</style>"""
_PAPER = """<svg class="defs" width="0" height="0" aria-hidden="true"><defs>
<pattern id="mm1" width="1" height="1" patternUnits="userSpaceOnUse"><path class="mm1" d="M1 0V1H0"/></pattern>
<pattern id="mm5" width="5" height="5" patternUnits="userSpaceOnUse"><path class="mm5" d="M5 0V5H0"/></pattern>
</defs></svg>"""


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; figures side by side are added."""

    html: str

    def _repr_html_(self) -> str:
        return f'{_STYLE}<div class="ecgrnn">{_PAPER}{self.html}</div>'

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(self.html + other.html)

    def __repr__(self) -> str:
        return "Figure: a notebook shows it"


@dataclass(frozen=True)
class Text:
    """Prose with computed numbers in it, in Markdown."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def say(text: str) -> Text:
    """Show a sentence."""
    return Text(text)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Text:
    """Show a table; numbers stand to the right."""
    lines = ["| " + " | ".join(head) + " |", "| :-- |" + " --: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return Text("\n".join(lines))


def curves(
    named: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    caption: str = "",
    y_range: tuple[float, float] | None = None,
    dots: Sequence[str] = (),
) -> Figure:
    """Draw curves.

    Args:
        named: name of a curve to its values, against 0, 1, 2, ...; or to a pair of x and y.
        x: title of the horizontal axis.
        y: title of the vertical axis.
        caption: what there is to see.
        y_range: ends of the vertical axis; those of the values otherwise.
        dots: curves drawn as dots.
    """
    pairs = {
        name: values if isinstance(values, tuple) else (range(len(values)), values)
        for name, values in named.items()
    }
    points = {
        name: [(float(a), float(b)) for a, b in zip(*pair, strict=True)] for name, pair in pairs.items()
    }
    xs = [a for one in points.values() for a, _ in one]
    ys = [b for one in points.values() for _, b in one]
    series = [
        Series(name, one, style=k % 5, dots=one if name in dots else (), joined=name not in dots)
        for k, (name, one) in enumerate(points.items())
    ]
    room = 0.05 * (max(ys) - min(ys)) or 1.0
    chart = line_chart(
        series,
        x_label=x,
        y_label=y,
        x_range=(min(xs), max(xs)),
        y_range=y_range or (min(ys) - room, max(ys) + room),
    )
    return _figure(chart, caption)


def strip(
    signal: np.ndarray,
    *,
    fs_hz: float,
    leads: Sequence[str],
    beats: Sequence[tuple[float, str, str]] = (),
    start_s: float = 0.0,
    caption: str = "",
) -> Figure:
    """Draw ECG on paper: signal ``(time, lead)`` in mV; a beat is its time, its class, and the model's."""
    marks = [Mark(time_s=time, reference=name, symbol=name, predicted=found) for time, name, found in beats]
    drawing = strip_svg(signal, fs_hz=fs_hz, leads=leads, start_s=start_s, marks=marks)
    return _figure(drawing, caption, kind="wide")


def wide(drawing: str, caption: str = "") -> Figure:
    """Show a drawing of the package over the whole width."""
    return _figure(drawing, caption, kind="wide")


def _figure(drawing: str, caption: str, *, kind: str = "") -> Figure:
    under = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return Figure(f'<figure class="{kind}">{drawing}{under}</figure>')
