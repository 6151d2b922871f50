"""Heart rate from RR intervals: windows, slow and fast stretches, pauses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.findings.quality import stretches

WINDOW_S = 10.0

PAUSE_S = 2.0
"""A pause is an RR interval longer than this."""

SLOW_BPM = 50.0
"""Bradycardia is below this: F. M. Kusumoto et al., 2018 ACC/AHA/HRS guideline on the evaluation and
management of patients with bradycardia, Circulation 140 (2019) e382."""

FAST_BPM = 100.0
"""Tachycardia is above this: R. L. Page et al., 2015 ACC/AHA/HRS guideline for the management of adult
patients with supraventricular tachycardia, Circulation 133 (2016) e506."""

_LEAST_COVERED = 0.5
"""A window has a rate if usable RR intervals that end in it last for this share of it."""


@dataclass(frozen=True)
class Intervals:
    """The RR intervals between neighbouring beats.

    Attributes:
        rr_s: ``(beat - 1,)`` from a beat to the next.
        usable: ``(beat - 1,)`` whether all of it could be read.
    """

    rr_s: NDArray[np.float64]
    usable: NDArray[np.bool_]


def rr_intervals(time_s: NDArray[np.float64], unreadable_s: NDArray[np.float64]) -> Intervals:
    """Give the RR intervals of beats ``(beat,)``, and which of them reach into nothing unreadable.

    Args:
        time_s: times of the beats, in order.
        unreadable_s: ``(stretch, 2)``, stretches that were not read, in order and apart.
    """
    start, stop = time_s[:-1], time_s[1:]
    begins = np.append(unreadable_s[:, 0], np.inf)
    following = np.searchsorted(unreadable_s[:, 1], start, side="right")
    return Intervals(np.diff(time_s), begins[following] >= stop)


def window_rates(
    time_s: NDArray[np.float64], intervals: Intervals, *, duration_s: float, window_s: float = WINDOW_S
) -> NDArray[np.float64]:
    """Give the heart rate in bpm ``(window,)`` of windows side by side, NaN where it could not be read.

    The rate of a window is the number of RR intervals that end in it by their total length.

    Args:
        time_s: times of the beats.
        intervals: the RR intervals between them.
        duration_s: length of the recording; a shorter last window is left out.
        window_s: length of a window.
    """
    n_windows = int(duration_s / window_s + 1e-9)
    ends, rr_s = time_s[1:][intervals.usable], intervals.rr_s[intervals.usable]
    window = (ends / window_s).astype(np.int64)
    count, total = (
        np.bincount(window, weights=weights, minlength=n_windows + 1)[:n_windows]
        for weights in (np.ones_like(rr_s), rr_s)
    )
    rates: NDArray[np.float64] = np.full(n_windows, np.nan)
    np.divide(60.0 * count, total, out=rates, where=total >= _LEAST_COVERED * window_s)
    return rates


def mean_rate(intervals: Intervals) -> float | None:
    """Give the number of usable RR intervals by their length, in bpm."""
    total = float(intervals.rr_s[intervals.usable].sum())
    return 60.0 * int(intervals.usable.sum()) / total if total else None


@dataclass(frozen=True)
class Extreme:
    """The window with the lowest or highest rate.

    Attributes:
        bpm: its rate.
        start_s: where it begins.
    """

    bpm: float
    start_s: float


def slowest(rates: NDArray[np.float64], *, window_s: float = WINDOW_S) -> Extreme | None:
    """Give the first of the windows with the lowest rate."""
    return _extreme(rates, rates, window_s)


def fastest(rates: NDArray[np.float64], *, window_s: float = WINDOW_S) -> Extreme | None:
    """Give the first of the windows with the highest rate."""
    return _extreme(-rates, rates, window_s)


def _extreme(order: NDArray[np.float64], rates: NDArray[np.float64], window_s: float) -> Extreme | None:
    if not np.isfinite(rates).any():
        return None
    at = int(np.nanargmin(order))
    return Extreme(float(rates[at]), at * window_s)


@dataclass(frozen=True)
class Stay:
    """How long a recording's rate was beyond a bound.

    Attributes:
        share: of the windows with a rate.
        longest_s: the longest stretch of such windows without a break.
        start_s: where that begins.
    """

    share: float
    longest_s: float
    start_s: float


def stay(beyond: NDArray[np.bool_], rates: NDArray[np.float64], *, window_s: float = WINDOW_S) -> Stay | None:
    """Sum up the windows whose rate is beyond a bound; None where no window has a rate."""
    known = int(np.isfinite(rates).sum())
    if not known:
        return None
    edge = np.arange(len(rates) + 1, dtype=np.float64) * window_s
    parts = stretches(beyond, edge)
    lengths = parts[:, 1] - parts[:, 0]
    if not len(parts):
        return Stay(0.0, 0.0, 0.0)
    longest = int(lengths.argmax())
    return Stay(int(beyond.sum()) / known, float(lengths[longest]), float(parts[longest, 0]))


def bradycardia(rates: NDArray[np.float64]) -> Stay | None:
    """Sum up the windows below 50 bpm."""
    return stay(rates < SLOW_BPM, rates)


def tachycardia(rates: NDArray[np.float64]) -> Stay | None:
    """Sum up the windows above 100 bpm."""
    return stay(rates > FAST_BPM, rates)


def pauses(intervals: Intervals) -> NDArray[np.int64]:
    """Give the intervals longer than two seconds, the longest first, none across what could not be read."""
    long = np.flatnonzero(intervals.usable & (intervals.rr_s > PAUSE_S))
    return long[np.argsort(-intervals.rr_s[long], kind="stable")]
