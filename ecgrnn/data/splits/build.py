"""Building splits by patient: published ones, seeded ones, and those that somebody wrote in a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.databases import DATABASES
from ecgrnn.data.databases.database import Database, PublishedSplit
from ecgrnn.data.databases.patients import resolve_patients
from ecgrnn.data.splits.split import SUBSETS, Split
from ecgrnn.data.splits.split_file import SplitFile, check_named, read_split_file
from ecgrnn.data.splits.stratify import choose_validation, stratified_folds
from ecgrnn.errors import SplitError, nearest

__all__ = ["SUBSETS", "Split", "build_split"]

_STRIPS_SEED = 2017


@dataclass(frozen=True)
class _Request:
    """What every maker of a split is given."""

    name: str
    database: Database
    records: tuple[str, ...]
    counts: Mapping[str, NDArray[np.int64]]
    validation_fraction: float
    test_fraction: float
    folds: int
    fold: int
    seed: int


def build_split(
    name: str,
    *,
    database: Database,
    counts: Mapping[str, NDArray[np.int64]],
    validation_fraction: float = 0.2,
    test_fraction: float = 0.25,
    folds: int = 5,
    fold: int = 0,
    seed: int = 0,
    records: Sequence[str] = (),
) -> Split:
    """Build a split by name, or from a YAML file.

    A database has splits of its own by name, as published; ``published`` takes its published folds;
    ``kfold`` holds out one of ``folds`` groups of patients, ``strips`` the same with folds that no seed
    changes, those of a file where the application keeps one; ``holdout`` holds out
    ``test_fraction`` of the patients. Elsewhere than in ``published``, validation patients come out of the
    training set, every class shared out as evenly as patients allow.

    Args:
        name: one of the names above, or the path of a YAML file with ``train``, ``test`` and, where wanted,
            ``validation`` and ``patients``; a file with ``test`` alone is for scoring.
        database: an opened database; its exclusions are in no split.
        counts: class counts of each record, ``(class,)``; may be empty where nothing has to be chosen.
        validation_fraction: share of the training set that becomes validation.
        test_fraction: share of ``holdout`` that is held out.
        folds: how many folds ``kfold`` and ``strips`` make.
        fold: which of them is held out, from 0.
        seed: what draws are seeded with.
        records: limit the split to these records; empty takes all.

    Raises:
        SplitError: the name or a record is unknown, the file is not a split file, the split does not go with
            the database, or a subset would be empty.
    """
    known = set(database.records)
    unknown = [record for record in records if record not in known]
    if unknown:
        raise SplitError(
            f"{database.name} has no record {unknown[0]!r}{nearest(unknown[0], database.records)}"
        )
    limit = tuple(dict.fromkeys(records)) or database.records
    # A database that was opened has this table already; one that was put together by hand has not.
    patients = resolve_patients(database.records, database.patients, {})
    database = replace(database, patients=patients)
    request = _Request(
        name=name,
        database=database,
        records=limit,
        counts=counts,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        folds=folds,
        fold=fold,
        seed=seed,
    )
    published = published_split(name, database)
    if published is not None:
        split = _divided(request, published)
    else:
        split = _MAKERS[name](request) if name in _MAKERS else _from_file(request)
    if not split.train:
        raise SplitError(f"split {split.name}: the training set has no record; give it at least one patient")
    return split


def listed_patients(name: str | None) -> Mapping[str, str]:
    """Give the patients that a split file names, record to patient; nobody where a split is no file.

    Raises:
        SplitError: the file cannot be read or is not a split file.
    """
    if name is None or name in _names() or not _is_file(name):
        return {}
    return read_split_file(Path(name)).patients


def published_split(name: str, database: Database) -> PublishedSplit | None:
    """Give a published division of the database's own records; None where no database has one of this name.

    Raises:
        SplitError: it divides the records of another database.
    """
    owners = [other.name for other in DATABASES.values() if name in other.splits]
    if owners and name not in database.splits:
        raise SplitError(
            f"split {name} divides the records of {owners[0]}, and the database is {database.name}; "
            f"take data={owners[0]}, or use holdout, kfold or a YAML file"
        )
    return database.splits.get(name)


def _divided(request: _Request, published: PublishedSplit) -> Split:
    there = set(_included(request))
    overlaps = {pair: note for pair, note in published.overlaps.items() if there.issuperset(pair)}
    return _with_validation(
        request,
        name=request.name,
        train=[record for record in published.train if record in there],
        test=[record for record in published.test if record in there],
        notes=(*published.notes, *overlaps.values()),
        accepted_overlaps=tuple(overlaps),
    )


def _holdout(request: _Request) -> Split:
    patients, table = _grouped(request, _included(request))
    rng = np.random.default_rng(request.seed)
    chosen = choose_validation(table, fraction=request.test_fraction, rng=rng)
    return _held_out(request, {patients[index] for index in chosen}, name="holdout")


def _kfold(request: _Request) -> Split:
    fold_of = _folds(request, seed=request.seed)
    held = {patient for patient, fold in fold_of.items() if fold == request.fold}
    return _held_out(request, held, name=f"kfold {request.fold} of {request.folds}")


def _strips(request: _Request) -> Split:
    fold_of = _kept_folds(request) or _folds(request, seed=_STRIPS_SEED)
    held = {patient for patient, fold in fold_of.items() if fold == request.fold}
    return _held_out(request, held, name=f"strips {request.fold} of {request.folds}")


def _published(request: _Request) -> Split:
    folds = request.database.folds
    if not folds:
        raise SplitError(f"{request.database.name} publishes no folds; use holdout, kfold or a YAML file")
    fold_of = {request.database.patient_of(record): fold for record, fold in folds.items()}
    return _by_fold(request, fold_of)


_MAKERS: Mapping[str, Callable[[_Request], Split]] = {
    "holdout": _holdout,
    "kfold": _kfold,
    "published": _published,
    "strips": _strips,
}


def check_split_name(name: str | None) -> None:
    """Refuse, before anything is prepared, a split that nobody can be trained with.

    Raises:
        SplitError: there is no such split, or its file cannot be read or has nobody to train on.
    """
    if name is not None and name not in _names():
        _training_file(split_path(name))


def split_path(name: str) -> Path:
    """Give the path of a split file.

    Raises:
        SplitError: it is the path of no file, and the name of no split either.
    """
    if _is_file(name):
        return Path(name)
    if name == "all":
        raise SplitError("split all leaves no patient to train on; it is for evaluate and audit")
    raise SplitError(f"there is no split {name!r}{nearest(name, _names())}; or give the path of a YAML file")


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or Path(name).is_file()


def _names() -> set[str]:
    """Name every split that is not a file: the drawn ones, and those that a database has."""
    return {*_MAKERS, *(name for database in DATABASES.values() for name in database.splits)}


def _included(request: _Request) -> tuple[str, ...]:
    return tuple(record for record in request.records if record not in request.database.exclusions)


def _grouped(request: _Request, records: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Add up the class counts of each patient: the patients, and a table ``(patient, class)``."""
    rows: dict[str, NDArray[np.int64]] = {}
    for record in records:
        if record not in request.counts:
            raise SplitError(
                f"split {request.name}: no class counts for record {record}; expected one row each"
            )
        patient = request.database.patient_of(record)
        row = np.asarray(request.counts[record], dtype=np.int64)
        rows[patient] = rows[patient] + row if patient in rows else row
    return list(rows), np.stack(list(rows.values())) if rows else np.zeros((0, 0), dtype=np.int64)


