"""Statistics and how sure they are: intervals, differences and influence, all of them by patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.metrics import confusion_statistics
from ecgrnn.metrics.classification import accuracy, class_scores, macro_f1
from ecgrnn.metrics.ec57.counts import STATISTICS, share
from ecgrnn.metrics.uncertainty import (
    ClassStatistic,
    Statistic,
    bootstrap_intervals,
    design_effect,
    intraclass_correlation,
    paired_differences,
    patients_with,
)
from ecgrnn.options.spec import Row

Counts = NDArray[np.int64]
"""Confusion matrices of records or patients ``(record, reference, predicted)``."""

ENOUGH_PATIENTS = 20
"""With fewer patients intervals are too narrow: of those said to be 95 %, 80 % hold the truth with 5 patients
and 92 % with 22 (``scripts/experiments/intervals.py``)."""


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


def few_patients(patients: int) -> str | None:
    """Say what few patients mean for the intervals; None where there are enough."""
    if patients >= ENOUGH_PATIENTS:
        return None
    few = "1 patient is" if patients == 1 else f"{patients} patients are"
    return (
        f"{few} fewer than {ENOUGH_PATIENTS}: intervals, where there are any, are too narrow "
        "(in simulations, 95 % intervals of 5 patients held the truth 4 times in 5)."
    )


def matrix_figures(counts: Counts, classes: Sequence[str], *, scored: Sequence[str]) -> dict[str, Any]:
    """Give the figures of all patients together as plain data, as summaries do.

    Args:
        counts: matrices of patients ``(patient, reference, predicted)``.
        classes: class names in the order of the matrix.
        scored: classes the macro-F1 is the mean over, as far as there are items of them.
    """
    matrix = counts.sum(axis=0)
    patients = (counts.sum(axis=-1) > 0).sum(axis=0)
    return {
        "accuracy": number(accuracy(matrix)),
        "macro_f1": number(macro_f1(matrix, over=[classes.index(name) for name in scored])),
        "macro_f1_classes": [name for name in scored if matrix[classes.index(name)].any()],
        "classes": {
            name: {
                "support": score.support,
                "patients": int(patients[k]),
                "sensitivity": number(score.sensitivity),
                "positive_predictivity": number(score.positive_predictivity),
                "f1": number(score.f1),
            }
            for k, (name, score) in enumerate(zip(classes, class_scores(matrix), strict=True))
        },
        "confusion_matrix": matrix.tolist(),
    }


def class_statistics(classes: Sequence[str], *, scored: Sequence[str]) -> dict[str, Statistic]:
    """Give the statistics of a classifier: accuracy, macro-F1, and Se, +P and F1 of each class.

    Args:
        classes: class names in the order of the matrix.
        scored: classes the macro-F1 is the mean over, as far as the whole sample has items of them.
    """
    over = tuple(classes.index(name) for name in scored)
    statistics: dict[str, Statistic] = {
        "accuracy": confusion_statistics.accuracy,
        "macro_f1": ClassStatistic(confusion_statistics.MeanF1(over), confusion_statistics.items),
    }
    for k, name in enumerate(classes):
        items = partial(confusion_statistics.items_of, k=k)
        statistics[f"{name}_sensitivity"] = ClassStatistic(
            partial(confusion_statistics.sensitivity, k=k), items
        )
        statistics[f"{name}_positive_predictivity"] = ClassStatistic(
            partial(confusion_statistics.positive_predictivity, k=k), items
        )
        statistics[f"{name}_f1"] = ClassStatistic(partial(confusion_statistics.f1, k=k), items)
    return statistics


def ec57_statistics() -> dict[str, Statistic]:
    """Give the statistics of the EC57 matrix, each from 0 to 1."""
    return {
        name: ClassStatistic(partial(share, statistic=name), partial(_ec57_items, statistic=name))
        for name in STATISTICS
    }


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
    known = _within(statistics, counts)
    if len(counts) < 2:
        return {name: _estimate(counts, f) | _NO_INTERVAL for name, f in known.items()}
    found = bootstrap_intervals(
        counts, known, rng=resampling.rng(), level=resampling.level, n_resamples=resampling.n_resamples
    )
    return {
        name: _estimate(counts, known[name])
        | {method: _ends(made.low, made.high) for method, made in both.items()}
        | {"undefined_draws": both["bca"].n_undefined}
        for name, both in found.items()
    }


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
    known = _within(statistics, first)
    each = {name: (_estimate(first, f), _estimate(second, f)) for name, f in known.items()}
    rows: dict[str, dict[str, Any]] = {
        name: {"first": one["estimate"], "second": other["estimate"], "patients": one["patients"]}
        for name, (one, other) in each.items()
    }
    if len(first) < 2:
        return {name: row | _one_difference(row) for name, row in rows.items()}
    found = paired_differences(
        first, second, known, rng=resampling.rng(), level=resampling.level, n_resamples=resampling.n_resamples
    )
    for name, both in found.items():
        made = both["bca"]
        rows[name] |= {
            "difference": number(made.interval.estimate),
            "bca": _ends(made.interval.low, made.interval.high),
            "p_value": number(made.p_value),
        }
    return rows


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
        shares[f"{name}_positive_predictivity"] = (
            diagonal[:, k],
            counts[:, :, k].sum(axis=-1),
        )
    return {name: _clustering(hits, trials) for name, (hits, trials) in shares.items()}


def influence_rows(
    names: Sequence[str], matrices: Counts, statistics: Mapping[str, Statistic], *, classes: Sequence[str]
) -> list[Row]:
    """Give every statistic with all patients, and then with each patient left out.

    Args:
        names: what each patient's row is called.
        matrices: their matrices ``(patient, reference, predicted)``, see ``by_patient``.
        statistics: name to statistic.
        classes: names of the matrix's first rows, whose share each patient's ``share_of_CLASS`` is.
    """
    total = matrices.sum(axis=0)
    known = _within(statistics, matrices)
    rows: list[Row] = [_influence_row("(all records)", total, total, total, known, classes)]
    for name, matrix in zip(names, matrices, strict=True):
        rows.append(_influence_row(name, matrix, total - matrix, total, known, classes))
    return rows


def names_by_patient(names: Sequence[str], patients: Sequence[str]) -> list[str]:
    """Name each patient by their records, in the order of ``by_patient``.

    >>> names_by_patient(["201", "100", "202"], ["201", "100", "201"])
    ['201 202', '100']
    """
    records: dict[str, list[str]] = {}
    for name, patient in zip(names, patients, strict=True):
        records.setdefault(patient, []).append(name)
    return [" ".join(own) for own in records.values()]


def number(value: float) -> float | None:
    """JSON has no NaN: a ratio with nothing below the line is null."""
    return None if np.isnan(value) else float(value)


def _ec57_items(m: NDArray[Any], *, statistic: str) -> NDArray[np.float64]:
    """Count the reference beats of the class that a statistic of EC57 is about."""
    rows = {"veb": "V", "sveb": "S"}.get(statistic.split("_")[0], "NSVFQ")
    return np.asarray(m[..., ["NSVFQ".index(row) for row in rows], :].sum(axis=(-2, -1)), np.float64)


_NO_INTERVAL: dict[str, Any] = {"percentile": None, "bca": None, "undefined_draws": 0}


def _within(statistics: Mapping[str, Statistic], counts: Counts) -> dict[str, Statistic]:
    """Tell means over classes which classes the whole sample has."""
    total = counts.sum(axis=0)
    return {
        name: ClassStatistic(f.value.within(total), f.items)
        if isinstance(f, ClassStatistic) and isinstance(f.value, confusion_statistics.MeanF1)
        else f
        for name, f in statistics.items()
    }


def _estimate(counts: Counts, statistic: Statistic) -> dict[str, Any]:
    total = counts.sum(axis=0, keepdims=True).astype(np.float64)
    return {
        "estimate": number(float(statistic(total)[0])),
        "patients": patients_with(counts, statistic),
    }


def _ends(low: float, high: float) -> list[float] | None:
    return None if np.isnan(low) or np.isnan(high) else [low, high]


def _one_difference(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the difference of two figures of a single patient, which has no interval."""
    defined = row["first"] is not None and row["second"] is not None
    return {"difference": row["second"] - row["first"] if defined else None, "bca": None, "p_value": None}


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
    shares = confusion_statistics.ratio(own.sum(axis=-1), total.sum(axis=-1))
    row: dict[str, str | int | float | None] = {"left_out": name, "beats": int(own.sum())}
    row |= {f"share_of_{label}": number(shares[k]) for k, label in enumerate(classes)}
    counted = rest[np.newaxis].astype(np.float64)
    return row | {key: number(float(statistic(counted)[0])) for key, statistic in statistics.items()}
