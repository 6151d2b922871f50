"""Draws curves as SVG that follows the page's light or dark colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.render import drawn

_SIZE = (400.0, 300.0)


_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 42.0


_TITLE, _DIGIT = 20.0, 6.6
"""Room for the turned title of the vertical axis, and the width of a digit of its numbers."""


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        name: written in the legend.
        points: ``(x, y)`` in the order they are joined.
        style: colour and dashes, 0 to 4.
        dots: points drawn as dots; joined points are not unless named here.
        joined: whether the points are joined by a line.
        specks: many points drawn small, as of a cloud.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0
    dots: Sequence[tuple[float, float]] = ()
    joined: bool = True
    specks: Sequence[tuple[float, float]] = ()


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] = (0.0, 1.0),
    y_range: tuple[float, float] = (0.0, 1.0),
    diagonal: bool = False,
    whole_x: bool = False,
    bars: Sequence[tuple[float, float, float]] = (),
    areas: Sequence[Sequence[tuple[float, float, float]]] = (),
    x_ticks: Sequence[tuple[float, str]] | None = None,
    size: tuple[float, float] = _SIZE,
) -> str:
    """Draw curves with their legend as a piece of HTML.

    Args:
        series: the curves.
        x_label: what is on the horizontal axis.
        y_label: what is on the vertical axis.
        x_range: its ends.
        y_range: its ends.
        whole_x: mark whole numbers alone on the horizontal axis.
        diagonal: draw the line on which both are equal, relative to their ranges.
        bars: ``(from, to, height)``, bars behind the curves, height from 0 to 1 of the frame.
        areas: ``(x, low, high)`` along each area behind the curves.
        x_ticks: numbers of the horizontal axis with what is written there; None chooses round ones.
        size: width and height; a chart wider than usual takes the width it is given.
    """
    frame = _Frame(x_range, y_range, whole_x, x_ticks, size)
    parts = [
        f'<svg class="chart{" across" if size[0] > _SIZE[0] else ""}" viewBox="0 0 {size[0]:g} {size[1]:g}" '
        f'role="img" aria-label="{escape(y_label)} against {escape(x_label)}">',
        *(_bar(frame, bar) for bar in bars),
        *(_area(frame, area) for area in areas if area),
        _axes(frame, x_label, y_label),
    ]
    if diagonal:
        ends = [frame.at(x_range[0], y_range[0]), frame.at(x_range[1], y_range[1])]
        parts.append(
            f'<line class="diagonal" x1="{ends[0][0]:.1f}" y1="{ends[0][1]:.1f}" '
            f'x2="{ends[1][0]:.1f}" y2="{ends[1][1]:.1f}"/>'
        )
    parts += [_curve(frame, one) for one in series]
    return drawn(*parts, "</svg>", _legend(series))


@dataclass(frozen=True)
class _Frame:
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    whole_x: bool
    x_ticks: Sequence[tuple[float, str]] | None
    size: tuple[float, float]

    @cached_property
    def left(self) -> float:
        """Give the left edge: beside it stand the numbers, and left of these the title."""
        longest = max((len(f"{tick:g}") for tick in _ticks(self.y_range)), default=0)
        return max(_LEFT, _TITLE + longest * _DIGIT + 8.0)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Place a point on the page, held inside the frame."""
        u = _share(x, self.x_range)
        v = _share(y, self.y_range)
        return (
            self.left + u * (self.size[0] - self.left - _RIGHT),
            self.size[1] - _BOTTOM - v * (self.size[1] - _TOP - _BOTTOM),
        )

    def marked_x(self) -> Sequence[tuple[float, str]]:
        """Give the numbers of the horizontal axis and what is written there."""
        if self.x_ticks is not None:
            return self.x_ticks
        ticks = _ticks(self.x_range)
        return [(tick, f"{tick:g}") for tick in ticks if not self.whole_x or tick == round(tick)]


def _share(value: float, ends: tuple[float, float]) -> float:
    return min(max((value - ends[0]) / ((ends[1] - ends[0]) or 1.0), 0.0), 1.0)


