"""What a model found in a recording: a table in memory and WFDB annotations, and both as files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.families.evidence import Evidence
from ecgrnn.reports.tables import cell, write_lines
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.recording import Recording

Columns = Mapping[str, NDArray[Any]]
"""A table: names of columns to their values, all of one length."""


@dataclass(frozen=True)
class AnnotateOptions:
    """What may be asked for where a recording is annotated; a task reads what concerns it.

    Attributes:
        annotator: extension of an annotation file beside the recording whose beat positions are used; None
            detects the beats.
        extension: extension of the annotation file.
        batch_size: items of a batch; results change by rounding only, below 1e-5.
        beats: ``(beat,)`` samples of the beats that another model of the same call has marked; None where
            there is none.
    """

    annotator: str | None = None
    extension: str = "ecg"
    batch_size: int = 1024
    beats: NDArray[np.int64] | None = None


BEATS = "beats"
"""The kind of annotation that other models and the episodes of rhythm may go by."""

_ROWS_AT_ONCE = 10_000


class Marks(NamedTuple):
    """One WFDB annotation file: what the user is told it is, its extension, its content."""

    label: str
    extension: str
    annotations: Annotations


@dataclass(frozen=True)
class Annotated:
    """What a model found in a recording.

    Attributes:
        kind: what a row of the table is: ``beats``, ``waves``, ``rhythms``, or something of the task's own.
        columns: the table.
        csv: the columns that ``predict checkpoint=`` writes: the table's, or others that hold the same.
        formats: those that are written, in their order, and how their values are.
        table: what the CSV file is called to the user.
        marks: the annotation files.
        lines: what was found, for the user.
        unreadable: ``(stretch, 2)``, first and one past the last sample of what could not be read, in order
            and apart.
        evidence: what families of beats are made from; None where the task marks no beats.
    """

    kind: str
    columns: Columns
    csv: Columns
    formats: Mapping[str, str]
    table: str
    marks: Sequence[Marks]
    lines: Sequence[str]
    unreadable: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    evidence: Evidence | None = None


def write_annotated(found: Annotated, recording: Recording, *, out: Path) -> list[str]:
    """Write the annotation files and the CSV file ``NAME.csv``.

    Returns:
        What the user is told, line by line.

    Raises:
        DataError: the folder cannot be written to.
    """
    stem = out / safe_name(recording)
    said = list(found.lines)
    for label, extension, annotations in found.marks:
        file = write_annotations(stem, extension, annotations, frame_hz=recording.frame_hz)
        said.append(f"{label:<14} {file}")
    table = out / f"{stem.name}.csv"
    write_columns(table, found.csv, found.formats)
    return [*said, f"{found.table:<14} {table}"]


def write_columns(file: Path, columns: Columns, formats: Mapping[str, str]) -> None:
    """Write columns as CSV, in the order and the format that ``formats`` gives."""
    write_lines(file, list(formats), _lines(columns, formats))


def _lines(columns: Columns, formats: Mapping[str, str]) -> Iterator[str]:
    """Give lines of CSV, some thousands at a time: those of a day need not lie in memory."""
    n_rows = len(next(iter(columns.values())))
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        texts = [_texts(columns[name][part], spec) for name, spec in formats.items()]
        yield "".join(f"{','.join(row)}\n" for row in zip(*texts, strict=True))


def _texts(values: NDArray[Any], spec: str) -> list[str]:
    """Give values as cells of a table; a text is looked at once, however often it comes."""
    if values.dtype.kind in "iuf":
        return [format(x, spec) for x in values.tolist()]
    known = {value: cell(format(value, spec)) for value in set(values.tolist())}
    return [known[value] for value in values.tolist()]


def safe_name(recording: Recording) -> str:
    """Give a recording's name, which files are named after.

    Raises:
        DataError: it is the name of no file, or leads out of the folder.
    """
    name = recording.name
    if Path(name).name != name or "\0" in name or "\\" in name:
        raise DataError(f"name={name!r} cannot name files; give the recording a name without folders")
    return name
