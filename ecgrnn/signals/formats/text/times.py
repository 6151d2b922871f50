"""Time columns of tables: which columns are times, in which unit, and what they show."""

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_TIME_WORDS = re.compile(
    r"time|timestamps?|zeit|zeitstempel|temps|tiempo|tempo|tid|elapsed|t|date|datetime|uhrzeit|heure|hora|secs?"
    r"|seconds?|ms|msecs?|milliseconds?|us|ns"
)
_UNITS_S = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
_SLOWEST_HZ, _FASTEST_HZ = 60.0, 10_000.0
"""Between these exactly one of s, ms, µs and ns gives a frequency, whatever the step is."""


def is_time_name(name: str) -> bool:
    """Tell whether a column's name says that it is a time.

    >>> [is_time_name(name) for name in ("time_ms", "Phone timestamp", "t", "II", "Elapsed time")]
    [True, True, True, False, True]
    """
    return any(map(_TIME_WORDS.fullmatch, _words(name)))


def unit_of(name: str, unit: str) -> float | None:
    """Give the unit of a time column in seconds, as its unit or its name tells; None where neither does."""
    for word in (unit.strip().casefold(), *reversed(_words(name))):
        if word in _UNITS_S:
            return _UNITS_S[word]
    return None


def unit_by_step(values: NDArray[np.float64]) -> float | None:
    """Give the unit in which the steps of a column are those of an ECG; None where they are of none.

    Columns that count 1, 2, 3 ... are of none: they may number the rows.

    >>> unit_by_step(np.arange(9) * 0.002), unit_by_step(np.arange(9) * 2.0), unit_by_step(np.arange(9.0))
    (1.0, 0.001, None)
    """
    steps = np.abs(np.diff(values[:10_000]))
    if not len(steps) or not np.isfinite(steps).all() or (steps == 1).all():
        return None
    step = float(steps[steps <= 3 * np.median(steps)].mean())
    for unit in (1.0, 1e-3, 1e-6, 1e-9):
        if step > 0 and _SLOWEST_HZ <= 1 / (step * unit) <= _FASTEST_HZ:
            return unit
    return None


def seconds_of_texts(column: "pd.Series[str]") -> tuple[NDArray[np.float64], datetime | None]:
    """Turn times written as text into seconds from the first on, and give the first where it has a date.

    Raises:
        ValueError: a text is no time.
    """
    text = column.astype(str).str.strip("[]'\" ").str.replace(",", ".", regex=False)
    first = str(text.iloc[0])
    if re.fullmatch(r"(?:\d+:)?\d+:\d+(?:\.\d+)?", first):
        parts = text.str.split(":", expand=True).astype(np.float64).to_numpy()
        seconds = parts @ np.array([3600.0, 60.0, 1.0])[-parts.shape[1] :]
        nights = np.concatenate([[0], np.cumsum(np.diff(seconds) < -43_200)])
        return seconds - seconds[0] + 86_400.0 * nights, None
    if re.match(r"\d{4}-\d\d-\d\d", first):
        times = pd.to_datetime(text, format="ISO8601", utc=True)
    else:
        times = pd.to_datetime(_date_first(text), dayfirst=True, utc=True)
    start = pd.Timestamp(first).to_pydatetime() if first[:4].isdigit() else times.iloc[0].to_pydatetime()
    seconds = (times - times.iloc[0]).dt.total_seconds().to_numpy()
    return seconds, start.replace(tzinfo=None)


def _date_first(text: "pd.Series[str]") -> "pd.Series[str]":
    """Put a date that follows the time before it, as in ``10:31:20.117 01/01/2010``."""
    return text.str.replace(r"^(\S*:\S*)\s+(\S+/\S+)$", r"\2 \1", regex=True)


def _words(name: str) -> Sequence[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_\d]+", spaced.casefold()) if word]
