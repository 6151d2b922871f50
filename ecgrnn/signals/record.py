"""Read a stretch of a WFDB record as millivolts, with its leads by name and its missing samples marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats import INVALID_SAMPLES, check_files, checksum, read_digital, reads_directly
from ecgrnn.signals.header import GAP, Header, nearest, read_header, read_segment, without_count

__all__ = ["Header", "Record", "read_header", "read_record"]

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
    start: int = 0,
    stop: int | None = None,
    verify_checksum: bool = False,
) -> Record:
    """Read a record, or a stretch of it.

    A header's checksum of 0 stands for "not computed" and is not compared, and first samples are not compared
    at all: in the CinC 2017 training set every checksum is 0 and 565 first samples are wrong, while the
    signals are right. Formats other than 212 and 16 are read by ``wfdb.rdrecord``; a stretch of format 8,
    which stores differences, is added up from the record's first sample on. Between the segments of a record,
    and where a segment lacks a lead, samples are missing.

    Args:
        path: the record's path without a suffix, e.g. ``mitdb/100``.
        leads: names of the leads, in the order wanted; None takes the record's own.
        n_leads: how many leads are read where ``leads`` is None; None takes all.
        start: first sample.
        stop: sample behind the last one; None is the record's end.
        verify_checksum: compare the samples with the header's checksums; needs the whole record.

    Raises:
        DataError: the record is missing, damaged or empty, has not these leads, or is not a voltage.
        ConfigError: a checksum was asked for of a stretch.
    """
    header = read_header(path)
    columns = _columns(header, leads, n_leads=n_leads, path=path)
    stop = header.n_samples if stop is None else stop
    _check_stretch(header, start, stop=stop, path=path)
    if verify_checksum and (start, stop) != (0, header.n_samples):
        raise ConfigError(
            f"record {path}: a checksum covers the whole record; leave out start and stop to verify it"
        )
    read = _read_segments if header.segments else _read_leads
    signal = read(header, columns, path=path, start=start, stop=stop, verify_checksum=verify_checksum)
    return Record(
        name=path.name,
        signal=signal.T,
        fs_hz=header.fs_hz,
        leads=tuple(header.leads[column] for column in columns),
        missing=np.count_nonzero(np.isnan(signal), axis=1).astype(np.int64),
    )


_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}


def is_voltage(unit: str) -> bool:
    """Tell whether a signal in this unit can be read in mV."""
    return unit.casefold() in _MILLIVOLTS


def _columns(header: Header, leads: Sequence[str] | None, *, n_leads: int | None, path: Path) -> list[int]:
    if leads is None:
        wanted = len(header.leads) if n_leads is None else n_leads
        if not 1 <= wanted <= len(header.leads):
            raise DataError(
                f"record {path} has {len(header.leads)} lead(s) ({', '.join(header.leads)}), "
                f"{wanted} were asked for; ask for at least one and no more than there are "
                "(preprocessing.n_leads)"
            )
        return list(range(wanted))
    if not leads:
        raise DataError(
            f"record {path}: no lead was asked for; name at least one of {', '.join(header.leads)}"
        )
    for lead in leads:
        if lead not in header.leads:
            raise DataError(
                f"record {path} has no lead {lead!r}; {nearest(lead, header.leads, what='leads')}"
            )
    return [header.leads.index(lead) for lead in leads]


def _check_stretch(header: Header, start: int, *, stop: int, path: Path) -> None:
    if header.n_samples == 0:
        raise DataError(f"record {path} is empty: its files hold no sample; leave it out or fetch it again")
    if not 0 <= start < stop <= header.n_samples:
        raise DataError(
            f"record {path} has {header.n_samples} samples, the stretch {start} to {stop} was asked for; "
            "ask for a stretch inside the record that is not empty"
        )


def _millivolts(header: Header, column: int, *, path: Path) -> float:
    unit = header.units[column]
    try:
        return _MILLIVOLTS[unit.casefold()]
    except KeyError:
        voltages = [lead for lead, other in zip(header.leads, header.units, strict=True) if is_voltage(other)]
        raise DataError(
            f"record {path}: lead {header.leads[column]!r} is in {unit!r}, expected V, mV, uV or nV; "
            f"choose among the leads that are: {', '.join(voltages) or 'none'}"
        ) from None


def _read_segments(
    header: Header, columns: Sequence[int], *, path: Path, start: int, stop: int, verify_checksum: bool
) -> NDArray[np.float32]:
    signal = np.full((len(columns), stop - start), np.nan, np.float32)
    begin = 0
    for name, length in zip(header.segments, header.segment_samples, strict=True):
        first, last = max(start, begin), min(stop, begin + length)
        if name != GAP and first < last:
            segment = path.parent / name
            part = replace(read_segment(segment), n_samples=length)
            there = _columns_in_segment(part, header, columns, path=segment)
            signal[list(there), first - start : last - start] = _read_leads(
                part,
                list(there.values()),
                path=segment,
                start=first - begin,
                stop=last - begin,
                verify_checksum=verify_checksum and last - first == length,
            )
        begin += length
    return signal


def _columns_in_segment(
    part: Header, header: Header, columns: Sequence[int], *, path: Path
) -> dict[int, int]:
    """Find leads in a segment by name, the second of a name where the record has the second.

    Where a layout leads the segments, a segment may lack leads. All others have the same leads, so that in
    one where the names are others the places tell.
    """
    varies = header.segment_samples[0] == 0
    by_name = varies or sorted(part.leads) == sorted(header.leads)
    if not by_name and len(part.leads) != len(header.leads):
        raise DataError(
            f"segment {path} has {len(part.leads)} lead(s) ({', '.join(part.leads)}) and the first one of "
            f"its record {len(header.leads)} ({', '.join(header.leads)}); leave the record out"
        )
    found = {}
    for at, column in enumerate(columns):
        lead = header.leads[column]
        same = [other for other, name in enumerate(part.leads) if name == lead] if by_name else [column]
        place = header.leads[:column].count(lead) if by_name else 0
        if place < len(same):
            found[at] = same[place]
    return found


def _read_leads(
    header: Header, columns: Sequence[int], *, path: Path, start: int, stop: int, verify_checksum: bool
) -> NDArray[np.float32]:
    """Read a stretch of leads in mV, ``(lead, time)``, of a record without segments."""
    scales = [_millivolts(header, column, path=path) for column in columns]
    read = _read_directly if reads_directly(header, columns) else _read_through_wfdb
    signal = read(header, columns, path=path, start=start, stop=stop, verify_checksum=verify_checksum)
    for row, scale in zip(signal, scales, strict=True):
        if scale != 1.0:
            row *= np.float32(scale)
    return signal


def _read_directly(
    header: Header, columns: Sequence[int], *, path: Path, start: int, stop: int, verify_checksum: bool
) -> NDArray[np.float32]:
    check_files(header, columns, folder=path.parent)
    signal = np.empty((len(columns), stop - start), np.float32)
    sums = [0] * len(columns)
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop)
        digital = read_digital(header, columns, folder=path.parent, start=first, stop=last)
        for at, (samples, column) in enumerate(zip(digital, columns, strict=True)):
            _to_physical(samples, header, column, out=signal[at, first - start : last - start])
            sums[at] += checksum(samples) if verify_checksum else 0
    if verify_checksum:
        for column, found in zip(columns, sums, strict=True):
            _compare_checksum(header, column, found=found & 0xFFFF, path=path)
    return signal


def _to_physical(
    samples: NDArray[np.int16], header: Header, column: int, *, out: NDArray[np.float32]
) -> None:
    np.subtract(samples, np.float32(header.baselines[column]), out=out, dtype=np.float32)
    out /= np.float32(header.gains[column])
    invalid = INVALID_SAMPLES[header.formats[column]]
    if samples.min() == invalid:
        out[samples == invalid] = np.nan


def _compare_checksum(header: Header, column: int, *, found: int, path: Path) -> None:
    expected = header.checksums[column]
    if expected and expected & 0xFFFF != found:
        raise DataError(
            f"record {path} is damaged: lead {header.leads[column]!r} has the checksum {found}, "
            f"its header says {expected & 0xFFFF}; fetch {header.files[column]} again"
        )


def _read_through_wfdb(
    header: Header, columns: Sequence[int], *, path: Path, start: int, stop: int, verify_checksum: bool
) -> NDArray[np.float32]:
    check_files(header, columns, folder=path.parent)
    if header.counted:  # here or by the record of a segment, and wfdb asks the header
        raise without_count(path.with_name(f"{path.name}.hea"))
    # wfdb adds differences up from where it begins to read.
    first = 0 if any(header.formats[column] == "8" for column in columns) else start
    record = _rdrecord(path, header, sampfrom=first, sampto=stop)
    if verify_checksum:
        frames = _rdrecord(path, header, physical=False, smooth_frames=False)
        for column in columns:
            _compare_checksum(header, column, found=checksum(frames.e_d_signal[column]), path=path)
    return np.ascontiguousarray(record.p_signal[start - first :, columns].T, dtype=np.float32)


def _rdrecord(path: Path, header: Header, **options: int | bool) -> Any:
    import wfdb  # takes longer to import than most records to read, and most records do not need it

    try:  # a RuntimeError is what soundfile raises for a damaged FLAC file
        return wfdb.rdrecord(str(path), **options)
    except (OSError, ValueError, IndexError, KeyError, TypeError, RuntimeError) as error:
        raise DataError(
            f"record {path} (format {', '.join(sorted(set(header.formats)))}) cannot be read: {error}; "
            "check that all its files are there and whole"
        ) from error
