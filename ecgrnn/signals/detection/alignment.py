"""Beats of a recording aligned among themselves, so that marks of alike beats lie at one place of the shape.

The main wave of a beat is chosen beat by beat, and in a wide complex noise may choose between two waves. A
beat is therefore laid over the running templates of the last shapes by cross-correlation. Where it is like
one of them, its mark goes where most beats of that shape have theirs.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

HALF_S = 0.12
"""A template reaches so far on either side of its middle: the widest QRS complex."""

MOST_S = 0.12
"""The mark lies within this distance of the peak of the energy."""

ALIKE = 0.9
"""Beats of one shape correlate by more than this in the signed band."""

SHAPES = 8
"""How many templates each lead keeps: those of the most and the latest beats."""

BEATS = 16
"""A template is the mean of so many last beats, older ones fading."""

FAR_S = 0.03
"""A beat that by itself would be marked farther than this from its shape's mark would be at another wave."""

VOTES = 128
"""A shape's mark moves to another wave when most beats would be marked there; at most so many count, some two
minutes."""

DRIFT_BEATS = 32
"""Over so many beats the mark follows the peak of its wave, against drift of the template."""

_SMALLEST = 1e-12
"""Keeps the correlation with silence at 0."""


class Aligner:
    """Move the marks of beats, in order of time, to one place of their shape.

    The state is bounded: a few templates for each lead.

    Args:
        rate_hz: rate of the signal that the beats are cut from.
    """

    def __init__(self, *, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._of_lead: dict[int, _Shapes] = {}

    def align(self, lead: int, around: NDArray[np.float64], mark: float) -> float:
        """Give the place of a beat's mark.

        Args:
            lead: the lead it was measured in.
            around: ``(time,)``, the signed band, so many samples as ``half_width`` says on either side of the
                peak of the energy.
            mark: where it would be marked by itself, in samples after that peak.

        Returns:
            The same unit, between samples.
        """
        if lead not in self._of_lead:
            self._of_lead[lead] = _Shapes(rate_hz=self._rate_hz)
        return self._of_lead[lead].align(around, mark)


def half_width(rate_hz: float) -> int:
    """Give how many samples on either side of a peak an `Aligner` reads."""
    half, most = _widths(rate_hz)
    return half + most + 1


def _widths(rate_hz: float) -> tuple[int, int]:
    return round(HALF_S * rate_hz), round(MOST_S * rate_hz)


class _Shapes:
    """The templates of one lead: a mean beat, also with a norm of 1, and some numbers for each shape."""

    def __init__(self, *, rate_hz: float) -> None:
        self._half, self._most = _widths(rate_hz)
        self._width = 2 * self._half + 1
        self._far = FAR_S * rate_hz
        self._windows = 1 + np.arange(2 * self._most + 1)[:, None] + np.arange(self._width)
        self._template = np.zeros((0, self._width))
        self._unit = np.zeros((0, self._width))
        self._offset: list[float] = []
        self._beats: list[int] = []
        self._votes: list[int] = []

    def align(self, around: NDArray[np.float64], mark: float) -> float:
        """See `Aligner.align`."""
        if not self._beats:
            self._begin(around, mark)
            return mark
        likeness = self._likeness(around)
        alike = np.flatnonzero(likeness.max(axis=1) > ALIKE)
        if not len(alike):
            self._begin(around, mark)
            return mark
        if len(alike) > 1 and self._disagree(likeness, alike):
            likeness = self._united(likeness, alike)
        shape, lag = divmod(int(likeness.argmax()), len(self._windows))
        shift = _between(likeness[shape], lag)
        at = lag - self._most + shift
        self._vote(shape, mark - at)
        self._learn(shape, around[lag : lag + self._width + 2], shift)
        return at + self._offset[shape]

    def _likeness(self, around: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correlate ``(shape, lag)``; -1 where the mark would lie too far from the peak of the energy."""
        squares = np.cumsum(around * around)
        energy = squares[self._width : -1] - squares[: -self._width - 1]
        likeness: NDArray[np.float64] = self._unit @ around[self._windows].T
        likeness /= np.sqrt(np.maximum(energy, _SMALLEST))  # rounding may leave less than 0
        for row, offset in zip(likeness, self._offset, strict=True):
            beyond = ceil(abs(offset))  # a mark in the middle needs no look
            if beyond > 1 and offset > 0:
                row[-beyond:] = -1.0
            elif beyond > 1:
                row[:beyond] = -1.0
        return likeness

    def _disagree(self, likeness: NDArray[np.float64], alike: NDArray[np.int64]) -> bool:
        """Tell whether shapes that a beat is like would have its mark at different waves."""
        marks = likeness[alike].argmax(axis=1) + np.array([self._offset[shape] for shape in alike])
        return bool(np.ptp(marks) > self._far)

    def _united(self, likeness: NDArray[np.float64], alike: NDArray[np.int64]) -> NDArray[np.float64]:
        """Keep one of such shapes, the one of most votes, and give what is then left of ``likeness``."""
        most = max(alike, key=lambda shape: self._votes[shape])
        others = [int(shape) for shape in alike if shape != most]
        for shape in reversed(others):
            self._forget(shape)
        return np.delete(likeness, others, axis=0)

    def _vote(self, shape: int, wanted: float) -> None:
        """Count a beat for or against its shape's mark (the majority vote of R. S. Boyer and J S. Moore)."""
        further = wanted - self._offset[shape]
        if abs(further) <= self._far:
            self._votes[shape] = min(self._votes[shape] + 1, VOTES)
            self._offset[shape] += further / DRIFT_BEATS
        elif self._votes[shape] > 0:
            self._votes[shape] -= 1
        else:
            self._votes[shape], self._offset[shape] = 1, wanted

    def _learn(self, shape: int, beat: NDArray[np.float64], shift: float) -> None:
        """Take the beat, ``shift`` samples later, into the mean; it has one sample more at both ends."""
        other = beat[2:] if shift >= 0 else beat[:-2]
        moved = (1 - abs(shift)) * beat[1:-1] + abs(shift) * other
        self._beats[shape] = min(self._beats[shape] + 1, BEATS)
        template = self._template[shape]
        template += (moved - template) / self._beats[shape]
        self._unit[shape] = _unit(template)

    def _begin(self, around: NDArray[np.float64], mark: float) -> None:
        """Begin a shape with a beat; the one of the fewest beats, the oldest of these, makes room for it."""
        if len(self._beats) == SHAPES:
            self._forget(self._beats.index(min(self._beats)))
            self._beats = [max(beats - 1, 1) for beats in self._beats]  # so that none is kept for ever
        first = 1 + self._most + round(mark)
        beat = around[first : first + self._width]
        self._template = np.concatenate([self._template, beat[None]])
        self._unit = np.concatenate([self._unit, _unit(beat)[None]])
        self._offset.append(mark - round(mark))
        self._beats.append(1)
        self._votes.append(1)

    def _forget(self, shape: int) -> None:
        self._template = np.delete(self._template, shape, axis=0)
        self._unit = np.delete(self._unit, shape, axis=0)
        for numbers in (self._offset, self._beats, self._votes):
            del numbers[shape]


def _unit(template: NDArray[np.float64]) -> NDArray[np.float64]:
    return template / np.sqrt(template @ template + _SMALLEST)


def _between(curve: NDArray[np.float64], top: int) -> float:
    """Give how far from its highest sample a curve is highest, by a parabola; 0 at an end."""
    if not 0 < top < len(curve) - 1:
        return 0.0
    before, at, after = curve[top - 1 : top + 2].tolist()
    bend = before - 2 * at + after
    if bend >= 0 or min(before, after) <= -1:
        return 0.0
    return float(min(max((before - after) / (2 * bend), -0.5), 0.5))
