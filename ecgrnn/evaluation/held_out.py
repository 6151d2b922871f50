"""Held-out records read by a trained model: which they are, and what the model makes of their beats."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.build import build_view
from ecgrnn.config import DataConfig, LoaderConfig
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.datasets.collection import Collection, open_collection, split_collection
from ecgrnn.datasets.splits import SIDES, Split
from ecgrnn.datasets.windows import BeatTable, beat_table
from ecgrnn.errors import DataError, SplitError
from ecgrnn.evaluation.seen import seen_leads
from ecgrnn.inference.beats import probabilities, shared_logits
from ecgrnn.inference.checkpoint import TrainedModel
from ecgrnn.spec import LabelScheme


@dataclass(frozen=True)
class HeldOutRecords:
    """The records a model is scored on, and those it was made from where they are at hand.

    Attributes:
        database: name of the database scored on.
        title: its full name.
        folder: where its own files are.
        split: the split whose test side is scored.
        annotator: extension of the reference annotations.
        test: the records scored.
        own: ``train``, ``validation`` and ``test`` to the records of the model's own split; empty where they
            are not at hand.
        own_annotator: extension of their reference annotations.
        absent: why they are not at hand.
    """

    database: str
    title: str
    folder: Path
    split: Split
    annotator: str
    test: Sequence[CachedRecord]
    own: dict[str, list[CachedRecord]]
    own_annotator: str
    absent: str = ""


@dataclass(frozen=True)
class HeldOutBeats:
    """The reference beats of records as a model reads them.

    Attributes:
        model: the model.
        scheme: the label scheme of the reference beats.
        records: the records.
        table: their beats, labelled by the scheme.
        logits: ``(beat, class)``.
    """

    model: TrainedModel
    scheme: LabelScheme
    records: Sequence[CachedRecord]
    table: BeatTable
    logits: NDArray[np.float32]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """``(beat,)``, index of the likeliest class."""
        return np.asarray(self.logits.argmax(axis=-1), np.int64)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """``(beat, class)``."""
        return probabilities(self.logits)


def open_held_out(model: TrainedModel, data: DataConfig) -> HeldOutRecords:
    """Open the records a model is to be scored on: its own test side, or that of another database.

    The model's own training and validation records are opened too, where they are at hand: temperature and
    thresholds are fitted on the latter, and the proof that nobody is on two sides is about all of them.

    Args:
        model: the model.
        data: where the database is; ``database`` null means the one trained on, split as it was, and then
            only ``root``, ``cache`` and ``workers`` are looked at.

    Raises:
        DataError: the database or a record to be scored is not there.
        SplitError: a patient whom the model has seen is among those to be scored.
    """
    split = Split.from_manifest(model.split)
    ours = data.database is None
    own, absent = own_records(model, data)
    if ours:
        collection = _open(model, _settings(model, data), split.test)
        annotator = model.data.annotator
    else:
        annotator = data.annotator
        annotators = _view(model, annotator).annotators
        collection = open_collection(data, model.preprocessing, annotators=annotators)
        split = _other_split(
            model, data, collection, compared=bool(own or seen_leads(model.facts, "train", "validation"))
        )
    return HeldOutRecords(
        database=collection.database.name,
        title=collection.database.title,
        folder=collection.folder,
        split=split,
        annotator=annotator,
        test=pick_records(collection, split, split.test),
        own=own,
        own_annotator=model.data.annotator,
        absent=absent,
    )


def own_records(model: TrainedModel, data: DataConfig) -> tuple[dict[str, list[CachedRecord]], str]:
    """Open the records a model was made from and tested on.

    Args:
        model: the model.
        data: where they are, where ``database`` is null; and where the cache is.

    Returns:
        ``train``, ``validation`` and ``test`` to their records, empty where one of them is not at hand; and
        why it is not.
    """
    split = Split.from_manifest(model.split)
    try:
        collection = _open(
            model, _settings(model, data), [record for side in SIDES for record in split.side(side)]
        )
    except DataError as error:
        return {}, str(error)
    return {side: pick_records(collection, split, split.side(side)) for side in SIDES}, ""


def pick_records(collection: Collection, split: Split, names: Iterable[str]) -> list[CachedRecord]:
    """Give records by name, each with the patient that the split knows."""
    return [
        dataclasses.replace(record, patient=split.patients[record.name]) for record in collection.pick(names)
    ]


def refuse_seen_patients(model: TrainedModel, data: DataConfig, split: Split, *, compared: bool) -> None:
    """Make sure that no test patient of another split is one the model was trained or validated on.

    Args:
        model: the model.
        data: which database is scored on.
        split: who is scored.
        compared: whether signals are compared, too. Names of two folders, or of two simulations, tell nothing
            of who it is, and are left to that; where signals are not at hand names are all there is.

    Raises:
        SplitError: naming the patient and both records.
    """
    if data.database != model.data.database or (compared and not _same_names(model.data, data)):
        return
    own = Split.from_manifest(model.split)
    seen = {own.patients[record]: record for record in (*own.train, *own.validation)}
    accepted = {record for pair in own.accepted_overlaps for record in pair}
    for record in split.test:
        if split.patients[record] in seen and not (record in accepted and record in own.test):
            raise SplitError(
                f"record {record} cannot be tested on: the checkpoint has seen its patient in record "
                f"{seen[split.patients[record]]}; leave data= out to score the checkpoint's own test side"
            )


def read_beats(
    model: TrainedModel,
    records: Sequence[CachedRecord],
    *,
    annotator: str,
    scheme: LabelScheme,
    batch_size: int,
) -> HeldOutBeats:
    """Let a model read the reference beats of records."""
    view = build_view(model.task, annotator=annotator, scheme=scheme, loader=LoaderConfig())
    table = beat_table(records, annotator=annotator, scheme=scheme)
    if not len(table):
        raise DataError(
            f"the records {', '.join(record.name for record in records[:5])} have no beat in their "
            f"{annotator!r} annotations; give data.annotator another extension"
        )
    logits = shared_logits(
        model.network,
        len(records),
        lambda mine: view.dataset([records[k] for k in mine], training=False),
        batch_size=batch_size,
    )
    return HeldOutBeats(
        model=model,
        scheme=scheme,
        records=records,
        table=table,
        logits=np.concatenate([part for part in logits if len(part)]),
    )


def _same_names(first: DataConfig, second: DataConfig) -> bool:
    """Tell whether a name means the same patient in two settings of one database."""
    match first.database:
        case "folder":
            folders = [Path(data.root or "").expanduser().resolve() for data in (first, second)]
            return folders[0] == folders[1]
        case "synthetic":
            return first.simulation_seed == second.simulation_seed
        case _:
            return True


def _settings(model: TrainedModel, data: DataConfig) -> DataConfig:
    """Say where a model's own database is; the split is in the checkpoint, and its file is not asked for."""
    root = (data.root if data.database is None else None) or model.data.root
    return dataclasses.replace(model.data, root=root, cache=data.cache, workers=data.workers, split=None)


def _open(model: TrainedModel, data: DataConfig, names: Iterable[str]) -> Collection:
    limited = dataclasses.replace(data, records=list(names))
    return open_collection(limited, model.preprocessing, annotators=_view(model, data.annotator).annotators)


def _other_split(model: TrainedModel, data: DataConfig, collection: Collection, *, compared: bool) -> Split:
    view = _view(model, data.annotator)
    split = split_collection(collection, data, view.counts(list(collection.records.values())))
    refuse_seen_patients(model, data, split, compared=compared)
    return split


def _view(model: TrainedModel, annotator: str) -> Any:
    return build_view(model.task, annotator=annotator, scheme=model.scheme, loader=LoaderConfig())
