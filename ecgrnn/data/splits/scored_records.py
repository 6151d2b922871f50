"""Who an existing model is scored on: the test set of a split, without anybody to train on."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from ecgrnn.data.databases.database import Database
from ecgrnn.data.splits.build import published_split, split_path
from ecgrnn.data.splits.split import Split
from ecgrnn.data.splits.split_file import check_named, read_split_file
from ecgrnn.errors import SplitError, some_of

ALL = "all"
"""The split that scores every record: for a model that was trained on none of them."""


def scored_split(
    name: str, *, database: Database, records: Sequence[str] | None, folds: int, fold: int
) -> Split | None:
    """Give a split with ``test`` alone, where who is in it does not depend on the classes of the records.

    Args:
        name: ``all``, the name of a split, or the path of a YAML file.
        database: an opened database.
        records: the records that were asked for by name; None where none were.
        folds: how many folds ``strips`` has.
        fold: which of them is held out.

    Returns:
        None for a split that is drawn, such as ``holdout`` and ``kfold``.

    Raises:
        SplitError: a record asked for is not held out, no record is, or the split does not go with the
            database.
    """
    patients = {record: database.patient_of(record) for record in database.records}
    published = published_split(name, database)
    match name:
        case "all":
            test: Sequence[str] = database.included
        case _ if published is not None:
            test = published.test
        case "published" if database.folds:
            test = [record for record, held in database.folds.items() if held == database.test_fold]
        case "strips" if _kept(database, folds):
            kept = database.fixed_folds()
            test = [record for record in database.included if kept[PurePosixPath(record).name] == fold]
        case "published":
            raise SplitError(f"{database.name} publishes no folds; use holdout, kfold, {ALL} or a YAML file")
        case "holdout" | "kfold" | "strips":
            return None
        case _:
            path = split_path(name)
            file = read_split_file(path)
            if records is None:  # else the database holds no more than these
                check_named(database, (*file.test, *file.patients), where=str(path))
            name, test, patients = path.stem, file.test, {**patients, **file.patients}
    if records is not None:
        _refuse_unscored(name, test=test, records=records)
    there = set(database.included)
    return Split(name, (), (), tuple(record for record in test if record in there), patients)


def _kept(database: Database, folds: int) -> bool:
    """Tell whether the application keeps the folds of all these records in a file."""
    kept = database.fixed_folds()
    names = {PurePosixPath(record).name for record in database.included}
    return bool(kept) and folds == max(kept.values()) + 1 and names <= set(kept)


def _refuse_unscored(name: str, *, test: Sequence[str], records: Sequence[str]) -> None:
    held = set(test)
    other = [record for record in records if record not in held]
    if not other:
        return
    scored = [record for record in records if record in held]
    take = f"take data.records=[{','.join(scored)}], or " if scored else ""
    raise SplitError(
        f"data.records names {len(other)} of {len(records)} records that split {name} does not hold out "
        f"({some_of(other)}), so they would not be scored; {take}data.split={ALL} to score every record named"
    )
