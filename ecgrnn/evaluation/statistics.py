"""Statistics and how sure they are: intervals and differences by patient, influence by record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.evaluation.files import Row
from ecgrnn.metrics.classification import accuracy, class_scores, macro_f1
from ecgrnn.metrics.ec57_counts import STATISTICS, share
from ecgrnn.metrics.uncertainty import (
    Statistic,
    bootstrap_interval,
    design_effect,
    intraclass_correlation,
    paired_difference,
)

Counts = NDArray[np.int64]
"""Confusion matrices of records or patients ``(record, reference, predicted)``."""


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Attributes:
        n_resamples: how many times patients are drawn.
        level: confidence level.
        seed: seed of the draws.
    """

    n_resamples: int
    level: float
    seed: int

    def rng(self) -> np.random.Generator:
        """Give a generator in its first state, so that every statistic sees the same draws."""
        return np.random.default_rng(self.seed)

    def described(self) -> dict[str, Any]:
        """Give it as plain data, as summaries do."""
        return {"unit": "patient", "resamples": self.n_resamples, "level": self.level, "seed": self.seed}


def matrix_figures(
    matrix: NDArray[np.int64], classes: Sequence[str], *, scored: Sequence[str]
) -> dict[str, Any]:
    """Give the figures of one confusion matrix as plain data, as summaries do.

    Args:
        matrix: ``(class, class)``, reference by prediction.
        classes: class names in the order of the matrix.
        scored: classes the macro-F1 is the mean over.
    """
    return {
        "accuracy": accuracy(matrix),
        "macro_f1": macro_f1(matrix, over=[classes.index(name) for name in scored]),
        "macro_f1_classes": list(scored),
        "classes": {
            name: {key: number(value) if key != "support" else value for key, value in vars(score).items()}
            for name, score in zip(classes, class_scores(matrix), strict=True)
        },
        "confusion_matrix": matrix.tolist(),
    }


def class_statistics(classes: Sequence[str], *, scored: Sequence[str]) -> dict[str, Statistic]:
    """Give the statistics of a classifier: accuracy, macro-F1, and Se, +P and F1 of each class.

    Args:
        classes: class names in the order of the matrix.
        scored: classes the macro-F1 is the mean over.
    """
    over = [classes.index(name) for name in scored]
    statistics: dict[str, Statistic] = {"accuracy": _accuracy, "macro_f1": partial(_macro_f1, over=over)}
    for k, name in enumerate(classes):
        statistics[f"{name}_sensitivity"] = partial(_sensitivity, k=k)
        statistics[f"{name}_positive_predictivity"] = partial(_positive_predictivity, k=k)
        statistics[f"{name}_f1"] = partial(_f1, k=k)
    return statistics


def ec57_statistics() -> dict[str, Statistic]:
    """Give the statistics of the EC57 matrix, each from 0 to 1."""
    return {name: partial(share, statistic=name) for name in STATISTICS}


def by_patient(matrices: Counts, patients: Sequence[str]) -> Counts:
    """Add up the records of each patient: ``(record, ...)`` to ``(patient, ...)``."""
    order = {patient: place for place, patient in enumerate(dict.fromkeys(patients))}
    counts = np.zeros((len(order), *matrices.shape[1:]), dtype=np.int64)
    np.add.at(counts, [order[patient] for patient in patients], matrices)
    return counts


def intervals(
    counts: Counts, statistics: Mapping[str, Statistic], resampling: Resampling
) -> dict[str, dict[str, Any]]:
    """Give each statistic with its percentile and BCa interval over patients; one patient has none.

    Args:
        counts: matrices of patients ``(patient, reference, predicted)``.
        statistics: name to statistic.
        resampling: how the patients are drawn.
    """
    return {name: _interval(counts, statistic, resampling) for name, statistic in statistics.items()}


def differences(
    first: Counts, second: Counts, statistics: Mapping[str, Statistic], resampling: Resampling
) -> dict[str, dict[str, Any]]:
    """Compare two models patient by patient: each statistic of both, the second's less the first's.

    Args:
        first: matrices of patients by the first model.
        second: matrices of the same patients by the second model.
        statistics: name to statistic.
        resampling: how the patients are drawn.
    """
    return {name: _difference(first, second, f, resampling) for name, f in statistics.items()}


