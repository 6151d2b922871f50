"""Which recordings a path, a folder, a pattern or a list of these stands for."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecgrnn.data.databases.record_names import records_below
from ecgrnn.errors import DataError


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
        return _apart(_below(path)), False
    if _is_record(path) or not glob.has_magic(text):
        return [Place(path, path.name, Path())], True
    fitting = [Path(found) for found in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - any pattern
    records = dict.fromkeys(_record_of(found) for found in fitting if found.is_file())
    if not records:
        raise DataError(f"record={text}: no file fits this pattern; check the folder and the suffix")
    return _apart(Place(found, found.name, Path()) for found in records), False


def _below(folder: Path) -> Iterable[Place]:
    """List the recordings below a folder."""
    for name in records_below(folder):
        yield Place(folder / name, name, Path(name).parent)


def _apart(places: Iterable[Place]) -> list[Place]:
    """Give recordings of one name in one folder a folder each."""
    found = list(places)
    stems = [(place.folder, _stem(place.path)) for place in found]
    return [
        place if stems.count(stem) == 1 else Place(place.path, place.name, place.folder / place.path.name)
        for place, stem in zip(found, stems, strict=True)
    ]


def _is_record(path: Path) -> bool:
    return path.is_file() or path.with_name(f"{path.name}.hea").is_file()


def _record_of(file: Path) -> Path:
    """Give the WFDB record that a file is of, without suffix, or the file itself."""
    return file.with_suffix("") if file.with_suffix(".hea").is_file() else file


def _stem(path: Path) -> str:
    return path.name if path.with_name(f"{path.name}.hea").is_file() else path.stem
