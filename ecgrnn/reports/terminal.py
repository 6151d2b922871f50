"""Tables for the terminal, made from ``summary.json``: ASCII, 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

Summary = Mapping[str, Any]


SE_AND_PP = ("sensitivity", "positive_predictivity")


def class_lines(summary: Summary, items: str) -> list[str]:
    """Give Se, +P and F1 of every class, and the figures over all of them."""
    lines = [
        f"{'':<10} {items:>8} {'patients':>8} {'Se %':>7} {'+P %':>7} {'F1 %':>7} {level_of(summary):>16}",
    ]
    for name, score in summary["classes"].items():
        cells = " ".join(f"{cell(score[key]):>7}" for key in (*SE_AND_PP, "f1"))
        ends = ends_of(summary["intervals"].get(f"{name}_f1", {}).get("bca"))
        lines.append(f"{name:<10} {score['support']:>8,} {score['patients']:>8,} {cells} {ends:>16}")
    over = " ".join(summary["macro_f1_classes"])
    return [
        *lines,
        *_over_all(f"mean F1 of {over}", summary["intervals"]["macro_f1"]),
        *_over_all("accuracy", summary["intervals"]["accuracy"]),
    ]


def _over_all(name: str, found: Summary) -> list[str]:
    width = 44
    value = f"{cell(found['estimate']):>7} {ends_of(found['bca']):>16}"
    return [f"{name:<{width}}{value}"] if len(name) <= width else [name, f"{'':<{width}}{value}"]


def with_ends(found: Summary) -> str:
    """Print an estimate and its interval in two columns."""
    return f"{cell(found['estimate']):>7} {ends_of(found['bca']):>16}"


def level_of(summary: Summary) -> str:
    """Print the head of a column of intervals."""
    return f"{100 * summary['resampling']['level']:g} % interval"


def ends_of(found: Sequence[float] | None, factor: float = 100, *, digits: int = 2) -> str:
    """Print the ends of an interval, of shares in percent unless ``factor`` is 1; none is ``-``."""
    return "-" if found is None else " to ".join(cell(end, factor, digits=digits) for end in found)


def cell(value: float | None, factor: float = 100, *, digits: int = 2) -> str:
    """Print a figure; undefined is ``-``, and only the whole is printed as the whole, only 0 as 0."""
    if value is None or value != value:
        return "-"
    step = 10.0**-digits
    inside = factor == 100 and 0 < value < 1
    return f"{min(max(factor * value, step), factor - step) if inside else factor * value:.{digits}f}"
