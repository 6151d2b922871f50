"""RR intervals relative to the patient's own rhythm: what tells an early beat from a fast heart."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.rhythm_context import running_quantiles

RR_FEATURES = ("before", "after", "change", "rate", "irregularity")

_NEIGHBOURS = 32
"""Beats on either side that make a beat's own rhythm: about half a minute each way, so that it follows the
heart rate but outlasts a bigeminy or a run of tachycardia."""

_LONGEST_LOG_RATIO = 1.5
"""Ratios beyond e^1.5 = 4.5 are pauses or missed beats; more of them says nothing more."""


def rr_features(sample: NDArray[np.int64], *, fs_hz: float) -> NDArray[np.float32]:
    """Describe the rhythm around each beat of a record, from the positions of its beats alone.

    With RR_i = t_i - t_(i-1) and M_i the median of RR over the 32 beats on either side:
    before = ln(RR_i / M_i), after = ln(RR_(i+1) / M_i), change = ln(RR_i / RR_(i-1)), rate = ln(M_i / 0.8 s),
    irregularity = the median of |ln(RR_j / RR_(j-1))| over the same neighbours. Where an interval is missing,
    at the ends of a record, its ratio is taken as 1.

    Args:
        sample: ``(beat,)``, positions in ascending order.
        fs_hz: sampling frequency of the positions.

    Returns:
        ``(beat, feature)``, features in the order of ``RR_FEATURES``.
    """
    if len(sample) < 2:
        return np.zeros((len(sample), len(RR_FEATURES)), np.float32)
    rr = np.log(np.maximum(np.diff(sample), 1) / fs_hz)
    rr_before = np.concatenate([rr[:1], rr])
    rr_after = np.concatenate([rr, rr[-1:]])
    usual = _running_median(rr_before)
    change = np.diff(rr_before, prepend=rr_before[:1])
    features = np.stack(
        [
            rr_before - usual,
            rr_after - usual,
            change,
            usual - np.log(0.8),
            _running_median(np.abs(change)),
        ],
        axis=1,
    )
    clipped: NDArray[np.float32] = np.clip(features, -_LONGEST_LOG_RATIO, _LONGEST_LOG_RATIO).astype(
        np.float32
    )
    return clipped


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    width = min(_NEIGHBOURS, (len(values) - 1) // 2)
    medians: NDArray[np.float64] = running_quantiles(values, 2 * width, (0.5,), causal=False)[0]
    return medians
