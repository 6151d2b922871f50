"""Draws the template of a family over its beats on ECG paper, a pane for each lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.paper import MM_PER_S, UNIT, needed, row_height_mm, squares, trace_path
from ecgrnn.reports.render import drawn

_MM_PER_MV = 10.0

_GAP_MM, _HEAD_MM = 2.0, 3.6

_PANES = 4
"""Leads beside each other."""

_LARGER = 1.6
"""How much larger than paper a template is shown."""

_UNIT = 20
"""Thin lines are drawn to a twentieth of a mm."""

_CLOSE_MM = 0.1
"""How near to the line between its neighbours a sample of a thin line is left out."""


@dataclass(frozen=True)
class Pane:
    """One lead of a family.

    Attributes:
        name: the lead.
        template: ``(time,)`` in mV.
        spread: its standard deviation.
        members: ``(beat, time)`` in mV, at ``thin_hz``, NaN where a sample is missing.
    """

    name: str
    template: NDArray[np.float32]
    spread: NDArray[np.float32]
    members: NDArray[np.float32]


def template_svg(
    panes: Sequence[Pane], *, fs_hz: float, members_hz: float, before_s: float, name: str
) -> str:
    """Draw a template.

    Args:
        panes: its leads.
        fs_hz: sampling frequency of the templates.
        members_hz: that of the thin lines.
        before_s: from the beginning to the mark of the beat.
        name: what is drawn, in words.
    """
    wide = len(panes[0].template) / fs_hz * MM_PER_S
    high = max(row_height_mm(_extent(pane)) for pane in panes)
    columns = min(len(panes), _PANES)
    rows = -(-len(panes) // columns)
    width, height = columns * (wide + _GAP_MM) + _GAP_MM, rows * (high + _HEAD_MM)
    parts = [
        f'<svg class="strip template" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'style="width:{width * _LARGER:.0f}mm" aria-label="{escape(name)}">',
        squares(width, height),
    ]
    for k, pane in enumerate(panes):
        row, column = divmod(k, columns)
        left, top = _GAP_MM + column * (wide + _GAP_MM), row * (high + _HEAD_MM) + _HEAD_MM
        x = left + before_s * MM_PER_S
        parts += [
            f'<text x="{left:.1f}" y="{top - 0.9:.1f}">{escape(pane.name)}</text>'
            f'<path class="tick" d="M{x:.2f} {top:.1f}v{high:g}"/>',
            *_lines(pane, left=left, top=top, height=high, fs_hz=fs_hz, members_hz=members_hz),
        ]
    return drawn(*parts, "</svg>")


def _extent(pane: Pane) -> NDArray[np.float32]:
    return np.concatenate([pane.template - pane.spread, pane.template + pane.spread])


def _lines(
    pane: Pane, *, left: float, top: float, height: float, fs_hz: float, members_hz: float
) -> Sequence[str]:
    """Draw spread, beats and template of a lead, with the middle of its range in the middle of the pane."""
    known = _extent(pane)[np.isfinite(_extent(pane))]
    middle = float(known.max() + known.min()) / 2 if len(known) else 0.0

    def y(values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Turn mV into mm from the top, kept inside the pane."""
        mm = top + height / 2 - (values.astype(np.float64) - middle) * _MM_PER_MV
        return np.clip(mm, top, top + height)

    def x(n: int, hz: float) -> NDArray[np.float64]:
        """Give where so many samples lie, in mm from the left."""
        return left + np.arange(n) / hz * MM_PER_S

    at, at_members = x(len(pane.template), fs_hz), x(pane.members.shape[1], members_hz)
    low, high = y(pane.template - pane.spread), y(pane.template + pane.spread)
    members = "".join(
        trace_path(at_members, y(beat), unit=_UNIT, close_mm=_CLOSE_MM) for beat in pane.members
    )
    return [
        f'<path class="spread" d="{_band(at, low, high)}"/>',
        f'<path class="member" transform="scale({1 / _UNIT:g})" d="{members}"/>' if members else "",
        f'<path class="trace" transform="scale({1 / UNIT:g})" d="{trace_path(at, y(pane.template))}"/>',
    ]


def _band(x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> str:
    """Give the path around an area between two lines; empty where they are not known."""
    if not (np.isfinite(low) & np.isfinite(high)).all():
        return ""
    sides = [(line, needed(x, line, _CLOSE_MM)) for line in (low, high)]
    points = [
        f"{x[k]:.1f} {line[k]:.1f}" for line, kept in sides for k in (kept if line is low else kept[::-1])
    ]
    return f"M{'L'.join(points)}z"
