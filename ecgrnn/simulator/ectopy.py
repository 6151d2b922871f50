"""A record played back in another rhythm: its beats cut apart, some made supraventricular ectopic ones.

What is made must not be known by how it was made. So every cut and every change fades in and out, what is
rough (noise, mostly) is never scaled, added or left out, and where no beat is moved the copy is the record.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from ecgrnn.simulator.ectopy_rhythm import Origin, draw_rhythm
from ecgrnn.simulator.noise_model import add_fibrillation

_P_BEFORE_S, _P_PART = 0.30, 0.45
"""A beat begins so long before its R peak, but no earlier than after this part of its RR interval is left."""

_QRS_BEFORE_S = 0.07
"""What lies earlier in a beat is its P wave."""

_AFTER_S = 3.2
"""A copy ends so long behind its last beat, and is silent where the record ends sooner."""

_FADE_S = 0.02
"""Half of the time in which one beat fades into the next."""

_TAPER_S = 0.03
"""A changed P wave fades in and out in this time."""

_SMOOTH_S = 0.012
"""Standard deviation of the smoothing that parts waves from noise: half of the amplitude is left at 16 Hz."""

_LEVEL_S = 0.025
"""The level where a beat begins is the mean over this time."""

_SLOW_S = 0.375
"""Standard deviation of the smoothing that a high-pass of 0.5 Hz takes off."""

_FROM_R_S, _TO_R_S = 0.12, 0.08
"""Noise changes from one beat's to the next one's no sooner behind an R peak, and so long before one."""

_DIASTOLE_S = 0.15
"""A pause that was made is filled with the noise of so much before it, back and forth."""

_P_WIDTH_S, _P_MV = 0.022, 0.12
"""Standard deviations of an ectopic P wave: of its time course, and of its height over records."""

_MOVED_S = (0.016, 0.048)
"""A P wave that is only moved is moved by so much."""

_FIBRILLATION_MV, _FIBRILLATION_HZ = 0.02, (5.0, 8.0)


@dataclass(frozen=True)
class ReplayPlan:
    """The rhythm in which a record will be played back.

    Attributes:
        old_s: ``(beat,)``, where its R peaks are.
        time_s: ``(beat,)``, where they will be.
        origin: ``(beat,)``, an `Origin` for each.
        focus: ``(beat,)``, a number for each; beats of one number have one P wave, those of -1 each its own.
        seed: seed of what is drawn while it is played.
    """

    old_s: NDArray[np.float64]
    time_s: NDArray[np.float64]
    origin: NDArray[np.int8]
    focus: NDArray[np.int64]
    seed: int

    @property
    def ectopic(self) -> NDArray[np.bool_]:
        """``(beat,)``, which beats are made ectopic."""
        return np.asarray(self.origin == Origin.ECTOPIC)

    def n_samples(self, fs_hz: float) -> int:
        """Give the length of the copy."""
        return round((float(self.time_s[-1]) + _AFTER_S) * fs_hz)


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
    """Draw a rhythm for a record and play it back in it; see `plan_replay` and `play`."""
    plan = plan_replay(time_s, sinus=sinus, rng=rng)
    return Replay(play(signal, plan, fs_hz=fs_hz), plan.time_s, plan.ectopic)


def plan_replay(
    time_s: NDArray[np.float64], *, sinus: NDArray[np.bool_], rng: np.random.Generator, lasting: bool = False
) -> ReplayPlan:
    """Draw the rhythm in which a record will be played back, see `draw_rhythm`.

    Args:
        time_s: ``(beat,)``, its R peaks in ascending order, at least one.
        sinus: ``(beat,)``, which beats are normal and may be moved.
        rng: source of every random draw.
        lasting: whether rhythms last, see there.
    """
    rhythm = draw_rhythm(_rr_s(time_s), sinus=sinus, rng=rng, lasting=lasting)
    new_s = time_s[0] + np.concatenate([[0.0], np.cumsum(rhythm.rr_s[1:])])
    return ReplayPlan(time_s, new_s, rhythm.origin, rhythm.focus, seed=int(rng.integers(2**63)))


def play(signal: NDArray[np.float32], plan: ReplayPlan, *, fs_hz: float) -> NDArray[np.float32]:
    """Play a record back in a rhythm, the same for the same plan.

    Each beat goes from the onset of its P wave to that of the next (the first from the beginning of the
    record) and is moved to its new time. Waves that
    overlap there, as the T wave and an early P wave do, are added; of noise only one beat's is there at any
    time. A beat that becomes ectopic, or is of another focus, gets a P wave of another shape, and no other
    beat is changed but those in simulated fibrillation, which lose it. The baseline is moved along with the
    beats, and what a high-pass would take off where the rhythm is faster or slower than it was is taken off.

    Args:
        signal: ``(time, lead)`` in mV, baseline removed.
        plan: the rhythm.
        fs_hz: sampling frequency of ``signal``.

    Returns:
        ``(time, lead)`` in mV.
    """
    rng = np.random.default_rng(plan.seed)
    cuts = _Cuts.of(signal, plan, fs_hz=fs_hz)
    copy = np.zeros((plan.n_samples(fs_hz), signal.shape[1]), np.float32)
    level = _level(signal, cuts.border, fs_hz=fs_hz)
    waves = gaussian_filter1d(signal - _between(cuts.border, level, len(signal)), _SMOOTH_S * fs_hz, axis=0)
    noise = signal - _between(cuts.border, level, len(signal)) - waves
    for beat, origin in enumerate(plan.origin.tolist()):
        own = rng
        if plan.focus[beat] >= 0 and origin != Origin.FIBRILLATION:
            own = np.random.default_rng([plan.seed, int(plan.focus[beat])])
        gain = own.uniform(0.85, 1.15) if origin == Origin.ECTOPIC and own.random() < 0.5 else 1.0
        _add_waves(copy, waves, cuts, beat, gain=gain)
        _add_noise(copy, noise, cuts, beat, gain=gain)
        if origin != Origin.AS_BEFORE:
            start, stop = cuts.p_wave(beat)
            change = _change_of_p(waves[start:stop], Origin(origin), fs_hz=fs_hz, rng=own)
            _add(copy, change, at=start + int(cuts.shift[beat]) - (len(change) - stop + start) // 2)
    copy += _between(cuts.new_border, level, len(copy))
    _take_off_slow(copy, signal, cuts, fs_hz=fs_hz)
    _add_fibrillation(copy, plan, cuts, fs_hz=fs_hz, rng=rng)
    return copy


@dataclass(frozen=True)
class _Cuts:
    """Where beats are cut, in samples.

    Attributes:
        peak: ``(beat,)``, R peaks of the record.
        shift: ``(beat,)``, how far each beat is moved.
        border: ``(beat + 1,)``, where each beat begins in the record, and where the last one ends.
        new_border: the same in the copy.
        noise_border: ``(beat + 1,)``, where the noise of each beat begins in the copy.
        fade: half of the samples in which one beat fades into the next.
        diastole: samples of noise that fill a pause.
        qrs: samples before the R peak that are not of the P wave.
    """

    peak: NDArray[np.int64]
    shift: NDArray[np.int64]
    border: NDArray[np.int64]
    new_border: NDArray[np.int64]
    noise_border: NDArray[np.int64]
    fade: int
    diastole: int
    qrs: int

    @staticmethod
    def of(signal: NDArray[np.float32], plan: ReplayPlan, *, fs_hz: float) -> "_Cuts":
        """Find where the beats of a record are cut, and where they come to lie."""
        peak = np.round(plan.old_s * fs_hz).astype(np.int64)
        shift = np.round(plan.time_s * fs_hz).astype(np.int64) - peak
        before = np.round(np.minimum(_P_BEFORE_S, _P_PART * _rr_s(plan.old_s)) * fs_hz).astype(np.int64)
        end = min(len(signal), int(peak[-1]) + round(_AFTER_S * fs_hz))
        border = np.maximum.accumulate(np.concatenate([[0], (peak - before)[1:], [end]]))
        new_border = np.maximum.accumulate(border + np.append(shift, shift[-1]))
        new_peak = peak + shift
        behind_r = np.append(new_border[:1], new_peak + round(_FROM_R_S * fs_hz))
        before_r = np.append(new_peak - round(_TO_R_S * fs_hz), new_border[-1:])
        noise_border = np.maximum.accumulate(np.minimum(np.maximum(new_border, behind_r), before_r))
        return _Cuts(
            peak=peak,
            shift=shift,
            border=border,
            new_border=new_border,
            noise_border=noise_border,
            fade=max(round(_FADE_S * fs_hz), 1),
            diastole=max(round(_DIASTOLE_S * fs_hz), 1),
            qrs=round(_QRS_BEFORE_S * fs_hz),
        )

    def p_wave(self, beat: int) -> tuple[int, int]:
        """Say where a beat's P wave is in the record."""
        start = int(self.border[beat])
        return start, max(int(self.peak[beat]) - self.qrs, start)

    def share(self, at: NDArray[np.int64], start: int, stop: int) -> NDArray[np.float32]:
        """Give the share of a beat between two borders at some samples; those of all beats add up to 1."""
        return _step((at - start + 0.5) / (2 * self.fade)) - _step((at - stop + 0.5) / (2 * self.fade))


