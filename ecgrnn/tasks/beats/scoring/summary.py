"""All figures of an evaluation as plain data: ``summary.json`` and the rows of the tables beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.metrics.classification import accuracy, class_scores
from ecgrnn.metrics.ec57.counts import average, gross, matrix_statistics, pooled_matrix
from ecgrnn.metrics.ec57.scores import Ec57Scores
from ecgrnn.metrics.statistics import (
    by_patient,
    class_statistics,
    clustering,
    ec57_statistics,
    few_patients,
    influence_rows,
    intervals,
    matrix_figures,
    names_by_patient,
    number,
)
from ecgrnn.options.spec import Row
from ecgrnn.reports.figures import few_patients_lines
from ecgrnn.reports.terminal import SE_AND_PP, Summary, class_lines, level_of, with_ends
from ecgrnn.tasks.beats.scoring.calibration import calibration, curve_areas, threshold_figures
from ecgrnn.tasks.beats.scoring.results import Results, ec57_matrices, matrices_by_record
from ecgrnn.tasks.summary import LIMITS, describe_model, versions


def summarise(results: Results, *, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Give the figures of all records together.

    Args:
        results: what was found.
        seconds: time each stage of the training took; empty where that is not known.
    """
    beats, classes = results.beats, results.beats.scheme.classes
    matrices = matrices_by_record(beats)
    matrix, counts = matrices.sum(axis=0), by_patient(matrices, results.patients)
    return {
        "database": results.held_out.database,
        "split": results.held_out.split.name,
        "scheme": beats.scheme.name,
        "records": len(beats.records),
        "record_names": [record.name for record in beats.records],
        "patients": len(counts),
        "beats": int(matrix.sum()),
        "positions": "reference",
        **matrix_figures(counts, classes, scored=results.scored),
        "resampling": results.resampling.described(),
        "interval_note": few_patients(len(counts)),
        "intervals": intervals(counts, class_statistics(classes, scored=results.scored), results.resampling),
        "clustering": clustering(counts, classes),
        "curves": curve_areas(beats),
        "calibration": calibration(beats, results.fitted),
        "fitted_on_validation": _fitted(results),
        "ec57": {name: _ec57(scores, results) for name, scores in results.reading.ec57.items()},
        "comparison": dict(results.comparison) or None,
        "questions": list(results.questions),
        "audit": results.audit.to_dict(),
        "model": describe_model(results.reading.model),
        "limits": LIMITS,
        "seconds": dict(seconds),
        "versions": versions(),
    }


def record_rows(results: Results) -> list[Row]:
    """Give one row per record: its beats, accuracy, and the scores of each class at reference positions."""
    beats = results.beats
    rows: list[Row] = []
    for record, matrix in zip(beats.records, matrices_by_record(beats), strict=True):
        row: dict[str, str | int | float | None] = {
            "record": record.name,
            "patient": record.patient,
            "beats": int(matrix.sum()),
        }
        row["accuracy"] = number(accuracy(matrix))
        for name, score in zip(beats.scheme.classes, class_scores(matrix), strict=True):
            row |= {f"{name}_{key}": number(value) for key, value in vars(score).items()}
            row[f"{name}_support"] = score.support
        rows.append(row)
    return rows


def confusion_rows(results: Results) -> list[Row]:
    """Give the confusion matrix, one row per reference class."""
    classes = results.beats.scheme.classes
    matrix = matrices_by_record(results.beats).sum(axis=0)
    return [
        {"reference": name} | {predicted: int(count) for predicted, count in zip(classes, row, strict=True)}
        for name, row in zip(classes, matrix, strict=True)
    ]


def influence(results: Results) -> list[Row]:
    """Give the figures at reference positions with each patient left out."""
    classes = results.beats.scheme.classes
    return influence_rows(
        names_by_patient([record.name for record in results.beats.records], results.patients),
        by_patient(matrices_by_record(results.beats), results.patients),
        class_statistics(classes, scored=results.scored),
        classes=classes,
    )


def ec57_influence(scores: Ec57Scores, patients: Sequence[str]) -> list[Row]:
    """Give the figures of EC57 with each patient left out; ``patients`` are those of the records."""
    names = names_by_patient(list(scores.beats), patients)
    matrices = by_patient(ec57_matrices(scores), patients)
    return influence_rows(names, matrices, ec57_statistics(), classes="NSVFQ")


def ec57_rows(scores: Ec57Scores) -> list[Row]:
    """Give one row per record: EC57's statistics of the detected beats, in percent."""
    return [
        {"record": name}
        | {key: number(ratio.percent) for key, ratio in comparison.statistics.items()}
        | {"rr_error_ms": number(comparison.rr_error_ms), "shutdown_s": comparison.shutdown_s}
        for name, comparison in scores.beats.items()
    ]