def _axes(frame: _Frame, x_label: str, y_label: str) -> str:
    left, bottom = frame.at(frame.x_range[0], frame.y_range[0])
    right, top = frame.at(frame.x_range[1], frame.y_range[1])
    parts = []
    for tick, text in frame.marked_x():
        x, _ = frame.at(tick, frame.y_range[0])
        parts.append(f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="middle">{escape(text)}</text>')
    for tick in _ticks(frame.y_range):
        _, y = frame.at(frame.x_range[0], tick)
        parts.append(f'<line class="rule" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = (top + bottom) / 2
    return (
        "".join(parts) + f'<rect class="frame" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}"/>'
        f'<text class="name" x="{(left + right) / 2:.1f}" y="{frame.size[1] - 8:g}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
        f'<text class="name" transform="translate(12 {middle:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
    )


def _ticks(ends: tuple[float, float]) -> list[float]:
    """Choose about five round numbers between two ends."""
    span = ends[1] - ends[0]
    sizes = (digit * 10.0**power for power in range(-6, 8) for digit in (1, 2, 5))
    step = next((size for size in sizes if span / size <= 5), span) or 1.0
    first = int(-(-ends[0] // step))
    last = int(ends[1] / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _curve(frame: _Frame, series: Series) -> str:
    placed = [frame.at(x, y) for x, y in series.points if x == x and y == y]
    line = ""
    if series.joined and placed:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        line = f'<polyline class="line s{series.style} d{series.style}" points="{points}"/>'
    dots = "".join(
        f'<circle class="dot s{series.style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        for x, y in (frame.at(*dot) for dot in series.dots)
    )
    specks = _cloud([frame.at(*speck) for speck in series.specks])
    cloud = f'<path class="specks s{series.style}" d="{specks}"/>' if specks else ""
    return cloud + line + dots


def _cloud(places: Sequence[tuple[float, float]]) -> str:
    """Give the path of many points, to whole points of the screen: those above each other are one line.

    A line without length, drawn with round ends, is the shortest way to write a point.
    """
    path, at = "", (0, 0)
    points = sorted({(round(x), round(y)) for x, y in places})
    first = 0
    for k, (x, y) in enumerate(points, 1):
        if k < len(points) and points[k] == (x, y + 1):
            continue
        top = points[first][1]
        path += f"m{x - at[0]} {top - at[1]}v{y - top}"
        at, first = (x, y), k
    return path


def _area(frame: _Frame, area: Sequence[tuple[float, float, float]]) -> str:
    upper = [frame.at(x, high) for x, _, high in area]
    lower = [frame.at(x, low) for x, low, _ in reversed(area)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*upper, *lower))
    return f'<polygon class="area s0" points="{points}"/>'


def _bar(frame: _Frame, bar: tuple[float, float, float]) -> str:
    start, stop, share = bar
    left, bottom = frame.at(start, frame.y_range[0])
    right, _ = frame.at(stop, frame.y_range[0])
    height = share * (frame.size[1] - _TOP - _BOTTOM)
    return (
        f'<rect class="bar s0" x="{left:.1f}" y="{bottom - height:.1f}" '
        f'width="{right - left:.1f}" height="{height:.1f}"/>'
    )


def _legend(series: Sequence[Series]) -> str:
    entries = "".join(
        f'<span><svg viewBox="0 0 26 8">{_sample(one)}</svg>{escape(one.name)}</span>'
        for one in series
        if one.name
    )
    return f'<div class="legend">{entries}</div>'


def _sample(series: Series) -> str:
    if series.joined:
        return f'<line class="s{series.style} d{series.style}" x2="26" y1="4" y2="4"/>'
    return f'<circle class="dot s{series.style}" cx="13" cy="4" r="3.5"/>'


_CURVE_POINTS = 200


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Sequence[int]:
    """Keep the points nearest to even steps along the curve, its ends among them."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    steps = np.linspace(0.0, length[-1], min(_CURVE_POINTS, len(x)))
    kept: list[int] = np.unique(np.append(np.searchsorted(length, steps), [0, len(x) - 1])).tolist()
    return kept
