"""What a few answers about each record are worth: the reference is asked in the place of a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.families.answers import NOISE, Answers, settle, worth
from ecgrnn.families.evidence import Evidence
from ecgrnn.families.grouping import Grouping, group, square_distances
from ecgrnn.metrics.classification import accuracy, class_scores, confusion_matrix
from ecgrnn.metrics.ec57.counts import BeatComparison, compare_beats, matrix_statistics, pooled_matrix
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations, pair_beats
from ecgrnn.metrics.statistics import number
from ecgrnn.options.spec import LabelScheme, Row
from ecgrnn.tasks.beats.scoring.detected import LabelledBeats, start_of_period
from ecgrnn.tasks.beats.scoring.held_out import HeldOutBeats
from ecgrnn.tasks.task import Evaluation

OURS = "head"
METHODS = (OURS, "fixed", "families", "nearest", "random")
"""Ways to use answers: the family worth most after the answers before it is asked, and like beats follow
by a fitted head; the same in the order that is fixed before the first answer; in that order without the head;
every beat as the nearest beat asked about; families in a random order."""

Compare = Callable[[NDArray[np.int64], NDArray[np.bool_]], BeatComparison]
"""Compares the labels of a record's beats with the reference, without those that were asked about."""

_EC57 = {"S": "sveb", "V": "veb"}
_SEED = 0


@dataclass(frozen=True)
class _Record:
    """A record as it is asked about.

    Attributes:
        evidence: what the network makes of its beats.
        grouping: their families.
        truth: ``(beat,)``, class by the reference; -1 where it has no beat.
        order: families in the order in which they are asked about, each after the answers before it.
    """

    evidence: Evidence
    grouping: Grouping
    truth: NDArray[np.int64]
    order: NDArray[np.int64]


@dataclass(frozen=True)
class _After:
    """A record after its answers.

    Attributes:
        label: ``(beat,)``, class; -1 where no beat is.
        asked: ``(beat,)``, whether the reference was asked about the beat itself.
        expected: how many beats are expected to be right.
    """

    label: NDArray[np.int64]
    asked: NDArray[np.bool_]
    expected: float = float("nan")


def ask_reference(
    beats: HeldOutBeats, own: Sequence[LabelledBeats], evaluation: Evaluation
) -> list[dict[str, Any]]:
    """Give the figures after so many answers about each record.

    An answer is the reference's class of the beat in the middle of a family; the beats asked about are left
    out of the figures, and are counted in those called ``counted``.

    Args:
        beats: the reference beats as the model reads them.
        own: per record, the beats found by the application.
        evaluation: the records, and how many questions are asked.

    Returns:
        For each number of questions: ``asked``, ``beats_asked`` of all records, ``settled``, the share of
        beats expected to be right, ``accuracy``, ``classes``, ``counted``, ``methods`` with the F1 of other
        ways, and ``own_positions``.
    """
    at_reference = _reference_records(beats, most=max(evaluation.options.questions or [0]))
    found = _found_records(beats, own, evaluation)
    return [_asked(n, beats, at_reference, found, evaluation) for n in evaluation.options.questions or ()]


