"""A database opened for use: found or made, its records prepared and cached, its patients split."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ecgrnn.data.cache import CachedRecord, RecordSource, prepare_records
from ecgrnn.data.databases.catalogue import Database, find_database, folder_database, open_database
from ecgrnn.data.databases.strip_tables import labels_of, strip_labels
from ecgrnn.data.download import locate
from ecgrnn.data.splits.build import Split, build_split, is_split_file, split_patients
from ecgrnn.errors import ConfigError, DataError, some_of
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.reference import reference_notes
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.simulator.simulate import write_database


@dataclass(frozen=True)
class Collection:
    """A database with its records prepared.

    Attributes:
        database: what the catalogue and the folder know of it.
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
    labels = strip_labels(database.name, folder)
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
        progress=_bar(f"preparing {database.name}", "record"),
        processes=processes,
    )
    return Collection(database, folder, {record.name: record for record in prepared})


def annotation_notes(records: Iterable[CachedRecord]) -> list[str]:
    """Say which annotations of records were merged or left out when they were prepared; nothing of most."""
    said, every = [], list(records)
    for kind in ("merged", "outside"):
        odd = {record.name: getattr(record, kind) for record in every if getattr(record, kind)}
        notes = reference_notes(**{"merged": 0, "outside": 0, kind: sum(odd.values())})
        said += [f"{note} ({some_of(list(odd))})" for note in notes]
    return said


def split_collection(collection: Collection, data: DataConfig, counts: Mapping[str, Any]) -> Split:
    """Split a collection by patient as the options say.

    Args:
        collection: the prepared database.
        data: name of the split, folds and seed.
        counts: record to ``(class,)`` counts, by which patients are spread evenly over the sides.

    Raises:
        SplitError: when a side is empty or a patient would be on two sides.
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
    listed = data.split is not None and is_split_file(data.split)
    patients = split_patients(Path(data.split)) if data.split is not None and listed else {}
    match data.database:
        case None:
            raise ConfigError("data.database is not given; say data=mitdb or another choice")
        case "synthetic":
            folder = _simulated(data)
            return folder, open_database("synthetic", folder, patients=patients, records=records)
        case "folder":
            if data.root is None:
                raise ConfigError(
                    "data.root is not given; say data.root=DIR, the folder that holds the records"
                )
            folder = Path(data.root).expanduser()
            return folder, folder_database(folder, data.annotator, patients=patients, records=records)
        case name:
            folder = locate(
                find_database(name),
                root=None if data.root is None else Path(data.root).expanduser(),
                environment=os.environ,
                cache_root=Path(),
            )
            return folder, open_database(name, folder, patients=patients, records=records)


def _simulated(data: DataConfig) -> Path:
    """Give the folder of the simulated database, made there when it is not yet."""
    name = f"n{data.n_patients}-{data.duration_s:g}s-seed{data.simulation_seed}"
    folder = Path(data.root or "data/synthetic").expanduser() / name
    if folder.is_dir():
        return folder
    try:
        write_database(
            folder,
            n_patients=data.n_patients,
            seed=data.simulation_seed,
            duration_s=data.duration_s,
            progress=_bar("simulating", "patient"),
        )
    except DataError:
        # Another process may have been faster; what it wrote is the same, bit by bit.
        if not folder.is_dir():
            raise
    return folder


def _bar(what: str, unit: str) -> Any:
    def wrap(items: Iterable[Any], total: int | None = None) -> Iterable[Any]:
        """Show how many of the items are done."""
        bar: Iterable[Any] = tqdm(items, desc=what, unit=unit, total=total)
        return bar

    return wrap
