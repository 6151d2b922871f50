"""Rhythms a record can be played back in: premature beats of many habits, and what only resembles them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.rhythm_context import running_quantiles

_MARGIN_BEATS = 5
"""So many beats at either end of a record keep their rhythm."""

_SECTION_BEATS = (40, 160)
"""A rhythm lasts between so many beats."""

_LONG_BEATS = (100, 900)
"""A tachycardia that lasts does so between so many beats, evenly on a logarithmic scale."""

_USUAL_BEATS, _IRREGULARITY_BEATS = 20, 30
_REGULAR = 0.06
"""Where RR intervals change by more than this, in the median and as a logarithm, nothing is moved: whether a
beat is early cannot be told there."""

_SHORTEST_RR_S = 0.25


class Origin(IntEnum):
    """Where a beat of the new rhythm begins."""

    AS_BEFORE = 0
    ECTOPIC = 1
    FIBRILLATION = 2
    WANDERING = 3


@dataclass(frozen=True)
class Rhythm:
    """The new rhythm of a record.

    Attributes:
        rr_s: ``(beat,)``, the RR interval that ends in each beat.
        origin: ``(beat,)``, an `Origin` for each.
        focus: ``(beat,)``, a number for each: beats of one number begin at one place, and so have one P wave;
            -1 where each has its own.
    """

    rr_s: NDArray[np.float64]
    origin: NDArray[np.int8]
    focus: NDArray[np.int64]


def draw_rhythm(
    rr_s: NDArray[np.float64], *, sinus: NDArray[np.bool_], rng: np.random.Generator, lasting: bool = False
) -> Rhythm:
    """Draw a new rhythm for a record, in sections of 40 to 160 beats.

    A section gets single premature beats, runs of them, one in every two to four beats, or mostly premature
    beats with pauses between. So that early is not ectopic by itself, others get what is normal all the same:
    respiratory sinus arrhythmia, sinus tachycardia that comes and goes, or an irregular rhythm as in atrial
    fibrillation; a few are left alone. A beat is moved only where it and its neighbours are normal and in a
    regular rhythm; all others keep the interval they end.

    Where rhythms last, tachycardias, sinus tachycardias and fibrillation take up to 900 beats, ectopic beats
    of a section are of one focus as often as not, and some sections get P waves of another place in time.

    Args:
        rr_s: ``(beat,)``, the RR interval that ends in each beat.
        sinus: ``(beat,)``, which beats are normal.
        rng: source of every random draw.
        lasting: whether rhythms last.
    """
    drawn = _Sections(rr_s, sinus=sinus, rng=rng, lasting=lasting)
    rhythms = _LASTING if lasting else _PASSING
    chances = [rhythm.chance for rhythm in rhythms]
    start, last = _MARGIN_BEATS, len(rr_s) - _MARGIN_BEATS
    while start < last:
        length = int(rng.integers(*_SECTION_BEATS))
        rhythm = rhythms[rng.choice(len(rhythms), p=chances)]
        if rhythm.long and rng.random() < rhythm.long:
            length = round(np.exp(rng.uniform(*np.log(_LONG_BEATS))))
        stop = min(start + length, last)
        rhythm.draw(drawn, start, stop)
        start = stop
    return Rhythm(rr_s=np.maximum(drawn.rr_s, _SHORTEST_RR_S), origin=drawn.origin, focus=drawn.focus)


@dataclass(frozen=True)
class _Habit:
    """How premature beats come.

    Attributes:
        chance: how often a run of them begins at a beat; None where they come in turn.
        longest_run: beats of a run at most; their number is drawn evenly on a logarithmic scale.
        pause: the interval after a run, over the usual RR: the least and the most.
    """

    chance: float | None
    longest_run: int
    pause: tuple[float, float] = (0.95, 1.4)


class _Sections:
    """The rhythm while it is drawn, section by section."""

    def __init__(
        self, rr_s: NDArray[np.float64], *, sinus: NDArray[np.bool_], rng: np.random.Generator, lasting: bool
    ) -> None:
        logarithm = np.log(np.clip(rr_s, 0.2, 3.0))
        changes = np.abs(np.diff(logarithm, prepend=logarithm[:1]))
        (irregularity,) = running_quantiles(changes, _IRREGULARITY_BEATS, (0.5,), causal=False)
        (self.usual_s,) = running_quantiles(rr_s, _USUAL_BEATS, (0.5,), causal=False)
        neighbours = np.roll(sinus, 1) & np.roll(sinus, -1)
        self.free = sinus & neighbours & (irregularity < _REGULAR)
        self.rng = rng
        self.old_s = rr_s
        self.rr_s = rr_s.copy()
        self.origin = np.zeros(len(rr_s), np.int8)
        self.focus = np.full(len(rr_s), -1)
        self.lasting = lasting

    def premature(self, start: int, stop: int, habit: _Habit) -> None:
        """Make some beats come early; early means alike in half the sections, and each its own in others."""
        every = int(self.rng.integers(2, 5))
        usual_part = self.rng.uniform(0.55, 0.85)
        steady = self.rng.random() < 0.5
        if self.lasting:
            self._of_one_focus(start, stop, chance=0.5)
        beat = start
        while beat < stop:
            in_turn = (beat - start) % every == 0
            wanted = in_turn if habit.chance is None else self.rng.random() < habit.chance
            if not (wanted and self.free[beat]):
                beat += 1
                continue
            run = round(np.exp(self.rng.uniform(0.0, np.log(habit.longest_run))))
            while run > 0 and beat < stop and self.free[beat]:
                part = usual_part * self.rng.uniform(0.96, 1.04) if steady else self.rng.uniform(0.5, 0.88)
                self.rr_s[beat] = self.usual_s[beat] * part
                self.origin[beat] = Origin.ECTOPIC
                beat, run = beat + 1, run - 1
            if beat < stop and self.free[beat]:
                self.rr_s[beat] = self.usual_s[beat] * self.rng.uniform(*habit.pause)
            beat += 1

    def tachycardia(self, start: int, stop: int) -> None:
        """Make the rate jump, and stay, whatever the sinus node does meanwhile."""
        beats = self._free(start, stop - 1)
        if not len(beats):
            return
        self._of_one_focus(start, stop, chance=0.8)
        drift = self.rng.uniform(-0.06, 0.06) * np.linspace(-1, 1, len(beats))
        jitter = self.rng.uniform(0.004, 0.025) * self.rng.normal(size=len(beats))
        self.rr_s[beats] = self.usual_s[beats[0]] * self.rng.uniform(0.42, 0.78) * np.exp(drift + jitter)
        self.origin[beats] = Origin.ECTOPIC
        if self.free[stop - 1]:
            self.rr_s[stop - 1] = self.usual_s[stop - 1] * self.rng.uniform(0.95, 1.6)

    def _of_one_focus(self, start: int, stop: int, *, chance: float) -> None:
        if self.rng.random() < chance:
            self.focus[start:stop] = start

    def sinus_arrhythmia(self, start: int, stop: int) -> None:
        """Make the rate come and go with the breath."""
        beats = self._free(start, stop)
        angle = 2 * np.pi * beats / self.rng.uniform(4, 14) + self.rng.uniform(0, 2 * np.pi)
        swing = self.rng.uniform(0.08, 0.25) * np.sin(angle) + 0.02 * self.rng.normal(size=len(beats))
        self.rr_s[beats] = self.old_s[beats] * np.exp(swing)

    def sinus_tachycardia(self, start: int, stop: int, fastest: float = 0.55) -> None:
        """Make the rate rise and fall again, smoothly."""
        beats = self._free(start, stop)
        dip = self.rng.uniform(fastest, 0.85)
        course = np.sin(np.pi * (beats - start) / (stop - start)) ** self.rng.choice([1, 1, 2])
        self.rr_s[beats] = self.old_s[beats] * (1 + (dip - 1) * course)

    def fibrillation(self, start: int, stop: int, fastest: float = 0.6, widest: float = 0.3) -> None:
        """Make all intervals random: the beats of atrial fibrillation count as normal."""
        beats = self._free(start, stop)
        rate = self.rng.uniform(fastest, 1.1)
        spread = self.rng.uniform(0.12, widest) * self.rng.normal(size=len(beats))
        self.rr_s[beats] = self.usual_s[beats] * rate * np.exp(spread)
        self.origin[beats] = Origin.FIBRILLATION

    def wandering(self, start: int, stop: int) -> None:
        """Give all beats another P wave, and leave them in time: late enough, they are normal."""
        beats = self._free(start, stop)
        self._of_one_focus(start, stop, chance=0.8)
        self.rr_s[beats] = self.old_s[beats] * self.rng.uniform(0.95, 1.15)
        self.origin[beats] = Origin.WANDERING

    def as_before(self, start: int, stop: int) -> None:
        """Leave a section alone."""

    def _free(self, start: int, stop: int) -> NDArray[np.int64]:
        return start + np.flatnonzero(self.free[start:stop])


_SINGLE = _Habit(chance=0.08, longest_run=1)
_RUNS = _Habit(chance=0.04, longest_run=80)
_IN_TURN = _Habit(chance=None, longest_run=1)
_MOSTLY = _Habit(chance=1.0, longest_run=7, pause=(1.0, 1.9))


@dataclass(frozen=True)
class _Choice:
    """A rhythm of sections.

    Attributes:
        chance: how often.
        draw: how it is drawn.
        long: share of its sections that last for 100 to 900 beats.
    """

    chance: float
    draw: Callable[[_Sections, int, int], None]
    long: float = 0.0


_PASSING = (
    _Choice(0.27, partial(_Sections.premature, habit=_SINGLE)),
    _Choice(0.18, partial(_Sections.premature, habit=_RUNS)),
    _Choice(0.10, partial(_Sections.premature, habit=_IN_TURN)),
    _Choice(0.12, partial(_Sections.premature, habit=_MOSTLY)),
    _Choice(0.08, _Sections.sinus_arrhythmia),
    _Choice(0.10, _Sections.fibrillation),
    _Choice(0.10, _Sections.sinus_tachycardia),
    _Choice(0.05, _Sections.as_before),
)
_LASTING = (
    _Choice(0.24, partial(_Sections.premature, habit=_SINGLE)),
    _Choice(0.16, partial(_Sections.premature, habit=_RUNS)),
    _Choice(0.10, partial(_Sections.premature, habit=_IN_TURN)),
    _Choice(0.12, partial(_Sections.premature, habit=_MOSTLY)),
    _Choice(0.04, _Sections.tachycardia, long=1.0),
    _Choice(0.08, _Sections.sinus_arrhythmia),
    _Choice(0.10, partial(_Sections.fibrillation, fastest=0.5, widest=0.35), long=0.4),
    _Choice(0.09, partial(_Sections.sinus_tachycardia, fastest=0.45), long=0.4),
    _Choice(0.04, _Sections.wandering),
    _Choice(0.03, _Sections.as_before),
)
"""Rhythms of the sections, without and with those that last."""
