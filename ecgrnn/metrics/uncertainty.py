"""Says how sure a statistic is where beats of one patient resemble each other: patients are resampled."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.metrics.bca import acceleration, bca_tails, share_below
from ecgrnn.metrics.clustering import design_effect, intraclass_correlation
from ecgrnn.metrics.sign_changes import MOST_UNDEFINED, sign_change_p_value

__all__ = [
    "FEWEST_PATIENTS",
    "MOST_UNDEFINED",
    "ClassStatistic",
    "Interval",
    "PairedDifference",
    "Statistic",
    "acceleration",
    "bootstrap_interval",
    "bootstrap_intervals",
    "design_effect",
    "intraclass_correlation",
    "jackknife",
    "paired_difference",
    "paired_differences",
    "patients_with",
    "resample_patients",
    "sign_change_p_value",
]

Counts = NDArray[np.int64] | NDArray[np.float64]
"""Counts of each patient ``(patient, ...)``, for instance confusion matrices, that can be added up."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From added-up counts ``(resample, ...)`` to a number each ``(resample,)``, nan where it is not defined."""

Method = Literal["percentile", "bca"]
METHODS: tuple[Method, ...] = ("percentile", "bca")

FEWEST_PATIENTS = 5
"""With fewer patients who have the class there is no interval: they cannot tell how patients differ."""

_ROUNDING = 1e-12
"""Ends that differ by no more are equal but for rounding."""

_CHUNK = 1 << 21
"""Numbers that a chunk of draws may hold (16 MB): memory does not grow with patients times draws."""


@dataclass(frozen=True)
class ClassStatistic:
    """A statistic of one class, which only patients who have the class say anything about.

    Attributes:
        value: the statistic.
        items: from counts ``(patient, ...)`` to the number of items of the class ``(patient,)``.
    """

    value: Statistic
    items: Statistic

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the statistic of added-up counts."""
        return self.value(counts)


@dataclass(frozen=True)
class Interval:
    """A statistic and the interval it lies in.

    Attributes:
        estimate: the statistic of all patients.
        low: lower end; nan where there is no interval.
        high: upper end; nan where there is no interval.
        level: share of experiments in which such an interval should hold the truth.
        method: how the interval was made.
        n_resamples: how many times the patients were drawn.
        n_undefined: draws in which the statistic is not defined, for instance without any beat of the class.
        n_patients: patients who have the class.

    There is no interval where fewer than ``FEWEST_PATIENTS`` patients have the class, where the statistic is
    not defined in more than ``MOST_UNDEFINED`` of the draws, or where both ends are equal: its width would
    be zero, as if nothing were left to doubt.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: Method
    n_resamples: int
    n_undefined: int
    n_patients: int


@dataclass(frozen=True)
class PairedDifference:
    """How much better one model is than another on the same patients.

    Attributes:
        interval: interval of the second model's statistic less the first one's.
        p_value: two-sided p-value of no difference, from sign changes by patient; nan where not defined.
    """

    interval: Interval
    p_value: float


def bootstrap_interval(
    counts: Counts,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    method: Method = "bca",
    level: float = 0.95,
    n_resamples: int = 10_000,
) -> Interval:
    """Make a confidence interval by drawing as many patients as there are, with replacement, over and over.

    ``percentile`` takes the quantiles of the drawn statistics. ``bca`` moves these quantiles for the bias of
    the draws and for the way the spread grows with the statistic, the acceleration, estimated by leaving out
    one patient at a time (Efron, Better Bootstrap Confidence Intervals, JASA 82, 1987).

    Args:
        counts: counts of each patient ``(patient, ...)``.
        statistic: from added-up counts to a number.
        rng: source of the draws.
        method: ``percentile`` or ``bca``.
        level: confidence level, between 0 and 1.
        n_resamples: how many times the patients are drawn.

    Raises:
        DataError: fewer than two patients, or options out of range.
    """
    if method not in METHODS:
        raise DataError(f"intervals of kind {method!r} are not known; use 'percentile' or 'bca'")
    found = bootstrap_intervals(counts, {"": statistic}, rng=rng, level=level, n_resamples=n_resamples)
    return found[""][method]