def _folds(request: _Request, *, seed: int) -> dict[str, int]:
    if not 0 <= request.fold < request.folds:
        raise SplitError(
            f"fold {request.fold} is not one of {request.folds} folds; expected 0 to {request.folds - 1}"
        )
    patients, table = _grouped(request, _included(request))
    fold = stratified_folds(table, folds=request.folds, rng=np.random.default_rng(seed))
    return {patient: int(index) for patient, index in zip(patients, fold, strict=True)}


def _kept_folds(request: _Request) -> dict[str, int]:
    """Give each patient the fold that a file of the application says; none where there is no such file.

    Raises:
        SplitError: the file does not know a record, or has two records of one patient in different folds.
    """
    kept = request.database.fixed_folds()
    if not kept or request.folds != max(kept.values()) + 1:
        return {}
    found: dict[str, int] = {}
    for record in _included(request):
        fold = kept.get(PurePosixPath(record).name)
        if fold is None:
            raise SplitError(
                f"record {record} is in none of the folds of data.split=strips that are kept for "
                f"{request.database.name}; leave it out (data.records, or its line in "
                f"{request.database.marker}), or draw new folds with data.split=kfold"
            )
        patient = request.database.patient_of(record)
        if found.setdefault(patient, fold) != fold:
            raise SplitError(
                f"the folds of data.split=strips that are kept for {request.database.name} have records of "
                f"patient {patient} in folds {found[patient]} and {fold} ({record}); draw new "
                "folds with data.split=kfold"
            )
    return found


