"""Which recordings a path, a folder, a pattern or a list of these stands for."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecgrnn.signals.formats.paths import recordings_at
from ecgrnn.signals.formats.wfdb.contents import record_of

_LONGEST_NAME = 256
"""A longer text is no file's name."""


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
    listed = text.startswith("[") and text.endswith("]")
    if not listed or (len(text) < _LONGEST_NAME and Path(text).exists()):
        return _found(text)
    parts = [part.strip() for part in text[1:-1].split(",")]
    return _apart(place for part in parts if part for place in _found(part)[0]), False


def _found(text: str) -> tuple[list[Place], bool]:
    given = Path(text).expanduser()
    paths = recordings_at(given)
    inside = [
        path.relative_to(given) if path != given and given.is_dir() else Path(path.name) for path in paths
    ]
    places = [Place(path, name.as_posix(), name.parent) for path, name in zip(paths, inside, strict=True)]
    return _apart(places), paths == [given]


def _apart(places: Iterable[Place]) -> list[Place]:
    """Give recordings of one name in one folder a folder each."""
    found = list(places)
    stems = [(place.folder, _stem(place.path)) for place in found]
    return [
        place if stems.count(stem) == 1 else Place(place.path, place.name, place.folder / place.path.name)
        for place, stem in zip(found, stems, strict=True)
    ]


def _stem(path: Path) -> str:
    record = record_of(path)
    return path.stem if record is None else record.name
