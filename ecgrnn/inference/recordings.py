"""Which recordings a path, a folder, a pattern or a list of these stands for."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecgrnn.data.databases.record_names import records_below
from ecgrnn.errors import DataError
from ecgrnn.signals.formats.kinds import KINDS, known_kind
from ecgrnn.signals.formats.wfdb.contents import record_of

_SUFFIXES = {".edf", ".bdf", ".dcm", ".scp", ".atc", ".npy", ".npz", ".parquet"}
"""Suffixes of recordings: a file with one is a recording, and is told of where it cannot be read."""


_TABLE = KINDS[-1]


@dataclass(frozen=True)
class Place:
    """Where a recording is.

    Attributes:
        path: the file, or a WFDB record without suffix.
        name: what the user is told, below the folder that was given.
        folder: where what is written of it goes, below the run folder.
    """

    path: Path
    name: str
    folder: Path


def find_recordings(text: str) -> tuple[list[Place], bool]:
    """Find what the option ``record`` stands for.

    Args:
        text: a path, a folder, a pattern such as ``ward/*.edf``, or a list of these: ``[a,b]``.

    Returns:
        The recordings, and whether one was named itself.

    Raises:
        DataError: a folder holds no recording, or nothing fits a pattern.
    """
    if _is_record(Path(text)) or not (text.startswith("[") and text.endswith("]")):
        return _found(text)
    parts = [part.strip() for part in text[1:-1].split(",")]
    return _apart(place for part in parts if part for place in _found(part)[0]), False


def _found(text: str) -> tuple[list[Place], bool]:
    path = Path(text)
    if path.is_dir() and not _is_record(path):
        places = _apart(_below(path))
        if not places:
            raise DataError(f"{path} holds no WFDB record, and no file of another kind that is read")
        return places, False
    if _is_record(path) or not glob.has_magic(text):
        return [Place(path, path.name, Path())], True
    fitting = [Path(found) for found in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - any pattern
    records = dict.fromkeys(record_of(found) or found for found in fitting if found.is_file())
    if not records:
        raise DataError(f"record={text}: no file fits this pattern; check the folder and the suffix")
    return _apart(Place(found, found.name, Path()) for found in records), False


def _below(folder: Path) -> Iterable[Place]:
    """List the recordings below a folder: its WFDB records, and files of other kinds that are known.

    Tables count where there is no WFDB record: beside records they hold what is known about these.
    """
    there = (folder / "RECORDS").is_file() or any(folder.rglob("*.hea"))
    names = records_below(folder) if there else ()
    for name in names:
        yield Place(folder / name, name, Path(name).parent)
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if not file.is_file() or any(part[0] == "." for part in inside.parts) or record_of(file) is not None:
            continue
        kind = known_kind(file) if file.stat().st_size else None
        if file.suffix.casefold() in _SUFFIXES or (kind is not None and not (there and kind is _TABLE)):
            yield Place(file, inside.as_posix(), inside.parent)


def _apart(places: Iterable[Place]) -> list[Place]:
    """Give recordings of one name in one folder a folder each."""
    found = list(places)
    stems = [(place.folder, _stem(place.path)) for place in found]
    return [
        place if stems.count(stem) == 1 else Place(place.path, place.name, place.folder / place.path.name)
        for place, stem in zip(found, stems, strict=True)
    ]


def _is_record(path: Path) -> bool:
    return path.is_file() or record_of(path) is not None


def _stem(path: Path) -> str:
    record = record_of(path)
    return path.stem if record is None else record.name
