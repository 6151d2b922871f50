"""Where in a QRS complex its mark is put: the main wave of the complex in one lead, with its sign.

Detection adds up the rectified energy of all leads, whose lobes are nearly equal in a wide complex, so
that noise chooses among them. The mark is therefore sought in one lead, filtered without rectification,
and goes to the wave, up or down, that is the usual one in the last beats.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.detection.alignment import Aligner, half_width
from ecgrnn.signals.detection.qrs_energy import bandpass_kernel
from ecgrnn.signals.detection.working_signal import Decimated

BAND_HZ = (3.0, 30.0)
"""A QRS complex with its shape, little of the baseline and of muscle noise."""

KERNEL_S = 0.6
"""Length of the band-pass kernel: 1.8 periods of the lower corner."""

NEAR_S = 0.06
"""The mark lies within this distance of the peak of the energy: half a wide complex."""

BEATS = 16
"""The usual wave is told by so many last beats of a lead."""

SWITCH = 1.25
"""The usual wave changes where the other one is so much larger in the last beats."""

ALIKE, LEAST_OTHER, MOST_OTHER = 1.5, 1.1, 1.25
"""A beat is marked at its other wave where that is so many times as large as its usual one. These are
1.25 times in a patient whose beat templates have two waves nearly as large, so that noise does not choose
between them. They go down to 1.1 times where the other wave, against the usual one, is more than 1.5
times what it is in beat templates: a wide beat of the other polarity. The marks of V beats in DS1 are at the
other wave in half of the beats in which it is 1.1 to 1.25 times as large, and in four of five beyond;
those of svdb from 0.8 times on."""


class Waves(NamedTuple):
    """The largest waves up and down near peaks of the energy, in the signed band.

    Attributes:
        lead: ``(peak,)``, the lead they were measured in.
        high: ``(peak,)``, height of the largest wave up, in mV.
        high_at: ``(peak,)``, its sample in the input.
        low: ``(peak,)``, depth of the largest wave down, positive, in mV.
        low_at: ``(peak,)``, its sample.
        place: ``(peak,)``, the peak of the energy, in samples of the working rate.
        around: ``(peak, time)``, the band around it, as far as an `Aligner` reads.
    """

    lead: NDArray[np.int8]
    high: NDArray[np.float64]
    high_at: NDArray[np.int64]
    low: NDArray[np.float64]
    low_at: NDArray[np.int64]
    place: NDArray[np.int64]
    around: NDArray[np.float64]

    def rows(self) -> "Iterator[Wave]":
        """Give the waves peak by peak, each a copy that keeps none of the others in memory."""
        numbers = (column.tolist() for column in self[:-1])
        return zip(*numbers, (row.copy() for row in self.around), strict=True)


Wave = tuple[int, float, int, float, int, int, NDArray[np.float64]]
"""A row of `Waves`."""


class WaveFinder:
    """Measure the waves near peaks of the energy, in a stream.

    Only the neighbourhoods of the peaks are filtered, tap by tap, so that rounding does not depend on how
    many peaks come at once.

    Args:
        rate_hz: the working rate.
        factor: input samples of a working one.
        n_leads: leads of the stream.
    """

    def __init__(self, *, rate_hz: float, factor: int, n_leads: int) -> None:
        self._kernel = bandpass_kernel(BAND_HZ, rate_hz=rate_hz, length_s=KERNEL_S)
        self._near = max(1, round(NEAR_S * rate_hz))
        self._wide = half_width(rate_hz)
        self._reach = len(self._kernel) // 2 + self._wide
        self._factor = factor
        self._signal = np.zeros((n_leads, self._reach))
        self._start = -self._reach

    def push(self, decimated: Decimated) -> None:
        """Take the next samples of the working signal."""
        self._signal = np.concatenate([self._signal, decimated.signal], axis=1)

    def finish(self) -> None:
        """Let each lead hold its last value, as far as the filter reaches."""
        self._signal = np.pad(self._signal, ((0, 0), (0, self._reach)), mode="edge")

    def waves(self, place: NDArray[np.int64], lead: NDArray[np.int8]) -> Waves:
        """Measure the waves near peaks, which lie at ``place`` in ``lead``, both ``(peak,)``."""
        around = self._filtered(place, lead)
        y = around[:, self._wide - self._near - 1 : self._wide + self._near + 2]
        high, high_at = self._extremum(y, place)
        low, low_at = self._extremum(-y, place)
        return Waves(lead, high, high_at, low, low_at, place, around)

    def forget_before(self, place: int) -> None:
        """Keep what waves near later peaks need."""
        used = max(0, place - self._reach - self._start)
        self._signal = self._signal[:, used:].copy()
        self._start += used

    def _filtered(self, place: NDArray[np.int64], lead: NDArray[np.int8]) -> NDArray[np.float64]:
        width = 2 * self._wide + 1
        first = place - self._reach - self._start
        around = self._signal[lead, first + np.arange(width + len(self._kernel) - 1)[:, None]]
        y = np.zeros((width, len(place)))  # peaks side by side in memory, which is faster
        for k, tap in enumerate(self._kernel):  # symmetric: no need to turn it round
            y += tap * around[k : k + width]
        return y.T

    def _extremum(
        self, y: NDArray[np.float64], place: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Find the highest value but for the two outermost, between samples by a parabola."""
        rows, top = np.arange(len(y)), 1 + np.argmax(y[:, 1:-1], axis=1)
        before, at, after = (y[rows, top + k] for k in (-1, 0, 1))
        bend = before - 2 * at + after
        shift = np.where(bend < 0, (before - after) / np.where(bend < 0, 2 * bend, 1.0), 0.0)
        block = (place + top - self._near - 1) * self._factor
        sample = np.rint(block + (self._factor - 1) / 2 + np.clip(shift, -0.5, 0.5) * self._factor)
        return at, np.clip(sample, block, block + self._factor - 1).astype(np.int64)


