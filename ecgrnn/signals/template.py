"""A patient's beat template, found without a label: the running median of the beats that come in time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RENEWED_BEATS = 16
"""Beats that share one beat template: it changes with posture and electrodes, in minutes."""

NEIGHBOURS = 128
"""Beats among which the median is taken: some two minutes."""

_IN_TIME = 0.9
"""A beat whose RR interval is shorter than this part of its neighbours' median is early and left out."""

_ENOUGH = 8
"""With fewer beats in time than this, all neighbours count."""

SLOW_REACH_BEATS = 1500
"""Beats on either side (before it, where causal) among which the slow beats are looked for."""

_SLOW, _SLOWEST = 0.75, 1.2
"""Slow beats have RR intervals between these parts of the 90 % quantile around them."""

_MOST_SLOW = 64
"""The median is taken over so many of them at most, evenly spread."""


@dataclass(frozen=True)
class BeatTemplates:
    """The beat templates of one record.

    Attributes:
        shape: ``(usual, ...)``, each beat template once.
        of: ``(beat,)``, which of them is the one around each beat.
    """

    shape: NDArray[np.float32]
    of: NDArray[np.int64]

    def around(self) -> NDArray[np.float32]:
        """Give the beat template around each beat, ``(beat, ...)``."""
        return self.shape[self.of]


def beat_templates(beats: NDArray[np.float32], rr: NDArray[np.float64], *, causal: bool) -> BeatTemplates:
    """Give the beat template of the patient around each beat of a record.

    The median over some 128 neighbours, those that come early left out, so that the premature beats of a
    bigeminy do not become the usual ones. It is renewed every 16 beats.

    Args:
        beats: ``(beat, ...)``, equally long windows around the beats of one record, in order.
        rr: ``(beat,)``, the RR interval that ends in each beat; any unit.
        causal: look at no beat behind the one the result is for; the first 16 beats then have one each.
    """
    stretches = _stretches(len(beats), causal=causal)
    shape = np.empty((len(stretches), *beats.shape[1:]), np.float32)
    for usual, (start, stop) in zip(shape, stretches, strict=True):
        among = _neighbours(start, stop, n_beats=len(beats), causal=causal)
        usual[:] = beat_template(beats[among], rr[among])
    lengths = [stop - start for start, stop in stretches]
    return BeatTemplates(shape, np.repeat(np.arange(len(stretches)), lengths))


def slow_templates(
    beats: NDArray[np.float32], rr: NDArray[np.float64], *, causal: bool
) -> NDArray[np.float32]:
    """Give the median of the slow beats around, which the beats of a long tachycardia are not among.

    Args:
        beats: as in `beat_templates`.
        rr: as there.
        causal: as there.

    Returns:
        ``(usual, ...)``, one beside each of the templates that `beat_templates` gives.
    """
    stretches = _stretches(len(beats), causal=causal)
    shape = np.empty((len(stretches), *beats.shape[1:]), np.float32)
    for slow, (start, stop) in zip(shape, stretches, strict=True):
        first = max(start - SLOW_REACH_BEATS, 0)
        last = start + 1 if causal else min(stop + SLOW_REACH_BEATS, len(beats))
        slow[:] = _middle_of(beats, first + _slow_beats(rr[first:last]))
    return shape


def _slow_beats(rr: NDArray[np.float64]) -> NDArray[np.int64]:
    upper = np.sort(rr)[int(0.9 * (len(rr) - 1))]
    chosen = np.flatnonzero((rr >= _SLOW * upper) & (rr <= _SLOWEST * upper))
    if len(chosen) < min(_ENOUGH, len(rr)):
        chosen = np.arange(len(rr))
    return chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_SLOW)).astype(np.int64)]


def _stretches(n_beats: int, *, causal: bool) -> list[tuple[int, int]]:
    singly = min(RENEWED_BEATS, n_beats) if causal else 0
    starts = [*range(singly), *range(singly, n_beats, RENEWED_BEATS)]
    return list(zip(starts, [*starts[1:], n_beats], strict=True))


def _neighbours(start: int, stop: int, *, n_beats: int, causal: bool) -> slice:
    if causal:
        return slice(max(0, start + 1 - NEIGHBOURS), start + 1)
    first = (start + stop) // 2 - NEIGHBOURS // 2
    first = max(0, min(first, n_beats - NEIGHBOURS))
    return slice(first, first + NEIGHBOURS)


def beat_template(beats: NDArray[np.float32], rr: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the median of beats ``(beat, ...)``, in any order, those that come early left out."""
    in_time = rr > _IN_TIME * _middle(np.sort(rr))
    return _middle_of(beats, np.flatnonzero(in_time) if in_time.sum() >= _ENOUGH else np.arange(len(beats)))


def _middle_of(beats: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    taken = beats[chosen]
    # Sorting single precision side by side in memory is eight times as fast as the selection of np.median.
    ordered = np.sort(taken.reshape(len(taken), -1).T.copy(), axis=1)
    return np.asarray(_middle(ordered).reshape(beats.shape[1:]), np.float32)


def _middle(ordered: NDArray[Any]) -> NDArray[Any]:
    """Give the median along the last axis of what is in order."""
    n = ordered.shape[-1]
    return np.asarray((ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / ordered.dtype.type(2))
