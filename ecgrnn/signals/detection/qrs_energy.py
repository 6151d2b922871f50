"""Turn an ECG, as a stream, into one curve that is near 1 at each QRS complex and near 0 elsewhere."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.detection.working_signal import Decimated

BAND_HZ = (8.0, 20.0)
"""Pass band: most of a QRS complex, little of P and T waves and of baseline wander below, of muscle and mains
above (M. Elgendi, PLoS ONE 8(9):e73557, 2013, compares bands and arrives at 8 to 20 Hz)."""

KERNEL_S = 0.3
"""Length of the band-pass kernel: 2.4 periods of the lower corner."""

QRS_S = 0.1
"""Averaging time of the energy: the width of a normal QRS complex."""

WINDOW = 13
"""Seconds over which a lead's level and quality are scored (odd: six before, its own, six after). Long enough
to hold beats on either side of a pause of 4 s, short enough to follow an electrode that moves."""

MEDIAN, HIGH = 6, 10
"""Ranks of the median and of the 80 % quantile among ``WINDOW`` sorted values."""

CLIP = 2.0
"""A lead's energy counts at most this many times its own level, so that an artefact does not outshout a clean
lead."""

LEVEL_FLOOR_MV = 0.01
"""Below this level a lead is taken for flat: the smallest QRS complexes of a surface ECG are some 0.1 mV."""

FLAT_MV, FLAT_HALVES = 0.002, 3
"""A lead is flat in a half-second where its energy stays below this in so many half-seconds, this one in
their middle: less than the noise of any lead with an electrode, and longer than most RR intervals, so
that a clean lead is not left between two beats."""

NOISE_FLOOR_MV = 0.001
"""A lead is never taken for quieter than this: the order of one step of an ECG's converter."""


class Curves(NamedTuple):
    """A stretch of what detection reads, at the working rate.

    Attributes:
        energy: ``(time,)``, the leads' weighted root mean square over ``QRS_S``; 1 is a usual QRS complex.
        lead: ``(time,)``, the first lead, in the order of preference, that has a signal there.
    """

    energy: NDArray[np.float32]
    lead: NDArray[np.int8]


class Energy(NamedTuple):
    """A stretch of each lead's energy.

    Attributes:
        mv: ``(lead, time)``, the root mean square over ``QRS_S``.
        blank: ``(lead, time)``, where a gap leaves nothing to tell.
    """

    mv: NDArray[np.float32]
    blank: NDArray[np.bool_]


