"""Draws some seconds of a recording with matplotlib, for a notebook: its leads, with what was found."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

_MM_PER_INCH = 25.4
_WIDEST_IN, _NARROWEST_IN = 16.0, 4.0
_ROW_IN = 1.3
_COLOURS = {"N": "black", "S": "#1565c0", "V": "#b3261e", "F": "#7b1fa2", "Q": "#616161"}
_WAVES = {"P": "#2e7d32", "QRS": "#b3261e", "T": "#1565c0"}


@dataclass(frozen=True)
class Strip:
    """Some seconds of a recording.

    Attributes:
        signal: ``(time, lead)`` in mV.
        fs_hz: sampling frequency.
        leads: lead names.
        start_s: where it begins in the recording.
        title: what stands above it.
        beats: time in s and class of each beat.
        waves: lead, kind, onset and offset in s of each wave.
        rhythms: onset in s and name of each rhythm in it.
    """

    signal: NDArray[np.float32]
    fs_hz: float
    leads: Sequence[str]
    start_s: float
    title: str
    beats: Sequence[tuple[float, str]]
    waves: Sequence[tuple[str, str, float, float]]
    rhythms: Sequence[tuple[float, str]]


class StripFigure(Figure):
    """A figure that a notebook shows, whether pyplot is in use or not."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=110)
        return content.getvalue()


def strip_figure(strip: Strip) -> StripFigure:
    """Draw every lead on a row of its own, at 25 mm/s where that is not too wide."""
    seconds = len(strip.signal) / strip.fs_hz
    width = min(max(seconds * 25 / _MM_PER_INCH, _NARROWEST_IN), _WIDEST_IN)
    figure = StripFigure(figsize=(width, _ROW_IN * len(strip.leads) + 0.8), layout="constrained")
    figure.suptitle(strip.title, fontsize=9)
    time_s = strip.start_s + np.arange(len(strip.signal)) / strip.fs_hz
    rows = figure.subplots(len(strip.leads), 1, sharex=True, squeeze=False)[:, 0]
    for axes, lead, signal in zip(rows, strip.leads, strip.signal.T, strict=True):
        axes.plot(time_s, signal, color="black", linewidth=0.8)
        axes.set(ylabel=f"{lead} (mV)", xlim=(time_s[0], time_s[0] + seconds))
        axes.grid(color="#e9a1a9", linewidth=0.4)
        for of, kind, onset, offset in strip.waves:
            if of == lead:
                axes.axvspan(onset, offset, color=_WAVES.get(kind, "grey"), alpha=0.15, linewidth=0)
    _label(rows[0], strip)
    rows[-1].set_xlabel("s")
    return figure


def _label(axes: Axes, strip: Strip) -> None:
    across = axes.get_xaxis_transform()
    for at, name in strip.beats:
        axes.text(
            at, 1.02, name, transform=across, ha="center", va="bottom", color=_COLOURS.get(name), fontsize=8
        )
    for at, name in strip.rhythms:
        axes.text(at, 0.98, f"rhythm {name}", transform=across, ha="left", va="top", fontsize=8)
