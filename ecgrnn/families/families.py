"""The families of the beats of a recording: what a table, a page and a file of corrections know of them."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgrnn.families.evidence import Evidence
from ecgrnn.families.grouping import Grouping, group
from ecgrnn.families.templates import BEFORE_S, family_templates
from ecgrnn.signals.recording import Recording

_DRAWN = 40
"""Beats of a family that are drawn as lines over its template."""

_SHOWN = 3
"""Beats nearest to the middle of a family, and farthest from it."""

FORMATS = {
    "family": "d",
    "class": "",
    "p": ".4f",
    "n": "d",
    "share": ".6f",
    "gain": ".2f",
    "settled": ".6f",
    **dict.fromkeys(("rr_before_s", "rr_after_s", "rr_before_ratio"), ".3f"),
    **dict.fromkeys(("first_s", "last_s"), ".3f"),
    "middle": "d",
}
"""The columns of a table of families, and how they are written."""


@dataclass(frozen=True)
class Families:
    """The beats of a recording in families, the one first that is most worth an answer.

    Families are numbered in this order. Once a person has answered, the order is that after these answers,
    and the numbers stay.

    Attributes:
        of_beat: ``(beat,)``, the family of each beat; -1 for none.
        columns: a row for each family: ``family``, its number; ``class`` and its mean probability ``p``;
            ``n`` beats and their ``share``; ``gain``, the expected number of beats put right by an answer;
            ``settled``, the expected share of right beats once this family and all before it are answered;
            ``rr_before_s`` and ``rr_after_s``, medians; ``rr_before_ratio``, to the patient's median;
            ``first_s`` and ``last_s``; ``middle``, the sample of the beat that is asked about.
        templates: ``(family, time, lead)``, mean of the beats in mV; NaN where none could be read.
        spread: the same shape, standard deviation.
        fs_hz: sampling frequency of the templates.
        before: samples of a template before the mark of the beat.
        leads: leads of the templates.
        members: for each family some beats, in order of time, at most 40.
        nearest: for each family up to 3 beats nearest to its middle, the nearest first.
        farthest: for each family up to 3 beats farthest from it, the farthest first.
        positions: digest of the positions of the beats and their families; corrections carry it.
        evidence: what the families are made from.
        grouping: the families as they were made.
    """

    of_beat: NDArray[np.int32]
    columns: dict[str, NDArray[np.generic]]
    templates: NDArray[np.float32]
    spread: NDArray[np.float32]
    fs_hz: float
    before: int
    leads: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]
    nearest: tuple[NDArray[np.int64], ...]
    farthest: tuple[NDArray[np.int64], ...]
    positions: str
    evidence: Evidence = field(repr=False)
    grouping: Grouping = field(repr=False)


def families_of(recording: Recording, evidence: Evidence) -> Families | None:
    """Put the beats of a recording in families; None where there is no beat.

    Raises:
        DataError: the recording cannot be read.
    """
    if not len(evidence):
        return None
    grouping = group(evidence)
    fs_hz, templates, spread = family_templates(recording, evidence.sample, grouping.of_beat)
    beats = [np.flatnonzero(grouping.of_beat == family) for family in range(len(grouping.n))]
    by_distance = [of[np.argsort(np.round(grouping.distance[of], 9), kind="stable")] for of in beats]
    return Families(
        of_beat=grouping.of_beat,
        columns=family_columns(evidence, grouping),
        templates=templates,
        spread=spread,
        fs_hz=fs_hz,
        before=round(BEFORE_S * fs_hz),
        leads=recording.leads,
        members=tuple(_evenly(of, _DRAWN) for of in beats),
        nearest=tuple(of[:_SHOWN] for of in by_distance),
        farthest=tuple(of[::-1][: min(_SHOWN, max(len(of) - _SHOWN, 0))] for of in by_distance),
        positions=digest(evidence, grouping.of_beat),
        evidence=evidence,
        grouping=grouping,
    )


def family_columns(evidence: Evidence, grouping: Grouping) -> dict[str, NDArray[np.generic]]:
    """Describe each family in a row of a table."""
    sample, fs_hz = evidence.sample, evidence.fs_hz
    rr_s = np.diff(sample) / fs_hz
    before, after = np.append(np.nan, rr_s), np.append(rr_s, np.nan)
    usual = np.median(rr_s) if len(rr_s) else np.nan
    beats = [np.flatnonzero(grouping.of_beat == family) for family in range(len(grouping.n))]
    rr_before = np.array([_median(before[of]) for of in beats])
    return {
        "family": np.arange(len(beats)),
        "class": np.array(evidence.classes)[grouping.label],
        "p": grouping.probabilities.max(axis=1),
        "n": grouping.n,
        "share": grouping.n / len(sample),
        "gain": grouping.gain,
        "settled": grouping.settled,
        "rr_before_s": rr_before,
        "rr_after_s": np.array([_median(after[of]) for of in beats]),
        "rr_before_ratio": rr_before / usual,
        "first_s": np.array([sample[of[0]] for of in beats]) / fs_hz,
        "last_s": np.array([sample[of[-1]] for of in beats]) / fs_hz,
        "middle": sample[grouping.middle],
    }


def digest(evidence: Evidence, of_beat: NDArray[np.int32]) -> str:
    """Give 16 hexadecimal digits that change with the positions of beats and with their families."""
    hashed = hashlib.blake2b(repr(float(evidence.fs_hz)).encode(), digest_size=8)
    hashed.update(np.ascontiguousarray(evidence.sample, "<i8").data)
    hashed.update(np.ascontiguousarray(of_beat, "<i4").data)
    return hashed.hexdigest()


def _evenly(beats: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    at = np.linspace(0, len(beats) - 1, min(len(beats), most)).round().astype(np.int64)
    return np.asarray(beats[at])


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
