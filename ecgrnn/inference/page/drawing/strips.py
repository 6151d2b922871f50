"""Draws a stretch of a recording on ECG paper with its beats, RR intervals and waves."""

from collections.abc import Sequence
from functools import partial
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats, Waves
from ecgrnn.inference.page.findings.quality import joined
from ecgrnn.reports.paper import LEFT_MM, MM_PER_S, RIGHT_MM, lead_svg, row_height_mm, squares
from ecgrnn.reports.render import drawn

_HEAD_MM, _FOOT_MM, _BAND_MM = 9.0, 5.0, 1.4

_SMALL_MM = (14.0, 45.0)
"""Height of a lead in a small strip."""

_SMALL_UNIT, _SMALL_CLOSE_MM = 20, 0.08
"""A third of a point of the screen, at the size at which small strips are shown."""


def annotated_strip(
    signal: NDArray[np.float32],
    *,
    fs_hz: float,
    leads: Sequence[str],
    start_s: float,
    start: str,
    beats: Beats,
    waves: Waves,
    focus_s: Sequence[tuple[float, float]] = (),
    small: bool = False,
) -> str:
    """Draw a stretch of a recording.

    Args:
        signal: ``(time, lead)`` in mV, NaN where a sample is missing.
        fs_hz: its sampling frequency.
        leads: lead names.
        start_s: when the stretch begins.
        start: that time in words.
        beats: all beats of the recording.
        waves: all waves of the recording.
        focus_s: ``(begin, end)`` of what the stretch is shown for.
        small: no higher than need be, without seconds, and with the number of its beat at each label.
    """
    length_s = len(signal) / fs_hz
    width = LEFT_MM + length_s * MM_PER_S + RIGHT_MM
    rows = [(_small_mm if small else row_height_mm)(signal[:, k]) for k in range(signal.shape[1])]
    height = _HEAD_MM + sum(rows) + (0.0 if small else _FOOT_MM)
    parts = [
        f'<svg class="strip" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="ECG of {length_s:.1f} s from {escape(start)}, 25 mm/s, 10 mm/mV">',
        squares(width, height),
        *_focus(focus_s, start_s=start_s, length_s=length_s, height=height),
        *_beats(beats, start_s=start_s, length_s=length_s, height=height, small=small),
    ]
    top = _HEAD_MM
    for k, row in enumerate(rows):
        chosen = waves.lead == leads[k]
        parts += _waves(waves, chosen, start_s=start_s, length_s=length_s, foot=top + row)
        lead = partial(lead_svg, signal[:, k], fs_hz=fs_hz, name=leads[k], top=top, height=row)
        parts.append(lead(unit=_SMALL_UNIT, close_mm=_SMALL_CLOSE_MM) if small else lead())
        top += row
    return drawn(*parts, *([] if small else _seconds(length_s, height)), "</svg>")


def _small_mm(lead: NDArray[np.float32]) -> float:
    valid = lead[np.isfinite(lead)]
    return float(np.clip(np.ptp(valid) * 10.0 + 3.0, *_SMALL_MM)) if len(valid) else _SMALL_MM[0]


def _focus(
    spans: Sequence[tuple[float, float]], *, start_s: float, length_s: float, height: float
) -> Sequence[str]:
    """Shade what the strip is shown for, what overlaps once."""
    if not spans:
        return []
    inside = np.clip(joined(np.array(spans)) - start_s, 0.0, length_s)
    return [
        f'<rect class="focus" x="{LEFT_MM + begin * MM_PER_S:.2f}" width="{(end - begin) * MM_PER_S:.2f}" '
        f'height="{height:g}"/>'
        for begin, end in inside.tolist()
        if end > begin
    ]


def _beats(beats: Beats, *, start_s: float, length_s: float, height: float, small: bool) -> Sequence[str]:
    """Write the class of each beat above it, and between beats the RR interval in ms."""
    first, last = np.searchsorted(beats.time_s, [start_s, start_s + length_s]).tolist()
    place = [LEFT_MM + (time - start_s) * MM_PER_S for time in beats.time_s[first:last].tolist()]
    parts, foot = list[str](), height - (0.0 if small else _FOOT_MM)
    if place:
        parts += [
            '<text class="side head" x="1" y="3.9">class</text>',
            '<text class="side head" x="1" y="7.4">RR, ms</text>',
        ]
    for k, (x, label) in enumerate(zip(place, beats.label[first:last].tolist(), strict=True), first):
        number = f' data-b="{k}"' if small else ""
        parts.append(
            f'<text class="label beat {escape(label)}"{number} x="{x:.2f}" y="3.9">{escape(label)}</text>'
        )
    ticks = "".join(f"M{x:.2f} 4.6V{foot:g}" for x in place)
    parts.append(f'<path class="tick" d="{ticks}"/>' if ticks else "")
    rr_ms = np.rint(1000.0 * np.diff(beats.time_s[first:last])).astype(int).tolist()
    for x, following, rr in zip(place[:-1], place[1:], rr_ms, strict=True):
        parts.append(f'<text class="label side" x="{(x + following) / 2:.2f}" y="7.4">{rr}</text>')
    return parts


def _waves(
    waves: Waves, chosen: NDArray[np.bool_], *, start_s: float, length_s: float, foot: float
) -> Sequence[str]:
    """Draw a bar below the lead for each of its waves, those of a kind as one path."""
    bars: dict[str, list[str]] = {}
    inside = chosen & (waves.offset_s > start_s) & (waves.onset_s < start_s + length_s)
    columns = (waves.kind[inside], waves.onset_s[inside] - start_s, waves.offset_s[inside] - start_s)
    for kind, begin, end in zip(*(column.tolist() for column in columns), strict=True):
        x = LEFT_MM + max(begin, 0.0) * MM_PER_S
        width = max(LEFT_MM + min(end, length_s) * MM_PER_S - x, 0.3)
        bar = f"M{x:.1f} {foot - _BAND_MM:.1f}h{width:.1f}v{_BAND_MM - 0.2:.1f}h-{width:.1f}z"
        bars.setdefault(kind, []).append(bar)
    return [f'<path class="wave {escape(kind)}" d="{"".join(parts)}"/>' for kind, parts in bars.items()]


def _seconds(length_s: float, height: float) -> Sequence[str]:
    """Number the seconds below."""
    return [
        f'<line class="second" x1="{x:.2f}" x2="{x:.2f}" y1="{height - _FOOT_MM:g}" y2="{height - 3.4:g}"/>'
        f'<text class="label side" x="{x:.2f}" y="{height - 1.1:g}">{second} s</text>'
        for second in range(int(length_s) + 1)
        if (x := LEFT_MM + second * MM_PER_S) < LEFT_MM + length_s * MM_PER_S + 1.0
    ]
