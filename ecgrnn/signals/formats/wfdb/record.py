"""Read a stretch of a WFDB record as millivolts, with its leads by name and its missing samples marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.options.rules import HIGHEST_HZ, LOWEST_HZ
from ecgrnn.signals.formats.wfdb.header import (
    Header,
    is_voltage,
    read_header,
    signal_files,
)
from ecgrnn.signals.formats.wfdb.header_lines import Lead
from ecgrnn.signals.formats.wfdb.lead_choice import chosen_columns, first_columns
from ecgrnn.signals.formats.wfdb.samples import (
    INVALID_SAMPLES,
    SignalFile,
    check_size,
    read_frames,
    stored_frames,
)
from ecgrnn.signals.units import millivolts

__all__ = [
    "Header",
    "Record",
    "chosen_columns",
    "chosen_header",
    "first_columns",
    "read_header",
    "read_record",
]

CHUNK = 2**16
"""Samples per lead that are decoded at once: few enough for the cache."""


@dataclass(frozen=True)
class Record:
    """One WFDB recording, or a stretch of it.

    Attributes:
        name: record name.
        signal: ``(time, lead)``, in mV; NaN where a sample is missing.
        fs_hz: sampling frequency.
        leads: lead names, one per column.
        missing: ``(lead,)``, how many samples of the stretch are missing.
    """

    name: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    missing: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.signal.ndim != 2 or self.signal.shape[1] != len(self.leads):
            raise DataError(
                f"record {self.name}: expected a signal of shape (time, {len(self.leads)}) for the leads "
                f"{', '.join(self.leads)}, got {self.signal.shape}; pass one column per lead"
            )


def read_record(
    path: Path,
    *,
    leads: Sequence[str] | None = None,
    n_leads: int | None = None,
    first_lead: str | None = None,
    columns: Sequence[int] | None = None,
    start: int = 0,
    stop: int | None = None,
    header: Header | None = None,
) -> Record:
    """Read a record, or a stretch of it.

    Leads that are sampled several times a frame keep their own sampling frequency, at which ``start`` and
    ``stop`` count; leads of different ones are not read together. Between the segments of a record, and where
    a segment lacks a lead, samples are missing. Checksums and first samples are not compared with the header:
    in the CinC 2017 training set every checksum is 0 and 565 first samples are wrong, while the signals are
    right.

    Args:
        path: the record's path without a suffix, e.g. ``mitdb/100``.
        leads: names of the leads, or their places from 1, in the order wanted; None takes the record's own.
        n_leads: how many leads are read where ``leads`` is None; None takes all, 0 all that are ECG leads by
            unit and name.
        first_lead: where ``leads`` is None, the lead that comes before the others, if the record has it.
        columns: columns of the leads, in the order wanted; takes the place of the three before.
        start: first sample.
        stop: sample behind the last one; None is the record's end.
        header: the record's header, where it was read already: whoever reads many stretches passes it.

    Raises:
        DataError: the record is missing, damaged or empty, has not these leads, or is not a voltage.
    """
    header = read_header(path) if header is None else header
    if columns is None:
        columns = chosen_columns(header, path=path, leads=leads, n_leads=n_leads, first_lead=first_lead)
    chosen = header.narrowed(columns)
    _check_one_frequency(chosen, path=path)
    _check_frequency(chosen, path=path)
    stop = chosen.n_samples if stop is None else stop
    _check_stretch(chosen, start, stop=stop, path=path)
    count = chosen.samples_per_frame
    first, last = start // count, -(-stop // count)
    read = _read_segments if header.segments else _read_leads
    frames = read(header, columns, path=path, first=first, last=last)
    signal = frames[:, start - first * count : stop - first * count]
    return Record(
        name=path.name,
        signal=signal.T,
        fs_hz=chosen.fs_hz,
        leads=chosen.leads,
        missing=np.count_nonzero(np.isnan(signal), axis=1).astype(np.int64),
    )


def chosen_header(
    path: Path,
    *,
    leads: Sequence[str] | None = None,
    n_leads: int | None = None,
    first_lead: str | None = None,
) -> Header:
    """Read the header of the leads that ``read_record`` reads with the same arguments.

    Its ``fs_hz`` and ``n_samples`` are those of the record read.

    Raises:
        DataError: the header cannot be read, or the record has not these leads.
    """
    header = read_header(path)
    chosen = header.narrowed(
        chosen_columns(header, path=path, leads=leads, n_leads=n_leads, first_lead=first_lead)
    )
    _check_frequency(chosen, path=path)
    return chosen


def check_file(file: SignalFile, header: Header, *, path: Path) -> None:
    """Check that a signal file is there and as long as its header says.

    Raises:
        DataError: it is missing, truncated, or of a format that is not known.
    """
    if not file.path.is_file():
        beside = [
            other.name
            for other in sorted(path.parent.glob("*"))
            if other.stem == path.name and other.suffix.casefold() == file.path.suffix.casefold()
        ]
        advice = (
            f"{beside[0]} lies there: if that is the signal, write its name into {path.name}.hea"
            if beside
            else "fetch it again"
        )
        raise DataError(
            f"record {path.name} in {path.parent} has a header but no signal: {file.path.name}, which "
            f"the header names, is not there; {advice}"
        )
    check_size(file, header.n_frames)


def frames_at_once(file: SignalFile, first: int, last: int) -> int:
    """Give how many frames are decoded at once: all of format 8, which is added up from the beginning."""
    return max(last - first, 1) if file.format == "8" else max(CHUNK // max(file.samples_per_frame), 1)


def _check_stretch(header: Header, start: int, *, stop: int, path: Path) -> None:
    if header.n_samples == 0:
        raise DataError(f"record {path} is empty: its files hold no sample; leave it out or fetch it again")
    if not 0 <= start < stop <= header.n_samples:
        raise DataError(
            f"record {path} has {header.n_samples} samples, and {start} to {stop} were requested; "
            "request a stretch inside the record that is not empty"
        )


def _check_frequency(header: Header, *, path: Path) -> None:
    if not LOWEST_HZ <= header.fs_hz <= HIGHEST_HZ:
        raise DataError(
            f"record {path} is sampled at {header.fs_hz:g} Hz by its header; expected {LOWEST_HZ:g} to "
            f"{HIGHEST_HZ:g} Hz for an ECG: correct the header's first line, or leave the record out"
        )


def _check_one_frequency(header: Header, *, path: Path) -> None:
    for lead in header.stored:  # of what is no voltage the frequency does not matter
        _millivolts(lead, header, path=path)
    if len({lead.samples_per_frame for lead in header.stored}) > 1:
        listed = ", ".join(
            f"{lead.name} {header.frame_hz * lead.samples_per_frame:g} Hz" for lead in header.stored
        )
        raise DataError(
            f"record {path}: expected leads of one sampling frequency, got {listed}; choose leads of "
            "one with preprocessing.leads"
        )


def _millivolts(lead: Lead, header: Header, *, path: Path) -> float:
    scale = millivolts(lead.unit)
    if scale is None:
        voltages = [other.name for other in header.stored if is_voltage(other.unit)]
        raise DataError(
            f"record {path}: lead {lead.name!r} is in {lead.unit!r}, expected V, mV, uV or nV; "
            f"choose among the leads that are: {', '.join(voltages) or 'none'}"
        )
    return scale


@dataclass(frozen=True)
class _Piece:
    """What one segment gives to a stretch: its header, and which rows of the stretch are which columns."""

    path: Path
    header: Header
    rows: dict[int, int]
    start: int
    begin: int
    end: int


def _read_segments(
    header: Header, columns: Sequence[int], *, path: Path, first: int, last: int
) -> NDArray[np.float32]:
    count = header.stored[columns[0]].samples_per_frame
    # Files are looked at before memory is asked for: a header can promise any number of samples.
    pieces = list(_pieces(header, columns, path=path, first=first, last=last))
    signal = np.full((len(columns), (last - first) * count), np.nan, np.float32)
    for piece in pieces:
        rows = _read_leads(
            piece.header,
            list(piece.rows.values()),
            path=piece.path,
            first=piece.begin - piece.start,
            last=piece.end - piece.start,
        )
        signal[list(piece.rows), (piece.begin - first) * count : (piece.end - first) * count] = rows
    return signal


def _pieces(header: Header, columns: Sequence[int], *, path: Path, first: int, last: int) -> Iterator[_Piece]:
    """Find the segments of a stretch, and check that their files are there and long enough."""
    count = header.stored[columns[0]].samples_per_frame
    for segment in header.segments:
        begin, end = max(first, segment.start), min(last, segment.start + segment.n_frames)
        if segment.header is None or begin >= end:
            continue
        at = path.parent / segment.name
        part = segment.header.of_length(segment.n_frames)
        there = _columns_in_segment(part, header, columns, path=at)
        _check_files(part, list(there.values()), path=at)
        if not there:
            continue
        if any(part.stored[column].samples_per_frame != count for column in there.values()):
            raise DataError(
                f"segment {at}: a lead has another number of samples per frame than in the record's first "
                "segment, so another sampling frequency; leave the record out"
            )
        yield _Piece(at, part, there, segment.start, begin, end)


def _columns_in_segment(
    part: Header, header: Header, columns: Sequence[int], *, path: Path
) -> dict[int, int]:
    """Find leads in a segment by name, the second of a name where the record has the second.

    Where a layout leads the segments, a segment may lack leads. All others have the same leads, so that in
    one where the names are others the places tell.
    """
    varies = header.segments[0].n_frames == 0
    by_name = varies or sorted(part.leads) == sorted(header.leads)
    found = {}
    for at, column in enumerate(columns):
        lead = header.leads[column]
        same = [other for other, name in enumerate(part.leads) if name == lead] if by_name else [column]
        place = header.leads[:column].count(lead) if by_name else 0
        if place < len(same):
            found[at] = same[place]
    return found


def _read_leads(
    header: Header, columns: Sequence[int], *, path: Path, first: int, last: int
) -> NDArray[np.float32]:
    """Read frames of leads in mV, ``(lead, time)``, of a record without segments."""
    scales = [_millivolts(header.stored[column], header, path=path) for column in columns]
    count = header.stored[columns[0]].samples_per_frame
    files = _check_files(header, columns, path=path)
    signal = np.full((len(columns), (last - first) * count), np.nan, np.float32)
    for file, in_file in files.items():
        rows = [(row, column) for row, column in enumerate(columns) if column in in_file]
        for skew in sorted({header.stored[column].skew for _, column in rows}):
            stop = min(last, stored_frames(file) - skew) if skew else last
            alike = [(row, column) for row, column in rows if header.stored[column].skew == skew]
            for begin in range(first, stop, step := frames_at_once(file, first, last)):
                end = min(begin + step, stop)
                digital = read_frames(file, begin + skew, end + skew)
                for row, column in alike:
                    out = signal[row, (begin - first) * count : (end - first) * count]
                    _to_physical(digital[in_file.index(column)], header.stored[column], out=out)
    for lead, scale in zip(signal, scales, strict=True):
        if scale != 1.0:
            lead *= np.float32(scale)
    return signal


def _check_files(header: Header, columns: Sequence[int], *, path: Path) -> dict[SignalFile, list[int]]:
    """Check the files of leads, or all where these leads have none, and give the leads' files."""
    files = signal_files(header, path.parent)
    wanted = {file: those for file, those in files.items() if set(those) & set(columns)}
    for file in wanted or files:
        check_file(file, header, path=path)
    return wanted


def _to_physical(samples: NDArray[Any], lead: Lead, *, out: NDArray[np.float32]) -> None:
    """Turn digital samples into the lead's unit; those of 32 bits in double precision on the way."""
    if samples.itemsize <= 2:
        np.subtract(samples, np.float32(lead.baseline), out=out, dtype=np.float32)
        out /= np.float32(lead.gain)
    else:
        out[:] = (samples - float(lead.baseline)) / lead.gain
    invalid = INVALID_SAMPLES.get(lead.format)
    if invalid is not None and samples.min() == invalid:
        out[samples == invalid] = np.nan
