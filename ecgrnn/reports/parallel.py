"""Draws trials as lines across one axis per option: parallel coordinates, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ecgrnn.reports.render import drawn

_GAP, _HEIGHT = 132.0, 312.0
_SIDE, _TOP, _BOTTOM = 66.0, 58.0, 26.0


@dataclass(frozen=True)
class Axis:
    """One upright axis.

    Attributes:
        name: what is on it; a dotted name is written on two lines.
        ticks: share of the height, from 0 at the foot to 1, and what is written there.
    """

    name: str
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Line:
    """One trial.

    Attributes:
        heights: share of the height on each axis.
        weight: how strongly it is drawn, from 0 to 1.
        best: whether it is drawn above all others.
        title: what a pointer resting on it is told.
    """

    heights: Sequence[float]
    weight: float
    best: bool
    title: str


def parallel_chart(axes: Sequence[Axis], lines: Sequence[Line]) -> str:
    """Draw the axes and the lines, the strongest last."""
    width = 2 * _SIDE + _GAP * (len(axes) - 1)
    ordered = sorted(lines, key=lambda line: (line.best, line.weight))
    return drawn(
        f'<svg class="parallel" viewBox="0 0 {width:g} {_HEIGHT:g}" role="img" '
        f'aria-label="trials across {len(axes)} axes" style="max-width:{width * 1.2:.0f}px">',
        *(_line(line) for line in ordered),
        *(_axis(axis, place) for place, axis in enumerate(axes)),
        "</svg>",
    )


def _y(height: float) -> float:
    return _HEIGHT - _BOTTOM - height * (_HEIGHT - _TOP - _BOTTOM)


def _line(line: Line) -> str:
    points = " ".join(f"{_SIDE + _GAP * k:.1f},{_y(v):.1f}" for k, v in enumerate(line.heights))
    kind = ' class="best"' if line.best else f' style="opacity:{0.15 + 0.6 * line.weight:.2f}"'
    return f'<path{kind} d="M{points}"><title>{escape(line.title)}</title></path>'


def _axis(axis: Axis, place: int) -> str:
    x = _SIDE + _GAP * place
    group, _, name = axis.name.rpartition(".")
    ticks = "".join(_tick(x, height, text) for height, text in axis.ticks)
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(1.0):.1f}" y2="{_y(0.0):.1f}"/>'
        f'<text x="{x:.1f}" y="14">{escape(group)}</text>'
        f'<text class="name" x="{x:.1f}" y="30">{escape(name)}</text>{ticks}'
    )


def _tick(x: float, height: float, text: str) -> str:
    """Write a value beside its axis: above the top, below the foot, and on a plate between, off the lines."""
    y = _y(height)
    if height >= 1.0 or height <= 0.0:
        y += -10.0 if height >= 1.0 else 16.0
        return f'<text x="{x:.1f}" y="{y + (4.0 if height >= 1.0 else 0.0):.1f}">{escape(text)}</text>'
    return (
        f'<rect class="plate" x="{x + 4:.1f}" y="{y - 7:.1f}" width="{6.6 * len(text) + 4:.1f}" height="14"/>'
        f'<text class="tick" x="{x + 6:.1f}" y="{y + 4:.1f}">{escape(text)}</text>'
    )
