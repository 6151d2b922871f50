"""Says how sure a statistic is where beats of one patient resemble each other: patients are resampled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ecgrnn.errors import DataError

Counts = NDArray[np.int64] | NDArray[np.float64]
"""Counts of each patient ``(patient, ...)``, for instance confusion matrices, that can be added up."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From added-up counts ``(resample, ...)`` to a number each ``(resample,)``, nan where it is not defined."""

Method = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Interval:
    """A statistic and the interval it lies in.

    Attributes:
        estimate: the statistic of all patients.
        low: lower end; nan where the statistic is not defined.
        high: upper end; nan where the statistic is not defined.
        level: share of experiments in which such an interval should hold the truth.
        method: how the interval was made.
        n_resamples: how many times the patients were drawn.
        n_undefined: draws in which the statistic is not defined, for instance without any beat of the class;
            they
            take no part in the interval.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: Method
    n_resamples: int
    n_undefined: int


@dataclass(frozen=True)
class PairedDifference:
    """How much better one model is than another on the same patients.

    Attributes:
        interval: interval of the second model's statistic less the first one's.
        p_value: two-sided bootstrap p-value of no difference.
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
    _check(counts, method=method, level=level, n_resamples=n_resamples)
    drawn = statistic(resample_patients(counts, rng=rng, n_resamples=n_resamples))
    return _interval(counts, statistic, drawn, method=method, level=level)


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

    The p-value is twice the share of draws on the far side of no difference, the estimate itself counted as
    one draw on each side, so that it is never 0 (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997).

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
    _check(first, method=method, level=level, n_resamples=n_resamples)
    both = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)], axis=1)

    def difference(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how much larger the statistic of the second model is."""
        return statistic(pooled[:, 1]) - statistic(pooled[:, 0])

    drawn = difference(resample_patients(both, rng=rng, n_resamples=n_resamples))
    interval = _interval(both, difference, drawn, method=method, level=level)
    defined = drawn[~np.isnan(drawn)]
    tail = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return PairedDifference(interval, min(1.0, 2.0 * (tail + 1) / (len(defined) + 1)))


def resample_patients(counts: Counts, *, rng: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """Draw patients with replacement and add up their counts: ``(patient, ...)`` to ``(resample, ...)``.

    How often each patient is drawn is multinomial, so that all draws together are one matrix product.
    """
    n = len(counts)
    times = rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
    return np.tensordot(times.astype(np.float64), np.asarray(counts, dtype=np.float64), axes=1)


def jackknife(counts: Counts, statistic: Statistic) -> NDArray[np.float64]:
    """Give the statistic with each patient left out in turn ``(patient,)``: each patient's influence."""
    values = np.asarray(counts, dtype=np.float64)
    return statistic(values.sum(axis=0, keepdims=True) - values)


def acceleration(left_out: NDArray[np.float64]) -> float:
    """Derive the acceleration of BCa from the statistics with one patient left out ``(patient,)``.

    a = Σ (θ̄ - θᵢ)³ / 6 (Σ (θ̄ - θᵢ)²)^(3/2) over the patients i (Efron 1987).
    """
    d = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if np.isfinite(left_out).any() else np.zeros(1)
    spread = float((d**2).sum())
    return float((d**3).sum() / (6.0 * spread**1.5)) if spread > 0 else 0.0


def intraclass_correlation(hits: Counts, trials: Counts) -> float:
    """Estimate how much more alike two beats of one patient are than two of different patients.

    One-way analysis of variance of the outcomes 0 and 1 with the patient as factor: ρ = (MSB - MSW) / (MSB +
    (n₀ - 1) MSW), where n₀ = (N - Σ nᵢ² / N) / (k - 1) (Ridout, Demétrio and Firth, Biometrics 55, 1999). 1
    says that each patient is all right or all wrong; a value below 0, which chance can bring, that patients
    are more alike than they would be by chance.

    Args:
        hits: right outcomes of each patient ``(patient,)``.
        trials: outcomes of each patient ``(patient,)``; patients without any are passed over.

    Returns:
        ρ, or nan where fewer than two patients have outcomes, none has two, or all outcomes are alike.

    Raises:
        DataError: hits below 0 or above the trials.
    """
    y, n = _outcomes(hits, trials)
    k, N = len(n), n.sum()
    if k < 2 or k == N:
        return float("nan")
    between = (y**2 / n).sum()
    MSB = (between - y.sum() ** 2 / N) / (k - 1)
    MSW = (y.sum() - between) / (N - k)
    n0 = (N - (n**2).sum() / N) / (k - 1)
    variance = MSB + (n0 - 1) * MSW
    return float((MSB - MSW) / variance) if variance > 0 else float("nan")


def design_effect(trials: Counts, *, correlation: float) -> float:
    """Tell how many times wider the variance is than that of as many beats of different patients.

    1 + (Σ nᵢ² / Σ nᵢ - 1) ρ: the mean is over beats, so that patients with many beats weigh more (Kish 1965).
    The number of beats divided by it is the number of independent beats that would say as much.

    Args:
        trials: outcomes of each patient ``(patient,)``.
        correlation: intra-class correlation ρ.
    """
    n = np.asarray(trials, dtype=np.float64)
    return float(1.0 + ((n**2).sum() / n.sum() - 1.0) * correlation) if n.sum() > 0 else float("nan")


def _check(counts: Counts, *, method: Method, level: float, n_resamples: int) -> None:
    if np.ndim(counts) == 0 or len(counts) < 2:
        raise DataError(
            f"resampling patients needs at least two of them; counts have the shape {np.shape(counts)}"
        )
    if method not in ("percentile", "bca"):
        raise DataError(f"intervals of kind {method!r} are not known; use 'percentile' or 'bca'")
    if not 0.0 < level < 1.0 or n_resamples < 1:
        raise DataError(f"expected 0 < level < 1 and n_resamples > 0; got {level=} and {n_resamples=}")


def _interval(
    counts: Counts, statistic: Statistic, drawn: NDArray[np.float64], *, method: Method, level: float
) -> Interval:
    estimate = float(statistic(np.asarray(counts, dtype=np.float64).sum(axis=0, keepdims=True))[0])
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(estimate) or len(defined) == 0:
        low = high = float("nan")
    else:
        tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        if method == "bca":
            a = acceleration(jackknife(counts, statistic))
            tails = _bca_tails(tails, below=_share_below(defined, estimate), a=a)
        low, high = (float(q) for q in np.quantile(defined, tails))
    return Interval(estimate, low, high, level, method, len(drawn), len(drawn) - len(defined))


def _share_below(drawn: NDArray[np.float64], estimate: float) -> float:
    # draws equal to the estimate, frequent with small counts, are halved; 0 and 1 are kept off, for their
    # normal quantiles are infinite
    B = len(drawn)
    share = float((drawn < estimate).sum() + 0.5 * (drawn == estimate).sum()) / B
    return min(max(share, 1.0 / (B + 1)), B / (B + 1))


def _bca_tails(tails: NDArray[np.float64], *, below: float, a: float) -> NDArray[np.float64]:
    z0 = ndtri(below)
    z = z0 + ndtri(tails)
    # beyond 1 / a the correction has no meaning: the quantile is then the outermost one
    stretched = np.where(
        a * z < 1.0, z / np.maximum(1.0 - a * z, np.finfo(np.float64).tiny), np.sign(z) * np.inf
    )
    moved: NDArray[np.float64] = ndtr(z0 + stretched)
    return moved


def _outcomes(hits: Counts, trials: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, n = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if y.shape != n.shape or (y < 0).any() or (y > n).any():
        raise DataError("each patient needs 0 <= hits <= trials, and as many hits as trials entries")
    return y[n > 0], n[n > 0]
