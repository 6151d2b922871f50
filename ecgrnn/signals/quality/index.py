"""A signal quality index: how surely the beats that were found are beats and not noise."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

QUALITY_NUMBERS = ("likeness", "residual", "steepness", "order")

_AROUND_S = (-0.25, 0.45)
"""What is compared between beats: from the P wave to the T wave."""

_QRS_S = (-0.08, 0.08)

_NEIGHBOURS = 8
"""Beats on either side that a beat is compared with."""

REACH_S = _AROUND_S[1]
"""So far from a beat the signal is read."""

REACH_BEATS = _NEIGHBOURS + 2
"""So many beats on either side the quality of a beat depends on."""

_THIRD = 3
"""The likeness is that with the third most alike of the neighbours, where there are three: one or two may be
alike by chance."""

_SMALLEST_MV = 0.05
"""A flatter complex is not divided by its own height."""

_WEIGHTS = (5.34, -5.26, -0.46, -7.51)
_BIAS = -3.73
"""Of the four numbers below: a logistic regression on DS1 of the MIT-BIH database and the first half of
NSTDB's noise, see scripts/experiments/quality_index.py."""

_AT_ONCE = 2048


def beat_quality(
    signal: NDArray[np.float32], sample: NDArray[np.int64], *, fs_hz: float
) -> NDArray[np.float64]:
    """Give for each beat the log-odds that what is around it can be read, and is not noise.

    Args:
        signal: ``(time, lead)``, filtered (0.5 to 40 Hz), in mV.
        sample: ``(beat,)``, rising, in the signal.
        fs_hz: sampling frequency.

    Returns:
        ``(beat,)``, the mean over the leads.
    """
    numbers = quality_numbers(signal, sample, fs_hz=fs_hz)
    return np.asarray((numbers @ np.array(_WEIGHTS) + _BIAS).mean(axis=1))


def quality_numbers(
    signal: NDArray[np.float32], sample: NDArray[np.int64], *, fs_hz: float
) -> NDArray[np.float64]:
    """Describe each beat in each lead by four numbers, ``(beat, lead, number)``.

    ``likeness`` is the correlation of P to T with the third most alike of 16 neighbours. ``residual`` is
    ln(rms of what is left of P to T when the neighbours' median is taken off / height of the QRS).
    ``steepness`` is ln(largest slope in the QRS / its height), in 1/s. ``order`` is the mean over the
    neighbours of |ln(RR / RR before)|.
    """
    first, last = round(_AROUND_S[0] * fs_hz), round(_AROUND_S[1] * fs_hz)
    order = _order(sample)
    padded = np.pad(signal, ((-first, last + 1), (0, 0)), mode="edge")
    windows = sliding_window_view(padded, last - first + 1, axis=0)
    qrs = slice(round(_QRS_S[0] * fs_hz) - first, round(_QRS_S[1] * fs_hz) - first + 1)
    parts = []
    for begin in range(0, len(sample), _AT_ONCE):
        stop = min(begin + _AT_ONCE, len(sample))
        outer = slice(max(begin - _NEIGHBOURS, 0), stop + _NEIGHBOURS)
        beats = np.asarray(windows[sample[outer]], np.float64)
        own = slice(begin - outer.start, stop - outer.start)
        parts.append(_compared(beats, qrs=qrs, fs_hz=fs_hz)[own])
    shape = np.concatenate(parts) if parts else np.zeros((0, signal.shape[1], 3))
    return np.concatenate([shape, np.broadcast_to(order[:, None, None], (*shape.shape[:2], 1))], axis=2)


def _compared(beats: NDArray[np.float64], *, qrs: slice, fs_hz: float) -> NDArray[np.float64]:
    """Give likeness, residual and steepness of windows ``(beat, lead, time)`` in order of time."""
    n_beats = len(beats)
    beats = beats - np.median(beats, axis=2, keepdims=True)
    height = np.maximum(np.ptp(beats[:, :, qrs], axis=2), _SMALLEST_MV)
    unit = beats - beats.mean(axis=2, keepdims=True)
    unit /= np.sqrt(np.square(unit).sum(axis=2, keepdims=True)) + 1e-6
    near = np.arange(n_beats)[:, None] + np.delete(np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1), _NEIGHBOURS)
    there = (near >= 0) & (near < n_beats)
    near = np.clip(near, 0, n_beats - 1)
    alike = np.stack([np.einsum("blt,blt->bl", unit, unit[near[:, k]]) for k in range(near.shape[1])], axis=2)
    alike = np.where(there[:, None, :], alike, -1.0)
    rank = np.clip(there.sum(axis=1), 1, _THIRD)[:, None, None]
    likeness = np.take_along_axis(np.sort(alike, axis=2), near.shape[1] - rank, axis=2)[:, :, 0]
    likeness[~there.any(axis=1)] = 1.0  # a beat alone has nothing against it
    usual = np.median(beats[near], axis=1)
    residual = np.sqrt(np.square(beats - usual).mean(axis=2))
    steepest = np.abs(np.diff(beats[:, :, qrs], axis=2)).max(axis=2) * fs_hz
    return np.stack(
        [likeness, np.log((residual + 1e-3) / height), np.log((steepest + 1e-2) / height)], axis=2
    )


def _order(sample: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the mean of |ln(RR / RR before)| around each beat ``(beat,)``."""
    if len(sample) < 3:
        return np.zeros(len(sample))
    change = np.abs(np.diff(np.log(np.maximum(np.diff(sample), 1))))
    sums = np.concatenate([[0.0], np.cumsum(change)])
    middle = np.arange(len(sample)) - 1
    first = np.clip(middle - _NEIGHBOURS, 0, len(change) - 1)
    last = np.clip(middle + _NEIGHBOURS + 1, 1, len(change))
    return np.asarray((sums[last] - sums[first]) / (last - first))