def bootstrap_intervals(
    counts: Counts,
    statistics: Mapping[str, Statistic],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    n_resamples: int = 10_000,
) -> dict[str, dict[Method, Interval]]:
    """Make both intervals of many statistics from the same draws, which are made once, chunk by chunk.

    Args:
        counts: counts of each patient ``(patient, ...)``.
        statistics: name to statistic.
        rng: source of the draws.
        level: confidence level, between 0 and 1.
        n_resamples: how many times the patients are drawn.

    Raises:
        DataError: fewer than two patients, or options out of range.
    """
    _check(counts, level=level, n_resamples=n_resamples)
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for pooled in _draws(counts, rng=rng, n_resamples=n_resamples):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(pooled))
    return {
        name: {
            method: _interval(counts, f, np.concatenate(drawn[name]), method=method, level=level)
            for method in METHODS
        }
        for name, f in statistics.items()
    }


def paired_difference(
    first: Counts,
    second: Counts,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    method: Method = "bca",
    level: float = 0.95,
    n_resamples: int = 10_000,
) -> PairedDifference:
    """Compare two models on the same patients: each draw takes both models' counts of a patient.

    The p-value is that of sign changes: were both models equally good, each patient's two results could as
    well be exchanged. It is exact up to 13 patients on whom the models differ, and from random exchanges
    beyond (Fisher, The Design of Experiments, 1935).
    A p-value from bootstrap draws would be far too small with few patients: 18 % of false alarms at 0.05 with
    five (``scripts/experiments/intervals.py``).

    Args:
        first: counts of each patient by the first model ``(patient, ...)``.
        second: counts of each patient by the second model, patients in the same order.
        statistic: from added-up counts to a number.
        rng: source of the draws.
        method: ``percentile`` or ``bca``.
        level: confidence level, between 0 and 1.
        n_resamples: how many times the patients are drawn.

    Raises:
        DataError: the models' counts differ in shape, fewer than two patients, or options out of range.
    """
    if np.shape(first) != np.shape(second):
        raise DataError(
            "both models must be scored on the same patients with the same counts; "
            f"their shapes are {np.shape(first)} and {np.shape(second)}"
        )
    if method not in METHODS:
        raise DataError(f"intervals of kind {method!r} are not known; use 'percentile' or 'bca'")
    found = paired_differences(first, second, {"": statistic}, rng=rng, level=level, n_resamples=n_resamples)
    return found[""][method]


def paired_differences(
    first: Counts,
    second: Counts,
    statistics: Mapping[str, Statistic],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    n_resamples: int = 10_000,
) -> dict[str, dict[Method, PairedDifference]]:
    """Compare two models in many statistics from the same draws; see ``paired_difference``.

    Raises:
        DataError: the models' counts differ in shape, fewer than two patients, or options out of range.
    """
    if np.shape(first) != np.shape(second):
        raise DataError(
            "both models must be scored on the same patients with the same counts; "
            f"their shapes are {np.shape(first)} and {np.shape(second)}"
        )
    seed = int(rng.integers(2**32))
    both = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)], axis=1)
    differences: dict[str, Statistic] = {name: _difference(f) for name, f in statistics.items()}
    found = bootstrap_intervals(both, differences, rng=rng, level=level, n_resamples=n_resamples)
    p_values = {
        name: sign_change_p_value(both, f, rng=np.random.default_rng(seed), n_resamples=n_resamples)
        for name, f in differences.items()
    }
    return {
        name: {method: PairedDifference(interval, p_values[name]) for method, interval in made.items()}
        for name, made in found.items()
    }


