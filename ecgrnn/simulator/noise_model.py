"""What an ECG holds beside beats: fibrillatory waves, baseline wander, muscle, powerline, electrode motion.

Everything is added in stretches of _STRETCH samples to a signal that is there already, so that memory does
not grow with the record; slow things are drawn at knots and interpolated.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfilt

_STRETCH = 1 << 16
_KNOT_S = 0.25  # fibrillatory waves change rate and size as slowly as this
_WANDER_KNOT_S = 2.0
_SLOW_HZ = 25.0  # wander is under 0.5 Hz: straight lines between such points are within 0.2 % of it
_BURST_KNOT_S = 3.0
_MUSCLE_HZ = (15.0, 120.0)


@dataclass(frozen=True)
class NoiseLevels:
    """How disturbed the recordings of one patient are.

    Attributes:
        wander_mv: Standard deviation of the slow baseline wander in mV, ``(lead,)``.
        breathing_mv: Amplitude of the wander with breathing in mV, ``(lead,)``.
        breathing_hz: Breaths per second.
        muscle_mv: Usual standard deviation of muscle noise in mV, ``(lead,)``.
        powerline_mv: Amplitude in mV, ``(lead,)``.
        powerline_hz: 50 or 60.
        motions_per_min: Electrode movements per minute.
        motion_mv: Their usual size in mV, ``(lead,)``.
    """

    wander_mv: NDArray[np.float64]
    breathing_mv: NDArray[np.float64]
    breathing_hz: float
    muscle_mv: NDArray[np.float64]
    powerline_mv: NDArray[np.float64]
    powerline_hz: float
    motions_per_min: float
    motion_mv: NDArray[np.float64]


def draw_noise_levels(breathing_hz: float, n_leads: int, rng: np.random.Generator) -> NoiseLevels:
    """Draw the noise of one patient: log-normal, so that a few recordings are bad."""

    def level(usual_mv: float) -> NDArray[np.float64]:
        """Draw one kind of noise, about the usual level, for every lead."""
        between_leads = rng.uniform(0.7, 1.3, n_leads)
        return np.asarray(usual_mv * np.exp(0.55 * rng.standard_normal()) * between_leads)

    return NoiseLevels(
        wander_mv=level(0.06),
        breathing_mv=level(0.03),
        breathing_hz=breathing_hz,
        muscle_mv=level(0.012),
        powerline_mv=level(0.005),
        powerline_hz=60.0 if rng.random() < 0.5 else 50.0,
        motions_per_min=rng.uniform(0.0, 1.2),
        motion_mv=level(0.3),
    )


def add_noise(
    signal: NDArray[np.float32], levels: NoiseLevels, rng: np.random.Generator, *, fs_hz: float
) -> None:
    """Add all noise to a signal, in place.

    Args:
        signal: In mV, ``(time, lead)``; written to.
        levels: How much of each.
        rng: Source of the noise.
        fs_hz: Sampling frequency in Hz; what lies above half of it is left out, as an anti-aliasing filter
            would.
    """
    _add_wander(signal, levels, rng, fs_hz)
    _add_muscle(signal, levels, rng, fs_hz)
    _add_powerline(signal, levels, rng, fs_hz)
    _add_motion(signal, levels, rng, fs_hz)


def add_fibrillation(
    signal: NDArray[np.float32],
    spans_s: list[tuple[float, float]],
    amplitude_mv: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    fs_hz: float,
    rate_hz: float,
) -> None:
    """Add the waves of atrial fibrillation, in place: a sawtooth that changes its rate and its size.

    Args:
        signal: In mV, ``(time, lead)``; written to.
        spans_s: Start and end in s of each episode.
        amplitude_mv: In mV, ``(lead,)``.
        rng: Source of the changes.
        fs_hz: Sampling frequency in Hz.
        rate_hz: Mean rate of the waves in Hz.
    """
    for start_s, end_s in spans_s:
        knots = np.arange(start_s, end_s + 2 * _KNOT_S, _KNOT_S)
        turns = np.cumsum(rate_hz * _KNOT_S * np.exp(0.18 * rng.standard_normal(knots.size)))
        size = np.exp(0.35 * rng.standard_normal(knots.size))
        size[[0, -1]] = 0.0  # an episode begins and ends without a step
        first, last = max(round(start_s * fs_hz), 0), min(round(end_s * fs_hz), len(signal))
        for part, t in _stretches(first, last, fs_hz):
            angle = 2 * np.pi * np.interp(t, knots, turns)
            saw = np.sin(angle) + 0.4 * np.sin(2 * angle + 0.6) + 0.15 * np.sin(3 * angle + 1.2)
            signal[part] += (np.interp(t, knots, size) * saw)[:, None] * amplitude_mv


def _stretches(first: int, last: int, fs_hz: float) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    for start in range(first, last, _STRETCH):
        stop = min(start + _STRETCH, last)
        yield slice(start, stop), np.arange(start, stop) / fs_hz


def _knots(n_samples: int, fs_hz: float, knot_s: float) -> NDArray[np.float64]:
    return np.arange(-knot_s, n_samples / fs_hz + 2 * knot_s, knot_s)


def _add_wander(
    signal: NDArray[np.float32], levels: NoiseLevels, rng: np.random.Generator, fs_hz: float
) -> None:
    """Add slow wander of each lead, and breathing, which moves all leads at once."""
    knots = _knots(len(signal), fs_hz, _WANDER_KNOT_S)
    spline = CubicSpline(knots, levels.wander_mv * rng.standard_normal((knots.size, signal.shape[1])))
    phase = rng.uniform(0, 2 * np.pi)
    for part, t in _stretches(0, len(signal), fs_hz):
        coarse = np.arange(t[0], t[-1] + 2 / _SLOW_HZ, 1 / _SLOW_HZ)
        breathing = np.sin(2 * np.pi * levels.breathing_hz * coarse + phase)
        slow = spline(coarse) + breathing[:, None] * levels.breathing_mv
        for lead in range(signal.shape[1]):
            signal[part, lead] += np.interp(t, coarse, slow[:, lead])


def _add_muscle(
    signal: NDArray[np.float32], levels: NoiseLevels, rng: np.random.Generator, fs_hz: float
) -> None:
    """Add band-passed white noise of each lead, which comes and goes in bursts."""
    n_leads = signal.shape[1]
    knots = _knots(len(signal), fs_hz, _BURST_KNOT_S)
    strength = levels.muscle_mv[:, None] * np.exp(0.5 * rng.standard_normal((n_leads, knots.size)))
    band = (_MUSCLE_HZ[0], min(_MUSCLE_HZ[1], 0.45 * fs_hz))
    sos = butter(2, band, btype="bandpass", fs=fs_hz, output="sos").astype(np.float32)
    gain = np.sqrt(fs_hz / 2 / (band[1] - band[0]))  # gives the filtered noise a standard deviation near one
    state = np.zeros((len(sos), n_leads, 2), np.float32)
    for part, t in _stretches(0, len(signal), fs_hz):
        noise, state = sosfilt(sos, rng.standard_normal((n_leads, t.size), dtype=np.float32), zi=state)
        for lead in range(n_leads):
            signal[part, lead] += gain * np.interp(t, knots, strength[lead]) * noise[lead]


def _add_powerline(
    signal: NDArray[np.float32], levels: NoiseLevels, rng: np.random.Generator, fs_hz: float
) -> None:
    """Add the powerline and its third harmonic: one source, so the leads differ in size only."""
    knots = _knots(len(signal), fs_hz, _BURST_KNOT_S)
    strength = np.exp(0.2 * rng.standard_normal(knots.size))
    phases = rng.uniform(0, 2 * np.pi, 2)
    harmonics = [(1, 1.0, phases[0]), (3, 0.25, phases[1])]
    heard = [harmonic for harmonic in harmonics if harmonic[0] * levels.powerline_hz < fs_hz / 2]
    for part, t in _stretches(0, len(signal), fs_hz):
        hum = np.zeros(t.size)
        for harmonic, share, phase in heard:
            hum += share * np.sin(2 * np.pi * harmonic * levels.powerline_hz * t + phase)
        signal[part] += (hum * np.interp(t, knots, strength))[:, None] * levels.powerline_mv


def _add_motion(
    signal: NDArray[np.float32], levels: NoiseLevels, rng: np.random.Generator, fs_hz: float
) -> None:
    """Add electrode movements: a fast shift that dies away, with a shake of some hertz on it."""
    duration_s = len(signal) / fs_hz
    for start_s in np.sort(rng.uniform(0, duration_s, rng.poisson(levels.motions_per_min * duration_s / 60))):
        decay_s, shake_hz = rng.uniform(0.2, 0.7), rng.uniform(2, 8)
        size_mv = levels.motion_mv * rng.normal(0, 1, signal.shape[1])
        first = int(start_s * fs_hz)
        t = np.arange(min(int(6 * decay_s * fs_hz), len(signal) - first)) / fs_hz
        shift = (1 - np.exp(-t / 0.04)) * np.exp(-t / decay_s)
        moved = shift * (1 + 0.5 * np.sin(2 * np.pi * shake_hz * t))
        signal[first : first + t.size] += moved[:, None] * size_mv
