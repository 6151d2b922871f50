"""Turn an ECG, as a stream, into one curve that is near 1 at each QRS complex and near 0 elsewhere."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin

WORKING_HZ = 120.0
"""Detection runs near this rate: three times the Nyquist rate of the band below; 360 / 3, 250 / 2."""

BAND_HZ = (8.0, 20.0)
"""Pass band: most of a QRS complex, little of P and T waves and of baseline wander below, of muscle and mains
above (M. Elgendi, PLoS ONE 8(9):e73557, 2013, compares bands and arrives at 8 to 20 Hz)."""

KERNEL_S = 0.3
"""Length of the band-pass kernel: 2.4 periods of the lower corner."""

QRS_S = 0.1
"""Averaging time of the energy: the width of a normal QRS complex."""

WINDOW = 13
"""Seconds over which a lead's level and quality are judged (odd: six before, its own, six after). Long enough
to hold beats on either side of a pause of 4 s, short enough to follow an electrode that moves."""

MEDIAN, HIGH = 6, 10
"""Ranks of the median and of the 80 % quantile among ``WINDOW`` sorted values."""

CLIP = 2.0
"""A lead's energy counts at most this many times its own level, so that an artefact does not outshout a clean
lead."""

LEVEL_FLOOR_MV = 0.01
"""Below this level a lead is taken for flat: the smallest QRS complexes of a surface ECG are some 0.1 mV."""

NOISE_FLOOR_MV = 0.001
"""A lead is never taken for quieter than this: the order of one step of an ECG's converter."""


class Curves(NamedTuple):
    """A stretch of what detection reads, at the working rate.

    Attributes:
        energy: ``(time,)``, the leads' weighted root mean square over ``QRS_S``; 1 is a usual QRS complex.
        slope: ``(time,)``, the leads' weighted rectified band-pass signal, whose peak is the fiducial point.
    """

    energy: NDArray[np.float32]
    slope: NDArray[np.float32]