def resample_patients(counts: Counts, *, rng: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """Draw patients with replacement and add up their counts: ``(patient, ...)`` to ``(resample, ...)``."""
    return np.concatenate(list(_draws(counts, rng=rng, n_resamples=n_resamples)))


def jackknife(counts: Counts, statistic: Statistic) -> NDArray[np.float64]:
    """Give the statistic with each patient left out in turn ``(patient,)``: each patient's influence."""
    kinds, kind = _kinds(counts)
    left_out = statistic(np.asarray(counts, dtype=np.float64).sum(axis=0, keepdims=True) - kinds)
    return left_out[kind]


def patients_with(counts: Counts, statistic: Statistic) -> int:
    """Count the patients who say anything about a statistic: those with its class, or with a value."""
    values = np.asarray(counts, dtype=np.float64)
    if isinstance(statistic, ClassStatistic):
        return int((statistic.items(values) > 0).sum())
    return int((~np.isnan(statistic(values))).sum())


def _check(counts: Counts, *, level: float, n_resamples: int) -> None:
    if np.ndim(counts) == 0 or len(counts) < 2:
        raise DataError(
            f"resampling patients needs at least two of them; counts have the shape {np.shape(counts)}"
        )
    if not 0.0 < level < 1.0 or n_resamples < 1:
        raise DataError(f"expected 0 < level < 1 and n_resamples > 0; got {level=} and {n_resamples=}")


def _kinds(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Give the patients that differ in their counts, in order of appearance, and which of them each one is.

    Thousands of patients with one strip each are of a few kinds: to draw kinds in proportion to their
    patients is to draw patients.
    """
    values = np.asarray(counts, dtype=np.float64)
    flat = values.reshape(len(values), -1)
    _, first, kind = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))
    return values[np.sort(first)], place[kind.reshape(-1)]


def _draws(counts: Counts, *, rng: np.random.Generator, n_resamples: int) -> Iterator[NDArray[np.float64]]:
    """Give the added-up counts of drawn patients ``(resample, ...)``, chunk by chunk.

    How often each kind of patient is drawn is multinomial, so that the draws of a chunk are one matrix
    product.
    """
    kinds, kind = _kinds(counts)
    flat = kinds.reshape(len(kinds), -1)
    share = np.bincount(kind) / len(kind)
    chunk = max(1, _CHUNK // max(flat.shape))
    for start in range(0, n_resamples, chunk):
        times = rng.multinomial(len(kind), share, size=min(chunk, n_resamples - start))
        yield (times.astype(np.float64) @ flat).reshape(-1, *kinds.shape[1:])


def _difference(statistic: Statistic) -> Statistic:
    """Make the statistic of the second of two models less the first one's, counts ``(..., model, ...)``."""

    def value(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how much larger the statistic of the second model is."""
        return statistic(pooled[:, 1]) - statistic(pooled[:, 0])

    if not isinstance(statistic, ClassStatistic):
        return value
    items = statistic.items
    return ClassStatistic(value, lambda counts: items(counts[:, 0]))


def _interval(
    counts: Counts, statistic: Statistic, drawn: NDArray[np.float64], *, method: Method, level: float
) -> Interval:
    estimate = float(statistic(np.asarray(counts, dtype=np.float64).sum(axis=0, keepdims=True))[0])
    defined = drawn[~np.isnan(drawn)]
    n_undefined, n_patients = len(drawn) - len(defined), patients_with(counts, statistic)
    low = high = float("nan")
    enough = n_patients >= FEWEST_PATIENTS and n_undefined <= MOST_UNDEFINED * len(drawn)
    if enough and not np.isnan(estimate):
        tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        if method == "bca":
            a = acceleration(jackknife(counts, statistic))
            tails = bca_tails(tails, below=share_below(defined, estimate), a=a)
        low, high = (float(q) for q in np.quantile(defined, tails))
    if high - low <= _ROUNDING:
        low = high = float("nan")
    return Interval(estimate, low, high, level, method, len(drawn), n_undefined, n_patients)
