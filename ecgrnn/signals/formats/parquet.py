"""Parquet: a table with a column per lead, read by row groups; times and frequency as in tables of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import Channel, Contents, Hints
from ecgrnn.signals.formats.gaps import Runs, one_run, runs_of_times
from ecgrnn.signals.formats.text.times import is_time_name, unit_by_step, unit_of

_FS_KEYS = (b"fs", b"fs_hz", b"sampling_rate", b"sampling_frequency", b"sample_rate")


def read_contents(path: Path, hints: Hints) -> Contents:
    """Describe a table.

    Raises:
        DataError: it has no column of numbers, or its times are not regular.
    """
    file = pyarrow.parquet.ParquetFile(path)
    schema = file.schema_arrow
    numbers = [field for field in schema if _is_number(field.type)]
    times = [field for field in schema if pyarrow.types.is_timestamp(field.type) or is_time_name(field.name)]
    leads = [field for field in numbers if field not in times]
    if not leads:
        raise DataError(
            f"{path} has no column of numbers, but {', '.join(schema.names)}; expected one per lead"
        )
    n_rows = file.metadata.num_rows
    runs, fs_hz, start, notes = _times(path, file, times, hints) if n_rows else (one_run(0), None, None, [])
    metadata = schema.metadata or {}
    told = next((float(metadata[key]) for key in _FS_KEYS if key in metadata), None)
    names = [field.name for field in leads]
    channels = tuple(
        Channel(
            name.split("[")[0].split("(")[0].strip() or name,
            _unit(name) or metadata.get(b"unit", b"").decode(),
            told if fs_hz is None else fs_hz,
            runs.n_samples,
            whole=pyarrow.types.is_integer(field.type),
        )
        for name, field in zip(names, leads, strict=True)
    )
    return Contents(channels, _TableSamples(path, tuple(names), runs), start, tuple(notes))


def _is_number(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind))


def _unit(name: str) -> str:
    inside = name.replace("(", "[").replace(")", "]")
    return inside.partition("[")[2].partition("]")[0].strip()


def _times(
    path: Path, file: pyarrow.parquet.ParquetFile, times: Sequence[pyarrow.Field], hints: Hints
) -> tuple[Runs, float | None, datetime | None, list[str]]:
    """Find frequency, gaps and start in the first time column that has a unit."""
    for field in times:
        values = file.read(columns=[field.name]).column(0)
        start = None
        if pyarrow.types.is_timestamp(field.type):
            stamps = values.to_numpy().astype("datetime64[ns]").astype(np.int64)
            seconds: NDArray[np.float64] | None = (stamps - stamps[0]) * 1e-9
            start = values[0].as_py().replace(tzinfo=None)
        else:
            numbers = values.to_numpy().astype(np.float64)
            unit = unit_of(field.name, _unit(field.name)) or unit_by_step(numbers)
            seconds = None if unit is None else numbers * unit
        if seconds is None:
            continue
        try:
            runs, fs_hz = runs_of_times(seconds, name=str(path))
        except DataError:
            if hints.fs is None:
                raise
            note = "its times are not regular, and its rows are taken as evenly spaced"
            return one_run(len(seconds)), None, start, [note]
        gaps = (
            f"{len(runs.starts) - 1} gap(s) in its times, {runs.missing / fs_hz:.1f} s together, are missing"
        )
        return runs, fs_hz, start, [f"{gaps} samples"] if runs.missing else []
    return one_run(file.metadata.num_rows), None, None, []


@dataclass(frozen=True)
class _TableSamples:
    path: Path
    names: tuple[str, ...]
    runs: Runs

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read a stretch of some columns, NaN in the gaps that their times show."""
        names = [self.names[column] for column in columns]
        return self.runs.read(start, stop, len(names), lambda first, last: self._rows(first, last, names))

    def _rows(self, first: int, last: int, names: Sequence[str]) -> NDArray[np.float64]:
        """Read rows from the row groups that hold them."""
        file = pyarrow.parquet.ParquetFile(self.path)
        sizes = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = [at for at, end in enumerate(ends) if end > first and end - sizes[at] < last]
        table = file.read_row_groups(groups, columns=list(dict.fromkeys(names)))
        skipped = first - int(ends[groups[0]] - sizes[groups[0]])
        part = table.slice(skipped, last - first)
        return np.stack([part.column(name).to_numpy().astype(np.float64) for name in names], axis=1)
