"""Read the header of a WFDB record: what its leads are and where and how its samples are stored."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ecgrnn.errors import DataError

GAP = "~"
"""Stands for a file or a segment that is not there: header(5)."""


@dataclass(frozen=True)
class Header:
    """The header of a WFDB record; each tuple has one entry per lead but the last three.

    The fields and their defaults are those of the manual page header(5) of the WFDB Software Package.

    Attributes:
        name: record name as the header has it.
        fs_hz: sampling frequency.
        n_samples: samples per lead; counted in the signal file where the header leaves it out or says 0.
        counted: whether that is so.
        leads: lead names.
        units: physical units, e.g. ``mV``.
        formats: storage formats, e.g. ``212``.
        gains: digital units per physical unit.
        baselines: digital value of 0 physical units.
        checksums: 16-bit sums of the digital samples; None where the header has none.
        initial_values: the first digital samples; None where the header has none.
        files: names of the signal files, in the header's folder.
        byte_offsets: bytes before the first sample of the file.
        samples_per_frame: 1, except where a lead is sampled faster than the record.
        skews: samples by which a lead lags in its file.
        segments: names of the segments of a multi-segment record, ``~`` for a gap; empty otherwise.
        segment_samples: how long each is.
        comments: comment lines without ``#``.
    """

    name: str
    fs_hz: float
    n_samples: int
    counted: bool
    leads: tuple[str, ...]
    units: tuple[str, ...]
    formats: tuple[str, ...]
    gains: tuple[float, ...]
    baselines: tuple[int, ...]
    checksums: tuple[int | None, ...]
    initial_values: tuple[int | None, ...]
    files: tuple[str, ...]
    byte_offsets: tuple[int, ...]
    samples_per_frame: tuple[int, ...]
    skews: tuple[int, ...]
    segments: tuple[str, ...]
    segment_samples: tuple[int, ...]
    comments: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Read the header of the record at ``path``.

    Args:
        path: the record's path without a suffix, e.g. ``mitdb/100``.

    Raises:
        DataError: the header is missing or cannot be parsed, or names a file outside its own folder.
    """
    return _read(path, is_segment=False)


def read_segment(path: Path) -> Header:
    """Read the header of a segment, of which ``n_samples`` is 0 where it leaves that to its record.

    Raises:
        DataError: as ``read_header``, or the segment has segments itself.
    """
    return _read(path, is_segment=True)


def record_files(path: Path) -> list[Path]:
    """List the files that a record's header leads to, itself first: headers of segments, and signal files.

    Raises:
        DataError: a header is missing or cannot be parsed.
    """
    record = read_header(path)
    segments = [path.parent / name for name in dict.fromkeys(record.segments) if name != GAP]
    parts = [(segment, read_segment(segment)) for segment in segments] or [(path, record)]
    signals = {at.parent / name for at, header in parts for name in header.files if name != GAP}
    return [*map(header_path, (path, *segments)), *sorted(signals)]


def segments_named_in(path: Path) -> list[str]:
    """Give the names in a header's list of segments; none where it has no such list or cannot be read."""
    try:
        lines, _ = _lines(header_path(path))
    except DataError:
        return []
    count = lines[0].split()[0].partition("/")[2] if lines else ""
    listed = lines[1 : 1 + int(count)] if count.isdecimal() else []
    return [name for name in (line.split()[0] for line in listed) if name not in {GAP, path.name}]


def header_path(path: Path) -> Path:
    """Give the header file of a record, or say which records are there.

    Raises:
        DataError: there is no such header.
    """
    source = path.with_name(path.name + ".hea")
    if source.is_file():
        return source
    if not path.parent.is_dir():
        raise DataError(f"record {path} is missing: the folder {path.parent} does not exist; check the path")
    if path.suffix in {".hea", ".dat", ".mat"} and path.with_suffix(".hea").is_file():
        raise DataError(
            f"{path} is a file of the record {path.with_suffix('')}; give the record without a suffix"
        )
    raise DataError(
        f"record {path} is missing: expected its header {source}; "
        f"{nearest(path.name, sorted(file.stem for file in path.parent.glob('*.hea')), what='records')}"
    )


def nearest(name: str, there: Sequence[str], *, what: str) -> str:
    """Say which names are there, the nearest one first, as the end of an error message."""
    if not there:
        return f"there are no {what} there"
    listed = ", ".join(there[:12]) + (f", ... ({len(there)} in all)" if len(there) > 12 else "")
    by_fold = {other.casefold(): other for other in there}
    close = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.5)
    hint = f"; did you mean {by_fold[close[0]]}?" if close else ""
    return f"{what} that are there: {listed}{hint}"


