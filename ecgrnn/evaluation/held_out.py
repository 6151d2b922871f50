"""Held-out records read by a trained model: which they are, and what the model makes of their beats."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.collection import Collection, find_records, open_collection, split_collection
from ecgrnn.data.databases import find_database
from ecgrnn.data.databases.database import Database
from ecgrnn.data.splits.audit import Audit, audit_subsets, check_other_database
from ecgrnn.data.splits.scored_records import ALL, scored_split
from ecgrnn.data.splits.split import SUBSETS, Split
from ecgrnn.errors import DataError, SplitError, some_of
from ecgrnn.inference.checkpoint import load_model, preprocessing_of_checkpoint
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.options.data import DataConfig
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotation_kinds import kinds_of
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.task import Second

SEEN = ("train", "validation")
"""Subsets that a model has learned from."""


@preprocessing_of_checkpoint()
def open_held_out(model: TrainedModel, data: DataConfig) -> HeldOutRecords:
    """Open the records a model is to be scored on: its own test set, or that of another database.

    The model's own training and validation records are opened too, where they are at hand: temperature and
    thresholds are fitted on the latter, and the proof that nobody is in two subsets is about all of them.

    Args:
        model: the model.
        data: where the database is; ``database`` null means the one trained on, split as it was, and then
            only ``root``, ``cache`` and ``workers`` are looked at.

    Raises:
        DataError: the database or a record to be scored is not there.
        SplitError: a patient whom the model has seen is among those to be scored.
    """
    own, absent = own_records(model, data)
    if data.database is None:
        split = model.trained.split
        collection = _open(model, _settings(model, data), split.test)
        return _held_out(model, _Chosen(split, collection, of=_size(split)), own=own, absent=absent)
    chosen = _choose(model, data, compared=bool(own or model.trained.seen_leads(*SEEN)))
    return _held_out(model, chosen, own=own, absent=absent, annotator=data.annotator)


def held_out_of(model: TrainedModel, collection: Collection) -> HeldOutRecords:
    """Give the records of a model's own split, where its training has just opened them."""
    split = model.trained.split
    own = {subset: pick_records(collection, split, names) for subset, names in split.subsets.items()}
    return _held_out(model, _Chosen(split, collection, of=_size(split)), own=own)


def _held_out(
    model: TrainedModel,
    chosen: "_Chosen",
    *,
    own: dict[str, list[CachedRecord]],
    absent: str = "",
    annotator: str | None = None,
) -> HeldOutRecords:
    collection = chosen.collection
    return HeldOutRecords(
        database=collection.database.name,
        title=collection.database.title,
        folder=collection.folder,
        split=chosen.split,
        annotator=annotator or model.data.annotator,
        test=pick_records(collection, chosen.split, chosen.split.test),
        own=own,
        own_annotator=model.data.annotator,
        absent=absent,
        of=chosen.of,
        left_out=chosen.left_out,
        untold=untold_classes(
            collection.database,
            annotator=annotator or model.data.annotator,
            scheme=model.scheme,
        ),
    )


def _size(split: Split) -> int:
    return sum(map(len, split.subsets.values()))


def untold_classes(database: Database, *, annotator: str, scheme: LabelScheme) -> tuple[str, ...]:
    """Give the classes that the annotations do not tell from others: of unnamed beats, all but the first."""
    if annotator in database.unnamed_beats:
        return scheme.classes[1:]
    return tuple(name for name in scheme.classes if name in database.lacks)


def own_records(model: TrainedModel, data: DataConfig) -> tuple[dict[str, list[CachedRecord]], str]:
    """Open the records a model was made from and tested on.

    Args:
        model: the model.
        data: where they are, where ``database`` is null; and where the cache is.

    Returns:
        ``train``, ``validation`` and ``test`` to their records, empty where one of them is not at hand; and
        why it is not.
    """
    split = model.trained.split
    everyone = [name for names in split.subsets.values() for name in names]
    try:
        collection = _open(model, _settings(model, data), everyone)
    except DataError as error:
        return {}, str(error)
    return {subset: pick_records(collection, split, names) for subset, names in split.subsets.items()}, ""


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
    if data.database is None or data.database != model.data.database:
        return
    if compared and not find_database(data.database).same_names(model.data, data):
        return
    own = model.trained.split
    seen = {own.patients[record]: record for record in (*own.train, *own.validation)}
    accepted = {record for pair in own.accepted_overlaps for record in pair}
    known = [
        record
        for record in split.test
        if split.patients[record] in seen and not (record in accepted and record in own.test)
    ]
    if known:
        unseen = [record for record in split.test if record not in known]
        others = f", or name those it has not seen: data.records=[{','.join(unseen[:8])}" if unseen else ""
        end = "" if not unseen else ",...]" if len(unseen) > 8 else "]"
        raise SplitError(
            f"record {known[0]} cannot be tested on: the checkpoint has seen its patient in record "
            f"{seen[split.patients[known[0]]]} (the same holds for {len(known)} of {len(split.test)} "
            f"records); leave data= out to score the checkpoint's own test records{others}{end}"
        )


def _settings(model: TrainedModel, data: DataConfig) -> DataConfig:
    """Say where a model's own database is; the split is in the checkpoint, and its file is not asked for.

    A database that is made is read where the checkpoint says, and made nowhere but where the user says.
    """
    root = data.root if data.database is None else None
    theirs = dataclasses.replace(model.data, cache=data.cache, workers=data.workers, split=None)
    made_at = find_database(str(theirs.database)).made_at
    if root is None and (made_at is None or made_at(theirs).is_dir()):
        return theirs
    return dataclasses.replace(theirs, root=root)