class BandEnergy:
    """Decimate, band-pass and rectify each lead; what comes out does not depend on how the input is cut.

    A sample that is not finite takes the last finite value, and the filter's output is set to 0 as far as it
    reaches.

    Args:
        fs_hz: sampling frequency of the input.
        n_leads: leads of the input.
    """

    def __init__(self, *, fs_hz: float, n_leads: int) -> None:
        self.factor = max(1, round(fs_hz / WORKING_HZ))
        self.rate_hz = fs_hz / self.factor
        self._kernel = _bandpass_kernel(self.rate_hz)
        self._half = len(self._kernel) // 2
        self._width = max(1, round(QRS_S * self.rate_hz)) | 1
        self._carried = np.empty((0, n_leads), np.float32)
        self._offset = np.full((n_leads, 1), np.nan)
        self._held = np.full((n_leads, 1), np.nan)
        self._decimated = np.zeros((n_leads, self._half))
        self._gaps = np.zeros((n_leads, self._half), np.bool_)
        self._filtered = np.zeros((n_leads, self._width // 2), np.float32)

    def push(self, chunk: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take ``(time, lead)`` samples in mV; give what they complete, as `finish` does."""
        whole = np.concatenate([self._carried, chunk]) if len(self._carried) else chunk
        n = len(whole) // self.factor
        self._carried = whole[n * self.factor :].copy()
        decimated = np.empty((whole.shape[1], n))
        for lead, mean in zip(whole[: n * self.factor].T, decimated, strict=True):
            mean[:] = lead[:: self.factor]
            for k in range(1, self.factor):
                mean += lead[k :: self.factor]
        decimated /= self.factor
        return self._energy(self._bandpass(*self._fill(decimated)))

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the rest, as if the input held its last value; samples short of a decimated one are dropped.

        Returns:
            Energy and rectified band-pass signal, each ``(lead, time)`` in mV.
        """
        last = np.where(np.isnan(self._held), 0.0, self._held - self._offset)
        after = np.repeat(last, self._half, axis=1)
        filtered = self._bandpass(after, np.zeros(after.shape, np.bool_))
        silence = np.zeros((len(last), self._width // 2), np.float32)
        return self._energy(np.concatenate([filtered, silence], axis=1))

    def _fill(self, decimated: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Subtract each lead's first finite value and hold the last one through gaps; ``(lead, time)``."""
        gaps = ~np.isfinite(decimated)
        known = np.concatenate([self._held, decimated], axis=1)
        if gaps.any():
            latest = np.where(np.isfinite(known), np.arange(known.shape[1]), 0)
            known = np.take_along_axis(known, np.maximum.accumulate(latest, axis=1), axis=1)
        first = np.argmax(np.isfinite(known), axis=1)[:, None]
        self._offset = np.where(
            np.isnan(self._offset), np.take_along_axis(known, first, axis=1), self._offset
        )
        self._held = known[:, -1:].copy()
        filled = known[:, 1:] - self._offset
        return np.nan_to_num(filled, copy=False) if gaps.any() else filled, gaps

    def _bandpass(self, filled: NDArray[np.float64], gaps: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Convolve, without delay; ``(lead, time)`` in mV."""
        decimated = np.concatenate([self._decimated, filled], axis=1)
        touched = np.concatenate([self._gaps, gaps], axis=1)
        kept = min(2 * self._half, decimated.shape[1])
        self._decimated = decimated[:, decimated.shape[1] - kept :].copy()
        self._gaps = touched[:, touched.shape[1] - kept :].copy()
        if decimated.shape[1] <= 2 * self._half:
            return np.empty((len(decimated), 0), np.float32)
        y = np.stack([np.convolve(lead, self._kernel, "valid") for lead in decimated])
        if touched.any():
            reach = np.ones(2 * self._half + 1)
            y[np.stack([np.convolve(lead, reach, "valid") > 0.5 for lead in touched])] = 0.0
        return y.astype(np.float32)

    def _energy(self, filtered: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the centred root mean square over the QRS width, and the rectified signal it belongs to."""
        y = np.concatenate([self._filtered, filtered], axis=1)
        half = self._width // 2
        kept = min(2 * half, y.shape[1])
        self._filtered = y[:, y.shape[1] - kept :].copy()
        n = max(0, y.shape[1] - 2 * half)
        squares = np.square(y)
        total = squares[:, half : half + n].copy()
        for k in range(1, half + 1):
            total += squares[:, half - k : half - k + n]
            total += squares[:, half + k : half + k + n]
        return np.sqrt(total / self._width), np.abs(y[:, half : half + n])


class LeadFusion:
    """Weigh the leads second by second and add them up.

    A lead's level is the median of its highest energy in each second, its noise the 80 % quantile of its
    median energy in each second, and its unrest the 80 % quantile of the former over their median: an ECG is
    quiet between complexes and its complexes are alike, an artefact is neither. The weight is the square of
    (level / noise - 1) over the square of the unrest, so that the leads add up as by their signal-to-noise
    ratio.

    Args:
        rate_hz: rate of the curves.
        n_leads: how many there are.
    """

    def __init__(self, *, rate_hz: float, n_leads: int) -> None:
        self._second = max(1, round(rate_hz))
        self._energy = np.empty((n_leads, 0), np.float32)
        self._slope = np.empty((n_leads, 0), np.float32)
        self._judged = 0
        self._peaks = np.empty((n_leads, 0), np.float32)
        self._middles = np.empty((n_leads, 0), np.float32)
        self._started = False

    def push(self, energy: NDArray[np.float32], slope: NDArray[np.float32]) -> Curves:
        """Take ``(lead, time)`` curves; give the seconds of which all ``WINDOW`` neighbours are known."""
        self._energy = np.concatenate([self._energy, energy], axis=1)
        self._slope = np.concatenate([self._slope, slope], axis=1)
        n = self._energy.shape[1] // self._second
        seconds = self._energy[:, self._judged * self._second : n * self._second]
        self._judge(seconds.reshape(len(seconds), n - self._judged, self._second))
        if not self._started and n >= WINDOW // 2:
            self._pad(WINDOW // 2, 0)
            self._started = True
        return self._release()

    def finish(self) -> Curves:
        """Give the rest; what was heard stands mirrored for what comes after the end."""
        rest = self._energy[:, self._judged * self._second :]
        if rest.shape[1]:
            self._judge(rest[:, None, :])
        n = self._energy.shape[1]
        if n == 0:
            return Curves(np.empty(0, np.float32), np.empty(0, np.float32))
        missing = ((0, 0), (0, -n % self._second))
        self._energy, self._slope = np.pad(self._energy, missing), np.pad(self._slope, missing)
        self._pad(0 if self._started else WINDOW // 2, WINDOW // 2)
        self._started = True
        curves = self._release()
        return Curves(curves.energy[:n], curves.slope[:n])

    def _judge(self, seconds: NDArray[np.float32]) -> None:
        if seconds.shape[1]:
            self._peaks = np.concatenate([self._peaks, seconds.max(axis=2)], axis=1)
            self._middles = np.concatenate([self._middles, np.median(seconds, axis=2)], axis=1)
            self._judged += seconds.shape[1]

    def _pad(self, before: int, after: int) -> None:
        self._peaks = np.pad(self._peaks, ((0, 0), (before, after)), mode="symmetric")
        self._middles = np.pad(self._middles, ((0, 0), (before, after)), mode="symmetric")

    def _release(self) -> Curves:
        n = self._peaks.shape[1] - WINDOW + 1 if self._started else 0
        if n <= 0:
            return Curves(np.empty(0, np.float32), np.empty(0, np.float32))
        level, gain = _level_and_gain(self._peaks, self._middles)
        samples = n * self._second
        energy = self._energy[:, :samples].reshape(len(level), n, self._second)
        slope = self._slope[:, :samples].reshape(len(level), n, self._second)
        self._energy, self._slope = self._energy[:, samples:].copy(), self._slope[:, samples:].copy()
        self._peaks, self._middles = self._peaks[:, n:].copy(), self._middles[:, n:].copy()
        self._judged -= n
        return Curves(
            _weighted_sum(np.minimum(energy, np.float32(CLIP) * level[..., None]), gain),
            _weighted_sum(slope, gain),
        )


def _bandpass_kernel(rate_hz: float) -> NDArray[np.float64]:
    """Design a symmetric band-pass without gain at 0 Hz: a difference of two sincs under a Hann window."""
    half = round(KERNEL_S * rate_hz / 2)
    kernel = firwin(2 * half + 1, BAND_HZ, pass_zero=False, fs=rate_hz, window="hann")
    return np.asarray(kernel - kernel.mean(), np.float64)


def _level_and_gain(
    peaks: NDArray[np.float32], middles: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Judge each lead over each window of seconds; level in mV and gain in 1/mV, both ``(lead, second)``."""
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(peaks, WINDOW, axis=1), axis=2)
    noises = np.sort(np.lib.stride_tricks.sliding_window_view(middles, WINDOW, axis=1), axis=2)[..., HIGH]
    level = np.maximum(ordered[..., MEDIAN], np.float32(LEVEL_FLOOR_MV))
    clearance = np.maximum(level / np.maximum(noises, np.float32(NOISE_FLOOR_MV)) - 1, np.float32(1e-3))
    unrest = np.maximum(ordered[..., HIGH] / level, np.float32(1.0))
    weight = np.square(clearance / unrest)
    total = weight[0].copy()
    for lead in weight[1:]:
        total += lead
    return level, weight / total / level


def _weighted_sum(curves: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add leads one by one, in their order, so that rounding does not depend on the length; ``(time,)``."""
    total = curves[0] * gain[0][:, None]
    for curve, factor in zip(curves[1:], gain[1:], strict=True):
        total += curve * factor[:, None]
    return np.asarray(total.ravel(), np.float32)