def question_rows(questions: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Give a row for each number of questions, positions, way and class."""
    return [
        {"asked": one["asked"], "positions": positions, "method": method, "class": name, "f1": f1}
        for one in questions
        for positions, figures in (("reference", one), ("own", one["own_positions"]))
        for method, scores in (*figures["methods"].items(), ("asked beats counted", _f1(figures["counted"])))
        for name, f1 in scores.items()
    ]


def _f1(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: score["f1"] for name, score in scores.items()}


def _asked(
    n: int, beats: HeldOutBeats, at_reference: Sequence[_Record], found: "_Found", evaluation: Evaluation
) -> dict[str, Any]:
    """Ask so many questions about each record."""
    classes = beats.scheme.classes
    after = {way: [_answered(record, n, way) for record in at_reference] for way in METHODS}
    matrices = {way: _matrix(at_reference, one, len(classes), counted=False) for way, one in after.items()}
    counted = _matrix(at_reference, after[OURS], len(classes), counted=True)
    n_beats = max(sum(len(record.truth) for record in at_reference), 1)
    own = {way: [_answered(record, n, way) for record in found.records] for way in METHODS}
    scores = {way: found.scores(one, counted=False) for way, one in own.items()}
    return {
        "asked": n,
        "beats_asked": sum(int(one.asked.sum()) for one in after[OURS]),
        "settled": sum(one.expected for one in after[OURS]) / n_beats,
        "accuracy": number(accuracy(matrices[OURS])),
        "classes": _class_figures(matrices[OURS], classes),
        "counted": _class_figures(counted, classes),
        "methods": {way: _f1(_class_figures(one, classes)) for way, one in matrices.items()},
        "own_positions": {
            "classes": scores[OURS],
            "counted": found.scores(own[OURS], counted=True),
            "methods": {way: _f1(one) for way, one in scores.items()},
        },
    }


def _class_figures(matrix: NDArray[np.int64], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: number(value) for key, value in vars(score).items()} | {"support": score.support}
        for name, score in zip(classes, class_scores(matrix), strict=True)
    }


def _matrix(
    records: Sequence[_Record], after: Sequence[_After], n_classes: int, *, counted: bool
) -> NDArray[np.int64]:
    parts = [
        confusion_matrix(record.truth[kept], one.label[kept], n_classes=n_classes)
        for record, one in zip(records, after, strict=True)
        for kept in [np.ones(len(one.asked), bool) if counted else ~one.asked]
    ]
    return np.asarray(np.sum(parts, axis=0))


def _answered(record: _Record, n: int, way: str) -> _After:
    """Ask about ``n`` families of a record, and use the answers in one of the ways."""
    evidence, grouping = record.evidence, record.grouping
    families = record.order if way == OURS else np.arange(len(grouping.n))
    if way == "random":
        families = np.random.default_rng(_SEED).permutation(families)
    families = families[:n]
    asked = np.zeros(len(evidence), bool)
    asked[grouping.middle[families]] = True
    truth = record.truth[grouping.middle[families]]
    if way == "nearest" and len(families):
        nearest = square_distances(evidence.points, evidence.points[grouping.middle[families]]).argmin(axis=1)
        return _After(truth[nearest], asked)
    answers = _answers(evidence, families, truth)
    settled = settle(evidence, grouping, answers, follow=way != "families")
    sure = np.where(settled.label < 0, 1.0, settled.probabilities.max(axis=1))
    return _After(settled.label, asked, float(sure.sum()))


def _answers(evidence: Evidence, families: NDArray[np.int64], truth: NDArray[np.int64]) -> Answers:
    names = [*evidence.classes, NOISE]
    return Answers({int(one): names[label] for one, label in zip(families, truth, strict=True)})


def _order(
    evidence: Evidence, grouping: Grouping, truth: NDArray[np.int64], *, most: int
) -> NDArray[np.int64]:
    """Ask about families one by one, always about the one that is worth most by then."""
    order = np.zeros(0, np.int64)
    for _ in range(min(most, len(grouping.n))):
        value = worth(evidence, grouping, _answers(evidence, order, truth[grouping.middle[order]]))
        value[order] = -1
        order = np.append(order, np.round(value, 9).argmax())
    return order


def _reference_records(beats: HeldOutBeats, *, most: int) -> list[_Record]:
    rows = [np.flatnonzero(beats.table.record == k) for k in range(len(beats.records))]
    return [
        _record(
            beats.table.source_sample[of], beats.logits[of], beats.components[of], beats, record,
            beats.table.label[of],
            most=most,
        )
        for of, record in zip(rows, beats.records, strict=True)
        if len(of)
    ]  # fmt: skip


def _record(
    sample: NDArray[np.int64],
    logits: NDArray[np.float32],
    components: NDArray[np.float32],
    beats: HeldOutBeats,
    record: CachedRecord,
    truth: NDArray[np.int64],
    *,
    most: int,
) -> _Record:
    evidence = Evidence(sample, record.source_fs_hz, logits, components, beats.scheme.classes)
    grouping = group(evidence)
    return _Record(evidence, grouping, truth, _order(evidence, grouping, truth, most=most))


@dataclass(frozen=True)
class _Found:
    """The beats that the application found, and their scores by EC57.

    Attributes:
        records: as they are asked about.
        compare: of each record, what compares its beats with the reference.
    """

    records: Sequence[_Record]
    compare: Sequence[Compare]

    def scores(self, after: Sequence[_After], *, counted: bool) -> dict[str, dict[str, float | None]]:
        """Give sensitivity, positive predictivity and F1 of S and V."""
        compared = [
            compare(one.label, np.zeros_like(one.asked) if counted else one.asked)
            for compare, one in zip(self.compare, after, strict=True)
        ]
        statistics = matrix_statistics(pooled_matrix(compared))
        figures: dict[str, dict[str, float | None]] = {}
        for name, key in _EC57.items():
            se = statistics[f"{key}_sensitivity"].percent / 100
            pp = statistics[f"{key}_positive_predictivity"].percent / 100
            f1 = 2 * se * pp / (se + pp) if se + pp > 0 else float("nan")
            figures[name] = {
                "sensitivity": number(se),
                "positive_predictivity": number(pp),
                "f1": number(f1),
            }
        return figures


def _found_records(beats: HeldOutBeats, own: Sequence[LabelledBeats], evaluation: Evaluation) -> _Found:
    options, held_out = evaluation.options, evaluation.held_out
    most = max(options.questions or [0])
    start_s = start_of_period(held_out.test) if options.start_s is None else options.start_s
    records, compare = [], []
    for record, found in zip(held_out.test, own, strict=True):
        if len(found.sample):
            reference = _Reference(record, held_out.annotator, beats.scheme, start_s, options.window_s)
            truth, pair = reference.classes_of(found.sample)
            records.append(
                _record(found.sample, found.logits, found.components, beats, record, truth, most=most)
            )
            compare.append(reference.comparing(found.sample, pair))
    return _Found(records, compare)


class _Reference:
    """The reference annotations of a record, beats by their class's letter."""

    def __init__(
        self, record: CachedRecord, annotator: str, scheme: LabelScheme, start_s: float, window_s: float
    ) -> None:
        marks = record.annotations(annotator)
        label = np.array([scheme.index(symbol) for symbol in marks.symbol.tolist()], np.int64)
        self.marks, self.classes, self.fs_hz = marks, np.array(scheme.classes), record.source_fs_hz
        self.beat = np.flatnonzero(label >= 0)
        self.label = label[self.beat]
        self.symbol = np.where(label >= 0, self.classes[label], marks.symbol)
        self.limits = {"start_s": start_s, "stop_s": record.source_samples / record.source_fs_hz}
        self.window_s = window_s

    def classes_of(self, sample: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the class of each beat found, and the annotation it is paired with; -1 for none."""
        window = round(self.window_s * self.fs_hz)
        _, of = pair_beats(self.marks.sample[self.beat], sample, window=window)
        paired = of >= 0
        return np.where(paired, self.label[of], -1), np.where(paired, self.beat[of], -1)

    def comparing(self, sample: NDArray[np.int64], pair: NDArray[np.int64]) -> Compare:
        """Give the function that compares the labels of beats found with the reference."""

        def compare(label: NDArray[np.int64], asked: NDArray[np.bool_]) -> BeatComparison:
            """Compare, without the beats asked about on either side."""
            kept = (label >= 0) & ~asked
            left = np.ones(len(self.symbol), bool)
            left[pair[asked & (pair >= 0)]] = False
            found = _plain(sample[kept], self.classes[label[kept]])
            theirs = ScoredAnnotations(
                self.marks.sample[left],
                self.symbol[left],
                self.marks.subtype[left],
                self.marks.aux_note[left],
            )
            return compare_beats(theirs, found, fs_hz=self.fs_hz, window_s=self.window_s, **self.limits)

        return compare


def _plain(sample: NDArray[np.int64], symbol: NDArray[np.str_]) -> ScoredAnnotations:
    return ScoredAnnotations(sample, symbol, np.zeros(len(sample), np.int64), np.full(len(sample), ""))
