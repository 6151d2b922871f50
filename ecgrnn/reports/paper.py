"""Draws stretches of ECG as SVG on the usual paper: 25 mm/s, 10 mm/mV, lines every 1 mm and 5 mm."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.render import drawn

MM_PER_S = 25.0


_MM_PER_MV = 10.0


LEFT_MM = 15.0  # holds the calibration pulse, and the words beside the labels of a first beat


RIGHT_MM = 2.0  # room for the label of a last beat


_HEAD_MM = 10.0  # two rows of labels


_FOOT_MM = 5.0  # where beats were found


_ROW_MM = (20.0, 45.0)


_SHADE_S, _LIGHTEST = 0.016, 0.03


UNIT = 100  # the trace's coordinates are whole hundredths of a mm


CLOSE_MM = 0.04
"""A sample so near to the line between its neighbours is not drawn: a fifth of a point of the screen."""


@dataclass(frozen=True)
class Mark:
    """A beat with what the reference and the model say it is.

    Attributes:
        time_s: from the record's beginning.
        reference: its class.
        symbol: its symbol in the reference annotations.
        predicted: the model's class.
        focus: whether the strip is shown for this beat.
    """

    time_s: float
    reference: str
    symbol: str
    predicted: str
    focus: bool = False


def strip_svg(
    signal: NDArray[np.float32],
    *,
    fs_hz: float,
    leads: Sequence[str],
    start_s: float,
    marks: Sequence[Mark] = (),
    found_s: Sequence[float] = (),
    shading: NDArray[np.float32] | None = None,
) -> str:
    """Draw a stretch of one record.

    Args:
        signal: ``(time, lead)`` in mV; NaN where a sample is missing, which leaves a gap.
        fs_hz: sampling frequency.
        leads: lead names.
        start_s: when the stretch begins in its record.
        marks: beats with the classes of reference and model, written above.
        found_s: when the application found a beat of its own, shown below.
        shading: ``(time, lead)`` from -1 to 1: how much each sample speaks for something, or against it.
    """
    width = LEFT_MM + len(signal) / fs_hz * MM_PER_S + RIGHT_MM
    rows = [row_height_mm(signal[:, k]) for k in range(signal.shape[1])]
    height = _HEAD_MM + sum(rows) + _FOOT_MM
    parts = [
        f'<svg class="strip" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="ECG from {start_s:.1f} s, 25 mm/s, 10 mm/mV">',
        squares(width, height),
        *(_mark(mark, start_s=start_s, height=height) for mark in marks),
        *(_sides(height) if marks or found_s else ()),
        *(_found(time - start_s, height) for time in found_s),
    ]
    top = _HEAD_MM
    for k, row in enumerate(rows):
        if shading is not None:
            parts += _shades(shading[:, k], fs_hz=fs_hz, top=top, height=row)
        parts.append(lead_svg(signal[:, k], fs_hz=fs_hz, name=leads[k], top=top, height=row))
        top += row
    return drawn(*parts, "</svg>")


def _shades(weight: NDArray[np.float32], *, fs_hz: float, top: float, height: float) -> Iterator[str]:
    """Draw bars behind a lead, the denser the more the samples there weigh; light ones are left out."""
    width = max(1, round(_SHADE_S * fs_hz))
    for start in range(0, len(weight), width):
        mean = float(weight[start : start + width].mean())
        if abs(mean) >= _LIGHTEST:
            x = LEFT_MM + start / fs_hz * MM_PER_S
            yield (
                f'<rect class="{"for" if mean > 0 else "against"}" x="{x:.2f}" y="{top:g}" '
                f'width="{width / fs_hz * MM_PER_S:.2f}" height="{height:g}" opacity="{abs(mean):.2f}"/>'
            )


def squares(width: float, height: float) -> str:
    """Draw the paper's lines, which the page defines."""
    return "".join(
        f'<rect width="{width:g}" height="{height:g}" fill="url(#{lines})"/>' for lines in ("mm1", "mm5")
    )


def _sides(height: float) -> tuple[str, ...]:
    """Say what the lines of marks above and below the leads are."""
    return (
        '<text class="side" x="0.8" y="3.9">reference</text><text class="side" x="0.8" y="8.1">model</text>',
        f'<text class="side" x="0.8" y="{height - 1.6:g}">found</text>',
    )


def row_height_mm(lead: NDArray[np.float32]) -> float:
    """Give a lead as many large squares as its range needs, within reason; what is beyond is cut off."""
    valid = lead[np.isfinite(lead)]
    span = float(np.ptp(valid)) * _MM_PER_MV if len(valid) else 0.0
    return min(max(5.0 * math.ceil((span + 4.0) / 5.0), _ROW_MM[0]), _ROW_MM[1])


