"""Samples that lie at their time although some between them are missing: runs of rows with gaps."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError

LONGEST_S = 60 * 86_400.0
"""No recording is taken to be longer: clocks that are wrong make gaps of years."""


@dataclass(frozen=True)
class Runs:
    """Runs of rows without a gap inside.

    Attributes:
        starts: ``(run,)``, where each begins in the recording, rising.
        rows: ``(run,)``, the first row of each.
        counts: ``(run,)``, how many rows each has.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def n_samples(self) -> int:
        """Length of the recording with its gaps."""
        return int(self.starts[-1] + self.counts[-1])

    @property
    def missing(self) -> int:
        """How many samples are missing between the runs."""
        return self.n_samples - int(self.counts.sum())

    def read(
        self, start: int, stop: int, n_columns: int, rows: Callable[[int, int], NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        """Read the samples ``start`` to ``stop``, NaN in the gaps.

        Args:
            start: first sample.
            stop: sample behind the last one.
            n_columns: how many columns there are.
            rows: reads rows from one to before another, ``(row, column)``.
        """
        ends = self.starts + self.counts
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(self.starts, stop)
        parts = []
        for run in range(int(first), int(last)):
            begin, end = max(start, int(self.starts[run])), min(stop, int(ends[run]))
            offset = int(self.rows[run] - self.starts[run])
            parts.append((begin, end, rows(begin + offset, end + offset)))
        if len(parts) == 1 and parts[0][:2] == (start, stop):
            return parts[0][2]
        kind = np.result_type(np.float32, *(part.dtype for _, _, part in parts))
        signal = np.full((stop - start, n_columns), np.nan, kind)
        for begin, end, part in parts:
            signal[begin - start : end - start] = part
        return signal


def one_run(n_samples: int) -> Runs:
    """Give the single run of rows that have no gap."""
    return Runs(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([n_samples], np.int64))


def runs_of_blocks(onsets_s: NDArray[np.float64], *, block: int, fs_hz: float, name: str) -> Runs:
    """Put blocks of equally many samples at their times.

    Args:
        onsets_s: ``(block,)``, when each begins.
        block: samples in each.
        fs_hz: sampling frequency.
        name: what a message calls the file.

    Raises:
        DataError: blocks overlap, or lie years apart.
    """
    positions = np.rint((onsets_s - onsets_s[0]) * fs_hz).astype(np.int64)
    index = np.arange(len(positions), dtype=np.int64)
    # Where the clock of the blocks drifts by less than a sample, they follow each other.
    lag = positions - index * block
    new = np.append(True, np.abs(np.diff(lag)) > 1)
    rows = index[new] * block
    counts = np.diff(np.append(rows, len(positions) * block))
    return _runs(positions[new], rows, counts, fs_hz=fs_hz, name=name)


def _runs(
    starts: NDArray[np.int64], rows: NDArray[np.int64], counts: NDArray[np.int64], *, fs_hz: float, name: str
) -> Runs:
    late = np.flatnonzero(starts[1:] < starts[:-1] + counts[:-1])
    if late.size:
        at = int(late[0]) + 1
        raise DataError(
            f"{name}: its times go back, from {(starts[at - 1] + counts[at - 1]) / fs_hz:.3f} s to "
            f"{starts[at] / fs_hz:.3f} s; expected increasing times, fetch the file again"
        )
    if (starts[-1] + counts[-1]) / fs_hz > LONGEST_S:
        raise DataError(
            f"{name}: by its times it lasts {(starts[-1] + counts[-1]) / fs_hz / 86_400:.0f} days; "
            f"expected at most {LONGEST_S / 86_400:.0f}, cut the file into its recordings"
        )
    return Runs(starts, rows, counts)


_NICE = (0.0, 1.0, 0.5, 0.1)
"""A frequency that was measured is taken to be the nearest multiple that its error allows."""


def runs_of_times(times_s: NDArray[np.float64], *, name: str) -> tuple[Runs, float]:
    """Find the sampling frequency that times of rows show, and the gaps between them.

    Args:
        times_s: ``(row,)``, the time of each.
        name: what a message calls the file.

    Returns:
        The runs, and the sampling frequency in Hz.

    Raises:
        DataError: the times do not rise, or not regularly.
    """
    steps = _rising_steps(times_s, name)
    resolution, step = _resolution(steps), _step(steps)
    if step <= 0:
        raise DataError(f"{name}: many rows have the same time; give fs= to take them as evenly spaced")
    breaks = np.flatnonzero(steps > 1.5 * step + resolution) + 1
    if len(breaks) > _FEW_GAPS and _is_straight(times_s, step):
        breaks = breaks[:0]  # times in ms of samples that are nearly a ms apart skip one now and then
    rows = np.concatenate([[0], breaks]).astype(np.int64)
    counts = np.diff(np.append(rows, len(times_s)))
    at = int(np.argmax(counts))
    span_s = max(times_s[rows[at] + counts[at] - 1] - times_s[rows[at]], step)
    fs_hz = _nice(max(counts[at] - 1, 1) / span_s, 2 * resolution / span_s)
    run = np.repeat(np.arange(len(rows)), counts)
    expected = times_s[rows][run] + (np.arange(len(times_s)) - rows[run]) / fs_hz
    worst = float(np.abs(times_s - expected).max()) * fs_hz
    if worst > max(1.0, 2 * resolution * fs_hz, _DRIFT * counts.max()) or len(rows) > len(times_s) / 10:
        raise DataError(
            f"{name}: the times of its rows are not regular (at {fs_hz:g} Hz up to {worst:.1f} samples away, "
            f"{len(rows) - 1} gaps); give fs= to take the rows as evenly spaced"
        )
    late = np.rint((times_s[rows] - times_s[0]) * fs_hz).astype(np.int64) - rows
    starts = np.maximum.accumulate(late) + rows  # where a clock drifts, a run begins no sooner than one ends
    return _runs(starts, rows, counts, fs_hz=fs_hz, name=name), fs_hz


_DRIFT = 2e-5
"""A part of the length of a run, by which the clock of a recorder may drift: 0.6 s in eight hours."""


def _rising_steps(times_s: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    steps = np.diff(times_s)
    if len(times_s) < 3 or not np.isfinite(times_s).all():
        raise DataError(f"{name}: its time column is not complete; give fs= to do without it")
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        raise DataError(
            f"{name}: its times go back at row {at + 1}, from {times_s[at - 1]:.3f} s to "
            f"{times_s[at]:.3f} s; expected increasing times"
        )
    return steps


_FEW_GAPS = 2


def _is_straight(times_s: NDArray[np.float64], step: float) -> bool:
    """Tell whether no time is farther from even spacing than it is rounded."""
    even = np.linspace(times_s[0], times_s[-1], len(times_s))
    return float(np.abs(times_s - even).max()) <= 0.55 * step


def _step(steps: NDArray[np.float64]) -> float:
    """Give the usual step: the mean of those that are no gaps, since times are rounded."""
    middle = float(np.median(steps))
    usual = steps[steps <= 3 * middle] if middle > 0 else steps
    return float(usual.mean())


def _resolution(steps: NDArray[np.float64]) -> float:
    """Give by how much steps differ that are no gaps: what times are rounded to."""
    middle = float(np.median(steps))
    usual = steps[steps <= 1.6 * middle] if middle > 0 else steps
    return float(usual.max() - usual.min()) if usual.size else 0.0


def _nice(fs_hz: float, error: float) -> float:
    for unit in itertools.islice(_NICE, 1, None):
        near = round(fs_hz / unit) * unit
        if near and abs(near - fs_hz) <= error * fs_hz + 1e-6 * fs_hz:
            return near
    return fs_hz
