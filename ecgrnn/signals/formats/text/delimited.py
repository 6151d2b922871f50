"""Tables of numbers in text, CSV above all: a column per lead, with or without header, times and comments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints
from ecgrnn.signals.formats.gaps import Runs, one_run, runs_of_times
from ecgrnn.signals.formats.kinds import HEAD, coding_of
from ecgrnn.signals.formats.text.dialect import Dialect, find_dialect
from ecgrnn.signals.formats.text.times import is_time_name, seconds_of_texts, unit_by_step, unit_of

_ROWS = 500_000
"""Rows that are parsed at once: a day of ECG has some thirty million."""

_FS = re.compile(
    r"(?:sampl\w*|abtast\w*|échantillonnage|muestreo|fs)\W*(?:rate|frequency|freq|hz)?[^\d\n]{0,12}?"
    r"(\d+(?:[.,]\d+)?)\s*(?:hz|hertz|sps|$)",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\b(?:units?|einheit|unité|unidad)\b\W+([mun]?v|[µμ]v)\b", re.IGNORECASE)


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read a table.

    Raises:
        DataError: it is none, or its times are not regular.
        ConfigError: ``leads`` does not fit its columns.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    text, coding = coding_of(head)
    dialect = find_dialect(text, whole=len(head) < HEAD)
    if dialect is None:
        raise DataError(f"{path} is not a table of numbers; expected a row per sample and a column per lead")
    table = _Table(path, dialect, parsed(path, dialect, coding))
    runs, fs_hz, start, notes = _times(table, hints)
    left = [at for at in range(len(table.columns)) if at not in table.times]
    names = _names(table, left, hints)
    told = _told(dialect, fs_hz, notes)
    unit = next((found[1] for line in dialect.before if (found := _UNIT.search(line))), "")
    channels = tuple(
        Channel(name, dialect.units[at] or unit, told, runs.n_samples, whole=_whole(table.columns[at]))
        for name, at in zip(names, left, strict=True)
    )
    samples = _TableSamples(ArraySamples(tuple(table.columns[at] for at in left)), runs)
    return Contents(channels, samples, start, tuple(notes))


@dataclass(frozen=True)
class _TableSamples:
    rows: ArraySamples
    runs: Runs

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read a stretch of some columns, NaN in the gaps that their times show."""
        return self.runs.read(
            start, stop, len(columns), lambda first, last: self.rows.read(first, last, columns)
        )


class _Table:
    """A table's columns, and which of them are times."""

    def __init__(self, path: Path, dialect: Dialect, columns: "list[NDArray[np.generic]]") -> None:
        self.path, self.dialect, self.columns = path, dialect, columns
        names = dialect.names or ("",) * len(columns)
        self.times = [
            at for at, column in enumerate(columns) if column.dtype.kind == "O" or is_time_name(names[at])
        ]
        if not dialect.names and not self.times and len(columns) > 1:
            first = columns[0].astype(np.float64)
            rises = bool((np.diff(first) > 0).all())
            self.times = [0] if rises and unit_by_step(first) is not None else []

    def seconds(self, at: int) -> tuple[NDArray[np.float64], datetime | None] | None:
        """Give the times of a column in seconds, and the first where it has a date; None without a unit."""
        column, dialect = self.columns[at], self.dialect
        if column.dtype.kind == "O":
            return seconds_of_texts(pd.Series(column))
        values = column.astype(np.float64)
        unit = unit_of(dialect.names[at], dialect.units[at]) if dialect.names else None
        unit = unit_by_step(values) if unit is None else unit
        return None if unit is None else (values * unit, None)


