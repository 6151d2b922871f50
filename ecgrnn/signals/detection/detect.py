"""Find QRS complexes in an ECG of one or several leads, in a whole record or in a stream, with equal results.

The energy of the QRS band in all leads (`signals/detection/qrs_energy.py`) is compared, peak by peak, with a
threshold between running estimates of noise peaks and of QRS peaks, with a refractory period, a stricter
threshold where T waves lie, and a search back after a long interval: the scheme of J. Pan and W. J. Tompkins,
A real-time QRS detection algorithm, IEEE Trans. Biomed. Eng. BME-32(3):230-236, 1985, with quantiles over the
last beats in place of their exponential means.

All constants are the same for every record. Times come from physiology (a ventricle cannot contract twice
within 200 ms; T waves end about 360 ms after a QRS complex) or from the papers cited beside them. Fractions
of levels, ranks and window lengths were set by hand at round values, looking at errors in the MIT-BIH
Arrhythmia Database, which has no separate training part: its figures are not those of unseen data. A
threshold lower by a fifth makes a fifth more errors there. LUDB took no part in the choice.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ecgrnn.errors import DataError
from ecgrnn.signals.detection.ecg_leads import ecg_columns
from ecgrnn.signals.detection.fiducial import Marker, Wave, WaveFinder, Waves
from ecgrnn.signals.detection.qrs_energy import BandEnergy, Curves, LeadFusion
from ecgrnn.signals.detection.working_signal import Decimated, WorkingSignal
from ecgrnn.signals.formats.wfdb.header import Header, read_header
from ecgrnn.signals.formats.wfdb.record import read_record

MINIMUM_FS_HZ = 60.0
"""The band of the QRS complex, up to 20 Hz, must lie well below half the sampling frequency."""

REFRACTORY_S = 0.2
"""No two complexes are closer (Pan and Tompkins 1985)."""

T_WAVE_S = 0.36
"""Up to here after a complex, a peak may be its T wave (Pan and Tompkins 1985)."""

PEAK_S = 0.1
"""A peak of the energy is the highest within this distance: half the refractory period."""

THRESHOLD = 0.35
"""The threshold's place between noise level (0) and QRS level (1)."""

T_WAVE_THRESHOLD = 0.5
"""A peak where T waves lie must reach this part of the complex before it (Pan and Tompkins 1985)."""

SEARCH_BACK_RR = 1.5
"""After this many median RR intervals without a complex, the highest peak passed over is looked at again.
(Pan and Tompkins take 1.66 times the mean; a median is not lengthened by the pauses themselves.)"""

SEARCH_BACK_THRESHOLD = 0.2
"""The threshold's place then."""

LEAST = 0.15
LEAST_AT_ONCE = 0.25
"""No peak below this part of a usual complex is accepted: on search back, and at once."""

NOISE_LIMIT = 0.5
"""The noise level is taken for at most this part of the QRS level: else the threshold could shut out ectopic
beats whose energy in the band is half of the others', each one missed counting as noise from then on (mitdb
208)."""

CANDIDATE_FLOOR = 0.05
"""Peaks below this part of a usual complex are neither complexes nor worth remembering as noise."""

BEATS, NOISES, NOISE_RANK = 8, 24, 19
"""How many last complexes and noise peaks are remembered, and the noise level's rank (the 80 % quantile)."""

MOST_BACK_S = 20.0
"""No farther back is searched, since a stream does not hold the signal any longer."""

MOST_PASSED_OVER = 64
"""How many peaks passed over since the last complex are remembered, which bounds the state."""

QUIET = 0.05
"""The height remembered as noise where no peak was passed over between two complexes."""

LONGEST_RR_S = 3.0
"""A longer interval is a pause or a gap, and is not an RR interval to learn from."""

PIECE_S = 120.0
"""A long chunk is worked through in pieces of this duration, which bounds the memory."""


