"""Bring an ECG, as a stream, to the rate that detection works at: gaps, pacing spikes, decimation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

WORKING_HZ = 120.0
"""Detection runs near this rate: three times the Nyquist rate of the band of detection,
twice that of the band in which beats are marked; 360 / 3, 250 / 2."""

BRIDGED_S = 0.1
"""A gap up to this long is interpolated, as in the preparation of a signal: it takes no QRS complex away.
Across a longer one there is no signal."""

SPIKE_S = 0.003
"""A pacing spike lasts no longer than this."""

SPIKE_MV = 0.5
"""A spike stands out of the running median by more than this. Lower ones do no harm beside a QRS complex, and
an R wave keeps its peak."""


class Decimated(NamedTuple):
    """A stretch of the signal at the working rate.

    Attributes:
        signal: ``(lead, time)`` in mV above each lead's first sample; never NaN.
        gaps: ``(lead, time)``, where a long gap touches.
    """

    signal: NDArray[np.float64]
    gaps: NDArray[np.bool_]


class WorkingSignal:
    """Fill gaps, take pacing spikes out and decimate; the output does not depend on how the input is cut.

    A spike is replaced by the median of an odd number of samples, twice as many and one as a spike can cover:
    five at 360 Hz, three at 128 and 250 Hz.

    Args:
        fs_hz: sampling frequency of the input.
        n_leads: leads of the input.
    """

    def __init__(self, *, fs_hz: float, n_leads: int) -> None:
        self.factor = max(1, round(fs_hz / WORKING_HZ))
        self.rate_hz = fs_hz / self.factor
        self._gaps = _GapFiller(longest=int(BRIDGED_S * fs_hz + 1e-9), n_leads=n_leads)
        self._covered = int(SPIKE_S * fs_hz + 1e-9) + 1  # by a spike, wherever samples lie in it
        self._filled = np.zeros((n_leads, self._covered), np.float32)
        self._touched = np.zeros((n_leads, self._covered), np.bool_)

    def push(self, chunk: NDArray[np.float32]) -> Decimated:
        """Take ``(time, lead)`` samples in mV; give what they complete."""
        return self._decimate(*self._gaps.push(chunk.T))

    def finish(self) -> Decimated:
        """Give the rest, as if each lead held its last value, but for samples short of a decimated one."""
        filled, touched = self._gaps.finish()
        last = np.concatenate([self._filled, filled], axis=1)[:, -1:]
        held = np.repeat(last, self._covered, axis=1)
        return self._decimate(
            np.concatenate([filled, held], axis=1),
            np.concatenate([touched, np.zeros(held.shape, bool)], axis=1),
        )

    def _decimate(self, filled: NDArray[np.float32], touched: NDArray[np.bool_]) -> Decimated:
        x = np.concatenate([self._filled, filled], axis=1)
        gaps = np.concatenate([self._touched, touched], axis=1)
        n = max(0, x.shape[1] - 2 * self._covered) // self.factor
        used = n * self.factor
        self._filled, self._touched = x[:, used:].copy(), gaps[:, used:].copy()
        signal = np.zeros((len(x), n))
        if n:
            for lead, mean in zip(x[:, : used + 2 * self._covered], signal, strict=True):
                smooth = _without_spikes(lead, self._covered)
                for k in range(self.factor):
                    mean += smooth[k :: self.factor]
            signal /= self.factor
        touched = gaps[:, self._covered : self._covered + used]
        decimated = np.zeros((len(x), n), np.bool_)
        for k in range(self.factor if touched.any() else 0):
            decimated |= touched[:, k :: self.factor]
        return Decimated(signal, decimated)


class _GapFiller:
    """Interpolate short gaps, hold the last value through long ones, and subtract each lead's first value."""

    def __init__(self, *, longest: int, n_leads: int) -> None:
        self._longest = longest
        self._waiting = np.empty((n_leads, 0), np.float32)
        self._first = np.full((n_leads, 1), np.nan, np.float32)
        self._last = np.full(n_leads, np.nan, np.float32)
        self._run = np.zeros(n_leads, np.int64)
        """How many samples of a gap each lead has had since its last value."""

    def push(self, chunk: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Take ``(lead, time)``; give, as late as it takes to tell a short gap, signal and long gaps."""
        x = np.concatenate([self._waiting, chunk], axis=1)
        return self._fill(x, max(0, x.shape[1] - self._longest - 1))

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Give the rest."""
        return self._fill(self._waiting, self._waiting.shape[1])

    def _fill(self, x: NDArray[np.float32], n: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Fill the first ``n`` samples; those behind tell how long a gap is."""
        self._waiting = x[:, n:].copy()
        filled, long = x[:, :n].copy(), np.zeros((len(x), n), np.bool_)
        for lead, whole in enumerate(x):
            # A sum is finite only where every term is, and cheaper than a look at each.
            if n and not (self._run[lead] == 0 and np.isfinite(whole.sum())):
                self._fill_lead(lead, whole, filled[lead], long=long[lead])
            elif n:
                self._last[lead] = filled[lead, -1]
        if x.size and np.isnan(self._first).any():
            found = np.take_along_axis(x, np.argmax(np.isfinite(x), axis=1)[:, None], axis=1)
            found[~np.isfinite(found)] = np.nan
            self._first = np.where(np.isnan(self._first), found, self._first)
        filled -= self._first
        if long.any() or np.isnan(self._first).any():  # nothing is known before the first value
            np.nan_to_num(filled, copy=False)
        return filled, long

    def _fill_lead(
        self, lead: int, x: NDArray[np.float32], out: NDArray[np.float32], *, long: NDArray[np.bool_]
    ) -> None:
        """Fill one lead's ``out``, the beginning of ``x``, and tell where its gaps are ``long``."""
        n, before = len(out), int(self._run[lead])
        missing = ~np.isfinite(x)
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
        starts, stops = edges[::2], edges[1::2]
        lengths = stops - starts
        if before and len(starts) and starts[0] == 0:
            lengths[0] += before
        for_long = np.repeat(lengths > self._longest, stops - starts)
        at = np.flatnonzero(missing)
        long[at[for_long & (at < n)]] = True
        # The last value stands where it was, before this stretch.
        known = np.concatenate([[-before - 1], np.flatnonzero(~missing)])
        values = np.concatenate([self._last[lead : lead + 1], x[~missing]])
        if np.isnan(values[0]):
            known, values = known[1:], values[1:]
        here = at[at < n]
        if len(known):
            out[here] = np.interp(here, known, values)
        held = np.flatnonzero(long)
        latest = np.searchsorted(known, held) - 1
        out[held] = np.where(latest >= 0, values[latest] if len(known) else np.nan, np.nan)
        seen = np.searchsorted(known, n) - 1
        if seen >= 0:
            self._last[lead] = values[seen]
            self._run[lead] = n - 1 - known[seen]
        else:
            self._run[lead] = before + n


def _without_spikes(x: NDArray[np.float32], covered: int) -> NDArray[np.float32]:
    """Replace what stands out of the running median; the outer samples are left out."""
    inner, median = x[covered : len(x) - covered], _running_median(x, covered)
    return np.where(np.abs(inner - median) > SPIKE_MV, median, inner)


def _running_median(x: NDArray[np.float32], covered: int) -> NDArray[np.float32]:
    """Give the median of ``2 * covered + 1`` samples around each but the outer ones; ``(time,)``."""
    if covered == 1:
        a, b, c = x[:-2], x[1:-1], x[2:]
        return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    if covered == 2:
        a, b, c, d, e = x[:-4], x[1:-3], x[2:-2], x[3:-1], x[4:]
        low = np.maximum(np.minimum(a, b), np.minimum(d, e))
        high = np.minimum(np.maximum(a, b), np.maximum(d, e))
        return np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), c))
    return np.asarray(median_filter(x, 2 * covered + 1)[covered : len(x) - covered], np.float32)
