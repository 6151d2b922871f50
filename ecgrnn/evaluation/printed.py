"""The tables that ``train`` and ``evaluate`` print at their end: from ``summary.json``, ASCII, 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.evaluation.figures import few_patients_lines

Summary = Mapping[str, Any]

_DETECTED = {"QRS": "qrs", "V": "veb", "S": "sveb"}


def beat_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier of beats: at the reference's beats, then for detected beats by EC57."""
    lines = ["at the reference's beats:", *_class_lines(summary, "beats")]
    ec57 = summary["ec57"][summary["scheme"]]
    level = _level(summary)
    lines += [
        f"detected beats, by EC57 from {ec57['start_s']:g} s:",
        f"{'':<10} {'Se %':>7} {level:>16}   {'+P %':>7} {level:>16}",
    ]
    for name, key in _DETECTED.items():
        cells = [_with_interval(ec57["intervals"][f"{key}_{one}"]) for one in _SE_AND_PP]
        lines.append(f"{name:<10} {cells[0]}   {cells[1]}")
    return [*lines, *few_patients_lines(summary)]


def rhythm_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier of rhythms."""
    return [*_class_lines(summary, "strips"), *few_patients_lines(summary)]


def superclass_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier whose classes do not exclude each other."""
    lines = [f"{'':<10} {'strips':>8} {'patients':>8} {'AUROC':>7} {_level(summary):>16}"]
    for name, score in summary["classes"].items():
        ends = _ends(score["interval"], 1, digits=4)
        counted = f"{score['support']:>8,} {score['patients']:>8,}"
        lines.append(f"{name:<10} {counted} {_cell(score['auroc'], 1, digits=4):>7} {ends:>16}")
    mean, ends = (
        _cell(summary["macro_auroc"], 1, digits=4),
        _ends(summary["macro_auroc_interval"], 1, digits=4),
    )
    counted = f"{summary['records']:>8,} {summary['patients']:>8,}"
    lines.append(f"{'macro mean':<10} {counted} {mean:>7} {ends:>16}")
    return [*lines, *few_patients_lines(summary)]


def delineation_lines(summary: Summary) -> list[str]:
    """Give the table of a delineator: one row per fiducial."""
    lines = [
        f"{'':<11} {'marks':>6} {'patients':>8} {'Se %':>6} {'+P %':>6} {'F1 %':>6} {_level(summary):>16} "
        f"{'mean ms':>7} {'SD ms':>6}"
    ]
    for name, row in summary["fiducials"].items():
        ratios = " ".join(f"{_cell(row[key]):>6}" for key in (*_SE_AND_PP, "f1"))
        ends = _ends(summary["intervals"].get(name, {}).get("bca"))
        errors = f"{_cell(row['mean_ms'], 1, digits=1):>7} {_cell(row['sd_ms'], 1, digits=1):>6}"
        counted = f"{row['support']:>6,} {row['patients']:>8,}"
        lines.append(f"{name:<11} {counted} {ratios} {ends:>16} {errors}")
    lines.append(f"mean F1 {_cell(summary['macro_f1'])} % of {summary['records']} records")
    return [*lines, *few_patients_lines(summary)]


def generation_lines(summary: Summary) -> list[str]:
    """Give the table of a generator: how near its beats are to held-out ones."""
    lines = [f"{'class':<6} {'beats':>8} {'patients':>9} {'RMSE mV':>8} {'least mV':>9} {'explained %':>12}"]
    for name, row in summary["classes"].items():
        rmse, least = (_cell(row[key], 1, digits=3) for key in ("rmse_mv", "mean_beat_rmse_mv"))
        lines.append(
            f"{name:<6} {row['beats']:>8,} {row['patients']:>9,} {rmse:>8} {least:>9} "
            f"{_cell(row['explained'], digits=1):>12}"
        )
    return lines


def transcription_lines(summary: Summary) -> list[str]:
    """Give the table of a translator: wrong symbols, and strips without any error."""
    found = summary["intervals"]
    kinds = ("substituted", "deleted", "inserted")
    return [
        f"{'':<17} {'of':>8} {'%':>7} {_level(summary):>16}",
        f"{'token error rate':<17} {summary['symbols']:>8,} {_with_interval(found['token_error_rate'])}",
        f"{'strips all right':<17} {summary['strips']:>8,} {_with_interval(found['exact_share'])}",
        ", ".join(f"{summary[kind]:,} {kind}" for kind in kinds),
        *few_patients_lines(summary),
    ]


_SE_AND_PP = ("sensitivity", "positive_predictivity")


def _class_lines(summary: Summary, items: str) -> list[str]:
    """Give Se, +P and F1 of every class, and the figures over all of them."""
    lines = [
        f"{'':<10} {items:>8} {'patients':>8} {'Se %':>7} {'+P %':>7} {'F1 %':>7} {_level(summary):>16}",
    ]
    for name, score in summary["classes"].items():
        cells = " ".join(f"{_cell(score[key]):>7}" for key in (*_SE_AND_PP, "f1"))
        ends = _ends(summary["intervals"].get(f"{name}_f1", {}).get("bca"))
        lines.append(f"{name:<10} {score['support']:>8,} {score['patients']:>8,} {cells} {ends:>16}")
    over = " ".join(summary["macro_f1_classes"])
    return [
        *lines,
        *_over_all(f"mean F1 of {over}", summary["intervals"]["macro_f1"]),
        *_over_all("accuracy", summary["intervals"]["accuracy"]),
    ]


def _over_all(name: str, found: Summary) -> list[str]:
    width = 44
    value = f"{_cell(found['estimate']):>7} {_ends(found['bca']):>16}"
    return [f"{name:<{width}}{value}"] if len(name) <= width else [name, f"{'':<{width}}{value}"]


def _with_interval(found: Summary) -> str:
    return f"{_cell(found['estimate']):>7} {_ends(found['bca']):>16}"


def _level(summary: Summary) -> str:
    return f"{100 * summary['resampling']['level']:g} % interval"


def _ends(found: Sequence[float] | None, factor: float = 100, *, digits: int = 2) -> str:
    return "-" if found is None else " to ".join(_cell(end, factor, digits=digits) for end in found)


def _cell(value: float | None, factor: float = 100, *, digits: int = 2) -> str:
    """Print a figure; undefined is ``-``, and only the whole is printed as the whole, only 0 as 0."""
    if value is None or value != value:
        return "-"
    step = 10.0**-digits
    inside = factor == 100 and 0 < value < 1
    return f"{min(max(factor * value, step), factor - step) if inside else factor * value:.{digits}f}"