def _open(model: TrainedModel, data: DataConfig, names: Iterable[str]) -> Collection:
    limited = dataclasses.replace(data, records=list(names))
    root = Path(data.root).expanduser() if data.root is not None else None
    trained_there = root is not None and data.root == model.data.root
    if root is not None and trained_there and not (root.is_absolute() or root.is_dir()):
        raise DataError(
            f"the checkpoint was trained with data.root={data.root}, relative to the folder its training "
            f"was started in, and there is no such folder below {Path.cwd()}; give data.root=DIR, the folder "
            "where the records are now"
        )
    annotators = model.view(annotator=data.annotator).annotators
    return open_collection(limited, model.preprocessing, annotators=annotators)


@dataclass(frozen=True)
class _Chosen:
    """The records to score: who they are, prepared, out of how many, and why others are not among them."""

    split: Split
    collection: Collection
    of: int
    left_out: tuple[str, ...] = ()


def _choose(model: TrainedModel, data: DataConfig, *, compared: bool) -> _Chosen:
    """Choose the records of another database that are scored, and prepare them."""
    folder, database = find_records(data)
    name = data.split or database.scored_split
    view, of = model.view(annotator=data.annotator), len(database.included)
    split = scored_split(name, database=database, records=data.records, folds=data.folds, fold=data.fold)
    if split is None:
        collection = open_collection(data, model.preprocessing, annotators=view.annotators)
        split = split_collection(collection, data, view.counts(list(collection.records.values())))
        refuse_seen_patients(model, data, split, compared=compared)
        return _Chosen(split, collection, of)
    whole = name == ALL
    taken = seen_excerpts(model, database, split.test)
    if taken and (data.records is not None or len(taken) == len(split.test)):
        raise SplitError(
            f"{len(taken)} of {len(split.test)} records of {database.name} cannot be tested on "
            f"({some_of(taken)}): they were made of records of {model.data.database} whose patients the "
            "checkpoint has seen; leave them out, or take a checkpoint trained on others"
        )
    split = _without(split, taken, data=data, why="")
    extensions = view.annotators or database.annotators
    bare = [record for record in split.test if whole and not _annotated(folder / record, extensions)]
    split = _without(split, bare, data=data, why=f"no .{', .'.join(extensions)} file")
    refuse_seen_patients(model, data, split, compared=compared)
    limited = dataclasses.replace(data, records=list(split.test))
    collection = open_collection(limited, model.preprocessing, annotators=view.annotators)
    counts = view.counts(list(collection.records.values())) if whole else {}
    empty = [record for record in split.test if whole and not counts[record].any()]
    held = kinds_of(collection.records[empty[0]].annotations(extensions[0])) if empty and extensions else ""
    split = _without(split, empty, data=data, why=f"nothing to score in {held}")
    reasons = {
        f"made of records of {model.data.database} that the checkpoint has seen": taken,
        "without annotations": bare,
        "with annotations of which none is scored": empty,
    }
    told = (f"{len(names)} {why}: {some_of(names)}" for why, names in reasons.items() if names)
    return _Chosen(split, collection, of, tuple(told))


def seen_excerpts(model: TrainedModel, database: Database, records: Sequence[str]) -> list[str]:
    """List the records made of recordings of patients that a model was trained or validated on."""
    ours = {
        record: origin
        for record in records
        for name, origin in [database.excerpt_of.get(record, ("", ""))]
        if name == model.data.database
    }
    if not ours:
        return []
    own, known = model.trained.split, find_database(str(model.data.database))
    seen = {known.patient_of(record) for record in (*own.train, *own.validation)}
    return [record for record, origin in ours.items() if known.patient_of(origin) in seen]


def _annotated(path: Path, extensions: Sequence[str]) -> bool:
    return all(path.with_name(f"{path.name}.{extension}").is_file() for extension in extensions)


def _without(split: Split, records: Sequence[str], *, data: DataConfig, why: str) -> Split:
    """Take records out of a test set, but for those that were asked for by name.

    Raises:
        DataError: such a record cannot be scored, or none is left.
    """
    if records and (data.records is not None or len(records) == len(split.test)):
        raise DataError(
            f"{len(records)} of {len(split.test)} records cannot be scored ({some_of(records)}): there is "
            f"{why}, and data.annotator={data.annotator}; leave them out, or name another annotator"
        )
    gone = set(records)
    return dataclasses.replace(split, test=tuple(name for name in split.test if name not in gone))


def audit_model(model: TrainedModel, held_out: HeldOutRecords) -> Audit:
    """Prove that nobody a checkpoint is scored on was trained or validated on."""
    own_split = model.trained.split
    view = model.view(annotator=held_out.own_annotator)
    audit = audit_subsets(
        own_split,
        held_out.own,
        view=view,
        counts=model.trained.counts,
        fingerprint=model.trained.fingerprint,
        stretches=model.trained.stretches,
        kept={subset: model.trained.seen_leads(subset) for subset in SUBSETS},
        absent=held_out.absent,
        fitted=model.task.fitted,
    )
    if held_out.split == own_split:
        return audit
    other = check_other_database(held_out.test, held_out.own, model.trained.seen_leads(*SEEN))
    return replace(audit, checks=(*audit.checks, other))


def open_second(options: EvaluateConfig, first: TrainedModel, held_out: HeldOutRecords) -> Second:
    """Open the model to compare with, and the held-out records as it reads them.

    Raises:
        SplitError: it was trained or validated on one of them.
    """
    model = load_model(str(options.compare))
    data = first.data if options.data.database is None else options.data
    elsewhere = model.data.database != data.database
    seen, _ = own_records(model, replace(options.data, root=None) if elsewhere else options.data)
    kept = model.trained.seen_leads(*SEEN)
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
    return Second(model, replace(held_out, test=test, own={}), unseen)
