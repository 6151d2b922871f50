"""What a person answered about the beats of a recording, and the classes that follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ecgrnn.families.evidence import Evidence
from ecgrnn.families.grouping import Grouping, after_answer, means_by, similarity, told
from ecgrnn.families.head import fit_head

NOISE, MIXED = "noise", "mixed"
"""Answers that are no class: no beat is there; the family is of several classes."""

NETWORK, FOLLOWED, FAMILY, BEAT, ADDED = range(5)
SOURCES = ("network", "followed", "family", "beat", "added")
"""Where the class of a beat is from: the network, like beats that were answered, an answer about its family
or about itself; or a person has added the beat."""


@dataclass(frozen=True)
class Answers:
    """What a person answered.

    Attributes:
        families: family to answer: a class, ``noise`` or ``mixed``.
        beats: index of a beat to answer: a class or ``noise``; it outweighs that of the family.
        added: sample to class of beats that were not found.
    """

    families: Mapping[int, str] = field(default_factory=dict)
    beats: Mapping[int, str] = field(default_factory=dict)
    added: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.families) + len(self.beats) + len(self.added)


@dataclass(frozen=True)
class Settled:
    """The beats of a recording after a person's answers.

    Attributes:
        label: ``(beat,)``, index of the class; -1 where no beat is.
        probabilities: ``(beat, class)``; 1 for what was answered.
        source: ``(beat,)``, where the class is from, an index into ``SOURCES``.
    """

    label: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    source: NDArray[np.int8]


def settle(evidence: Evidence, grouping: Grouping, answers: Answers, *, follow: bool = True) -> Settled:
    """Give the classes of beats by the answers about them and about beats like them.

    Args:
        evidence: what a network makes of the beats.
        grouping: their families.
        answers: the answers.
        follow: let beats of other families follow, by a head fitted to the answers.
    """
    index = {name: place for place, name in enumerate(evidence.classes)} | {NOISE: -1}
    label = np.asarray(evidence.logits.argmax(axis=1), np.int64)
    source = np.full(len(evidence), NETWORK, np.int8)
    chance = evidence.probabilities
    if follow:
        logits = _followed(evidence, grouping, answers, index)
        after = np.asarray(logits.argmax(axis=1), np.int64)
        source[after != label] = FOLLOWED
        label, chance = after, np.asarray(softmax(logits, axis=1))
    for family, answer in answers.families.items():
        if answer != MIXED:
            among = grouping.of_beat == family
            label[among], source[among] = index[answer], FAMILY
    for beat, answer in answers.beats.items():
        label[beat], source[beat] = index[answer], BEAT
    answered = (source >= FAMILY)[:, np.newaxis]
    chance = np.where(answered, np.arange(len(evidence.classes)) == label[:, np.newaxis], chance)
    return Settled(label, chance, source)


def worth(evidence: Evidence, grouping: Grouping, answers: Answers) -> NDArray[np.float64]:
    """Give what an answer about each family is worth after the answers so far, ``(family,)``.

    It is the expected number of beats put right, as `Grouping.gain` is, with the probabilities that the
    answers so far leave; 0 for families that are answered.
    """
    index = {name: place for place, name in enumerate(evidence.classes)}
    chance = np.asarray(softmax(_followed(evidence, grouping, answers, index), axis=1))
    known = means_by(grouping.of_beat, chance, n=len(grouping.n)).max(axis=1)
    left = np.ones(len(grouping.n), bool)
    covariance = similarity(grouping.centre, grouping.centre)
    for family, answer in answers.families.items():
        if answer != MIXED:
            left[family] = False
            covariance = after_answer(covariance, family)
    wrong = grouping.n * (1 - known) * left
    return np.where(left, wrong @ told(covariance), 0.0)


def _followed(
    evidence: Evidence, grouping: Grouping, answers: Answers, index: Mapping[str, int]
) -> NDArray[np.float64]:
    """Give the logits of all beats by the head that is fitted to the answers."""
    families = [one for one, answer in answers.families.items() if index.get(answer, -1) >= 0]
    beats = [one for one, answer in answers.beats.items() if index.get(answer, -1) >= 0]
    labels = [index[answers.families[one]] for one in families] + [index[answers.beats[one]] for one in beats]
    head = fit_head(
        np.concatenate([grouping.centre[families], evidence.points[beats]]),
        np.concatenate([grouping.logits[families], evidence.logits[beats]]),
        np.array(labels, np.int64),
    )
    return head.logits(evidence.points, evidence.logits)