class BandEnergy:
    """Band-pass each lead and take its energy; what comes out does not depend on how the input is cut.

    The output of the filter is set to 0 as far as it reaches from a gap.

    Args:
        rate_hz: sampling frequency of the input.
        n_leads: leads of the input.
    """

    def __init__(self, *, rate_hz: float, n_leads: int) -> None:
        self._kernel = bandpass_kernel(BAND_HZ, rate_hz=rate_hz, length_s=KERNEL_S)
        self._half = len(self._kernel) // 2
        self._width = max(1, round(QRS_S * rate_hz)) | 1
        self._decimated = np.zeros((n_leads, self._half))
        self._gaps = np.zeros((n_leads, self._half), np.bool_)
        self._filtered = np.zeros((n_leads, self._width // 2), np.float32)
        self._blank = np.zeros((n_leads, self._width // 2), np.bool_)

    def push(self, decimated: Decimated) -> Energy:
        """Take the next samples; give the energy that they complete."""
        return self._energy(*self._bandpass(*decimated))

    def finish(self) -> Energy:
        """Give the rest, as if the input held its last value."""
        after = np.repeat(self._decimated[:, -1:], self._half, axis=1)
        filtered, blank = self._bandpass(after, np.zeros(after.shape, np.bool_))
        beyond = ((0, 0), (0, self._width // 2))
        return self._energy(np.pad(filtered, beyond), np.pad(blank, beyond))

    def _bandpass(
        self, filled: NDArray[np.float64], gaps: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Convolve, without delay; ``(lead, time)`` in mV, and where a gap blanks it."""
        decimated = np.concatenate([self._decimated, filled], axis=1)
        touched = np.concatenate([self._gaps, gaps], axis=1)
        kept = min(2 * self._half, decimated.shape[1])
        self._decimated = decimated[:, decimated.shape[1] - kept :].copy()
        self._gaps = touched[:, touched.shape[1] - kept :].copy()
        n = max(0, decimated.shape[1] - 2 * self._half)
        blank = np.zeros((len(decimated), n), np.bool_)
        if not n:
            return np.empty(blank.shape, np.float32), blank
        y = np.stack([np.convolve(lead, self._kernel, "valid") for lead in decimated])
        if touched.any():
            reach = np.ones(2 * self._half + 1)
            blank = np.stack([np.convolve(lead, reach, "valid") > 0.5 for lead in touched])
            y[blank] = 0.0
        return y.astype(np.float32), blank

    def _energy(self, filtered: NDArray[np.float32], blanked: NDArray[np.bool_]) -> Energy:
        """Give the centred root mean square over the QRS width."""
        y = np.concatenate([self._filtered, filtered], axis=1)
        blank = np.concatenate([self._blank, blanked], axis=1)
        half = self._width // 2
        kept = min(2 * half, y.shape[1])
        self._filtered = y[:, y.shape[1] - kept :].copy()
        self._blank = blank[:, y.shape[1] - kept :].copy()
        n = max(0, y.shape[1] - 2 * half)
        squares = np.square(y)
        total = squares[:, half : half + n].copy()
        for k in range(1, half + 1):
            total += squares[:, half - k : half - k + n]
            total += squares[:, half + k : half + k + n]
        return Energy(np.sqrt(total / self._width), blank[:, half : half + n])


class LeadFusion:
    """Weigh the leads second by second and add them up.

    A lead's level is the median of its highest energy in each second, its noise the 80 % quantile of its
    median energy in each second, and its unrest the 80 % quantile of the former over their median: an ECG is
    quiet between complexes and its complexes are alike, an artefact is neither. The weight is the square of
    (level / noise - 1) over the square of the unrest, so that the leads add up as by their signal-to-noise
    ratio. A lead that is flat, or in a gap, has none.

    Args:
        rate_hz: rate of the energies.
        n_leads: how many there are.
        preferred: in which order leads are looked at for one that has a signal; None is their own.
    """

    def __init__(self, *, rate_hz: float, n_leads: int, preferred: Sequence[int] | None = None) -> None:
        self._half = max(1, round(rate_hz / 2))
        self._second = 2 * self._half
        self._preferred = np.asarray(range(n_leads) if preferred is None else preferred, np.int8)
        self._energy = np.empty((n_leads, 0), np.float32)
        self._blank = np.empty((n_leads, 0), np.bool_)
        self._judged = 0
        self._halves = np.empty((n_leads, 0, 2), np.float32)
        self._middles = np.empty((n_leads, 0), np.float32)
        self._started = False

    def push(self, energy: Energy) -> Curves:
        """Take the leads' energies; give the seconds of which all ``WINDOW`` neighbours are known."""
        self._energy = np.concatenate([self._energy, energy.mv], axis=1)
        self._blank = np.concatenate([self._blank, energy.blank], axis=1)
        n = self._energy.shape[1] // self._second
        self._judge(self._energy[:, self._judged * self._second : n * self._second])
        if not self._started and n >= WINDOW // 2:
            self._pad(WINDOW // 2, 0)
            self._started = True
        return self._release()

    def finish(self) -> Curves:
        """Give the rest; what was heard stands mirrored for what comes after the end."""
        n = self._energy.shape[1]
        if n == 0:
            return _NOTHING
        missing = -n % self._second
        self._energy = np.pad(self._energy, ((0, 0), (0, missing)))
        self._blank = np.pad(self._blank, ((0, 0), (0, missing)))
        self._judge(self._energy[:, self._judged * self._second :], known=self._second - missing)
        self._pad(0 if self._started else WINDOW // 2, WINDOW // 2)
        self._started = True
        curves = self._release()
        return Curves(curves.energy[:n], curves.lead[:n])

    def _judge(self, energy: NDArray[np.float32], *, known: int | None = None) -> None:
        """Take whole seconds; of the last one ``known`` samples count."""
        n = energy.shape[1] // self._second
        if not n:
            return
        seconds = energy.reshape(len(energy), n, self._second)
        middles = np.median(seconds, axis=2)
        if known is not None:
            middles[:, -1] = np.median(seconds[:, -1, :known], axis=1)
        halves = energy.reshape(len(energy), n, 2, self._half).max(axis=3)
        self._halves = np.concatenate([self._halves, halves], axis=1)
        self._middles = np.concatenate([self._middles, middles], axis=1)
        self._judged += n

    def _pad(self, before: int, after: int) -> None:
        mirrored = ((0, 0), (before, after))
        self._middles = np.pad(self._middles, mirrored, mode="symmetric")
        halves = [np.pad(half, mirrored, mode="symmetric") for half in self._halves.transpose(2, 0, 1)]
        self._halves = np.stack(halves, axis=2)

    def _release(self) -> Curves:
        n = self._middles.shape[1] - WINDOW + 1 if self._started else 0
        if n <= 0:
            return _NOTHING
        level, weight = _level_and_weight(self._halves.max(axis=2), self._middles)
        samples = n * self._second
        shape = (len(level), 2 * n, self._half)
        energy, heard = self._energy[:, :samples].reshape(shape), ~self._blank[:, :samples].reshape(shape)
        flat = _flat_halves(self._halves)
        by_half = np.repeat(weight, 2, axis=1)
        # Where all leads are as good as flat they are compared as they are: a signal may be small throughout.
        # So they are where the lead that is not flat has no weight, since it is flat for seconds around.
        of_others = np.where(flat & ~flat.all(axis=0), np.float32(0), by_half)
        by_half = np.where(of_others.any(axis=0), of_others, by_half)
        heard &= (by_half > 0)[..., None]
        curves = Curves(
            _fused(energy, np.repeat(level, 2, axis=1), by_half, heard=heard), self._first_heard(heard)
        )
        self._energy, self._blank = self._energy[:, samples:].copy(), self._blank[:, samples:].copy()
        self._halves, self._middles = self._halves[:, n:].copy(), self._middles[:, n:].copy()
        self._judged -= n
        return curves

    def _first_heard(self, heard: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Give the first preferred lead that is heard, ``(time,)``; the first of all where none is."""
        first = self._preferred[0]
        if heard[first].all():
            return np.full(heard[first].size, first)
        return np.asarray(self._preferred[np.argmax(heard[self._preferred], axis=0)].ravel())


_NOTHING = Curves(np.empty(0, np.float32), np.empty(0, np.int8))


def bandpass_kernel(band_hz: tuple[float, float], *, rate_hz: float, length_s: float) -> NDArray[np.float64]:
    """Design a symmetric band-pass without gain at 0 Hz: a difference of two sincs under a Hann window."""
    half = round(length_s * rate_hz / 2)
    low_hz, high_hz = band_hz[0], min(band_hz[1], 0.45 * rate_hz)
    # `scipy.signal.firwin`, written out: its import takes longer than annotating a strip
    m, low, high = np.arange(-half, half + 1), 2 * low_hz / rate_hz, 2 * high_hz / rate_hz
    window = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, 2 * half + 1))
    kernel = (high * np.sinc(high * m) - low * np.sinc(low * m)) * window
    kernel = kernel / np.sum(kernel * np.cos(np.pi * m * 0.5 * (low + high)))
    return np.asarray(kernel - kernel.mean(), np.float64)


def _level_and_weight(
    peaks: NDArray[np.float32], middles: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Judge each lead over each window of seconds; level in mV and weight, both ``(lead, second)``."""
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(peaks, WINDOW, axis=1), axis=2)
    noises = np.sort(np.lib.stride_tricks.sliding_window_view(middles, WINDOW, axis=1), axis=2)[..., HIGH]
    level = np.maximum(ordered[..., MEDIAN], np.float32(LEVEL_FLOOR_MV))
    clearance = np.maximum(level / np.maximum(noises, np.float32(NOISE_FLOOR_MV)) - 1, np.float32(1e-3))
    unrest = np.maximum(ordered[..., HIGH] / level, np.float32(1.0))
    weight = np.square(clearance / unrest)
    flat = ordered[..., MEDIAN] < LEVEL_FLOOR_MV
    weight[flat & ~flat.all(axis=0)] = 0.0
    return level, weight


def _flat_halves(halves: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell of each half-second with all its neighbours whether each lead is flat there, ``(lead, half)``."""
    n = halves.shape[1] - WINDOW + 1
    first, around = WINDOW - 1 - FLAT_HALVES // 2, halves.reshape(len(halves), -1)
    windows = np.lib.stride_tricks.sliding_window_view(around, FLAT_HALVES, axis=1).max(axis=2)
    return np.asarray(windows[:, first : first + 2 * n] < FLAT_MV)


def _fused(
    energy: NDArray[np.float32],
    level: NDArray[np.float32],
    weight: NDArray[np.float32],
    *,
    heard: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Add up the leads in units of their levels, a silent one's weight going to the others; ``(time,)``.

    Leads are added one by one, in their order, so that rounding does not depend on the length.
    """
    clipped = np.minimum(energy, np.float32(CLIP) * level[..., None])
    total, fused = np.zeros_like(weight[0]), np.zeros_like(energy[0])
    for one in weight:
        total += one
    total[total == 0] = 1.0  # no lead shows anything: a flat one is left out here, the others throughout
    for curve, factor in zip(clipped, weight / total / level, strict=True):
        fused += curve * factor[:, None]
    if not heard.all():
        of_heard = np.zeros_like(fused)
        for there, one in zip(heard, weight, strict=True):
            of_heard += there * one[:, None]
        share = of_heard / total[:, None]
        fused /= np.where(share > 0, share, np.float32(1))
    return np.asarray(fused.ravel(), np.float32)
