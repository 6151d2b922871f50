"""Atrial fibrillation, told by RR intervals without order."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

WINDOW = 24
"""RR intervals that are looked at together: some 20 s."""

SHORTEST_RR_S, LONGEST_RR_S = 0.2, 3.0
"""Other intervals are false or missed beats."""

_STEP, _LARGEST = 0.05, 15
"""Width of the bins that entropy is counted in, a step of ln RR that is one, and the farthest bin."""

_WEIGHTS = (3.767, 1.789, 3.032, -3.456, -1.985)
_BIAS = -8.911
"""Of the five numbers below: a logistic regression on 15,724 windows of CinC 2017 without its fold 0
(scripts/experiments/fibrillation_rule.py). No record of the MIT-BIH database was used."""

_AT_ONCE = 4096
"""Windows that are in memory at a time."""


def irregularity(
    rr_s: NDArray[np.float64], ectopic: NDArray[np.bool_], usable: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give for each RR interval the log-odds that it is one of atrial fibrillation.

    With x = ln RR over 24 intervals and d = x - median(x): the share of steps of x above 0.05, the entropy of
    d in bins of 0.05 (nat), the share of turning points (two thirds without order), the mean rate as
    ln(mean RR / 0.8 s), and the correlation of d with itself two beats on, which a bigeminy has. Intervals
    beside an ectopic beat are left out. An interval's log-odds are the mean over the windows it is in.

    Args:
        rr_s: ``(interval,)``.
        ectopic: ``(interval,)``, whether it begins or ends with a beat of ventricular origin.
        usable: ``(interval,)``, whether it could be read.

    Returns:
        ``(interval,)``; minus infinity where there are too few intervals to tell.
    """
    kept = np.flatnonzero(usable & ~ectopic & (rr_s > SHORTEST_RR_S) & (rr_s < LONGEST_RR_S))
    if len(kept) < WINDOW:
        return np.full(len(rr_s), -np.inf)
    windows = sliding_window_view(np.log(rr_s[kept]), WINDOW)
    parts = [log_odds(windows[k : k + _AT_ONCE]) for k in range(0, len(windows), _AT_ONCE)]
    sums = np.cumsum(np.concatenate([[0.0], *parts]))
    last = np.minimum(np.arange(len(kept)), len(windows) - 1) + 1
    first = np.maximum(np.arange(len(kept)) - WINDOW + 1, 0)
    of_kept = (sums[last] - sums[first]) / (last - first)
    return np.asarray(np.interp(np.arange(len(rr_s)), kept, of_kept))


def log_odds(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the log-odds of fibrillation of windows ``(window, interval)`` of ln RR, in s."""
    return np.asarray(rr_numbers(x) @ np.array(_WEIGHTS) + _BIAS)


def rr_numbers(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Describe windows ``(window, interval)`` of ln RR, in s, by five numbers each, see `irregularity`."""
    step = np.diff(x, axis=1)
    d = x - np.median(x, axis=1, keepdims=True)
    turning = np.sign(step[:, 1:]) != np.sign(step[:, :-1])
    energy = np.maximum((d * d).sum(axis=1), 1e-6)
    return np.stack(
        [
            (np.abs(step) > _STEP).mean(axis=1),
            _entropy(d),
            turning.mean(axis=1),
            np.log(np.exp(x).mean(axis=1) / 0.8),
            (d[:, 2:] * d[:, :-2]).sum(axis=1) / energy,
        ],
        axis=1,
    )


def _entropy(d: NDArray[np.float64]) -> NDArray[np.float64]:
    bins = np.clip(np.rint(d / _STEP), -_LARGEST, _LARGEST).astype(np.int64) + _LARGEST
    n_bins = 2 * _LARGEST + 1
    at = bins + n_bins * np.arange(len(d))[:, None]
    p = np.bincount(at.ravel(), minlength=n_bins * len(d)).reshape(len(d), n_bins) / d.shape[1]
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1))