def clustering(counts: Counts, classes: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Give intra-class correlation, design effect and effective number of beats of each share.

    Args:
        counts: matrices of patients ``(patient, reference, predicted)``.
        classes: class names in the order of the matrix.
    """
    diagonal = np.diagonal(counts, axis1=-2, axis2=-1)
    shares = {"accuracy": (diagonal.sum(axis=-1), counts.sum(axis=(-2, -1)))}
    for k, name in enumerate(classes):
        shares[f"{name}_sensitivity"] = (diagonal[:, k], counts[:, k, :].sum(axis=-1))
        shares[f"{name}_positive_predictivity"] = (diagonal[:, k], counts[:, :, k].sum(axis=-1))
    return {name: _clustering(hits, trials) for name, (hits, trials) in shares.items()}


def influence_rows(
    names: Sequence[str], matrices: Counts, statistics: Mapping[str, Statistic], *, classes: Sequence[str]
) -> list[Row]:
    """Give every statistic with all records, and then with each record left out.

    Args:
        names: record names.
        matrices: their matrices ``(record, reference, predicted)``.
        statistics: name to statistic.
        classes: names of the matrix's first rows, whose share each record's ``share_of_CLASS`` is.
    """
    total = matrices.sum(axis=0)
    rows: list[Row] = [_influence_row("(all records)", total, total, total, statistics, classes)]
    for name, matrix in zip(names, matrices, strict=True):
        rows.append(_influence_row(name, matrix, total - matrix, total, statistics, classes))
    return rows


def number(value: float) -> float | None:
    """JSON has no NaN: a ratio with nothing below the line is null."""
    return None if np.isnan(value) else float(value)


def _accuracy(m: NDArray[Any]) -> NDArray[np.float64]:
    return _ratio(m.trace(axis1=-2, axis2=-1), m.sum(axis=(-2, -1)))


def _macro_f1(m: NDArray[Any], *, over: Sequence[int]) -> NDArray[np.float64]:
    # as in `macro_f1`: 0 for a class that is neither there nor called
    return np.asarray(np.mean([np.nan_to_num(_f1(m, k=k)) for k in over], axis=0))


def _sensitivity(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    return _ratio(m[..., k, k], m[..., k, :].sum(axis=-1))


def _positive_predictivity(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    return _ratio(m[..., k, k], m[..., :, k].sum(axis=-1))


def _f1(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    return _ratio(2 * m[..., k, k], m[..., k, :].sum(axis=-1) + m[..., :, k].sum(axis=-1))


def _ratio(hits: NDArray[Any], total: NDArray[Any]) -> NDArray[np.float64]:
    undefined = np.full(np.shape(total), np.nan)
    ratio: NDArray[np.float64] = np.divide(hits, total, out=undefined, where=np.asarray(total) > 0)
    return ratio


def _interval(counts: Counts, statistic: Statistic, resampling: Resampling) -> dict[str, Any]:
    total = counts.sum(axis=0, keepdims=True).astype(np.float64)
    if len(counts) < 2:
        return {
            "estimate": number(float(statistic(total)[0])),
            "percentile": None,
            "bca": None,
            "undefined_draws": 0,
        }
    made = {
        method: bootstrap_interval(
            counts,
            statistic,
            rng=resampling.rng(),
            method=method,
            level=resampling.level,
            n_resamples=resampling.n_resamples,
        )
        for method in ("percentile", "bca")
    }
    ends = {method: [number(one.low), number(one.high)] for method, one in made.items()}
    return {
        "estimate": number(made["bca"].estimate),
        **{method: None if None in pair else pair for method, pair in ends.items()},
        "undefined_draws": made["bca"].n_undefined,
    }


def _difference(
    first: Counts, second: Counts, statistic: Statistic, resampling: Resampling
) -> dict[str, Any]:
    each = [
        float(statistic(counts.sum(axis=0, keepdims=True).astype(np.float64))[0])
        for counts in (first, second)
    ]
    row: dict[str, Any] = {"first": number(each[0]), "second": number(each[1])}
    if len(first) < 2:
        return row | {"difference": number(each[1] - each[0]), "bca": None, "p_value": None}
    found = paired_difference(
        first,
        second,
        statistic,
        rng=resampling.rng(),
        level=resampling.level,
        n_resamples=resampling.n_resamples,
    )
    ends = [number(found.interval.low), number(found.interval.high)]
    defined = number(found.interval.estimate) is not None
    return row | {
        "difference": number(found.interval.estimate),
        "bca": None if None in ends else ends,
        "p_value": number(found.p_value) if defined else None,
    }


def _clustering(hits: Counts, trials: Counts) -> dict[str, float | None]:
    correlation = intraclass_correlation(hits, trials)
    effect = design_effect(trials, correlation=correlation)
    beats = float(trials.sum())
    return {
        "beats": beats,
        "intraclass_correlation": number(correlation),
        "design_effect": number(effect),
        # a correlation below 0 makes an effect below 1: patients then say more than as many loose beats
        "effective_beats": number(beats / effect) if effect > 0 else None,
    }


def _influence_row(
    name: str,
    own: Counts,
    rest: Counts,
    total: Counts,
    statistics: Mapping[str, Statistic],
    classes: Sequence[str],
) -> Row:
    shares = _ratio(own.sum(axis=-1), total.sum(axis=-1))
    row: dict[str, str | int | float | None] = {"left_out": name, "beats": int(own.sum())}
    row |= {f"share_of_{label}": number(shares[k]) for k, label in enumerate(classes)}
    counted = rest[np.newaxis].astype(np.float64)
    return row | {key: number(float(statistic(counted)[0])) for key, statistic in statistics.items()}