def detect_qrs(
    signal: NDArray[np.float32], *, fs_hz: float, marked: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """Find the QRS complexes of a whole record.

    Args:
        signal: ``(time, lead)`` in mV; all leads are used, weighted by their quality. Samples that are not
            finite are taken for missing.
        fs_hz: sampling frequency, at least 60 Hz.
        marked: columns in which beats are marked, the first one that is not flat there; None is their order.

    Returns:
        ``(beat,)`` samples of the fiducial points (see `ecgrnn.signals.detection.fiducial`), rising.

    Raises:
        DataError: the signal is not an array ``(time, lead)`` or the sampling frequency too low.
    """
    if signal.ndim != 2:
        raise _not_a_signal(signal, "at least one lead")
    detector = QrsDetector(fs_hz=fs_hz, n_leads=signal.shape[1], marked=marked)
    return np.concatenate([detector.push(signal), detector.finish()])


def detect_record(path: Path, *, marked: Sequence[int] = (), stretch_s: float = 600.0) -> NDArray[np.int64]:
    """Find the QRS complexes of a record on disk in all its ECG leads, and mark them in some of these.

    The record is read in stretches: a day takes no more memory than an hour.

    Args:
        path: the record's path without a suffix.
        marked: columns of the record in which beats are marked, the first one that is not flat there; then
            come the other ECG leads in their order. Where a record has no ECG lead, by unit and name, beats
            are found in these.
        stretch_s: how much is read at once; changes no result.

    Returns:
        ``(beat,)`` samples, as `detect_qrs` gives them.

    Raises:
        DataError: the record cannot be read, or its sampling frequency is too low.
    """
    header = read_header(path)
    columns = _columns(header, marked)
    chosen = header.narrowed(columns)
    order = [columns.index(column) for column in dict.fromkeys([*marked, *columns]) if column in columns]
    detector = QrsDetector(fs_hz=chosen.fs_hz, n_leads=len(columns), marked=order)
    hop = max(round(stretch_s * chosen.fs_hz), 1)
    found = []
    for start in range(0, max(chosen.n_samples, 1), hop):
        stop = min(start + hop, chosen.n_samples)
        part = read_record(path, columns=columns, start=start, stop=stop, header=header)
        found.append(detector.push(part.signal))
    return np.concatenate([*found, detector.finish()])


def _columns(header: Header, marked: Sequence[int]) -> list[int]:
    """List the ECG leads of a record that have the sampling frequency of those that beats are marked in."""
    columns = ecg_columns(header) or list(marked) or list(range(len(header.leads)))
    rate = header.narrowed(marked or columns).samples_per_frame
    return [column for column in columns if header.stored[column].samples_per_frame == rate]


class QrsDetector:
    """Find QRS complexes in a stream: the joined output equals that of `detect_qrs`, however it is cut.

    The state is bounded: it does not grow with the length of the stream. A complex comes out at most about
    9 s after it went in, as the leads are scored by six seconds on either side, and later only where a long
    RR interval makes the detector search back.

    Args:
        fs_hz: sampling frequency, at least 60 Hz.
        n_leads: how many leads each chunk has.
        marked: columns in which beats are marked, the first one that is not flat there; None is their order.

    Raises:
        DataError: there is no lead, or the sampling frequency is too low.
    """

    def __init__(self, *, fs_hz: float, n_leads: int, marked: Sequence[int] | None = None) -> None:
        if not MINIMUM_FS_HZ <= fs_hz < np.inf:
            raise DataError(
                f"QRS detection needs a sampling frequency of at least {MINIMUM_FS_HZ:g} Hz, "
                f"got {fs_hz:g} Hz; take a recording of a higher one"
            )
        if n_leads < 1:
            raise DataError(
                f"QRS detection needs at least one lead, got {n_leads}; pass a signal (time, lead)"
            )
        self._n_leads = n_leads
        self._working = WorkingSignal(fs_hz=fs_hz, n_leads=n_leads)
        rate_hz = self._working.rate_hz
        self._piece = round(PIECE_S * rate_hz) * self._working.factor
        self._band = BandEnergy(rate_hz=rate_hz, n_leads=n_leads)
        self._fusion = LeadFusion(rate_hz=rate_hz, n_leads=n_leads, preferred=marked)
        self._waves = WaveFinder(rate_hz=rate_hz, factor=self._working.factor, n_leads=n_leads)
        self._peaks = _PeakFinder(self._waves, rate_hz=rate_hz)
        self._rule = _Decision(Marker(rate_hz=rate_hz, factor=self._working.factor), rate_hz=rate_hz)

    def push(self, chunk: NDArray[np.float32]) -> NDArray[np.int64]:
        """Take the next samples of the stream.

        Args:
            chunk: ``(time, lead)`` in mV, of any length, even none.

        Returns:
            ``(beat,)`` samples, counted from the start of the stream, of the complexes now decided on.

        Raises:
            DataError: the chunk is not an array ``(time, lead)`` with this stream's leads.
        """
        if chunk.ndim != 2 or chunk.shape[1] != self._n_leads:
            raise _not_a_signal(chunk, f"{self._n_leads} lead(s)")
        found = [np.empty(0, np.int64)]
        for start in range(0, len(chunk), self._piece):
            piece = chunk[start : start + self._piece]
            found.append(self._take(self._working.push(piece)))
        return np.concatenate(found)

    def finish(self) -> NDArray[np.int64]:
        """End the stream and give the last complexes' samples; the detector takes no more after this."""
        before = self._take(self._working.finish())
        self._waves.finish()
        rest = self._decide(self._fusion.push(self._band.finish()))
        last = self._decide(self._fusion.finish())
        self._rule.take(self._peaks.finish())
        return np.concatenate([before, rest, last, self._rule.release(None)])

    def _take(self, decimated: Decimated) -> NDArray[np.int64]:
        self._waves.push(decimated)
        return self._decide(self._fusion.push(self._band.push(decimated)))

    def _decide(self, curves: Curves) -> NDArray[np.int64]:
        self._rule.take(self._peaks.push(curves))
        return self._rule.release(self._peaks.seen)


class _Peaks(NamedTuple):
    """Peaks of the energy in order of time: place and height, ``(peak,)``, and waves of those above LEAST."""

    place: NDArray[np.int64]
    height: NDArray[np.float32]
    waves: Waves


class _PeakFinder:
    """Find the peaks of the energy and the waves at each."""

    def __init__(self, waves: WaveFinder, *, rate_hz: float) -> None:
        self._reach = max(1, round(PEAK_S * rate_hz))
        self._waves = waves
        self._energy = np.zeros(self._reach, np.float32)
        self._lead = np.zeros(self._reach, np.int8)
        self.seen = 0
        """Every peak before this point of the energy has been given."""

    def push(self, curves: Curves) -> _Peaks:
        """Give the peaks that are certain."""
        energy = np.concatenate([self._energy, curves.energy])
        lead = np.concatenate([self._lead, curves.lead])
        reach, n = self._reach, max(0, len(energy) - 2 * self._reach)
        self._energy, self._lead = energy[n:].copy(), lead[n:].copy()
        inner = energy[reach : reach + n]
        highest = maximum_filter1d(energy, 2 * reach + 1, mode="constant")[reach : reach + n] if n else inner
        rising = inner > energy[reach - 1 : reach - 1 + n]
        peaks = np.flatnonzero((inner == highest) & rising & (inner > CANDIDATE_FLOOR))
        place = peaks + self.seen
        able = inner[peaks].astype(np.float64) > LEAST  # as the decision compares it
        found = _Peaks(place, inner[peaks], self._waves.waves(place[able], lead[peaks + reach][able]))
        self.seen += n
        self._waves.forget_before(self.seen)
        return found

    def finish(self) -> _Peaks:
        """Give the last peaks, as if silence followed."""
        return self.push(Curves(np.zeros(self._reach, np.float32), np.zeros(self._reach, np.int8)))


_NO_WAVE: Wave = (0, 0.0, 0, 0.0, 0, 0, np.zeros(0))
"""Of a peak too low to be a complex."""


class _Decision:
    """Tell complexes from noise, peak by peak; a loop in Python over some three peaks per beat."""

    def __init__(self, marker: Marker, *, rate_hz: float) -> None:
        self._marker = marker
        self._refractory = REFRACTORY_S * rate_hz
        self._t_wave = T_WAVE_S * rate_hz
        self._longest = LONGEST_RR_S * rate_hz
        self._most_back = MOST_BACK_S * rate_hz
        self._intervals = deque([0.8 * rate_hz] * BEATS, maxlen=BEATS)
        self._heights = deque([1.0] * BEATS, maxlen=BEATS)
        self._noises = deque([0.1] * NOISES, maxlen=NOISES)
        self._passed: deque[tuple[float, int, Wave]] = deque(maxlen=MOST_PASSED_OVER)
        self._found: list[Wave] = []
        self._last, self._last_height = -(10**9), 1.0
        self._learn()

    def take(self, peaks: _Peaks) -> None:
        """Judge the next peaks, in order of time."""
        waves = peaks.waves.rows()
        for place, height in zip(peaks.place.tolist(), peaks.height.tolist(), strict=True):
            wave = next(waves) if height > LEAST else _NO_WAVE
            if self._passed and place - self._last > self._patience:
                self._search_back(place - self._most_back)
            since = place - self._last
            if since < self._refractory:
                if height > self._last_height:
                    self._found[-1], self._last, self._last_height = wave, place, height
            elif height > self._threshold(since):
                self._accept(place, height, wave)
            else:
                self._passed.append((height, place, wave))

    def release(self, seen: int | None) -> NDArray[np.int64]:
        """Give the complexes that a later peak cannot replace any more (all of them, for None)."""
        open_end = seen is not None and seen - self._last <= self._refractory
        kept = self._found[-1:] if open_end else []
        given = self._found[: len(self._found) - len(kept)]
        self._found = kept
        return np.asarray([self._marker.mark(wave) for wave in given], np.int64)

    def _threshold(self, since: int) -> float:
        if since < self._t_wave:
            return max(self._at_once, T_WAVE_THRESHOLD * min(self._last_height, self._level))
        return self._at_once

    def _accept(self, place: int, height: float, wave: Wave) -> None:
        if place - self._last < self._longest:
            self._intervals.append(place - self._last)
        self._heights.append(height)
        self._noises.extend([noise for noise, _, _ in self._passed] or [QUIET])
        self._passed.clear()
        self._found.append(wave)
        self._last, self._last_height = place, height
        self._learn()

    def _search_back(self, first: float) -> None:
        near = [peak for peak in self._passed if peak[1] >= first]
        if not near:
            return
        height, place, wave = max(near)
        if height > self._on_search:
            self._found.append(wave)
            self._last, self._last_height = place, height
            later = [peak for peak in self._passed if peak[1] - place > self._refractory]
            self._passed = deque(later, maxlen=MOST_PASSED_OVER)

    def _learn(self) -> None:
        """Set the thresholds by the last complexes and noise peaks."""
        self._level = min(max(sorted(self._heights)[BEATS // 2], 0.5), 1.5)
        noise = min(sorted(self._noises)[NOISE_RANK], NOISE_LIMIT * self._level)
        self._at_once = max(noise + THRESHOLD * (self._level - noise), LEAST_AT_ONCE)
        self._on_search = max(noise + SEARCH_BACK_THRESHOLD * (self._level - noise), LEAST)
        self._patience = SEARCH_BACK_RR * sorted(self._intervals)[BEATS // 2]


def _not_a_signal(array: NDArray[np.float32], leads: str) -> DataError:
    return DataError(
        f"QRS detection expected a signal of shape (time, lead) with {leads}, "
        f"got an array of shape {array.shape}; pass one column per lead"
    )
