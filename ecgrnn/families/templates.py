"""The template of each family of beats: mean and spread of its beats in every lead of the recording."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.recording import Recording

BEFORE_S, AFTER_S = 0.25, 0.45
"""A template reaches so far before and after the mark of a beat."""

_RATE_HZ = 250.0
"""A template has at least so many samples in a second, where the recording has twice as many, or more."""

_STRETCH_S = 600.0


def family_templates(
    recording: Recording, sample: NDArray[np.int64], of_beat: NDArray[np.int32]
) -> tuple[float, NDArray[np.float32], NDArray[np.float32]]:
    """Give the templates of families, from the signal as it was recorded, stretch by stretch.

    Each beat is moved so that its median in a lead is 0; beats with a missing sample in a lead are left out
    there.

    Args:
        recording: the recording.
        sample: ``(beat,)``, positions, rising.
        of_beat: ``(beat,)``, the family of each beat, numbered from 0.

    Returns:
        The sampling frequency of the templates, their mean and their standard deviation ``(family, time,
        lead)`` in mV; NaN where no beat of a family could be read.

    Raises:
        DataError: the recording cannot be read.
    """
    step = max(1, int(recording.fs_hz // _RATE_HZ))
    fs_hz = recording.fs_hz / step
    before, after = round(BEFORE_S * fs_hz) * step, round(AFTER_S * fs_hz) * step
    offsets = np.arange(-before, after, step)
    shape = (int(of_beat.max()) + 1, len(offsets), len(recording.leads))
    total, squares = np.zeros(shape), np.zeros(shape)
    count = np.zeros((shape[0], 1, shape[2]))
    stretch = max(round(_STRETCH_S * recording.fs_hz), 1)
    for first in range(0, recording.n_samples, stretch):
        rows = slice(*np.searchsorted(sample, [first, first + stretch]))
        if rows.start == rows.stop:
            continue
        beats = _windows(recording, sample[rows], offsets)
        readable = np.asarray(np.isfinite(beats).all(axis=1, keepdims=True))
        beats = np.where(readable, beats - np.median(beats, axis=1, keepdims=True), 0.0)
        of_rows = of_beat[rows]
        for family in np.unique(of_rows).tolist():
            among = np.flatnonzero(of_rows == family)
            total[family] += beats[among].sum(axis=0)
            squares[family] += np.square(beats[among]).sum(axis=0)
            count[family] += readable[among].sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        spread = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
    return fs_hz, mean.astype(np.float32), spread.astype(np.float32)


def _windows(
    recording: Recording, sample: NDArray[np.int64], offsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Read windows around beats, ``(beat, time, lead)``; beyond the ends the last sample goes on."""
    start = max(int(sample[0] + offsets[0]), 0)
    stop = min(int(sample[-1] + offsets[-1]) + 1, recording.n_samples)
    signal = recording.stretch(start=start, stop=stop).signal
    at = np.clip(sample[:, np.newaxis] + offsets - start, 0, len(signal) - 1)
    return np.asarray(signal[at], np.float64)