@dataclass(frozen=True)
class _Signal:
    file: str
    format: str
    samples_per_frame: int
    skew: int
    byte_offset: int
    gain: float
    baseline: int
    unit: str
    initial_value: int | None
    checksum: int | None
    lead: str


_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\(([-+]?\d+)\))?(?:/(\S+))?")
_DEFAULT_FS_HZ = 250.0  # header(5)
_DEFAULT_GAIN = 200.0  # header(5); also what a gain of 0 means


def _read(path: Path, *, is_segment: bool) -> Header:
    source = header_path(path)
    lines, comments = _lines(source)
    if not lines:
        raise DataError(f"{source} is empty: expected a record line 'NAME LEADS FS SAMPLES'; fetch it again")
    name, n_segments, n_leads, fs_hz, n_samples = _parse_record_line(lines[0], source)
    if n_segments and is_segment:  # the format has no such thing, and segments that name each other never end
        raise DataError(f"{source} is a segment that has segments itself; expected a record of one segment")
    expected = n_segments or n_leads
    if len(lines) - 1 < expected:
        what = "segment" if n_segments else "lead"
        raise DataError(
            f"{source} is cut short: expected {expected} {what}s, it has {len(lines) - 1}; fetch it again"
        )
    if n_segments:
        segments = _parse_segment_lines(lines[1 : 1 + n_segments], source)
        return _joined(name, fs_hz, n_samples, segments=segments, comments=comments, source=source)
    signals = [_parse_signal_line(line, index, source) for index, line in enumerate(lines[1 : 1 + n_leads])]
    counted = n_samples is None
    if n_samples is None:  # a segment's length is in the line that names it
        n_samples = 0 if is_segment else _samples_in_file(signals, source)
    return _assembled(name, fs_hz, n_samples, counted=counted, signals=signals, comments=comments)


def _lines(source: Path) -> tuple[list[str], tuple[str, ...]]:
    try:
        text = source.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}; check its permissions") from error
    stripped = [line.strip() for line in text.splitlines()]
    comments = tuple(line[1:].strip() for line in stripped if line.startswith("#"))
    return [line for line in stripped if line and not line.startswith("#")], comments


def _parse_record_line(line: str, source: Path) -> tuple[str, int, int, float, int | None]:
    fields = line.split()
    name, _, segments = fields[0].partition("/")
    try:
        n_segments = int(segments) if segments else 0
        n_leads = int(fields[1])
        fs_hz = float(fields[2].split("/")[0]) if len(fields) > 2 else _DEFAULT_FS_HZ
        # header(5): the number is optional, and 0 stands for "not specified", too.
        n_samples = (int(fields[3]) or None) if len(fields) > 3 else None
    except (IndexError, ValueError):
        raise _unparsable(source, line, "'NAME[/SEGMENTS] LEADS [FS [SAMPLES]]'") from None
    if (
        not 0 < fs_hz < float("inf")
        or n_leads < 0
        or n_segments < 0
        or (n_samples is not None and n_samples < 0)
    ):
        raise _unparsable(source, line, "a sampling frequency above 0 Hz and no negative count")
    if n_leads == 0:
        raise DataError(f"{source} is the header of a record without leads; there is no signal to read")
    return name, n_segments, n_leads, fs_hz, n_samples


def _parse_signal_line(line: str, index: int, source: Path) -> _Signal:
    fields = line.split(maxsplit=8)
    form = _FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    gain = _GAIN.fullmatch(fields[2] if len(fields) > 2 else str(_DEFAULT_GAIN))
    numbers = fields[3:8]
    if form is None or gain is None or not all(re.fullmatch(r"[-+]?\d+", number) for number in numbers):
        raise _unparsable(
            source, line, "'FILE FORMAT [GAIN(BASELINE)/UNIT RESOLUTION ZERO FIRST CHECKSUM BLOCK LEAD]'"
        )
    zero, first, checksum = (int(numbers[at]) if len(numbers) > at else None for at in (1, 2, 3))
    return _Signal(
        file=_inside(fields[0], source),
        format=form[1],
        samples_per_frame=int(form[2] or 1),
        skew=int(form[3] or 0),
        byte_offset=int(form[4] or 0),
        gain=float(gain[1]) or _DEFAULT_GAIN,
        baseline=int(gain[2]) if gain[2] else zero or 0,
        unit=gain[3] or "mV",
        initial_value=first,
        checksum=checksum,
        lead=fields[8].strip() if len(fields) > 8 else f"signal {index}",
    )


