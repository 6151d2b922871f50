"""How figures are printed, in pages and on the terminal: nothing is rounded to perfect or to nothing."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

DASH = "—"


def percent(value: float | None, *, digits: int = 1, unit: str = " %", undefined: str = DASH) -> str:
    """Print a share from 0 to 1 in percent; only 1 is printed as 100 %, and only 0 as 0 %.

    >>> percent(0.9742), percent(0.99996), percent(0.0004), percent(1.0), percent(None)
    ('97.4 %', '> 99.9 %', '< 0.1 %', '100.0 %', '—')
    """
    if value is None or value != value:
        return undefined
    return _bounded(100 * value, 100.0, digits) + unit


def share(value: float | None, *, digits: int = 3, undefined: str = DASH) -> str:
    """Print a number from 0 to 1, such as an F1; only 1 is printed as 1, and only 0 as 0.

    >>> share(0.87712), share(0.99996), share(0.00004), share(None)
    ('0.877', '> 0.999', '< 0.001', '—')
    """
    return undefined if value is None or value != value else _bounded(value, 1.0, digits)


def decimal(value: float | None, *, digits: int = 3, undefined: str = DASH) -> str:
    """Print any number with a fixed number of digits."""
    return undefined if value is None or value != value else f"{value:.{digits}f}"


def interval(ends: Sequence[float] | None, *, as_percent: bool = True, digits: int | None = None) -> str:
    """Print the ends of an interval of shares, without a unit; empty where there is none.

    >>> interval([0.9, 0.99996]), interval([0.1, 0.25], as_percent=False), interval(None)
    ('90.0 to > 99.9', '0.100 to 0.250', '')
    """
    if ends is None:
        return ""
    if as_percent:
        return " to ".join(percent(end, digits=1 if digits is None else digits, unit="") for end in ends)
    return " to ".join(share(end, digits=3 if digits is None else digits) for end in ends)


def estimate(found: Mapping[str, Any], *, as_percent: bool = True, undefined: str = DASH) -> str:
    """Print an estimate with its BCa interval in parentheses, where it has one.

    >>> estimate({"estimate": 0.5, "bca": [0.4, 0.6]}), estimate({"estimate": 0.5, "bca": None})
    ('50.0 % (40.0 to 60.0)', '50.0 %')
    """
    value = found["estimate"]
    text = percent(value, undefined=undefined) if as_percent else share(value, undefined=undefined)
    ends = interval(found["bca"], as_percent=as_percent)
    return f"{text} ({ends})" if ends and value is not None else text


def clock(seconds: float) -> str:
    """Print a time in minutes, seconds and tenths.

    >>> clock(59.97), clock(125.0)
    ('1:00.0', '2:05.0')
    """
    minutes, tenths = divmod(round(10 * seconds), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


def counted(n: int, noun: str) -> str:
    """Print a number of things.

    >>> counted(1, "patient"), counted(1706, "strip")
    ('1 patient', '1,706 strips')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def network_line(model: Mapping[str, Any]) -> str:
    """Name a network by its recurrent layers, as far as its options have such, and its parameters."""
    options = model["network"]["options"]
    layers = options.get("encoder", options)
    direction = "bidirectional " if layers.get("bidirectional") else ""
    size = (
        f"{direction}{str(layers['cell']).upper()}, {layers.get('num_layers', 1)} x {layers['hidden_size']}, "
        if {"cell", "hidden_size"} <= set(layers)
        else ""
    )
    return f"{size}{model['parameters']:,} parameters"


def interval_note(summary: Mapping[str, Any], *, method: str = "BCa") -> str:
    """Say how the intervals were made."""
    resampling = summary["resampling"]
    level, draws = f"{100 * resampling['level']:g} %", f"{resampling['resamples']:,}"
    return (
        f"{level} intervals ({method}) from {draws} draws of whole patients. There is none where fewer than "
        "five patients have the class, where more than 1 % of the draws have no value, or where both ends "
        "are equal."
    )


def few_patients_lines(summary: Mapping[str, Any]) -> list[str]:
    """Give the note on intervals of few patients as a line for the terminal; none where there are enough."""
    note = summary["interval_note"]
    return textwrap.wrap(f"note        {note}", 80, subsequent_indent=" " * 12) if note else []


def _bounded(value: float, top: float, digits: int) -> str:
    """Print a number from 0 to ``top`` so that only the ends are printed as the ends."""
    step = 10.0**-digits
    text = f"{value:.{digits}f}"
    if 0.0 < value < top and float(text) >= top:
        return f"> {top - step:.{digits}f}"
    if 0.0 < value < top and float(text) == 0.0:
        return f"< {step:.{digits}f}"
    return text