class Marker:
    """Mark beats, in order of time: at their main wave, and alike beats at one place.

    Args:
        rate_hz: the working rate.
        factor: input samples of a working one.
    """

    def __init__(self, *, rate_hz: float, factor: int) -> None:
        self._factor = factor
        self._usual = UsualWave()
        self._aligner = Aligner(rate_hz=rate_hz)
        self._last = -1

    def mark(self, wave: Wave) -> int:
        """Give the sample of a beat's mark, which lies behind the one before it."""
        lead, high, high_at, low, low_at, place, around = wave
        by_itself = self._usual.choose(lead, high, high_at, low, low_at)
        middle = place * self._factor + (self._factor - 1) / 2
        moved = self._aligner.align(lead, around, (by_itself - middle) / self._factor)
        aligned = round(middle + moved * self._factor)
        self._last = aligned if aligned > self._last else max(by_itself, self._last + 1)
        return self._last


class UsualWave:
    """Choose, beat by beat, between the wave up and the wave down."""

    def __init__(self) -> None:
        self._medians: dict[int, tuple[_RunningMedian, _RunningMedian]] = {}
        self._up: dict[int, bool] = {}

    def choose(self, lead: int, high: float, high_at: int, low: float, low_at: int) -> int:
        """Give the sample of a beat's mark; beats come in order of time."""
        if lead not in self._medians:
            self._medians[lead] = _RunningMedian(), _RunningMedian()
        ups, downs = self._medians[lead]
        up, down = ups.push(high), downs.push(low)
        usual_up = self._up.get(lead)
        if usual_up is None or (down > SWITCH * up if usual_up else up > SWITCH * down):
            usual_up = up >= down
        self._up[lead] = usual_up
        if usual_up:
            return low_at if _is_other(low, high, down, up) else high_at
        return high_at if _is_other(high, low, up, down) else low_at


def _is_other(other: float, usual: float, others: float, usuals: float) -> bool:
    """Tell whether a beat's other wave is its main one, by both waves in this beat and in the last ones."""
    least = min(max(ALIKE * others / max(usuals, 1e-9), LEAST_OTHER), MOST_OTHER)
    return other > least * usual


class _RunningMedian:
    """The (upper) median of the last beats."""

    def __init__(self) -> None:
        self._last: deque[float] = deque()
        self._ordered: list[float] = []

    def push(self, value: float) -> float:
        """Take one more value, and give the median of the last ones."""
        if len(self._last) == BEATS:
            del self._ordered[bisect_left(self._ordered, self._last.popleft())]
        self._last.append(value)
        insort(self._ordered, value)
        return self._ordered[len(self._ordered) // 2]