def _parse_segment_lines(lines: Sequence[str], source: Path) -> list[tuple[str, int]]:
    segments = []
    for line in lines:
        fields = line.split()
        if len(fields) < 2 or not fields[1].isdigit():
            raise _unparsable(source, line, "'SEGMENT SAMPLES'")
        segments.append((_inside(fields[0], source), int(fields[1])))
    return segments


def _inside(name: str, source: Path) -> str:
    """Give back the name of a file or segment that a header names, which must lie in the header's folder."""
    parts = PurePosixPath(name), PureWindowsPath(name)
    if any(part.anchor or ".." in part.parts for part in parts) or ":" in name or "\0" in name:
        raise DataError(
            f"{source} names {name!r}, which is outside its own folder {source.parent}; "
            "a record's files must lie beside its header, such a header is not read"
        )
    return name


def _assembled(
    name: str,
    fs_hz: float,
    n_samples: int,
    *,
    counted: bool,
    signals: Sequence[_Signal],
    comments: tuple[str, ...],
) -> Header:
    return Header(
        name=name,
        fs_hz=fs_hz,
        n_samples=n_samples,
        counted=counted,
        leads=tuple(signal.lead for signal in signals),
        units=tuple(signal.unit for signal in signals),
        formats=tuple(signal.format for signal in signals),
        gains=tuple(signal.gain for signal in signals),
        baselines=tuple(signal.baseline for signal in signals),
        checksums=tuple(signal.checksum for signal in signals),
        initial_values=tuple(signal.initial_value for signal in signals),
        files=tuple(signal.file for signal in signals),
        byte_offsets=tuple(signal.byte_offset for signal in signals),
        samples_per_frame=tuple(signal.samples_per_frame for signal in signals),
        skews=tuple(signal.skew for signal in signals),
        segments=(),
        segment_samples=(),
        comments=comments,
    )


def _samples_in_file(signals: Sequence[_Signal], source: Path) -> int:
    """Count the samples that the first signal file holds, for a header that does not say."""
    first = signals[0]
    file = source.parent / first.file
    if not file.is_file():
        raise DataError(
            f"{source} names the signal file {first.file}, which is not in {source.parent}; fetch it"
        )
    stored = file.stat().st_size - first.byte_offset
    if stored <= 0:
        return 0
    sample_bytes = {"16": 2.0, "212": 1.5}.get(first.format)
    if sample_bytes is None:
        raise without_count(source)
    frame = sum(signal.samples_per_frame for signal in signals if signal.file == first.file)
    return int(stored / sample_bytes) // frame


def _joined(
    name: str,
    fs_hz: float,
    n_samples: int | None,
    *,
    segments: Sequence[tuple[str, int]],
    comments: tuple[str, ...],
    source: Path,
) -> Header:
    """Describe a record of several segments by its first one, which is its layout where the layout varies."""
    headers = [_read(source.parent / segment, is_segment=True) for segment, _ in segments if segment != GAP]
    if not headers:
        raise DataError(f"{source} lists gaps alone and no segment with a signal; leave the record out")
    first, together = headers[0], sum(length for _, length in segments)
    if n_samples is not None and n_samples > together:
        raise DataError(
            f"{source} says {n_samples} samples, and its segments have {together} together; "
            "correct the first line, or fetch the file again"
        )
    return Header(
        name=name,
        fs_hz=fs_hz,
        n_samples=together if n_samples is None else n_samples,
        counted=n_samples is None,
        leads=first.leads,
        units=first.units,
        formats=first.formats,
        gains=first.gains,
        baselines=first.baselines,
        checksums=(None,) * len(first.leads),
        initial_values=first.initial_values,
        files=first.files,
        byte_offsets=first.byte_offsets,
        samples_per_frame=first.samples_per_frame,
        skews=first.skews,
        segments=tuple(segment for segment, _ in segments),
        segment_samples=tuple(length for _, length in segments),
        comments=comments,
    )


def without_count(source: Path) -> DataError:
    """Say that a header leaves out a number of samples that cannot be told without it."""
    return DataError(
        f"{source} does not say how many samples the record has; write the number into its first line, "
        "behind the sampling frequency"
    )


def _unparsable(source: Path, line: str, expected: str) -> DataError:
    return DataError(
        f"{source} cannot be parsed: expected {expected}, got {line[:120]!r}; fetch the file again"
    )
