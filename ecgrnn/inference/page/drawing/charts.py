"""Charts of the heart rate and of RR intervals."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats
from ecgrnn.inference.page.findings.rate import WINDOW_S, Intervals
from ecgrnn.inference.page.times import Times
from ecgrnn.reports.charts import Series, line_chart

_WIDE = (1100.0, 240.0)

_TREND_S = 1800.0
"""Longer recordings have their trend by the minute."""

_STEPS_S = (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)

_LONGEST_RR_S = 3.0
"""Charts end here at the latest; longer intervals are drawn at the edge."""

_MOST = 0.998
"""Share of the RR intervals that scales the Lorenz plot and the histogram: else two pauses among a thousand
intervals would take most of their room."""


def trend_chart(rates: NDArray[np.float64], *, duration_s: float, times: Times) -> str | None:
    """Draw the heart rate over time; None where it is known nowhere.

    Longer recordings are drawn by the minute, with an area between the lowest and the highest ten seconds.
    """
    if np.isfinite(rates).sum() < 2:
        return None
    group = round(60.0 / WINDOW_S) if duration_s > _TREND_S else 1
    padded = np.concatenate([rates, np.full(-len(rates) % group, np.nan)]).reshape(-1, group)
    known = np.isfinite(padded).any(axis=1)
    middle_s = (np.arange(len(padded)) + 0.5) * group * WINDOW_S
    mean = np.full(len(padded), np.nan)
    mean[known] = np.nanmean(padded[known], axis=1)
    areas: list[list[tuple[float, float, float]]] = []
    if group > 1:
        for part in _parts(known):
            columns = (middle_s[part], np.nanmin(padded[part], axis=1), np.nanmax(padded[part], axis=1))
            areas.append(list(zip(*(column.tolist() for column in columns), strict=True)))
    lines = [
        Series("", list(zip(middle_s[part].tolist(), mean[part].tolist(), strict=True)))
        for part in _parts(known)
    ]
    low, high = np.nanmin(rates), np.nanmax(rates)
    return line_chart(
        lines,
        x_label=_time_label(times),
        y_label="heart rate, bpm",
        x_range=(0.0, duration_s),
        y_range=(10.0 * np.floor(low / 10.0 - 0.3), 10.0 * np.ceil(high / 10.0 + 0.3)),
        areas=areas,
        x_ticks=time_ticks(duration_s, times),
        size=_WIDE,
    )


def tachogram(beats: Beats, intervals: Intervals, *, duration_s: float, times: Times) -> str | None:
    """Draw every RR interval over time, by the class of the beat that ends it; None without one."""
    if not intervals.usable.any():
        return None
    series = []
    for name, words, style in _named(beats):
        chosen = intervals.usable & (beats.label[1:] == name)
        x, y = beats.time_s[1:][chosen], np.minimum(intervals.rr_s[chosen], _LONGEST_RR_S)
        specks = list(zip(x.tolist(), y.tolist(), strict=True))
        series.append(Series(words, (), style=style, joined=False, specks=specks))
    return line_chart(
        series,
        x_label=_time_label(times),
        y_label="RR, s",
        x_range=(0.0, duration_s),
        y_range=(0.0, _top(intervals)),
        x_ticks=time_ticks(duration_s, times),
        size=_WIDE,
    )


def lorenz(beats: Beats, intervals: Intervals) -> str | None:
    """Draw each RR interval against the one before, by the class of the beat between; None without two."""
    pair = intervals.usable[:-1] & intervals.usable[1:]
    if not pair.any():
        return None
    top = _top(intervals, share=_MOST)
    before, after = (np.minimum(rr, top) for rr in (intervals.rr_s[:-1], intervals.rr_s[1:]))
    series = []
    for name, words, style in _named(beats):
        chosen = pair & (beats.label[1:-1] == name)
        specks = list(zip(before[chosen].tolist(), after[chosen].tolist(), strict=True))
        series.append(Series(words, (), style=style, joined=False, specks=specks))
    return line_chart(
        series,
        x_label="RR before, s",
        y_label="RR after, s",
        x_range=(0.0, top),
        y_range=(0.0, top),
        diagonal=True,
        size=(400.0, 390.0),
    )


def rr_histogram(intervals: Intervals) -> str | None:
    """Draw how often each length of RR interval occurs; None without one."""
    if not intervals.usable.any():
        return None
    top = _top(intervals, share=_MOST)
    rr_s = np.minimum(intervals.rr_s[intervals.usable], top)
    count, edge = np.histogram(rr_s, bins=np.arange(0.0, top + 0.05, 0.05))
    most = int(count.max())
    bars = zip(edge[:-1].tolist(), edge[1:].tolist(), (count / most).tolist(), strict=True)
    return line_chart(
        [],
        x_label="RR, s",
        y_label="intervals",
        x_range=(0.0, top),
        y_range=(0.0, float(most)),
        bars=list(bars),
        size=(400.0, 390.0),
    )


def time_ticks(duration_s: float, times: Times) -> list[tuple[float, str]]:
    """Choose about ten round times of a recording, by the clock where it is known."""
    step = next((step for step in _STEPS_S if duration_s / step <= 10), _STEPS_S[-1])
    first = -times.offset_s % step
    ticks = np.arange(first, duration_s + 1e-6, step).tolist()
    return [(tick, _short(times.at(tick), step)) for tick in ticks]


def _time_label(times: Times) -> str:
    return "time from the beginning" if times.start is None else "time of day"


def _short(text: str, step: int) -> str:
    """Leave out the seconds where all of them are zero, and the day."""
    clock = text.rpartition(" ")[2]
    return clock[:-3] if step >= 60 and clock.count(":") == 2 else clock


def _named(beats: Beats) -> list[tuple[str, str, int]]:
    words = {
        "N": "normal",
        "V": "ventricular ectopic",
        "S": "supraventricular ectopic",
        "F": "fusion",
        "Q": "other",
    }
    styles = {"N": 0, "V": 1, "S": 3, "F": 2, "Q": 4}
    present = [name for name in words if (beats.label == name).any()]
    return [(name, words[name], styles[name]) for name in present]


def _top(intervals: Intervals, *, share: float = 1.0) -> float:
    """End an axis of RR intervals a little beyond the longest, or beyond a share of them."""
    longest = float(np.quantile(intervals.rr_s[intervals.usable], share))
    return float(np.clip(np.ceil(longest * 5.0 + 0.5) / 5.0, 1.2, _LONGEST_RR_S))


def _parts(known: NDArray[np.bool_]) -> list[slice]:
    """Give the stretches of windows that have a rate."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [slice(*pair) for pair in turns.reshape(-1, 2).tolist()]
