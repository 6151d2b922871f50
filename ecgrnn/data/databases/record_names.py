"""Which records a folder holds, and which names are those of records."""

import csv
from pathlib import Path, PurePosixPath

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.header import segments_named_in

_LONGEST_NAME, _LONGEST_PATH = 240, 1000
"""Bytes of a name, which file systems end at 255 with its suffix, and letters of a path."""


def records_below(folder: Path) -> tuple[str, ...]:
    """List the records of a folder: those its RECORDS file names, else all but parts of others.

    Raises:
        DataError: the folder is missing or has no record, or its RECORDS file names one outside.
    """
    found = _listed_records(folder) if (folder / "RECORDS").is_file() else _whole_records(folder)
    if not found:
        raise DataError(
            f"{folder} holds no WFDB record: expected *.hea files or a RECORDS file that names them"
        )
    return found


def headers_in(folder: Path) -> tuple[str, ...]:
    """List every record that has a header below a folder, sorted, leaving out hidden folders.

    Raises:
        DataError: the folder is missing.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the folder that holds the WFDB records")
    found = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.hea"))
    return tuple(sorted(path.as_posix() for path in found if not any(part[0] == "." for part in path.parts)))


def checked_name(name: str, *, source: str) -> str:
    """Give back a record or file name that stays below its folder, and refuse any other.

    Names come from headers, tables and options that others wrote; ``..``, an absolute path or a remote
    address in one would make the application read or write elsewhere.

    Args:
        name: path below the database's folder, with forward slashes.
        source: the file or option that it came from, for the message.

    Raises:
        DataError: the name is empty, absolute, leaves the folder, or has characters no record name has.
    """
    parts = name.split("/")
    unsafe = not name.isprintable() or any(letter in name for letter in "\\:")
    long = len(name) > _LONGEST_PATH or any(
        len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts
    )
    if unsafe or long or any(part in ("", ".", "..") or part != part.strip() for part in parts):
        raise DataError(
            f"{source}: {name!r:.80} is not the name of a record; expected a path inside the folder, "
            "such as 100 or data/1"
        )
    return str(PurePosixPath(name))


def text_of(path: Path) -> str:
    """Read a list of records.

    Raises:
        DataError: it is missing, or no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}, which lists the records: {error}") from error


def rows_of(path: Path) -> list[list[str]]:
    """Read the rows of a CSV file that are not empty.

    Raises:
        DataError: it is missing, no text, or no CSV.
    """
    lines = text_of(path).splitlines(keepends=True)
    try:
        return [row for row in csv.reader(lines) if row]
    except csv.Error as error:
        raise DataError(f"{path} is damaged: {error}; get it again") from error


def table_of(path: Path) -> list[dict[str, str]]:
    """Read a CSV file whose first row names the columns; a row that is too short lacks the last ones.

    Raises:
        DataError: it is missing, no text, or no CSV.
    """
    header, *rows = rows_of(path) or [[]]
    return [dict(zip(header, row, strict=False)) for row in rows]


def _listed_records(folder: Path, inside: str = "") -> tuple[str, ...]:
    """Read a RECORDS file; an entry that ends in a slash names a folder with a RECORDS file of its own."""
    path = folder / inside / "RECORDS"
    records: list[str] = []
    for line in text_of(path).splitlines():
        entry = line.strip()
        if not entry:
            continue
        name = inside + checked_name(entry.rstrip("/"), source=str(path))
        records.extend(_listed_records(folder, f"{name}/") if entry.endswith("/") else [name])
    return tuple(dict.fromkeys(records))


def _whole_records(folder: Path) -> tuple[str, ...]:
    """List the records below a folder without those that are the segments, or the layout, of another one."""
    names = headers_in(folder)
    parts = {
        (PurePosixPath(name).parent / segment).as_posix()
        for name in names
        for segment in segments_named_in(folder / name)
    }
    return tuple(name for name in names if name not in parts)