def lead_svg(
    lead: NDArray[np.float32],
    *,
    fs_hz: float,
    name: str,
    top: float,
    height: float,
    unit: int = UNIT,
    close_mm: float = CLOSE_MM,
) -> str:
    """Draw one lead with its calibration pulse and name, ``top`` mm below the strip's upper edge."""
    valid = lead[np.isfinite(lead)]
    middle = float(valid.max() + valid.min()) / 2 if len(valid) else 0.0
    baseline = float(np.median(valid)) if len(valid) else 0.0
    if len(valid) and np.ptp(valid) * _MM_PER_MV > height:
        middle = baseline
    centre = top + height / 2
    x = LEFT_MM + np.arange(len(lead)) / fs_hz * MM_PER_S
    y = np.clip(centre - (lead - middle) * _MM_PER_MV, top + 0.5, top + height - 0.5)
    foot = min(max(centre - (baseline - middle) * _MM_PER_MV, top + 11.0), top + height - 4.0)
    return (
        f'<path class="pulse" d="M1.5 {foot:.2f}h1v-10h5v10h1"/>'
        f'<text class="side" x="2.5" y="{foot + 3.0:.2f}">{escape(name)}</text>'
        f'<path class="trace" transform="scale({1 / unit:g})" '
        f'd="{trace_path(x, y, unit=unit, close_mm=close_mm)}"/>'
    )


def trace_path(
    x: NDArray[np.float64], y: NDArray[np.float64], *, unit: int = UNIT, close_mm: float = CLOSE_MM
) -> str:
    """Give the path of a trace in whole parts of a mm, broken where samples are missing (NaN).

    Args:
        x: ``(time,)`` in mm, rising.
        y: ``(time,)`` in mm.
        unit: parts of a mm.
        close_mm: samples so near to the line between those drawn are left out.
    """
    pieces = []
    valid = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        kept = start + needed(x[start:stop], y[start:stop], close_mm)
        points = np.rint(np.stack([x[kept], y[kept]], axis=1) * unit).astype(np.int64)
        steps = np.diff(points, axis=0).tolist()
        first = points[0].tolist()
        pieces.append(
            f"M{first[0]} {first[1]}l" + " ".join(f"{dx}{'' if dy < 0 else ' '}{dy}" for dx, dy in steps)
            if steps
            else f"M{first[0]} {first[1]}h1"
        )
    return "".join(pieces)


def needed(x: NDArray[np.float64], y: NDArray[np.float64], close: float) -> NDArray[np.int64]:
    """Choose samples between which straight lines pass all others no farther than ``close`` above or below.

    From the last chosen sample a line goes on for as long as its slope can pass all samples on its way.
    """
    xs, ys = x.tolist(), y.tolist()
    chosen, at, low, high = [0], 0, -math.inf, math.inf
    for k in range(1, len(xs)):
        slope = (ys[k] - ys[at]) / (xs[k] - xs[at])
        if not low <= slope <= high:
            at = k - 1
            chosen.append(at)
            low, high = -math.inf, math.inf
        room = xs[k] - xs[at]
        low = max(low, (ys[k] - close - ys[at]) / room)
        high = min(high, (ys[k] + close - ys[at]) / room)
    return np.array([*chosen, len(xs) - 1][: len(xs)], np.int64)


def _mark(mark: Mark, *, start_s: float, height: float) -> str:
    x = LEFT_MM + (mark.time_s - start_s) * MM_PER_S
    wrong = " wrong" if mark.predicted != mark.reference else ""
    symbol = "" if mark.symbol == mark.reference else f'<tspan class="symbol"> {escape(mark.symbol)}</tspan>'
    focus = (
        f'<rect class="focus" x="{x - 5:.2f}" y="0" width="10" height="{height:g}"/>' if mark.focus else ""
    )
    return (
        f'{focus}<line class="tick" x1="{x:.2f}" x2="{x:.2f}" y1="9" y2="{height - _FOOT_MM:g}"/>'
        f'<text class="label" x="{x:.2f}" y="3.9">{escape(mark.reference)}{symbol}</text>'
        f'<text class="label{wrong}" x="{x:.2f}" y="8.1">{escape(mark.predicted)}</text>'
    )


def _found(time_s: float, height: float) -> str:
    x, y = LEFT_MM + time_s * MM_PER_S, height - 3.6
    return f'<path class="found" d="M{x:.2f} {y:.2f}l.9 1.8h-1.8z"/>'


@dataclass(frozen=True)
class Stretch:
    """A stretch of a recording as it is on disk, with the beats in it.

    Attributes:
        signal: ``(time, lead)`` in mV.
        fs_hz: sampling frequency.
        leads: lead names.
        start_s: when it begins in its record.
        marks: its beats with the classes of reference and model.
        found_s: when the application found a beat of its own.
    """

    signal: NDArray[np.float32]
    fs_hz: float
    leads: Sequence[str]
    start_s: float
    marks: Sequence[Mark]
    found_s: Sequence[float]
