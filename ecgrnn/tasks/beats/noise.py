"""Noise added to training records, in stretches: muscle, electrode motion, white noise, and lost signal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

BANDS_HZ: dict[str, tuple[float, float] | None] = {
    "white": None,
    "muscle": (15.0, 45.0),
    "motion": (1.0, 8.0),
    "mixed": (1.0, 30.0),
}
"""Kinds of noise. Electrode motion lies where P waves, QRS complexes and T waves do, and looks most like them
(G. B. Moody, W. K. Muldrow, R. G. Mark, Computers in Cardiology 11:381-384, 1984)."""

BURST_S, BURSTS_PER_MIN = (8.0, 40.0), 0.6
"""Durations of stretches with added noise, and how many there are."""

SNR_DB = (-6.0, 12.0)
"""Signal-to-noise ratios there, by the power of the whole signal."""

SHORT_LOSS_S, SHORT_LOSSES_PER_MIN = (6.0, 25.0), 0.08
LONG_LOSS_S, LONG_LOSS_OF = (80.0, 150.0), 0.1
"""Durations of stretches without signal; a long one, of which even the beat template is noise, takes no more
than this part of a record."""

_FLAT = 0.15
"""In so many lost stretches nothing is left at all."""


@dataclass(frozen=True)
class Disturbance:
    """Noise in one stretch.

    Attributes:
        start_s: beginning of the stretch.
        stop_s: end.
        kind: one of `BANDS_HZ`.
        snr_db: power of the record over that of the noise.
        lost: the signal is taken away there.
        flat: the noise, too.
    """

    start_s: float
    stop_s: float
    kind: str
    snr_db: float
    lost: bool = False
    flat: bool = False


def plan_disturbances(duration_s: float, *, rng: np.random.Generator) -> tuple[Disturbance, ...]:
    """Draw the disturbances of one record; lost stretches come last, and take away what was added before."""
    minutes = duration_s / 60
    bursts = [
        _draw(duration_s, BURST_S, lost=False, rng=rng) for _ in range(rng.poisson(BURSTS_PER_MIN * minutes))
    ]
    losses = [
        _draw(duration_s, SHORT_LOSS_S, lost=True, rng=rng)
        for _ in range(rng.poisson(SHORT_LOSSES_PER_MIN * minutes))
    ]
    longest = min(rng.uniform(*LONG_LOSS_S), LONG_LOSS_OF * duration_s)
    return (*bursts, *losses, _draw(duration_s, (longest, longest), lost=True, rng=rng))


def _draw(
    duration_s: float, length_s: tuple[float, float], *, lost: bool, rng: np.random.Generator
) -> Disturbance:
    length = min(rng.uniform(*length_s), duration_s)
    start = rng.uniform(0, duration_s - length)
    kind = str(rng.choice(list(BANDS_HZ)))
    flat = lost and bool(rng.random() < _FLAT)
    return Disturbance(start, start + length, kind, rng.uniform(*SNR_DB), lost, flat)


def disturbed(
    signal: NDArray[np.float32], plan: Sequence[Disturbance], *, seed: int, fs_hz: float
) -> NDArray[np.float32]:
    """Give a copy of a signal ``(time, lead)`` in mV with the noise of a plan; each lead has its own."""
    rng = np.random.default_rng(seed)
    changed = np.array(signal, np.float32)
    power = np.var(signal, axis=0)
    for one in plan:
        part = changed[round(one.start_s * fs_hz) : round(one.stop_s * fs_hz)]
        noise = _noise(part.shape, one.kind, rng=rng, fs_hz=fs_hz)
        noise *= np.sqrt(power * 10 ** (-one.snr_db / 10))
        if one.lost:
            part[:] = 0.0
        if not one.flat:
            part += noise
    return changed


def _noise(
    shape: tuple[int, ...], kind: str, *, rng: np.random.Generator, fs_hz: float
) -> NDArray[np.float64]:
    """Draw noise of a variance of 1."""
    white = rng.standard_normal(shape)
    band = BANDS_HZ[kind]
    if band is None or not len(white):
        return white
    filtered = sosfilt(
        butter(2, (band[0], min(band[1], 0.45 * fs_hz)), "bandpass", fs=fs_hz, output="sos"), white, axis=0
    )
    return np.asarray(filtered / (filtered.std(axis=0) + 1e-9))
