"""A checkpoint judged on held-out records: everything that the files and the report are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.collection import find_scheme, open_collection
from ecgrnn.data.splits.audit import Audit, Check, check_other_database
from ecgrnn.data.splits.seen import seen_leads
from ecgrnn.errors import CheckpointError, ConfigError
from ecgrnn.evaluation.held_out import (
    audit_model,
    open_held_out,
    own_records,
    pick_records,
    refuse_seen_patients,
)
from ecgrnn.inference.checkpoint import load_model
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
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.summary import describe_model

ANNOTATIONS = "annotations"
"""Folder of the annotation files with the application's own beats, below the run folder."""


AT_REFERENCE = "annotations_at_reference"
"""Folder of the annotation files with classes at the reference's beat positions."""


SECOND = "compare"
"""Folder of the second model's annotation files in a comparison."""


_SEEN = ("train", "validation")


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
    """A checkpoint judged on held-out records.

    Attributes:
        held_out: the records.
        reading: what the checkpoint makes of them.
        scored: classes that the macro-F1 is the mean over.
        fitted: what was fitted on validation patients; None where their records are not at hand.
        audit: who is on which side.
        resampling: how intervals are made.
        comparison: how a second checkpoint differs, by name of the statistic; empty without one.
        curves: rows of the training's ``metrics.csv``; empty where there is none.
    """

    held_out: HeldOutRecords
    reading: Reading
    scored: tuple[str, ...]
    fitted: FittedOnValidation | None
    audit: Audit
    resampling: Resampling
    comparison: Mapping[str, Any]
    curves: Sequence[Mapping[str, str]]

    @property
    def beats(self) -> HeldOutBeats:
        """The reference beats as the checkpoint reads them."""
        return self.reading.beats

    @property
    def patients(self) -> list[str]:
        """Patient of each record."""
        return [record.patient for record in self.beats.records]


def evaluate_checkpoint(options: EvaluateConfig, *, curves: Sequence[Mapping[str, str]] = ()) -> Results:
    """Judge a checkpoint; writes its annotation files into the run folder, for they are what is scored.

    Args:
        options: what to judge on what, and how.
        curves: rows of the training's ``metrics.csv``.

    Raises:
        SplitError: a patient, record or window is on two sides.
    """
    run_dir = Path(options.run_dir)
    model = load_model(Path(options.checkpoint))
    scheme = _scheme(model, options.scheme)
    held_out = open_held_out(model, options.data)
    audit = audit_model(model, held_out)
    audit.require()
    positions = find_beats(model, held_out)
    reading = _read(model, held_out, positions, scheme=scheme, options=options, folder=run_dir)
    resampling = Resampling(options.resamples, options.level, options.bootstrap_seed)
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
    scored = _scored(model)
    comparison: Mapping[str, Any] = {}
    if options.compare is not None:
        second, unseen = _second_reading(options, model, held_out, positions, scheme=scheme)
        comparison = _compare(reading, second, scored=scored, resampling=resampling)
        audit = replace(audit, checks=(*audit.checks, unseen))
    return Results(held_out, reading, scored, fitted, audit, resampling, comparison, curves)


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
            f"scheme={scheme.name} has the classes {', '.join(scheme.classes)}, the checkpoint tells apart "
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
    )
    own = classify_found(model, held_out.test, positions, batch_size=options.batch_size)
    write_beats(folder / ANNOTATIONS, held_out.test, own, classes=scheme.classes)
    at_reference = [
        LabelledBeats(beats.table.source_sample[rows], beats.predicted[rows])
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


def _second_reading(
    options: EvaluateConfig,
    first: TrainedModel,
    held_out: HeldOutRecords,
    positions: Sequence[NDArray[np.int64]],
    *,
    scheme: LabelScheme,
) -> tuple[Reading, Check]:
    """Let the second checkpoint read the same records, prepared as it wants them, if it has seen none."""
    model = load_model(Path(str(options.compare)))
    if model.scheme.classes != scheme.classes:
        raise CheckpointError(
            f"{options.compare} tells apart {', '.join(model.scheme.classes)}, {options.checkpoint} "
            f"{', '.join(scheme.classes)}; only checkpoints of the same classes are compared"
        )
    data = first.data if options.data.database is None else options.data
    elsewhere = model.data.database != data.database
    seen, _ = own_records(model, replace(options.data, root=None) if elsewhere else options.data)
    kept = seen_leads(model.facts, *_SEEN)
    refuse_seen_patients(model, data, held_out.split, compared=bool(seen or kept))
    names = [record.name for record in held_out.test]
    here = replace(
        data,
        root=options.data.root or data.root,
        cache=options.data.cache,
        workers=options.data.workers,
        records=names,
    )
    collection = open_collection(here, model.preprocessing, annotators=(held_out.annotator,))
    test = pick_records(collection, held_out.split, names)
    unseen = check_other_database(test, seen, kept)
    unseen = replace(unseen, name=f"{unseen.name} of the second checkpoint")
    Audit(held_out.split, {}, (unseen,)).require()
    own = replace(held_out, test=test, own={})
    folder = Path(options.run_dir) / SECOND
    return _read(model, own, positions, scheme=scheme, options=options, folder=folder), unseen


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
