"""Makes the corrections of a person in the beats that were found, and says what was done."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError
from ecgrnn.families.answers import (
    ADDED,
    FAMILY,
    FOLLOWED,
    MIXED,
    NETWORK,
    NOISE,
    SOURCES,
    Answers,
    Settled,
    settle,
    worth,
)
from ecgrnn.families.evidence import Evidence
from ecgrnn.families.families import Families
from ecgrnn.inference.corrections.reading import Corrections
from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.quality.marks import with_noise_marks
from ecgrnn.tasks.annotated import Annotated, Columns, Marks

_LONGEST_NOTE = 200


@dataclass(frozen=True)
class Corrected:
    """How a person corrected the beats of a recording.

    Attributes:
        by: who, as free text; may be empty.
        at: when, by ISO 8601; empty where it is not known.
        n_answers: how many answers there were.
        n_seen: beats that were answered, by their family or by themselves.
        n_followed: other beats whose class changed because they are like those.
        families: the families that were asked about, with the classes as they are now.
    """

    by: str
    at: str
    n_answers: int
    n_seen: int
    n_followed: int
    families: Families

    @property
    def line(self) -> str:
        """Say so in a line."""
        who = f" by {self.by}" if self.by else ""
        when = f", {self.at}" if self.at else ""
        return (
            f"corrected{who}{when}: {self.n_answers} answers set {self.n_seen} beats, "
            f"{self.n_followed} like them followed"
        )


def correct_beats(
    found: Annotated, families: Families, corrections: Corrections
) -> tuple[Annotated, Corrected]:
    """Make corrections in the beats that were found.

    Returns:
        The beats as they are now, with a column ``source`` that says where a class is from; what was done.

    Raises:
        ConfigError: a family or beat that is answered does not exist, or an answer is not known.
    """
    answers, evidence = corrections.answers, families.evidence
    _check_answers(answers, families)
    settled = settle(evidence, families.grouping, answers)
    kept = np.flatnonzero(settled.label >= 0)
    added = np.array(sorted(answers.added), np.int64)
    sample = np.concatenate([evidence.sample[kept], added])
    order = np.argsort(sample, kind="stable")
    named = np.array([answers.added[at] for at in added.tolist()], np.str_)
    label = np.concatenate([np.array(evidence.classes)[settled.label[kept]], named])[order]
    certain = named[:, np.newaxis] == np.array(evidence.classes)
    chance = np.concatenate([settled.probabilities[kept], certain])[order]
    source = np.concatenate([settled.source[kept], np.full(len(added), ADDED)])[order].astype(np.int64)
    columns: Columns = {
        "sample": sample[order],
        "time_s": sample[order] / evidence.fs_hz,
        "class": label,
        **{f"p_{name}": row for name, row in zip(evidence.classes, chance.T, strict=True)},
        "source": np.array(SOURCES)[source],
    }
    place = np.full(len(evidence), -1, np.int64)
    place[kept] = np.argsort(order)[: len(kept)]
    corrected = Corrected(
        by=corrections.by,
        at=corrections.at,
        n_answers=len(answers),
        n_seen=int((settled.source >= FAMILY).sum()) + len(added),
        n_followed=int((settled.source == FOLLOWED).sum()),
        families=_renewed(families, answers, settled.probabilities, place, n_beats=len(sample)),
    )
    annotations = _as_annotations(columns, source, evidence, settled, corrected.line)
    annotations = with_noise_marks(annotations, found.unreadable)
    marks = [Marks(one.label, one.extension, annotations) for one in found.marks]
    counts = {name: int((label == name).sum()) for name in evidence.classes}
    lines = [
        found.lines[0].replace(str(len(evidence)), str(len(sample)), 1),
        *(f"  {name:<12} {count}" for name, count in counts.items()),
        corrected.line,
    ]
    formats = {**found.formats, "source": ""}
    return replace(found, columns=columns, csv=columns, formats=formats, marks=marks, lines=lines), corrected


def _check_answers(answers: Answers, families: Families) -> None:
    known = (*families.evidence.classes, NOISE, MIXED)
    for what, given, n in (
        ("family", answers.families, len(families.columns["n"])),
        ("beat", answers.beats, len(families.evidence)),
    ):
        for one, answer in given.items():
            if not 0 <= one < n:
                raise ConfigError(f"there is no {what} {one}; they are numbered from 0 to {n - 1}")
            if answer not in known or (what == "beat" and answer == MIXED):
                raise ConfigError(f"{what} {one} is answered {answer!r}; expected one of {', '.join(known)}")


def _renewed(
    families: Families,
    answers: Answers,
    probabilities: NDArray[np.float64],
    place: NDArray[np.int64],
    *,
    n_beats: int,
) -> Families:
    """Give families as they are after answers, the one first that is most worth the next answer.

    They keep their numbers, and so the digest; their beats are given by their new places.
    """
    of_beat = np.full(n_beats, -1, np.int32)
    of_beat[place[place >= 0]] = families.of_beat[place >= 0]
    n = np.bincount(of_beat[of_beat >= 0], minlength=len(families.columns["n"]))
    sums = [
        np.bincount(families.of_beat[place >= 0], weights=column[place >= 0], minlength=len(n))
        for column in probabilities.T
    ]
    chance = np.stack(sums, axis=1) / np.maximum(n, 1)[:, np.newaxis]
    wrong, classes = n * (1 - chance.max(axis=1)), np.array(families.evidence.classes)
    gain = worth(families.evidence, families.grouping, answers)
    order = np.lexsort((np.arange(len(n)), -np.round(gain, 6)))
    columns = {
        **families.columns,
        "class": np.where(n > 0, classes[chance.argmax(axis=1)], families.columns["class"]),
        "p": np.where(n > 0, chance.max(axis=1), np.nan),
        "n": n,
        "share": n / max(n_beats, 1),
        "gain": gain,
    }
    left = np.maximum(wrong.sum() - np.cumsum(wrong[order]), 0)

    def moved(parts: tuple[NDArray[np.int64], ...]) -> tuple[NDArray[np.int64], ...]:
        """Give beats by their new places, without those that are no beats any more."""
        return tuple(place[parts[k]][place[parts[k]] >= 0] for k in order)

    return replace(
        families,
        of_beat=of_beat,
        columns={
            **{name: column[order] for name, column in columns.items()},
            "settled": 1 - left / max(n_beats, 1),
        },
        templates=families.templates[order],
        spread=families.spread[order],
        members=moved(families.members),
        nearest=moved(families.nearest),
        farthest=moved(families.farthest),
    )


def _as_annotations(
    columns: Columns, source: NDArray[np.int64], evidence: Evidence, settled: Settled, line: str
) -> Annotations:
    """Mark beats, what is no beat, and that a person corrected them: a remark first, and a note on each."""
    noise = settled.label < 0
    sources = np.array(SOURCES)
    sample = np.concatenate([[0], columns["sample"], evidence.sample[noise]]).astype(np.int64)
    order = np.argsort(sample, kind="stable")
    remark = line.encode("ascii", "replace").decode()[:_LONGEST_NOTE]
    notes = np.where(source == NETWORK, "", sources[source])
    return Annotations(
        sample=sample[order],
        symbol=np.concatenate([['"'], columns["class"], np.full(int(noise.sum()), "|")])[order],
        subtype=np.zeros(len(sample), np.int64),
        aux_note=np.concatenate([[remark], notes, sources[settled.source[noise]]])[order],
        fs_hz=evidence.fs_hz,
    )
