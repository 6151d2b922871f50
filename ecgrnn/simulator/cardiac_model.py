"""From beats to the ECG: the McSharry model in closed form, leads of a turning dipole, and where waves lie.

McSharry et al. 2003 move a point round a circle, phase ``θ' = ω = 2π / RR``, and let the ECG follow
``z' = -Σ_i a_i Δθ_i exp(-Δθ_i² / (2 b_i²))`` with ``Δθ_i = θ - θ_i``. Divided by ``θ'`` this integrates, beat
by beat and without the slow pull to the baseline (which the noise model draws), to

    ``z(θ) = Σ_i (a_i b_i² / ω) exp(-Δθ_i² / (2 b_i²))``,

and with ``t_i = θ_i / ω``, ``σ_i = b_i / ω`` and the dipole ``d_i`` in place of ``a_i b_i² / ω`` to what is
computed here:

    ``z(t) = Σ_beats Σ_i d_i exp(-(t - t_beat - t_i)² / (2 σ_i²))``,  lead = L · R(t_beat) · z,

where P and QRS keep their time and width at every rate, as they do in a heart, and T moves with the rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.simulator.morphology_model import LEAD_VECTORS, Morphology, WaveKind, WaveShape
from ecgrnn.simulator.rhythm_model import BeatSequence, PWave, Shape

EXTENT_FRACTION = 0.05  # a wave ends where each of its Gaussians is under this share of its largest one
QT_EXPONENT = 0.42  # between Fridericia (1/3) and Bazett (1/2)
_LATEST_T = 0.60  # a T wave peaks before this share of the interval to the next beat
_REACH = 4.2  # standard deviations to which a Gaussian is computed: exp(-4.2² / 2) is 0.0001
_WAVES_AT_ONCE = 512  # bounds the memory: some 2 MB for each array


@dataclass(frozen=True)
class Waves:
    """Every Gaussian of a record, in no order.

    Attributes:
        beat: Which beat it belongs to, ``(wave,)``.
        time_s: Centre in s from the start of the record, ``(wave,)``.
        rise_s: Standard deviation before the centre in s, ``(wave,)``.
        fall_s: Standard deviation after the centre in s, ``(wave,)``.
        dipole_mv: Vector in the heart's own directions in mV, ``(wave, xyz)``.
        kind: A WaveKind, ``(wave,)``.
    """

    beat: NDArray[np.int64]
    time_s: NDArray[np.float64]
    rise_s: NDArray[np.float64]
    fall_s: NDArray[np.float64]
    dipole_mv: NDArray[np.float64]
    kind: NDArray[np.int64]


@dataclass(frozen=True)
class WaveExtents:
    """Where the P, QRS and T waves lie, in order of time and without overlap.

    Attributes:
        onset_s: ``(wave,)``.
        peak_s: ``(wave,)``.
        offset_s: ``(wave,)``.
        kind: A WaveKind, ``(wave,)``.
    """

    onset_s: NDArray[np.float64]
    peak_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    kind: NDArray[np.int64]


def lay_waves(beats: BeatSequence, morphology: Morphology, rng: np.random.Generator) -> Waves:
    """Give each beat its Gaussians.

    A beat is ``mix`` of its own shape and ``1 - mix`` of the normal one, and has the P wave it says.
    Amplitudes vary by 3 % from beat to beat.

    Args:
        beats: The beats of the record.
        morphology: The patient's shapes.
        rng: Source of the variation.
    """
    n = beats.time_s.size
    parts = []
    for p_wave in (PWave.SINUS, PWave.ECTOPIC):
        which = np.flatnonzero(beats.p_wave == p_wave)
        centre_s = beats.time_s[which] - morphology.pr_s * beats.pr_scale[which]
        parts.append(_lay(morphology.p_waves[p_wave - 1], which, centre_s, np.ones(which.size)))
    for index, shape in enumerate(morphology.ventricles):
        share = np.where(beats.shape == index, beats.mix, 0.0)
        if index == Shape.NORMAL:
            share += np.where(beats.shape != index, 1 - beats.mix, 0.0)
        which = np.flatnonzero(share > 0)
        parts.append(_lay(shape, which, beats.time_s[which], share[which]))
    waves = Waves(
        beat=np.concatenate([part.beat for part in parts]),
        time_s=np.concatenate([part.time_s for part in parts]),
        rise_s=np.concatenate([part.rise_s for part in parts]),
        fall_s=np.concatenate([part.fall_s for part in parts]),
        dipole_mv=np.concatenate([part.dipole_mv for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
    )
    variation = 1 + 0.03 * rng.standard_normal((n, len(WaveKind)))
    varied = waves.dipole_mv * variation[waves.beat, waves.kind][:, None]
    return _follow_rate(Waves(**(vars(waves) | {"dipole_mv": varied})), beats)


def render(waves: Waves, morphology: Morphology, *, n_samples: int, fs_hz: float) -> NDArray[np.float32]:
    """Compute the leads of the dipole.

    Args:
        waves: The Gaussians.
        morphology: Gives the axis, and how breathing turns it: by a sine, taken at the centre of each wave.
        n_samples: Length of the signal.
        fs_hz: Sampling frequency in Hz.

    Returns:
        Signal in mV without noise, ``(time, lead)``. The work is done on _WAVES_AT_ONCE Gaussians at a time,
        so that memory beyond the signal does not grow with the record; narrow ones first, since a stretch
        costs what its widest Gaussian costs.
    """
    signal = np.zeros((n_samples, len(LEAD_VECTORS)), np.float32)
    order = np.argsort(np.maximum(waves.rise_s, waves.fall_s), kind="stable")
    for first in range(0, order.size, _WAVES_AT_ONCE):
        part = order[first : first + _WAVES_AT_ONCE]
        amplitude_mv = _project(waves.dipole_mv[part], waves.time_s[part], morphology)
        widths = np.stack([waves.rise_s[part], waves.fall_s[part]])
        _add_gaussians(signal, waves.time_s[part], widths, amplitude_mv, fs_hz)
    return signal


def wave_extents(waves: Waves, *, n_beats: int) -> WaveExtents:
    """Tell where each P, QRS and T wave begins, peaks and ends.

    A wave spans its Gaussians, each to where it has fallen to EXTENT_FRACTION of the wave's largest dipole
    ``D``: from ``t_i - k_i σ_i`` to ``t_i + k_i σ_i`` with ``k_i = sqrt(2 ln(|d_i| / (EXTENT_FRACTION D)))``.
    It peaks at its largest Gaussian. Waves do not overlap: P and T are cut by a QRS, and half-way where T
    runs into P; a wave whose peak is cut away is hidden and has no extent.

    Args:
        waves: The Gaussians.
        n_beats: How many beats they belong to.
    """
    group = waves.beat * len(WaveKind) + waves.kind
    size = np.linalg.norm(waves.dipole_mv, axis=1)
    largest = np.zeros(n_beats * len(WaveKind))
    np.maximum.at(largest, group, size)
    k = np.sqrt(2 * np.log(np.maximum(size / (EXTENT_FRACTION * np.maximum(largest[group], 1e-12)), 1.0)))
    onset, offset = np.full(largest.size, np.inf), np.full(largest.size, -np.inf)
    np.minimum.at(onset, group, waves.time_s - k * waves.rise_s)
    np.maximum.at(offset, group, waves.time_s + k * waves.fall_s)
    peak = np.full(largest.size, np.nan)
    is_peak = size == largest[group]
    peak[group[is_peak]] = waves.time_s[is_peak]
    return _without_overlap(*(array.reshape(n_beats, len(WaveKind)) for array in (onset, peak, offset)))


def _lay(
    shape: WaveShape, which: NDArray[np.int64], centre_s: NDArray[np.float64], share: NDArray[np.float64]
) -> Waves:
    """Repeat one shape at each of the beats ``which``."""
    n, k = which.size, shape.time_s.size
    return Waves(
        beat=np.repeat(which, k),
        time_s=(centre_s[:, None] + shape.time_s).ravel(),
        rise_s=np.tile(shape.rise_s, n),
        fall_s=np.tile(shape.fall_s, n),
        dipole_mv=(share[:, None, None] * shape.dipole_mv).reshape(n * k, 3),
        kind=np.tile(shape.kind, n),
    )


def _follow_rate(waves: Waves, beats: BeatSequence) -> Waves:
    """Move and narrow the T waves with the rate of the last eight beats, QT as (RR / 1 s) ** QT_EXPONENT."""
    rr_s = np.diff(beats.time_s)
    before = np.concatenate([rr_s[:1], rr_s])
    after = np.concatenate([rr_s, rr_s[-1:]])
    memory = np.convolve(np.concatenate([np.full(7, before[0]), before]), np.full(8, 1 / 8), mode="valid")
    scale = (0.7 * memory + 0.3 * before) ** QT_EXPONENT
    is_t = waves.kind == WaveKind.T
    beat = waves.beat[is_t]
    delay_s = waves.time_s[is_t] - beats.time_s[beat]
    factor = np.minimum(scale[beat], _LATEST_T * after[beat] / delay_s)
    time_s, rise_s, fall_s = waves.time_s.copy(), waves.rise_s.copy(), waves.fall_s.copy()
    time_s[is_t] = beats.time_s[beat] + delay_s * factor
    rise_s[is_t] *= factor
    fall_s[is_t] *= factor
    return Waves(waves.beat, time_s, rise_s, fall_s, waves.dipole_mv, waves.kind)


def _project(
    dipole_mv: NDArray[np.float64], time_s: NDArray[np.float64], morphology: Morphology
) -> NDArray[np.float32]:
    """Turn the dipoles by breathing (in the frontal plane) and by the axis, and see them from the leads."""
    angle = morphology.respiration_rad * np.sin(2 * np.pi * morphology.respiration_hz * time_s)
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = dipole_mv.T
    turned = np.stack([c * x - s * y, s * x + c * y, z], axis=1)
    return np.asarray(turned @ morphology.axis.T @ LEAD_VECTORS.T, np.float32)


def _add_gaussians(
    signal: NDArray[np.float32],
    time_s: NDArray[np.float64],
    widths_s: NDArray[np.float64],
    amplitude_mv: NDArray[np.float32],
    fs_hz: float,
) -> None:
    """Add one Gaussian to the signal for each row of ``amplitude_mv``."""
    half = int(np.ceil(_REACH * widths_s.max() * fs_hz))
    first = np.rint(time_s * fs_hz).astype(np.int64) - half
    start_s = (first / fs_hz - time_s).astype(np.float32)  # small: float32 is exact to a nanosecond
    t = start_s[:, None] + (np.arange(2 * half + 1) / fs_hz).astype(np.float32)
    rise_s, fall_s = widths_s.astype(np.float32)[:, :, None]
    bell = np.exp(-0.5 * (t / np.where(t < 0, rise_s, fall_s)) ** 2)
    for start, values, mv in zip(first.tolist(), bell, amplitude_mv, strict=True):
        a, b = max(start, 0), min(start + values.size, len(signal))
        if a < b:
            signal[a:b] += values[a - start : b - start, None] * mv


def _without_overlap(
    onset: NDArray[np.float64], peak: NDArray[np.float64], offset: NDArray[np.float64]
) -> WaveExtents:
    """Cut the waves apart; arrays are ``(beat, kind)``, and a wave that is not there has a NaN peak."""
    P, QRS, T = WaveKind.P, WaveKind.QRS, WaveKind.T
    offset[:, P] = np.minimum(offset[:, P], onset[:, QRS])
    onset[:, T] = np.maximum(onset[:, T], offset[:, QRS])
    offset[:-1, T] = np.minimum(offset[:-1, T], onset[1:, QRS])
    onset[1:, P] = np.maximum(onset[1:, P], offset[:-1, QRS])
    meets = offset[:-1, T] > onset[1:, P]
    middle = (offset[:-1, T] + onset[1:, P])[meets] / 2
    onset[1:, P][meets] = middle
    offset[:-1, T][meets] = middle
    seen = (onset < peak) & (peak < offset)  # False where the peak is NaN
    return WaveExtents(onset[seen], peak[seen], offset[seen], np.nonzero(seen)[1].astype(np.int64))
