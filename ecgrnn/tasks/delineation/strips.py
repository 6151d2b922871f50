"""Draws a lead with the waves that were marked and the waves that were found, on the usual paper."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.paper import UNIT, trace_path
from ecgrnn.reports.render import drawn
from ecgrnn.signals.annotations import Waves

_MM_PER_S = 25.0
_MM_PER_MV = 10.0
_LEFT_MM = 13.0
_BAND_MM = 2.6
_LETTERS = {"P": "P", "QRS": "Q", "T": "T"}
"""Waves are told apart by a letter in the bar, not by colour only: a QRS complex is too short for three."""

_TRACE_MM = (14.0, 30.0)


def wave_strip(
    signal: NDArray[np.float32],
    *,
    fs_hz: float,
    name: str,
    reference: Waves,
    found: Waves,
    marks_fs_hz: float,
) -> str:
    """Draw one lead; above it a bar with a letter for every marked wave, below it one for every wave found.

    Args:
        signal: ``(time,)`` in mV, or scaled so that beats are about 1 tall; NaN where a sample is missing.
        fs_hz: its sampling frequency.
        name: of the lead.
        reference: the marked waves; those that begin beyond the signal are left out.
        found: the waves found.
        marks_fs_hz: sampling frequency that both sets of waves count at.
    """
    valid = signal[np.isfinite(signal)]
    lead = signal - (np.median(valid) if len(valid) else 0.0)
    ends = (valid.min() - np.median(valid), valid.max() - np.median(valid)) if len(valid) else (0.0, 0.0)
    low, high = (float(end) * _MM_PER_MV for end in ends)
    height = min(max(high - low + 3.0, _TRACE_MM[0]), _TRACE_MM[1])
    centre = _BAND_MM + 1.0 + height / 2 + (high + low) / 2
    total = height + 2 * (_BAND_MM + 1.0)
    end_s = len(lead) / fs_hz
    width = _LEFT_MM + end_s * _MM_PER_S + 2.0
    x = _LEFT_MM + np.arange(len(lead)) / fs_hz * _MM_PER_S
    y = np.clip(centre - lead * _MM_PER_MV, _BAND_MM + 1.0, total - _BAND_MM - 1.0)
    return drawn(
        f'<svg class="waves" viewBox="0 0 {width:g} {total:g}" role="img" '
        f'aria-label="lead {escape(name)}, marked and found waves">',
        f'<rect width="{width:g}" height="{total:g}" fill="url(#mm1)"/>',
        f'<rect width="{width:g}" height="{total:g}" fill="url(#mm5)"/>',
        *_bars(reference, marks_fs_hz, end_s=end_s, top=0.0, shade=total),
        *_bars(found, marks_fs_hz, end_s=end_s, top=total - _BAND_MM, shade=0.0),
        f'<text x="0.8" y="{_BAND_MM - 0.4:g}">reference</text>',
        f'<text x="0.8" y="{total - 0.6:g}">found</text>',
        f'<text x="0.8" y="{total / 2:g}">{escape(name)}</text>',
        f'<path class="trace" transform="scale({1 / UNIT:g})" d="{trace_path(x, y)}"/></svg>',
    )


def _bars(waves: Waves, fs_hz: float, *, end_s: float, top: float, shade: float) -> Sequence[str]:
    first = np.where(waves.onset >= 0, waves.onset, waves.peak)
    last = np.where(waves.offset >= 0, waves.offset, waves.peak)
    parts = []
    for kind, start, stop in zip(waves.kind.tolist(), first.tolist(), last.tolist(), strict=True):
        if start / fs_hz >= end_s:
            continue
        x = _LEFT_MM + start / fs_hz * _MM_PER_S
        width = max((min(stop / fs_hz, end_s) - start / fs_hz) * _MM_PER_S, 0.3)
        box = f'x="{x:.2f}" width="{width:.2f}"'
        parts.append(f'<rect class="band {kind}" {box} y="{top:g}" height="{_BAND_MM:g}"/>')
        parts.append(
            f'<text class="letter" x="{x + width / 2:.2f}" y="{top + _BAND_MM - 0.55:g}">'
            f"{_LETTERS.get(kind, kind)}</text>"
        )
        if shade:
            parts.append(f'<rect class="shade {kind}" {box} y="0" height="{shade:g}"/>')
    return parts
