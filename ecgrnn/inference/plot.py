"""Some seconds of a result as a drawing."""

from typing import TYPE_CHECKING

import numpy as np

from ecgrnn.errors import ConfigError
from ecgrnn.reports.strip_figure import Strip, StripFigure, strip_figure

if TYPE_CHECKING:
    from ecgrnn.inference.result import Result

_LONGEST_S = 120.0
"""More than this on one drawing cannot be seen."""


def plot_result(result: "Result", *, start_s: float, seconds: float) -> StripFigure:
    """Draw some seconds of a result; see ``Result.plot``.

    Raises:
        ConfigError: they are not within the recording, or too many.
    """
    recording = result.recording
    if not 0 <= start_s < recording.duration_s:
        raise ConfigError(
            f"start_s={start_s:g} lies outside {recording.name}, which lasts {recording.duration_s:g} s"
        )
    if not 0 < seconds <= _LONGEST_S:
        raise ConfigError(f"seconds={seconds:g} must be above 0 and at most {_LONGEST_S:g}")
    fs_hz = recording.fs_hz
    start = int(start_s * fs_hz)
    stop = min(max(round((start_s + seconds) * fs_hz), start + 1), recording.n_samples)
    beats, waves, rhythms = (result.columns(kind) for kind in ("beats", "waves", "rhythms"))
    seen = (beats["sample"] >= start) & (beats["sample"] < stop)
    cut = (waves["offset"] >= start) & (waves["onset"] < stop)
    lasts = (rhythms["offset"] > start) & (rhythms["onset"] < stop)
    edges = ("lead", "wave", "onset_s", "offset_s")
    return strip_figure(
        Strip(
            signal=recording.stretch(start=start, stop=stop).signal,
            fs_hz=fs_hz,
            leads=recording.leads,
            start_s=start / fs_hz,
            title=f"{recording.name}, {start / fs_hz:g} to {stop / fs_hz:g} s",
            beats=list(zip(beats["time_s"][seen].tolist(), beats["class"][seen].tolist(), strict=True)),
            waves=list(zip(*(waves[name][cut].tolist() for name in edges), strict=True)),
            rhythms=list(
                zip(
                    np.maximum(rhythms["onset_s"][lasts], start / fs_hz).tolist(),
                    rhythms["rhythm"][lasts].tolist(),
                    strict=True,
                )
            ),
        )
    )