def _step(place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Go from 0 to 1 between -1/2 and 1/2, without a corner."""
    return np.asarray(0.5 + 0.5 * np.sin(np.pi * np.clip(place, -0.5, 0.5)), np.float32)


def _rr_s(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diff(time_s, prepend=time_s[:1] - 0.8)


def _level(signal: NDArray[np.float32], at: NDArray[np.int64], *, fs_hz: float) -> NDArray[np.float32]:
    """Give the level of each lead at some samples, ``(place, lead)``."""
    means = uniform_filter1d(signal, max(round(_LEVEL_S * fs_hz), 1), axis=0)
    return np.asarray(means[np.minimum(at, len(signal) - 1)], np.float32)


def _between(at: NDArray[np.int64], level: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Draw straight lines through levels, ``(time, lead)``."""
    samples = np.arange(n_samples)
    return np.stack([np.interp(samples, at, lead).astype(np.float32) for lead in level.T], axis=1)


def _add_waves(
    copy: NDArray[np.float32], waves: NDArray[np.float32], cuts: _Cuts, beat: int, *, gain: float
) -> None:
    first, last = int(cuts.border[beat]), int(cuts.border[beat + 1])
    at = np.arange(max(first - cuts.fade, 0), min(last + cuts.fade, len(waves)))
    if len(at):
        cut = waves[at] * (gain * cuts.share(at, first, last))[:, np.newaxis]
        _add(copy, cut, at=int(at[0] + cuts.shift[beat]))


def _add_noise(
    copy: NDArray[np.float32], noise: NDArray[np.float32], cuts: _Cuts, beat: int, *, gain: float
) -> None:
    """Add a beat's noise until the next one's begins; behind its end it is read back and forth."""
    first, last = int(cuts.noise_border[beat]), int(cuts.noise_border[beat + 1])
    at = np.arange(max(first - cuts.fade, 0), min(last + cuts.fade, len(copy)))
    if not len(at):
        return
    source = at - cuts.shift[beat]
    end = int(cuts.border[beat + 1]) + cuts.fade
    beyond = np.maximum(source - end, -1)
    turn = beyond % (2 * cuts.diastole)
    back_and_forth = end - 1 - np.minimum(turn, 2 * cuts.diastole - 1 - turn)
    source = np.clip(np.where(beyond >= 0, back_and_forth, source), 0, len(noise) - 1)
    copy[at] += noise[source] * (gain * cuts.share(at, first, last))[:, np.newaxis]


def _change_of_p(
    p: NDArray[np.float32], origin: Origin, *, fs_hz: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Give what has to be added to a P wave so that it is of another origin.

    It begins and ends at 0, and reaches beyond the wave by as much as one is moved, on either side.
    """
    moved = round(_MOVED_S[1] * fs_hz)
    at = np.arange(len(p))
    ends = np.minimum(at, at[::-1]) / max(round(_TAPER_S * fs_hz), 1)
    taper = _step(ends - 0.5)[:, np.newaxis]
    p = np.pad(p * taper, ((moved, moved), (0, 0)))
    if origin == Origin.FIBRILLATION:
        return np.asarray(p * np.float32(rng.uniform(0.0, 0.15) - 1))
    match rng.integers(4):
        case 0:
            return np.asarray(p * np.float32(rng.uniform(-1.0, 0.7) - 1))
        case 1:
            return np.asarray(p * np.float32(rng.uniform(0.0, 0.2) - 1))
        case 2:
            by = round(rng.uniform(*_MOVED_S) * fs_hz) * (1 if rng.random() < 0.5 else -1)
            return np.asarray(np.roll(p, by, axis=0) - p)
        case _:
            room = min((_TAPER_S + 2 * _P_WIDTH_S) * fs_hz, len(at) / 2)
            place = (at - rng.uniform(room, len(at) - room)) / (_P_WIDTH_S * fs_hz)
            wave = np.outer(np.exp(-(place**2) / 2), rng.normal(0.0, _P_MV, p.shape[1])) * taper
            wave = np.pad(wave, ((moved, moved), (0, 0)))
            return np.asarray(p * (rng.uniform(0.0, 0.5) - 1) + wave, np.float32)


def _take_off_slow(
    copy: NDArray[np.float32], signal: NDArray[np.float32], cuts: _Cuts, *, fs_hz: float
) -> None:
    """Take off, in place, what a high-pass would where beats follow one another faster or slower."""
    new_peak = cuts.peak + cuts.shift
    old, new = np.append(cuts.peak, len(signal)), np.append(new_peak, new_peak[-1] + len(signal))
    was = np.interp(np.arange(len(copy)), new, old)
    for lead, before in zip(copy.T, signal.T, strict=True):
        lead -= _slow(lead, fs_hz) - np.interp(was, np.arange(len(before)), _slow(before, fs_hz))


def _slow(lead: NDArray[np.float32], fs_hz: float) -> NDArray[np.float32]:
    """Smooth with three boxes, which is nearly a Gaussian."""
    for _ in range(3):
        lead = uniform_filter1d(lead, max(round(2 * _SLOW_S * fs_hz), 1), mode="nearest")
    return lead


def _add_fibrillation(
    copy: NDArray[np.float32], plan: ReplayPlan, cuts: _Cuts, *, fs_hz: float, rng: np.random.Generator
) -> None:
    """Lay the waves of fibrillation over the beats that are in it, in place."""
    inside = np.concatenate([[False], plan.origin == Origin.FIBRILLATION, [False]])
    for start, stop in np.flatnonzero(np.diff(inside.astype(np.int8))).reshape(-1, 2):
        span = (cuts.new_border[start] / fs_hz, cuts.new_border[stop] / fs_hz)
        amplitude_mv = np.asarray(_FIBRILLATION_MV * rng.uniform(0.4, 1.8, copy.shape[1]))
        rate_hz = rng.uniform(*_FIBRILLATION_HZ)
        add_fibrillation(copy, [span], amplitude_mv, rng, fs_hz=fs_hz, rate_hz=rate_hz)


def _add(signal: NDArray[np.float32], cut: NDArray[np.float32], *, at: int) -> None:
    """Add a beat at a sample; what would lie outside the record is left out."""
    cut = cut[max(-at, 0) :]
    at = max(at, 0)
    room = signal[at : at + len(cut)]
    room += cut[: len(room)]
