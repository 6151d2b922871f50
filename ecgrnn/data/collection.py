"""A database opened for use: found or made, its records prepared and cached, its patients split."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgrnn.data.cache import CachedRecord, RecordSource, prepare_records
from ecgrnn.data.databases import DATABASES, find_database
from ecgrnn.data.databases.database import Database, labels_of, opened
from ecgrnn.data.databases.progress import progress_bar
from ecgrnn.data.download import locate
from ecgrnn.data.splits.build import Split, build_split, listed_patients
from ecgrnn.errors import ConfigError, some_of
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.reference import reference_notes
from ecgrnn.signals.symbols import SCHEMES


@dataclass(frozen=True)
class Collection:
    """A database with its records prepared.

    Attributes:
        database: what its module and the folder know of it.
        folder: where its files are.
        records: prepared records by name, without the excluded ones.
    """

    database: Database
    folder: Path
    records: Mapping[str, CachedRecord]

    def pick(self, names: Iterable[str]) -> list[CachedRecord]:
        """Give records by name."""
        return [self.records[name] for name in names]


def open_collection(
    data: DataConfig,
    preprocessing: PreprocessingConfig,
    *,
    annotators: Sequence[str],
    shard: int = 0,
    shards: int = 1,
    processes: int = 1,
) -> Collection:
    """Find, simulate or fetch a database and prepare every record that is not excluded.

    Args:
        data: which database, and where.
        preprocessing: how signals are prepared.
        annotators: annotation files to keep with each signal; none means all that the database has.
        shard: which part of the records to prepare, from 0.
        shards: how many parts there are: part k is every so-manieth record from the k-th on.
        processes: how many processes prepare, see `prepare_records`.

    Raises:
        DataError: when the database is not to be had, or a record is missing or damaged.
    """
    folder, database = find_records(data)
    labels = database.strip_labels(folder)
    sources = [
        RecordSource(
            name=name,
            path=folder / name,
            patient=database.patient_of(name),
            annotators=(tuple(annotators) or database.annotators) if database.annotators else (),
            labels=labels_of(name, labels),
        )
        for name in database.included[shard::shards]
    ]
    prepared = prepare_records(
        sources,
        preprocessing,
        cache=Path(data.cache) / database.name,
        workers=data.workers,
        progress=progress_bar(f"preparing {database.name}", "record"),
        processes=processes,
    )
    return Collection(database, folder, {record.name: record for record in prepared})


def annotation_notes(records: Iterable[CachedRecord]) -> list[str]:
    """Say which annotations of records were merged or left out when they were prepared; of most, nothing."""
    said, every = [], list(records)
    for kind in ("merged", "outside"):
        odd = {record.name: getattr(record, kind) for record in every if getattr(record, kind)}
        notes = reference_notes(**{"merged": 0, "outside": 0, kind: sum(odd.values())})
        said += [f"annotations {note} ({some_of(list(odd))})" for note in notes]
    return said


def split_collection(collection: Collection, data: DataConfig, counts: Mapping[str, Any]) -> Split:
    """Split a collection by patient as the options say.

    Args:
        collection: the prepared database.
        data: name of the split, folds and seed.
        counts: record to ``(class,)`` counts, by which patients are spread evenly over the subsets.

    Raises:
        SplitError: when a subset is empty or a patient would be in two subsets.
    """
    return build_split(
        data.split or collection.database.default_split,
        database=collection.database,
        counts=counts,
        validation_fraction=data.validation_fraction,
        folds=data.folds,
        fold=data.fold,
        seed=data.split_seed,
        records=tuple(collection.records),
    )


def find_scheme(name: str) -> LabelScheme:
    """Give a label scheme by name.

    Raises:
        ConfigError: when there is none of this name.
    """
    if name not in SCHEMES:
        raise ConfigError(f"data.scheme={name} is unknown; there are {', '.join(SCHEMES)}")
    return SCHEMES[name]


def find_records(data: DataConfig) -> tuple[Path, Database]:
    """Find, simulate or fetch a database, without preparing any record: its folder, and what it holds.

    Raises:
        ConfigError: the options do not say where it is.
        DataError: it is not to be had, or a record named in ``data.records`` is not in it.
    """
    records = tuple(data.records or ())
    if data.root is not None and "://" in data.root:
        raise ConfigError(
            f"data.root={data.root} is remote; records are read as files: mount it (s3fs, gcsfuse, rclone "
            "mount) or copy it, and give that folder (docs/scale.md)"
        )
    if data.database is None:
        raise ConfigError(f"data.database is not given; set data=NAME, one of {', '.join(DATABASES)}")
    database = find_database(data.database)
    patients = listed_patients(data.split)
    folder = database.place(data) if database.place else _located(database, data)
    return folder, opened(database, folder, annotator=data.annotator, patients=patients, records=records)


def _located(database: Database, data: DataConfig) -> Path:
    """Look for a published database on this machine, and fetch it where it is not there."""
    root = None if data.root is None else Path(data.root).expanduser()
    return locate(database, root=root, environment=os.environ, cache_root=Path())