def _times(table: _Table, hints: Hints) -> tuple[Runs, float | None, datetime | None, list[str]]:
    """Find the frequency, the gaps and the start that the time columns show, the first that is regular."""
    n_rows = len(table.columns[0])
    start: datetime | None = None
    failed: list[DataError] = []
    for at in sorted(table.times, key=lambda at: table.columns[at].dtype.kind == "O"):
        try:
            seconds = table.seconds(at)
        except ValueError as error:
            reason = " ".join(str(error).split())[:80]
            raise DataError(f"{table.path}: its times cannot be read: {reason}; correct the file") from error
        if seconds is None:
            continue
        start = seconds[1] or start
        try:
            runs, fs_hz = runs_of_times(seconds[0], name=str(table.path))
        except DataError as error:
            failed.append(error)
            continue
        notes = []
        if runs.missing:
            notes.append(
                f"{len(runs.starts) - 1} gap(s) in its times, {runs.missing / fs_hz:.1f} s together, "
                "are missing samples"
            )
        return runs, fs_hz, start or _first_date(table), notes
    if failed and hints.fs is None:
        raise failed[0]
    notes = ["its times are not regular, and its rows are taken as evenly spaced"] if failed else []
    return one_run(n_rows), None, start, notes


def _first_date(table: _Table) -> datetime | None:
    texts = [table.columns[at] for at in table.times if table.columns[at].dtype.kind == "O"]
    return seconds_of_texts(pd.Series(texts[0][:1]))[1] if texts else None


def _told(dialect: Dialect, fs_hz: float | None, notes: list[str]) -> float | None:
    """Give the frequency: of the times, else of a line before the table such as ``Sampling rate: 500 Hz``."""
    found = next((found for line in dialect.before if (found := _FS.search(line))), None)
    told = float(found[1].replace(",", ".")) if found else None
    if fs_hz is not None and told is not None and abs(told / fs_hz - 1) > 0.01:
        notes.append(f"its header says {told:g} Hz, and its times show {fs_hz:g} Hz, which was taken")
    return told if fs_hz is None else fs_hz


def _names(table: _Table, left: Sequence[int], hints: Hints) -> list[str]:
    """Name the columns that are no times: as the header says, else as the user does, else by number."""
    if table.dialect.names:
        return [table.dialect.names[at] or str(at + 1) for at in left]
    if hints.leads is None:
        return [str(number) for number in range(1, len(left) + 1)]
    if len(hints.leads) != len(left):
        raise ConfigError(
            f"leads={list(hints.leads)} names {len(hints.leads)} lead(s), and {table.path} has {len(left)} "
            "column(s) without names; name each, in their order"
        )
    return list(hints.leads)


def _whole(column: NDArray[np.generic]) -> bool:
    part = column[:10_000].astype(np.float64)
    part = part[np.isfinite(part)]
    return bool((part == np.rint(part)).all())


def parsed(path: Path, dialect: Dialect, coding: str) -> "list[NDArray[np.generic]]":
    """Parse the rows into columns: numbers in single precision, times in double, texts as they are."""
    width = len(dialect.units)
    parts: list[list[NDArray[np.generic]]] = [[] for _ in range(width)]
    with pd.read_csv(
        path,
        sep=r"\s+" if dialect.delimiter is None else dialect.delimiter,
        decimal=dialect.decimal,
        header=None,
        names=range(width),
        usecols=range(width),
        skiprows=dialect.skipped,
        comment="#",
        quotechar=dialect.quote,
        skipinitialspace=True,
        encoding=coding,
        encoding_errors="replace",
        chunksize=_ROWS,
        index_col=False,
        na_values=["-", "none", "None"],
    ) as chunks:
        for chunk in chunks:
            for at in range(width):
                parts[at].append(_column(chunk[at], at, path, time=_may_be_time(dialect, at)))
    if not parts[0]:
        raise DataError(f"{path} holds no row of numbers; fetch it again")
    return [np.concatenate(part) for part in parts]


def _may_be_time(dialect: Dialect, at: int) -> bool:
    return is_time_name(dialect.names[at]) if dialect.names else at == 0


def _column(column: "pd.Series[float]", at: int, path: Path, *, time: bool) -> NDArray[np.generic]:
    if column.dtype.kind in "iufb":
        return np.asarray(column, np.float64 if time else np.float32)
    if time:
        return np.asarray(column, object)
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[numbers.isna() & column.notna()]
    raise DataError(
        f"{path}: expected numbers in column {at + 1}, got {str(wrong.iloc[0])[:40]!r} in row "
        f"{int(wrong.index[0]) + 1} after its header; correct the file"
    )
