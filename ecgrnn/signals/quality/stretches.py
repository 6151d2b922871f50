"""Which stretches of a recording cannot be read: where beats are noise, or where there is no signal."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.recording import Recording

LEAST_QUALITY = 1.0
"""A stretch is read where the mean quality of its beats is above this."""

WINDOW_S = 30.0
"""The mean is over the beats up to so far on either side. On DS1 no beat is lost by it but 81 marks in the
ventricular flutter of 207 (0.16 %), and 99 % of what is found in the first half of NSTDB's electrode motion
is left out; with 5 s those are 0.38 and 90 %, with 108 and 203 among those that lose beats."""

BETWEEN_S = 5.0
"""Nothing shorter than this is read between two such stretches."""

GAP_S = 5.0
"""A shorter stretch without signal is a pause like any other."""

_BLOCK_S = 1.0
_FLAT_MV = 0.01
"""A lead that moves less within a second is not connected: 0.1 mm on paper."""


def unreadable_stretches(
    recording: Recording, sample: NDArray[np.int64], quality: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Give first and one past the last sample ``(stretch, 2)`` of what cannot be read, in order and apart.

    Args:
        recording: the recording.
        sample: ``(beat,)``, what was found as beats, rising, at the recording's sampling frequency.
        quality: ``(beat,)``, log-odds, see ``index.beat_quality``.

    Raises:
        DataError: the recording cannot be read.
    """
    noise = noisy_stretches(sample, quality, fs_hz=recording.fs_hz, n_samples=recording.n_samples)
    every = np.concatenate([noise, silent_stretches(recording, sample)])
    return _joined(every, gap=round(BETWEEN_S * recording.fs_hz))


def outside(sample: NDArray[np.int64], stretches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each sample ``(sample,)`` whether it is in none of the stretches ``(stretch, 2)``."""
    begun = np.searchsorted(stretches[:, 0], sample, side="right")
    return np.asarray(begun == np.searchsorted(stretches[:, 1], sample, side="right"))


def noisy_stretches(
    sample: NDArray[np.int64], quality: NDArray[np.float64], *, fs_hz: float, n_samples: int
) -> NDArray[np.int64]:
    """Give the stretches ``(stretch, 2)`` in which beats are noise, to half way to the next beat."""
    low = mean_quality(sample / fs_hz, quality) < LEAST_QUALITY
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(np.int8))).reshape(-1, 2)
    middle = np.concatenate([[0], (sample[1:] + sample[:-1] + 1) // 2, [n_samples]])
    stretches = np.asarray(middle[edges], np.int64).reshape(-1, 2)
    return _joined(stretches, gap=round(BETWEEN_S * fs_hz))


def mean_quality(time_s: NDArray[np.float64], quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give for each beat the mean quality of those within `WINDOW_S` ``(beat,)``."""
    sums = np.concatenate([[0.0], np.cumsum(quality)])
    first = np.searchsorted(time_s, time_s - WINDOW_S)
    last = np.searchsorted(time_s, time_s + WINDOW_S, side="right")
    return np.asarray((sums[last] - sums[first]) / np.maximum(last - first, 1))


def silent_stretches(recording: Recording, sample: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the stretches ``(stretch, 2)`` between beats in which every lead is missing or flat."""
    ends = np.concatenate([[0], sample, [recording.n_samples]])
    long = np.flatnonzero(np.diff(ends) > GAP_S * recording.fs_hz)
    found = [_silent(recording, int(ends[k]), int(ends[k + 1])) for k in long.tolist()]
    return np.concatenate([np.zeros((0, 2), np.int64), *found])


def _silent(recording: Recording, start: int, stop: int) -> NDArray[np.int64]:
    block = max(round(_BLOCK_S * recording.fs_hz), 1)
    hop = 600 * block
    parts = []
    for first in range(start, stop - block + 1, hop):
        signal = recording.stretch(start=first, stop=min(first + hop, stop)).signal
        blocks = signal[: len(signal) // block * block].reshape(-1, block, signal.shape[1])
        moves = np.fmax.reduce(blocks, axis=1) - np.fmin.reduce(blocks, axis=1)
        parts.append(~(moves >= _FLAT_MV).any(axis=1))
    silent = np.concatenate(parts)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8))).reshape(-1, 2)
    edges = edges[edges[:, 1] - edges[:, 0] >= GAP_S / _BLOCK_S]
    found = start + edges * block
    if stop == recording.n_samples:
        found[edges == len(silent)] = stop  # what is left of a second goes with the last one
    return np.asarray(found, np.int64)


def _joined(stretches: NDArray[np.int64], *, gap: int) -> NDArray[np.int64]:
    """Put stretches in order and join those that meet, or have less than a gap between them."""
    ordered = stretches[np.argsort(stretches[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    first = np.append(True, ordered[1:, 0] >= reach[:-1] + gap)[: len(ordered)]
    last = np.append(first[1:], True)[: len(ordered)]
    return np.stack([ordered[first, 0], reach[last]], axis=1)
