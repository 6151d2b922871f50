"""Which recordings a path, a folder or a pattern stands for, of any kind of file."""

import glob
from collections.abc import Iterator
from pathlib import Path

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.kinds import KINDS, known_kind
from ecgrnn.signals.formats.wfdb.header import segments_named_in
from ecgrnn.signals.formats.wfdb.header_lines import header_lines

_TABLE_SUFFIXES = {".csv", ".tsv", ".txt", ".tab", ".asc"}
"""Among the files of a folder, tables of numbers are taken to be recordings only with one of these."""

_SUFFIXES = {".edf", ".bdf", ".dcm", ".scp", ".atc", ".npy", ".npz", ".parquet"}
"""A file of a folder with one of these is listed even where its content is damaged: reading it says why."""


def recordings_at(path: str | Path) -> list[Path]:
    """List the recordings that a path stands for, sorted; those of a folder are looked for in all below it.

    Args:
        path: a recording, a folder, or a pattern such as ``data/*.edf``.

    Returns:
        Paths that ``formats.read`` takes: a WFDB record without suffix, any other file as it is. A single
        path is given back as it is, whether there is such a recording or not.

    Raises:
        DataError: the folder holds no recording, or nothing matches the pattern.
    """
    given = Path(path).expanduser()
    if given.is_dir() and not given.with_name(f"{given.name}.hea").is_file():
        found = list(_recordings(_files_below(given)))
        if not found:
            raise DataError(
                f"{given} has no recording that can be read: no WFDB record, EDF, CSV or other file"
            )
        return sorted(set(found))
    if given.exists() or not glob.has_magic(str(given)):
        return [given]
    matches = [Path(name) for name in sorted(glob.glob(str(given), recursive=True))]  # noqa: PTH207 - ** of folders
    folders = [file for match in matches if match.is_dir() for file in _files_below(match)]
    found = list(_recordings([match for match in matches if match.is_file()] + folders))
    if not found:
        raise DataError(f"{given} matches no recording that can be read; check the pattern")
    return sorted(set(found))


def _files_below(folder: Path) -> list[Path]:
    """List the files below a folder, sorted, without hidden ones and what they hold."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in file.relative_to(folder).parts) and file.is_file()
    ]


def _recordings(files: list[Path]) -> Iterator[Path]:
    """Pick the recordings: not the signal files, segments and layouts of WFDB records, nor other files."""
    headers = [file for file in files if file.suffix == ".hea"]
    parts = {
        (header.parent / name).with_suffix("")
        for header in headers
        for name in segments_named_in(header.with_suffix(""))
    }
    signals = {header.parent / name for header in headers for name in _signal_files(header)}
    for file in files:
        if file.suffix == ".hea":
            if file.with_suffix("") not in parts:
                yield file.with_suffix("")
        elif file not in signals and _is_recording(file):
            yield file


def _signal_files(header: Path) -> set[str]:
    try:
        lines, _ = header_lines(header)
    except DataError:
        return set()
    return {line.split()[0] for line in lines[1:]}


def _is_recording(file: Path) -> bool:
    if file.with_name(f"{file.name}.hea").is_file() or (
        file.with_suffix(".hea").is_file() and _no_suffix(file)
    ):
        return False
    kind = known_kind(file)
    suffix = file.suffix.casefold()
    if kind is None:
        return suffix in _SUFFIXES
    return kind is not KINDS[-1] or suffix in _TABLE_SUFFIXES


def _no_suffix(file: Path) -> bool:
    """Tell whether a file beside a header is one of annotations: its suffix is the annotator's name."""
    return file.suffix[1:].isalpha() and file.suffix.casefold() not in {*_TABLE_SUFFIXES, ".npy", ".npz"}
