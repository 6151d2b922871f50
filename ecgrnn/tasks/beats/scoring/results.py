"""A checkpoint scored on held-out records: everything that the files and the report are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.collection import find_scheme
from ecgrnn.data.splits.audit import Audit
from ecgrnn.errors import CheckpointError, ConfigError
from ecgrnn.metrics.classification import confusion_matrix
from ecgrnn.metrics.ec57.scores import Ec57Scores
from ecgrnn.metrics.statistics import (
    Resampling,
    by_patient,
    class_statistics,
    differences,
    ec57_statistics,
)
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.options.spec import LabelScheme
from ecgrnn.tasks.beats.logits import without_classes
from ecgrnn.tasks.beats.options import BeatsConfig
from ecgrnn.tasks.beats.scoring.calibration import FittedOnValidation, fit_on_validation
from ecgrnn.tasks.beats.scoring.detected import (
    LabelledBeats,
    classify_found,
    find_beats,
    score_written,
    write_beats,
)
from ecgrnn.tasks.beats.scoring.held_out import HeldOutBeats, read_beats
from ecgrnn.tasks.beats.scoring.questions import ask_reference
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.summary import describe_model
from ecgrnn.tasks.task import Evaluation, Second

ANNOTATIONS = "annotations"
"""Folder of the annotation files with the detected beats, below the run folder."""


AT_REFERENCE = "annotations_at_reference"
"""Folder of the annotation files with classes at the reference's beat positions."""


SECOND = "compare"
"""Folder of the second model's annotation files in a comparison."""


@dataclass(frozen=True)
class Reading:
    """One model's reading of the held-out records.

    Attributes:
        model: the model.
        beats: the reference beats and its classes for them.
        own: per record, the beats found by the application and its classes for them.
        ec57: scheme to EC57 scores of ``own``, the scheme in use first.
    """

    model: TrainedModel
    beats: HeldOutBeats
    own: Sequence[LabelledBeats]
    ec57: Mapping[str, Ec57Scores]


@dataclass(frozen=True)
class Results:
    """A checkpoint scored on held-out records.

    Attributes:
        held_out: the records.
        reading: what the checkpoint makes of them.
        scored: classes that the macro-F1 is the mean over.
        fitted: what was fitted on validation patients; None where their records are not at hand.
        audit: who is in which subset.
        resampling: how intervals are made.
        comparison: how a second checkpoint differs, by name of the statistic; empty without one.
        curves: rows of the training's ``metrics.csv``; empty where there is none.
        questions: figures after so many questions about each record; empty where none were to be asked.
    """

    held_out: HeldOutRecords
    reading: Reading
    scored: tuple[str, ...]
    fitted: FittedOnValidation | None
    audit: Audit
    resampling: Resampling
    comparison: Mapping[str, Any]
    curves: Sequence[Mapping[str, str]]
    questions: Sequence[Mapping[str, Any]] = ()

    @property
    def beats(self) -> HeldOutBeats:
        """The reference beats as the checkpoint reads them."""
        return self.reading.beats

    @property
    def patients(self) -> list[str]:
        """Patient of each record."""
        return [record.patient for record in self.beats.records]


def evaluate_beats(evaluation: Evaluation) -> Results:
    """Score a classifier; writes its annotation files into the run folder, for they are what is scored.

    Raises:
        ConfigError: the label scheme has other classes than the model.
        CheckpointError: a second model has other classes.
    """
    model, held_out, options = evaluation.model, evaluation.held_out, evaluation.options
    scheme = _scheme(model, options.scheme)
    positions = find_beats(model, held_out)
    reading = _read(model, held_out, positions, scheme=scheme, options=options, folder=evaluation.run_dir)
    fitted = None
    if held_out.own:
        validation = read_beats(
            model,
            held_out.own["validation"],
            annotator=held_out.own_annotator,
            scheme=scheme,
            batch_size=options.batch_size,
        )
        fitted = fit_on_validation(validation)
    scored, audit = _scored(model), evaluation.audit
    comparison: Mapping[str, Any] = {}
    if (second := evaluation.second) is not None:
        _check_classes(evaluation, second, scheme)
        other = _read(
            second.model,
            second.held_out,
            positions,
            scheme=scheme,
            options=options,
            folder=evaluation.run_dir / SECOND,
        )
        comparison = _compare(reading, other, scored=scored, resampling=evaluation.resampling)
        audit = replace(audit, checks=(*audit.checks, second.unseen))
    questions = [] if options.questions is None else ask_reference(reading.beats, reading.own, evaluation)
    return Results(
        held_out,
        reading,
        scored,
        fitted,
        audit,
        evaluation.resampling,
        comparison,
        evaluation.curves,
        questions,
    )


