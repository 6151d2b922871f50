"""Beats in families: Ward's method within one recording, and the order in which families are asked about."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.families.evidence import Evidence

FAMILIES, FAMILIES_OF_A_DAY = 30, 60
"""The most families of a recording, and of one of more than 4096 beats, which may have more kinds of them.
The first was chosen inside DS1 and on SVDB for a dozen questions (docs/experiments.md)."""

REACH = 0.5
"""Of an answer, in root mean square distances of beats from their mean."""

_NOISE = 0.1
"""Variance of an answer, where what is not known about a family has a variance of 1."""

_BEATS_EACH = 10
"""A recording of few beats has so many in a family on average, at least."""

_MOST_LINKED = 4096
"""Beats between which all distances are computed, 64 MB of them; of more beats some are taken."""

_AT_ONCE = 8192
"""Beats that are assigned to a family at a time."""


@dataclass(frozen=True)
class Grouping:
    """The beats of one recording in families, numbered by what an answer about each is worth, 0 first.

    Attributes:
        of_beat: ``(beat,)``, the family of each beat.
        n: ``(family,)``, its beats.
        probabilities: ``(family, class)``, mean over its beats.
        logits: ``(family, class)``, mean over its beats.
        centre: ``(family, dimension)``, mean of its points.
        middle: ``(family,)``, the beat nearest to the mean: the one that is asked about.
        distance: ``(beat,)``, square distance from the mean of the family.
        gain: ``(family,)``, expected number of beats put right by an answer, in this family and in those
            like it, once all families before it are answered.
    """

    of_beat: NDArray[np.int32]
    n: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    logits: NDArray[np.float64]
    centre: NDArray[np.float64]
    middle: NDArray[np.int64]
    distance: NDArray[np.float64]
    gain: NDArray[np.float64]

    @property
    def label(self) -> NDArray[np.int64]:
        """``(family,)``, index of the likeliest class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def settled(self) -> NDArray[np.float64]:
        """``(family,)``, expected share of right beats once a family and all before it are answered."""
        open_after = self.gain.sum() - np.cumsum(self.gain)
        return np.asarray(1 - np.maximum(open_after, 0) / max(int(self.n.sum()), 1))


def group(evidence: Evidence, *, most: int | None = None) -> Grouping:
    """Put the beats of a recording in families, the one first that is most worth an answer.

    In a family of ``n`` beats that are of its class with a mean probability of ``p``, ``n (1 - p)`` are
    expected to be wrong. An answer puts them right, and some of those of like families: as many as their
    variance falls by in a Gaussian process over the middles of families. The result is the same whatever the
    number of threads.

    Args:
        evidence: what a network makes of the beats.
        most: the most families; None takes as many as fit the number of beats.
    """
    points = evidence.points
    if most is None:
        most = FAMILIES if len(points) <= _MOST_LINKED else FAMILIES_OF_A_DAY
    found = _families(points, evidence, most=min(most, -(-len(points) // _BEATS_EACH)))
    n = np.bincount(found)
    chance = means_by(found, evidence.probabilities, n=len(n))
    order, gain = _by_worth(means_by(found, points, n=len(n)), n * (1 - chance.max(axis=1)))
    of_beat = np.argsort(order).astype(np.int32)[found]
    centre = means_by(of_beat, points, n=len(n))
    distance = np.square(points - centre[of_beat]).sum(axis=1)
    nearest = np.lexsort((np.arange(len(points)), np.round(distance, 9), of_beat))
    first = np.concatenate([[0], np.cumsum(n[order])[:-1]])
    return Grouping(
        of_beat=of_beat,
        n=n[order],
        probabilities=chance[order],
        logits=means_by(of_beat, evidence.logits, n=len(n)),
        centre=centre,
        middle=nearest[first.astype(np.int64)],
        distance=distance,
        gain=gain,
    )


def _by_worth(
    centre: NDArray[np.float64], wrong: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Order families so that each is worth most after those before it, and give what it is worth.

    Args:
        centre: ``(family, dimension)``.
        wrong: ``(family,)``, beats expected to be wrong.
    """
    covariance = similarity(centre, centre)
    left = np.ones(len(wrong), bool)
    order, gains = [], []
    for _ in wrong:
        worth = np.where(left, (wrong * left) @ told(covariance), -1.0)
        best = int(np.round(worth, 9).argmax())
        order.append(best)
        gains.append(worth[best])
        left[best] = False
        covariance = after_answer(covariance, best)
    return np.array(order, np.int64), np.array(gains)


def told(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how much of each family (row) an answer about each (column) tells; all of its own."""
    known = np.square(covariance) / (np.diag(covariance) + _NOISE)
    np.fill_diagonal(known, np.diag(covariance))
    return np.asarray(known)


def after_answer(covariance: NDArray[np.float64], family: int) -> NDArray[np.float64]:
    """Give the covariance of families that an answer about one of them leaves."""
    column = covariance[:, family]
    return np.asarray(covariance - np.outer(column, column) / (covariance[family, family] + _NOISE))


def similarity(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how alike points are, ``exp(-d^2 / 2 r^2)``, ``(one, other)``."""
    return np.asarray(np.exp(-square_distances(ones, others) / (2 * REACH**2)))


def means_by(family: NDArray[np.int32], values: NDArray[np.floating], *, n: int) -> NDArray[np.float64]:
    """Give the mean of the rows of each family, ``(family, column)``."""
    sums = [np.bincount(family, weights=column, minlength=n) for column in values.T]
    counts = np.maximum(np.bincount(family, minlength=n), 1)
    return np.asarray(np.stack(sums, axis=1) / counts[:, np.newaxis])


def _families(points: NDArray[np.float64], evidence: Evidence, *, most: int) -> NDArray[np.int32]:
    """Number the family of each beat, from 0, without a gap."""
    if len(points) <= 1 or most <= 1:
        return np.zeros(len(points), np.int32)
    linked = _to_link(evidence)
    from scipy.cluster.hierarchy import fcluster, linkage  # takes long, and a strip has one family

    found = fcluster(linkage(points[linked], "ward"), most, "maxclust") - 1
    found = np.unique(found, return_inverse=True)[1].astype(np.int32)
    if len(linked) == len(points):
        return found
    centres = means_by(found, points[linked], n=int(found.max()) + 1)
    parts = range(0, len(points), _AT_ONCE)
    all_of = np.concatenate([_nearest(points[first : first + _AT_ONCE], centres) for first in parts])
    return np.unique(all_of, return_inverse=True)[1].astype(np.int32)


def _to_link(evidence: Evidence) -> NDArray[np.int64]:
    """Choose the beats that families are made from: all, or the unsure ones and some of the others."""
    n = len(evidence)
    if n <= _MOST_LINKED:
        return np.arange(n)
    doubt = np.round(1 - evidence.probabilities.max(axis=1), 6)
    unsure = np.lexsort((np.arange(n), -doubt))[: _MOST_LINKED // 2]
    even = np.linspace(0, n - 1, _MOST_LINKED // 2).round().astype(np.int64)
    return np.unique(np.concatenate([unsure, even]))


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(square_distances(points, centres).round(9).argmin(axis=1), np.int64)


def square_distances(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the square distance of each point from each other one, ``(one, other)``."""
    squares = np.square(ones).sum(axis=1)[:, np.newaxis] + np.square(others).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * ones @ others.T, 0))
