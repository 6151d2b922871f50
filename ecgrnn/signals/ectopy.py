"""A record played back in another rhythm: its beats cut apart, some made supraventricular ectopic ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.ectopy_rhythm import Origin, draw_rhythm

_P_BEFORE_S, _P_PART = 0.30, 0.45
"""A beat begins so long before its R peak, but no earlier than after this part of its RR interval is left."""

_QRS_BEFORE_S = 0.07
"""What lies earlier in a beat is its P wave."""

_END_S = 0.48
"""The last beat of a record ends so long after its R peak, at the latest."""

_SHORTEST_S = 0.07
_LEVEL_S = 0.025
"""The level at either end of a beat is the mean over this time."""

_AFTER_S = 3.2
"""Silence behind the last beat, so that no window reaches beyond the record."""

_P_WIDTH_S, _P_MV = 0.022, 0.12
"""Standard deviations of an ectopic P wave: of its time course, and of its height over records."""

_FIBRILLATION_MV, _FIBRILLATION_HZ = 0.03, (5.0, 8.0)
_NOISE_MV = 0.004


@dataclass(frozen=True)
class Replay:
    """A record in another rhythm.

    Attributes:
        signal: ``(time, lead)`` in mV.
        time_s: ``(beat,)``, where its R peaks are.
        ectopic: ``(beat,)``, which beats were made ectopic.
    """

    signal: NDArray[np.float32]
    time_s: NDArray[np.float64]
    ectopic: NDArray[np.bool_]


def replay(
    signal: NDArray[np.float32],
    time_s: NDArray[np.float64],
    *,
    fs_hz: float,
    sinus: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Replay:
    """Play a record back with simulated supraventricular ectopic beats, and with other rhythms without any.

    Each beat is cut out from the onset of its P wave to that of the next, the line between its ends taken
    off, and put at its new time; where beats overlap, as the T wave and an early P wave do, they are added.
    A beat that becomes ectopic gets a P wave of another shape, and no other beat is changed but those in
    simulated fibrillation, which lose it. See `draw_rhythm` for the rhythms.

    Args:
        signal: ``(time, lead)`` in mV, baseline removed.
        time_s: ``(beat,)``, its R peaks in ascending order.
        fs_hz: sampling frequency of ``signal``.
        sinus: ``(beat,)``, which beats are normal and may be moved.
        rng: source of every random draw.
    """
    rr_s = np.diff(time_s, prepend=time_s[:1] - 0.8)
    rhythm = draw_rhythm(rr_s, sinus=sinus, rng=rng)
    new_s = time_s[0] + np.concatenate([[0.0], np.cumsum(rhythm.rr_s[1:])])
    replayed = np.zeros((round((new_s[-1] + _AFTER_S) * fs_hz), signal.shape[1]), np.float32)
    begins = _beginnings(time_s, rr_s, fs_hz=fs_hz)
    ends = np.append(begins[1:], min(len(signal), round((time_s[-1] + _END_S) * fs_hz)))
    peak = np.round(time_s * fs_hz).astype(np.int64)
    shift = np.round(new_s * fs_hz).astype(np.int64) - peak
    for beat, (start, stop) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        stop = max(stop, start + round(_SHORTEST_S * fs_hz))
        cut = _levelled(signal[start:stop], fs_hz=fs_hz)
        p_end = max(int(peak[beat]) - start - round(_QRS_BEFORE_S * fs_hz), 2)
        if rhythm.origin[beat] == Origin.ECTOPIC:
            cut = _with_ectopic_p(cut, p_end=p_end, fs_hz=fs_hz, rng=rng)
        elif rhythm.origin[beat] == Origin.FIBRILLATION:
            cut = _without_p(cut, p_end=p_end, fs_hz=fs_hz, rng=rng)
        _add(replayed, cut, at=start + int(shift[beat]))
    replayed += _NOISE_MV * rng.standard_normal(replayed.shape, np.float32)
    return Replay(signal=replayed, time_s=new_s, ectopic=rhythm.origin == Origin.ECTOPIC)


def _beginnings(time_s: NDArray[np.float64], rr_s: NDArray[np.float64], *, fs_hz: float) -> NDArray[np.int64]:
    before = np.minimum(_P_BEFORE_S, _P_PART * rr_s)
    return np.maximum(np.round((time_s - before) * fs_hz).astype(np.int64), 0)


def _levelled(cut: NDArray[np.float32], *, fs_hz: float) -> NDArray[np.float32]:
    """Take off the line between the ends, so that beats can be joined in any order without a step."""
    width = max(round(_LEVEL_S * fs_hz), 1)
    first, last = cut[:width].mean(axis=0), cut[-width:].mean(axis=0)
    slope = np.linspace(0.0, 1.0, len(cut), dtype=np.float32)[:, np.newaxis]
    levelled: NDArray[np.float32] = cut - (first + (last - first) * slope)
    return levelled


def _with_ectopic_p(
    cut: NDArray[np.float32], *, p_end: int, fs_hz: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Give the P wave another shape: scaled or turned over, almost gone, moved, or another one instead."""
    p = cut[:p_end]
    match rng.integers(4):
        case 0:
            p *= rng.uniform(-1.0, 0.7)
        case 1:
            p *= rng.uniform(0.0, 0.2)
        case 2:
            by = round(rng.uniform(0.016, 0.048) * fs_hz)
            p[:] = np.roll(p, by if rng.random() < 0.5 else -by, axis=0)
        case _:
            place = (np.arange(len(p)) - rng.uniform(0.3, 0.9) * len(p)) / (_P_WIDTH_S * fs_hz)
            height_mv = rng.normal(0.0, _P_MV, p.shape[1])
            p *= rng.uniform(0.0, 0.5)
            p += np.outer(np.exp(-(place**2) / 2), height_mv)
    return np.asarray(cut * np.float32(rng.uniform(0.85, 1.15) if rng.random() < 0.5 else 1.0))


def _without_p(
    cut: NDArray[np.float32], *, p_end: int, fs_hz: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Flatten the P wave and lay the waves of fibrillation over the beat."""
    cut[:p_end] *= rng.uniform(0.0, 0.15)
    angle = 2 * np.pi * rng.uniform(*_FIBRILLATION_HZ) * np.arange(len(cut)) / fs_hz
    waves = _FIBRILLATION_MV * np.sin(angle + rng.uniform(0, 2 * np.pi))
    return np.asarray(cut + waves[:, np.newaxis].astype(np.float32))


def _add(signal: NDArray[np.float32], cut: NDArray[np.float32], *, at: int) -> None:
    """Add a beat at a sample; what would lie before the record is left out."""
    cut = cut[max(-at, 0) :]
    at = max(at, 0)
    room = signal[at : at + len(cut)]
    room += cut[: len(room)]