def matrices_by_record(beats: HeldOutBeats) -> NDArray[np.int64]:
    """Count each record's beats: ``(record, reference, predicted)``."""
    n_classes = len(beats.scheme.classes)
    rows = (beats.table.record == index for index in range(len(beats.records)))
    return np.stack(
        [confusion_matrix(beats.table.label[r], beats.predicted[r], n_classes=n_classes) for r in rows]
    )


def ec57_matrices(scores: Ec57Scores) -> NDArray[np.int64]:
    """Give each record's EC57 matrix ``(record, row, column)``."""
    return np.stack([comparison.matrix for comparison in scores.beats.values()])


def _scheme(model: TrainedModel, name: str | None) -> LabelScheme:
    scheme = model.scheme if name is None else find_scheme(name)
    if scheme.classes != model.scheme.classes:
        raise ConfigError(
            f"scheme={scheme.name} has the classes {', '.join(scheme.classes)}, the checkpoint has "
            f"{', '.join(model.scheme.classes)}; leave scheme out"
        )
    return scheme


def _scored(model: TrainedModel) -> tuple[str, ...]:
    task = model.task.options
    return tuple(task.macro_f1_classes if isinstance(task, BeatsConfig) else model.scheme.classes)


def _read(
    model: TrainedModel,
    held_out: HeldOutRecords,
    positions: Sequence[NDArray[np.int64]],
    *,
    scheme: LabelScheme,
    options: EvaluateConfig,
    folder: Path,
) -> Reading:
    beats = read_beats(
        model,
        held_out.test,
        annotator=held_out.annotator,
        scheme=scheme,
        batch_size=options.batch_size,
        reduce=options.questions is not None,
    )
    beats = replace(beats, logits=without_classes(beats.logits, held_out.untold, classes=scheme.classes))
    own = classify_found(
        model,
        held_out.test,
        positions,
        batch_size=options.batch_size,
        untold=held_out.untold,
        reduce=options.questions is not None,
    )
    write_beats(folder / ANNOTATIONS, held_out.test, own, classes=scheme.classes)
    at_reference = [
        LabelledBeats(
            beats.table.source_sample[rows], beats.predicted[rows], beats.logits[rows], beats.components[rows]
        )
        for rows in (beats.table.record == k for k in range(len(held_out.test)))
    ]
    write_beats(folder / AT_REFERENCE, held_out.test, at_reference, classes=scheme.classes)
    ec57 = score_written(
        folder / ANNOTATIONS,
        held_out,
        scheme,
        start_s=options.start_s,
        window_s=options.window_s,
    )
    return Reading(model, beats, own, ec57)


def _check_classes(evaluation: Evaluation, second: Second, scheme: LabelScheme) -> None:
    if second.model.scheme.classes != scheme.classes:
        raise CheckpointError(
            f"{evaluation.options.compare} has the classes {', '.join(second.model.scheme.classes)}, "
            f"{evaluation.options.checkpoint} {', '.join(scheme.classes)}; only checkpoints of the same "
            "classes can be compared"
        )


def _compare(
    first: Reading, second: Reading, *, scored: Sequence[str], resampling: Resampling
) -> dict[str, Any]:
    classes = first.beats.scheme.classes
    patients = [record.patient for record in first.beats.records]
    scheme = first.beats.scheme.name
    counts, own = (
        [by_patient(one, patients) for one in pair]
        for pair in (
            [matrices_by_record(reading.beats) for reading in (first, second)],
            [ec57_matrices(reading.ec57[scheme]) for reading in (first, second)],
        )
    )
    statistics = class_statistics(classes, scored=scored)
    return {
        "first": describe_model(first.model),
        "second": describe_model(second.model),
        "reference_positions": differences(counts[0], counts[1], statistics, resampling),
        "ec57": differences(own[0], own[1], ec57_statistics(), resampling),
    }
