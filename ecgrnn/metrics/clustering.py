"""How much more alike the beats of one patient are than those of different patients, and what that costs."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError

Counts = NDArray[np.int64] | NDArray[np.float64]
"""Counts of each patient ``(patient,)``."""


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


def _outcomes(hits: Counts, trials: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, n = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if y.shape != n.shape or (y < 0).any() or (y > n).any():
        raise DataError("each patient needs 0 <= hits <= trials, and as many hits as trials entries")
    return y[n > 0], n[n > 0]