def _by_fold(request: _Request, fold_of: Mapping[str, int]) -> Split:
    subset_of = {request.database.validation_fold: "validation", request.database.test_fold: "test"}
    subsets: dict[str, list[str]] = {subset: [] for subset in SUBSETS}
    for record in _included(request):
        fold = fold_of[request.database.patient_of(record)]
        subsets[subset_of.get(fold, "train")].append(record)
    return Split(
        name="published",
        train=tuple(subsets["train"]),
        validation=tuple(subsets["validation"]),
        test=tuple(subsets["test"]),
        patients=_patients(request.database),
    )


def _held_out(request: _Request, held: set[str], *, name: str) -> Split:
    records, patient_of = _included(request), request.database.patient_of
    test = tuple(record for record in records if patient_of(record) in held)
    train = tuple(record for record in records if patient_of(record) not in held)
    return _with_validation(request, name=name, train=train, test=test)


def _with_validation(
    request: _Request,
    *,
    name: str,
    train: Sequence[str],
    test: Sequence[str],
    notes: tuple[str, ...] = (),
    accepted_overlaps: tuple[tuple[str, str], ...] = (),
) -> Split:
    """Take validation patients out of the training set."""
    allowed, patient_of = set(request.records), request.database.patient_of
    fitted = [record for record in train if record in allowed]
    patients, table = _grouped(request, fitted)
    if len(patients) < 2:
        raise SplitError(
            f"split {name}: {len(patients)} patients to train on; expected at least 2, one of them for "
            "validation"
        )
    rng = np.random.default_rng(request.seed)
    chosen = choose_validation(table, fraction=request.validation_fraction, rng=rng)
    held = {patients[index] for index in chosen}
    return Split(
        name=name,
        train=tuple(record for record in fitted if patient_of(record) not in held),
        validation=tuple(record for record in fitted if patient_of(record) in held),
        test=tuple(record for record in test if record in allowed),
        patients=_patients(request.database),
        notes=notes,
        accepted_overlaps=accepted_overlaps,
    )


def _patients(database: Database) -> dict[str, str]:
    return {record: database.patient_of(record) for record in database.records}


def _from_file(request: _Request) -> Split:
    path = split_path(request.name)
    file = _training_file(path)
    named = {"train": file.train, "validation": file.validation or (), "test": file.test}
    for key, records in (*named.items(), ("patients", tuple(file.patients))):
        check_named(request.database, records, where=f"{path}: {key}")
    patients = resolve_patients(request.database.records, request.database.patients, file.patients)
    request = replace(request, database=replace(request.database, patients=patients))
    allowed = set(request.records)
    train, validation, test = (tuple(r for r in named[subset] if r in allowed) for subset in SUBSETS)
    if file.validation is None:
        return _with_validation(request, name=path.stem, train=train, test=test)
    return Split(name=path.stem, train=train, validation=validation, test=test, patients=patients)


def _training_file(path: Path) -> SplitFile:
    file = read_split_file(path)
    if not file.train:
        raise SplitError(
            f"{path}: the key train is missing, so there is no patient to train on; expected a list of "
            "records (a file with test only is for evaluate and audit)"
        )
    return file
