"""WFDB records as files of a kind among others: found by header, suffix or signal file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import Channel, Contents, Hints
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums
from ecgrnn.signals.formats.wfdb.header import Header, read_header, record_files
from ecgrnn.signals.formats.wfdb.header_lines import header_lines
from ecgrnn.signals.formats.wfdb.record import read_record


def record_of(path: Path) -> Path | None:
    """Give the record that a path is of, without suffix, or None where it is of none.

    Args:
        path: a record without suffix, its header, or a signal file that the header beside it names.
    """
    if path.suffix == ".hea" and path.is_file():
        return path.with_suffix("")
    if path.with_name(path.name + ".hea").is_file():
        return path
    beside = path.with_suffix(".hea")
    if path.is_file() and beside.is_file() and _names(beside, path.name):
        return beside.with_suffix("")
    return None


def read_contents(path: Path, hints: Hints) -> Contents:
    """Describe a record.

    Raises:
        DataError: the record is missing or damaged.
    """
    record = record_of(path) or path
    header = read_header(record)
    if hints.unit is not None:
        header = _in_unit(header, hints.unit)
    return Contents(
        channels=tuple(
            Channel(
                lead.name,
                lead.unit,
                header.frame_hz * lead.samples_per_frame,
                header.n_frames * lead.samples_per_frame,
                whole=lead.gain in (1.0, 200.0),
            )
            for lead in header.stored
        ),
        samples=_RecordSamples(record, header),
        start=header.start,
        notes=_damage(record, header),
        in_mv=True,
        frame_hz=header.frame_hz,
        path=record,
    )


_COMPARED_BYTES = 8_000_000
"""Longer records, of more than two hours or so, are not read once more to compare their checksums."""


def _damage(record: Path, header: Header) -> tuple[str, ...]:
    """Say where the samples of a record are not those that the checksums of its header are of."""
    try:
        if sum(file.stat().st_size for file in record_files(record, header)) <= _COMPARED_BYTES:
            verify_checksums(record, header)
    except (OSError, DataError) as error:  # of anything else reading the samples tells
        return (str(error),) if "has the checksum" in str(error) else ()
    return ()


@dataclass(frozen=True)
class _RecordSamples:
    path: Path
    header: Header

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch in mV."""
        return read_record(self.path, columns=columns, start=start, stop=stop, header=self.header).signal


def _names(header: Path, file: str) -> bool:
    try:
        lines, _ = header_lines(header)
    except DataError:
        return False
    return any(line.split()[0] == file for line in lines[1:])


def _in_unit(header: Header, unit: str) -> Header:
    """Give the header with another unit for every lead, those of its segments, too."""
    segments = tuple(
        replace(segment, header=segment.header and _in_unit(segment.header, unit))
        for segment in header.segments
    )
    stored = tuple(replace(lead, unit=unit) for lead in header.stored)
    return replace(header, stored=stored, segments=segments)