def interval_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Give one row per statistic of either convention: patients, estimate, intervals, clustering of beats."""
    rows = [
        _interval_row("reference positions", summary["scheme"], name, found, summary["clustering"].get(name))
        for name, found in summary["intervals"].items()
    ]
    for scheme, ec57 in summary["ec57"].items():
        rows += [
            _interval_row("own positions (EC57)", scheme, name, found, None)
            for name, found in ec57["intervals"].items()
        ]
    return rows


def comparison_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Give one row per statistic: both checkpoints, the second's less the first's, interval and p-value."""
    rows: list[Row] = []
    for convention in ("reference_positions", "ec57"):
        for name, found in summary["comparison"][convention].items():
            low, high = found["bca"] or (None, None)
            rows.append(
                {
                    "convention": convention,
                    "statistic": name,
                    "patients": found["patients"],
                    "first": found["first"],
                    "second": found["second"],
                    "difference": found["difference"],
                    "bca_low": low,
                    "bca_high": high,
                    "p_value": found["p_value"],
                }
            )
    return rows


def _fitted(results: Results) -> dict[str, Any] | None:
    fitted = results.fitted
    if fitted is None:
        return None
    return {
        "records": list(fitted.records),
        "beats": fitted.beats,
        "temperature": fitted.temperature,
        "thresholds": threshold_figures(results.beats, fitted),
    }


def _ec57(scores: Ec57Scores, results: Results) -> dict[str, Any]:
    comparisons = list(scores.beats.values())
    pooled = pooled_matrix(comparisons)
    return {
        "positions": "the built-in QRS detector",
        "start_s": scores.start_s,
        "window_s": scores.window_s,
        "matrix": pooled.tolist(),
        "statistics": {
            name: {"hits": ratio.hits, "total": ratio.total, "percent": number(ratio.percent)}
            for name, ratio in matrix_statistics(pooled).items()
        },
        "gross_sumstats": {name: number(ratio.percent) for name, ratio in gross(comparisons).items()},
        "average_sumstats": {name: number(value) for name, value in average(comparisons).items()},
        "intervals": intervals(
            by_patient(ec57_matrices(scores), results.patients), ec57_statistics(), results.resampling
        ),
    }


def _interval_row(
    convention: str,
    scheme: str,
    name: str,
    found: Mapping[str, Any],
    clustered: Mapping[str, Any] | None,
) -> Row:
    percentile, bca = found["percentile"] or (None, None), found["bca"] or (None, None)
    clustered = clustered or {}
    return {
        "convention": convention,
        "scheme": scheme,
        "statistic": name,
        "patients": found["patients"],
        "estimate": found["estimate"],
        "percentile_low": percentile[0],
        "percentile_high": percentile[1],
        "bca_low": bca[0],
        "bca_high": bca[1],
        "undefined_draws": found["undefined_draws"],
        "intraclass_correlation": clustered.get("intraclass_correlation"),
        "design_effect": clustered.get("design_effect"),
        "effective_beats": clustered.get("effective_beats"),
    }


_DETECTED = {"QRS": "qrs", "V": "veb", "S": "sveb"}


def beat_lines(summary: Summary) -> list[str]:
    """Give the table of a classifier of beats: at the reference's beats, then for detected beats by EC57."""
    lines = ["at the reference's beats:", *class_lines(summary, "beats")]
    ec57 = summary["ec57"][summary["scheme"]]
    level = level_of(summary)
    lines += [
        f"detected beats, by EC57 from {ec57['start_s']:g} s:",
        f"{'':<10} {'Se %':>7} {level:>16}   {'+P %':>7} {level:>16}",
    ]
    for name, key in _DETECTED.items():
        cells = [with_ends(ec57["intervals"][f"{key}_{one}"]) for one in SE_AND_PP]
        lines.append(f"{name:<10} {cells[0]}   {cells[1]}")
    for one in summary.get("questions", ()):
        own = one["own_positions"]["classes"]
        figures = [found[name]["f1"] for found in (one["classes"], own) for name in "SV"]
        cells = ["-" if f1 is None else f"{100 * f1:.1f}" for f1 in figures]
        lines.append(
            f"after {one['asked']:>2} questions a record: F1 of S {cells[0]}, V {cells[1]}; detected beats "
            f"S {cells[2]}, V {cells[3]}"
        )
    return [*lines, *few_patients_lines(summary)]
