"""Reading a split that somebody wrote down: lists of records in a YAML file, and who was recorded in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yaml import YAMLError

from ecgrnn.data.databases.database import Database
from ecgrnn.errors import SplitError, nearest
from ecgrnn.options.plain_yaml import read_plain_yaml

_KEYS = ("train", "validation", "test", "patients")


@dataclass(frozen=True)
class SplitFile:
    """What a split file says, before it is compared with a database.

    Attributes:
        train: records of the training set; empty in a file with ``test`` alone, for scoring.
        validation: records to choose on; None where they are to come out of the training set.
        test: held-out records.
        patients: record to patient, for the records whose patient is not their own name.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...] | None
    test: tuple[str, ...]
    patients: Mapping[str, str] = field(default_factory=dict)


def read_split_file(path: Path) -> SplitFile:
    """Read a YAML file with the list ``test`` and, where wanted, ``train``, ``validation`` and ``patients``.

    Raises:
        SplitError: the file cannot be read, has an unknown key, lacks one, or a key holds something else.
    """
    try:
        content = read_plain_yaml(path)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SplitError(f"{path}: cannot be read as a split file: {error}") from error
    if not isinstance(content, dict):
        raise SplitError(f"{path}: expected the keys {', '.join(_KEYS)}; it holds {content!r:.60}")
    for key in content:
        if key not in _KEYS:
            raise SplitError(f"{path}: unknown key {key!r}{nearest(str(key), _KEYS)}")
    if "test" not in content:
        raise SplitError(f"{path}: the key test is missing; expected a list of records")
    return SplitFile(
        train=_records(content, "train", path=path) if "train" in content else (),
        validation=_records(content, "validation", path=path) if "validation" in content else None,
        test=_records(content, "test", path=path),
        patients=_patients(content, path=path),
    )


def check_named(database: Database, records: Sequence[str], *, where: str) -> None:
    """Refuse names of records that a database does not have or leaves out.

    Raises:
        SplitError: naming the record.
    """
    known = set(database.records)
    for record in records:
        if record not in known:
            raise SplitError(
                f"{where} names {record!r}; {database.name} has no such record{nearest(record, known)}"
            )
        if record in database.exclusions:
            raise SplitError(f"{where} names {record}, which is {database.exclusions[record]}; take it out")


def _records(content: Mapping[str, object], key: str, *, path: Path) -> tuple[str, ...]:
    names = content[key]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise SplitError(f"{path}: {key} must be a list of records, such as [100, 101]; it is {names!r:.60}")
    return tuple(names)


def _patients(content: Mapping[str, object], *, path: Path) -> dict[str, str]:
    table = content.get("patients", {})
    if not isinstance(table, dict) or not all(isinstance(name, str) and name for name in table.values()):
        raise SplitError(f"{path}: patients must be a table of record: patient; it is {table!r:.60}")
    return dict(table)
