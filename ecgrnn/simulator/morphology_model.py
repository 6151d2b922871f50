"""What the beats of a simulated patient look like: Gaussian dipole waves, drawn once per patient.

A wave is a Gaussian in time times a vector in the body (x to the left arm, y to the feet, z to the back, mV),
as in the vectorcardiogram form of the McSharry model (Sameni et al. 2007). Rise and fall have widths of their
own because T waves rise slowly and fall fast.

Sources:
    R. Sameni, G. D. Clifford, C. Jutten, M. B. Shamsollahi, "Multichannel ECG and noise modeling: application
    to maternal and fetal ECG signals", EURASIP Journal on Advances in Signal Processing, 2007.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ecgrnn.simulator.rhythm_model import RhythmProfile

LEADS = ("MLII", "V1")
LEAD_VECTORS = np.array(
    [[0.50, 0.87, 0.00], [-0.45, -0.05, -0.89]]
)  # ``(lead, xyz)``: to +60 degrees; to the front


class WaveKind(IntEnum):
    """Which wave of the ECG a Gaussian is part of."""

    P = 0
    QRS = 1
    T = 2


@dataclass(frozen=True)
class WaveShape:
    """Gaussians that come together, in times relative to the beat (or to the P wave's centre).

    Attributes:
        time_s: Centre of each Gaussian in s, ``(wave,)``.
        rise_s: Standard deviation before the centre in s, ``(wave,)``.
        fall_s: Standard deviation after the centre in s, ``(wave,)``.
        dipole_mv: Vector at the centre in mV, ``(wave, xyz)``.
        kind: A WaveKind, ``(wave,)``.
    """

    time_s: NDArray[np.float64]
    rise_s: NDArray[np.float64]
    fall_s: NDArray[np.float64]
    dipole_mv: NDArray[np.float64]
    kind: NDArray[np.int64]


@dataclass(frozen=True)
class Morphology:
    """The ECG of one patient.

    Attributes:
        p_waves: Sinus and ectopic P wave, indexed by PWave minus one.
        ventricles: QRS and T, indexed by Shape: normal, aberrant, then one for each focus.
        pr_s: From the centre of P to the peak of the QRS in s.
        axis: Rotation of the heart in the chest, ``(xyz, xyz)``.
        respiration_hz: Breaths per second.
        respiration_rad: How far breathing turns the heart.
        fibrillation_hz: Rate of the fibrillatory waves in AF.
        fibrillation_mv: Their amplitude in each lead in mV, ``(lead,)``.
    """

    p_waves: tuple[WaveShape, WaveShape]
    ventricles: tuple[WaveShape, ...]
    pr_s: float
    axis: NDArray[np.float64]
    respiration_hz: float
    respiration_rad: float
    fibrillation_hz: float
    fibrillation_mv: NDArray[np.float64]


def draw_morphology(profile: RhythmProfile, rng: np.random.Generator) -> Morphology:
    """Draw the ECG of one patient: amplitudes, widths, timings, electrical axis.

    Args:
        profile: Gives bundle-branch block (symbol L or R), the number of foci and the respiratory rate.
        rng: Generator of the patient.
    """
    r_mv = rng.uniform(0.8, 1.6)
    normal = _normal(r_mv, rng)
    blocks = {"N": normal, "L": _left_block(r_mv, rng), "R": _right_block(normal, r_mv, rng)}
    axis = _axis(rng)
    foci = tuple(_focus(r_mv * rng.uniform(1.0, 1.6), axis, rng) for _ in range(profile.n_foci))
    return Morphology(
        p_waves=_p_waves(rng),
        ventricles=(blocks[profile.normal_symbol], blocks["R"], *foci),
        pr_s=rng.uniform(0.13, 0.18),
        axis=axis,
        respiration_hz=profile.respiration_hz,
        respiration_rad=np.deg2rad(rng.uniform(2, 8)),
        fibrillation_hz=rng.uniform(4.5, 7.5),
        fibrillation_mv=rng.uniform(0.03, 0.10) * np.array([rng.uniform(0.4, 0.9), 1.0]),
    )


# One row per Gaussian: centre, rise, fall in ms, amplitude in mV, direction x, y, z of any length.
_Row = tuple[float, float, float, float, float, float, float]


def _shape(rows: list[_Row], kinds: list[WaveKind]) -> WaveShape:
    table = np.array(rows, np.float64)
    unit = table[:, 4:] / np.linalg.norm(table[:, 4:], axis=1, keepdims=True)
    return WaveShape(
        time_s=table[:, 0] / 1000,
        rise_s=table[:, 1] / 1000,
        fall_s=table[:, 2] / 1000,
        dipole_mv=table[:, 3:4] * unit,
        kind=np.array(kinds, np.int64),
    )


def _p_waves(rng: np.random.Generator) -> tuple[WaveShape, WaveShape]:
    """Right, then left atrium; the ectopic wave starts low in the atria or elsewhere, and is narrower."""
    u = rng.uniform
    p_mv = u(0.055, 0.12)
    sinus: list[_Row] = [
        (-u(10, 15), u(14, 18), u(14, 18), p_mv, 0.4, 0.8, -0.5),
        (u(10, 15), u(15, 19), u(15, 19), p_mv * u(0.7, 1.1), 0.7, 0.6, 0.5),
    ]
    down = -1.0 if rng.random() < 0.6 else 0.5  # retrograde, or high with another direction
    ectopic: list[_Row] = [
        (-u(6, 12), u(12, 16), u(12, 16), p_mv * u(0.6, 1.1), u(-0.4, 0.4), down * u(0.6, 1.0), u(-0.6, 0.2)),
        (u(6, 14), u(13, 17), u(13, 17), p_mv * u(0.5, 1.1), u(-0.6, 0.6), down * u(0.4, 1.0), u(-0.2, 0.6)),
    ]
    return _shape(sinus, [WaveKind.P] * 2), _shape(ectopic, [WaveKind.P] * 2)


def _normal(r_mv: float, rng: np.random.Generator) -> WaveShape:
    """Septum to the right and front (q), free walls to the left (R), base to the back (S), concordant T."""
    u = rng.uniform
    t_mv = r_mv * (u(-0.15, 0.1) if rng.random() < 0.12 else u(0.16, 0.36))  # some are flat or inverted
    rows: list[_Row] = [
        (-u(21, 26), u(6.5, 8.5), u(6.5, 8.5), r_mv * u(0.08, 0.26), -0.6, u(-0.5, 0.1), -0.6),
        (0, u(9.5, 12.5), u(9.5, 12.5), r_mv, 0.55, 0.75, u(0.2, 0.5)),
        (u(21, 27), u(8.5, 11), u(8.5, 11), r_mv * u(0.2, 0.6), -0.15, u(-0.6, 0.0), 0.9),
        (u(255, 310), u(48, 60), u(30, 38), t_mv, 0.5, 0.75, u(-0.6, 0.1)),
    ]
    return _shape(rows, [WaveKind.QRS] * 3 + [WaveKind.T])


def _left_block(r_mv: float, rng: np.random.Generator) -> WaveShape:
    """Left bundle-branch block: slow notched activation to the left and back, deep S in V1, discordant T."""
    u = rng.uniform
    rows: list[_Row] = [
        (-u(26, 34), u(12, 15), u(12, 15), r_mv * u(0.3, 0.5), 0.6, 0.7, 0.4),
        (0, u(15, 19), u(15, 19), r_mv * 0.9, 0.6, 0.55, 0.6),
        (u(36, 44), u(15, 19), u(15, 19), r_mv * u(0.5, 0.8), 0.65, 0.4, 0.7),
        (u(290, 330), u(60, 75), u(40, 48), r_mv * u(0.2, 0.36), -0.6, -0.4, -0.7),
    ]
    return _shape(rows, [WaveKind.QRS] * 3 + [WaveKind.T])


def _right_block(normal: WaveShape, r_mv: float, rng: np.random.Generator) -> WaveShape:
    """Right bundle-branch block: a normal beginning, then a slow vector to right and front (R' in V1)."""
    u = rng.uniform
    slow = _shape(
        [
            (u(44, 56), u(15, 19), u(16, 21), r_mv * u(0.45, 0.75), -0.6, u(-0.3, 0.1), -0.75),
            (u(270, 310), u(50, 60), u(34, 40), r_mv * u(0.16, 0.26), 0.5, 0.6, 0.7),
        ],
        [WaveKind.QRS, WaveKind.T],
    )
    keep = normal.kind == WaveKind.QRS
    return WaveShape(
        time_s=np.concatenate([normal.time_s[keep], slow.time_s]),
        rise_s=np.concatenate([normal.rise_s[keep], slow.rise_s]),
        fall_s=np.concatenate([normal.fall_s[keep], slow.fall_s]),
        dipole_mv=np.concatenate([normal.dipole_mv[keep], slow.dipole_mv]),
        kind=np.concatenate([normal.kind[keep], slow.kind]),
    )


_FOCI = ((0.3, 1.0, 0.5), (-0.2, -1.0, 0.5), (-0.6, 0.8, -0.7), (-0.5, -0.7, -0.7), (0.8, -0.6, 0.4))
# outflow tract, apex of the right ventricle, base and apex of the left ventricle, septum


def _focus(v_mv: float, axis: NDArray[np.float64], rng: np.random.Generator) -> WaveShape:
    """Ventricular ectopy: spreads from cell to cell, so it is wide, and T points against the QRS."""
    u = rng.uniform
    x, y, z = _direction(axis, rng)
    w = u(0.8, 1.15)
    rows: list[_Row] = [
        (
            -u(34, 44) * w,
            17 * w,
            17 * w,
            v_mv * u(0.15, 0.4),
            x + u(-0.5, 0.5),
            y + u(-0.5, 0.5),
            z + u(-0.5, 0.5),
        ),
        (0, 22 * w, u(21, 27) * w, v_mv, x, y, z),
        (u(44, 56) * w, 20 * w, u(20, 25) * w, v_mv * u(0.1, 0.45), u(-1, 1), u(-1, 1), u(-1, 1)),
        (u(270, 310), u(68, 85), u(42, 52), -v_mv * u(0.28, 0.45), x, y, z),
    ]
    return _shape(rows, [WaveKind.QRS] * 3 + [WaveKind.T])


def _direction(axis: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Choose where the activation goes: of eight draws the first that MLII sees at half size, or the best."""
    draws = np.array(_FOCI)[rng.integers(len(_FOCI), size=8)] + rng.normal(0, 0.15, (8, 3))
    seen = np.abs(draws @ axis.T @ LEAD_VECTORS[0]) / np.linalg.norm(draws, axis=1)
    return np.asarray(draws[int(np.argmax(np.minimum(seen, 0.5)))])


def _axis(rng: np.random.Generator) -> NDArray[np.float64]:
    """Turn the heart in the frontal plane (the electrical axis) and in the transverse plane."""
    frontal, transverse = np.deg2rad(np.clip(rng.normal(0, [20, 15]), -40, 40))
    c, s = np.cos(frontal), np.sin(frontal)
    C, S = np.cos(transverse), np.sin(transverse)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_y = np.array([[C, 0, S], [0, 1, 0], [-S, 0, C]])
    return np.asarray(about_z @ about_y)
