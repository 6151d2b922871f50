"""Read the header of a WFDB record: what its leads are and where and how its samples are stored."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ecgrnn.errors import DataError, names_there
from ecgrnn.signals.formats.wfdb.header_lines import (
    Lead,
    RecordLine,
    frequency,
    header_lines,
    parse_record_line,
    parse_segment_lines,
    parse_signal_line,
)
from ecgrnn.signals.formats.wfdb.samples import SignalFile, stored_frames
from ecgrnn.signals.units import millivolts

GAP = "~"
"""Stands for a file or a segment that is not there: header(5)."""

_MOST_MISSING = 2**25
"""Frames that may be missing altogether (26 hours at 360 Hz), and how many times what is stored may be."""
_MISSING_TIMES = 20


def is_voltage(unit: str) -> bool:
    """Tell whether a signal in this unit can be read in mV."""
    return millivolts(unit) is not None


@dataclass(frozen=True)
class Header:
    """The header of a WFDB record, as the manual page header(5) of the WFDB Software Package describes it.

    A frame holds ``samples_per_frame`` samples of each lead, nearly always one. Annotation files count frames
    unless they say otherwise.

    Attributes:
        name: record name as the header has it.
        frame_hz: frames per second.
        n_frames: frames; counted in the signal file where the header leaves the number out or says 0.
        stored: how each lead is stored; of a record of segments, how it is in the first of them.
        segments: the segments of a multi-segment record in their order; empty otherwise.
        comments: comment lines without ``#``.
        start: date and time of the first sample; None where the header has not both.
    """

    name: str
    frame_hz: float
    n_frames: int
    stored: tuple[Lead, ...]
    segments: "tuple[Segment, ...]"
    comments: tuple[str, ...]
    start: datetime | None = None

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return tuple(lead.name for lead in self.stored)

    @property
    def units(self) -> tuple[str, ...]:
        """Physical units, one per lead."""
        return tuple(lead.unit for lead in self.stored)

    @property
    def samples_per_frame(self) -> int:
        """Samples per frame of the leads; of the fastest that is a voltage where they differ."""
        voltages = [lead for lead in self.stored if is_voltage(lead.unit)]
        return max(lead.samples_per_frame for lead in voltages or self.stored)

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of the leads; of the fastest that is a voltage where they differ."""
        return self.frame_hz * self.samples_per_frame

    @property
    def n_samples(self) -> int:
        """Samples per lead at ``fs_hz``."""
        return self.n_frames * self.samples_per_frame

    def narrowed(self, columns: Sequence[int]) -> "Header":
        """Give the header of some leads, in this order: ``fs_hz`` and ``n_samples`` are then theirs."""
        return replace(self, stored=tuple(self.stored[column] for column in columns))

    def of_length(self, n_frames: int) -> "Header":
        """Give the header with the length that the record says its segment has."""
        return replace(self, n_frames=n_frames)


@dataclass(frozen=True)
class Segment:
    """A part of a multi-segment record.

    Attributes:
        start: its first frame in the record.
        n_frames: how long it is; 0 for the layout that leads segments of varying leads.
        name: its name, ``~`` for a gap.
        header: its header; None for a gap.
    """

    start: int
    n_frames: int
    name: str
    header: Header | None


def read_header(path: Path) -> Header:
    """Read the header of the record at ``path``, with those of its segments.

    Args:
        path: the record's path without a suffix, e.g. ``mitdb/100``.

    Raises:
        DataError: the header is missing or cannot be parsed, names a file outside its own folder, or does not
            agree with those of its segments.
    """
    source = header_path(path)
    line, lines, comments = _parsed(source)
    if not line.n_segments:
        return _of_one_part(line, lines, comments, source)
    listed = parse_segment_lines(lines, source)
    starts = itertools.accumulate((n_frames for _, n_frames in listed), initial=0)
    read = {name: None if name == GAP else _segment(path.parent / name, line) for name, _ in listed}
    segments = tuple(
        Segment(start, n_frames, name, read[name])
        for start, (name, n_frames) in zip(starts, listed, strict=False)
    )
    return _joined(line, segments, comments, source)


def record_files(path: Path, header: Header | None = None) -> list[Path]:
    """List the files that a record's header leads to, itself first: headers of segments, and signal files.

    Args:
        path: the record's path without a suffix.
        header: its header, where it was read already.

    Raises:
        DataError: a header is missing or cannot be parsed.
    """
    header = read_header(path) if header is None else header
    parts = {part.name: part.header for part in header.segments if part.header is not None}
    stored = [part.stored for part in parts.values() if part is not None] or [header.stored]
    folders = [(path.parent / name).parent for name in parts] or [path.parent]
    signals = {
        folder / lead.file
        for folder, leads in zip(folders, stored, strict=True)
        for lead in leads
        if not lead.is_absent
    }
    return [*map(header_path, (path, *(path.parent / name for name in parts))), *sorted(signals)]


def segments_named_in(path: Path) -> list[str]:
    """Give the names in a header's list of segments; none where it has no such list or cannot be read."""
    try:
        lines, _ = header_lines(header_path(path))
        if not lines or "/" not in lines[0].split()[0]:
            return []
        segments = read_header(path).segments
    except DataError:
        return []
    return [part.name for part in segments if part.name not in {GAP, path.name}]


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
    for other in (path, path.with_name(f"{path.name}.edf"), path.with_name(f"{path.name}.EDF")):
        if other.suffix.casefold() in {".edf", ".bdf"} and other.is_file():
            raise DataError(
                f"{other} is an {other.suffix[1:].upper()} file; expected a WFDB record (.hea and signal "
                f"file): python -m ecgrnn convert record={other} out=DIR writes one"
            )
    there = sorted(file.stem for file in path.parent.glob("*.hea"))
    raise DataError(
        f"record {path} is missing: expected its header {source}; {names_there(path.name, there, 'records')}"
    )


def signal_files(header: Header, folder: Path) -> dict[SignalFile, list[int]]:
    """Give the signal files of a record without segments, each with the columns of its leads.

    Raises:
        DataError: a file is said to hold two formats.
    """
    columns: dict[str, list[int]] = {}
    for column, lead in enumerate(header.stored):
        if not lead.is_absent:
            columns.setdefault(lead.file, []).append(column)
    files = {}
    for name, those in columns.items():
        leads = [header.stored[column] for column in those]
        if len(formats := {lead.format for lead in leads}) > 1:
            raise DataError(
                f"record {header.name}: its header says that {name} holds the formats "
                f"{', '.join(sorted(formats))}; expected one format per file, fetch the header again"
            )
        file = SignalFile(
            path=folder / name,
            format=leads[0].format,
            offset=leads[0].byte_offset,
            samples_per_frame=tuple(lead.samples_per_frame for lead in leads),
            initial_values=tuple(lead.initial_value or 0 for lead in leads),
        )
        files[file] = those
    return files


def _parsed(source: Path) -> tuple[RecordLine, list[str], tuple[str, ...]]:
    """Read the record line, as many lines as it says follow, and the comments."""
    lines, comments = header_lines(source)
    if not lines:
        raise DataError(f"{source} is empty: expected a record line 'NAME LEADS FS SAMPLES'; fetch it again")
    line = parse_record_line(lines[0], source)
    expected = line.n_segments or line.n_leads
    if len(lines) - 1 < expected:
        what = "segment" if line.n_segments else "lead"
        raise DataError(
            f"{source} is cut short: expected {expected} {what}s, it has {len(lines) - 1}; fetch it again"
        )
    return line, lines[1 : 1 + expected], comments


def _of_one_part(
    line: RecordLine,
    lines: Sequence[str],
    comments: tuple[str, ...],
    source: Path,
    *,
    is_segment: bool = False,
) -> Header:
    stored = tuple(parse_signal_line(text, index, source) for index, text in enumerate(lines))
    header = Header(line.name, frequency(line), line.n_frames or 0, stored, (), comments, line.start)
    if all(lead.is_absent for lead in stored):
        _check_missing(header.n_frames, stored=0, source=source)
    if line.n_frames is None and not is_segment:  # a segment's length is in the line that names it
        return replace(header, n_frames=_counted(header, source))
    return header


def _segment(path: Path, record: RecordLine) -> Header:
    """Read the header of a segment; where it leaves out the frequency, it has its record's."""
    source = header_path(path)
    line, lines, comments = _parsed(source)
    if line.n_segments:  # the format has no such thing, and segments that name each other never end
        raise DataError(f"{source} is a segment that has segments itself; expected a record of one segment")
    if line.frame_hz is None:
        line = replace(line, frame_hz=record.frame_hz)
    return _of_one_part(line, lines, comments, source, is_segment=True)


def _counted(header: Header, source: Path) -> int:
    """Count the frames that the first signal file holds, for a header that does not say."""
    files = signal_files(header, source.parent)
    if not files:
        raise DataError(
            f"{source} does not say how many samples the record has; write the number into its first line, "
            "after the sampling frequency"
        )
    file = next(iter(files))
    if not file.path.is_file():
        raise DataError(
            f"{source} names the signal file {file.path.name}, which is not in {source.parent}; fetch it"
        )
    return stored_frames(file)


def _joined(
    line: RecordLine, segments: tuple[Segment, ...], comments: tuple[str, ...], source: Path
) -> Header:
    """Describe a record of several segments by its first one, which is its layout where the layout varies."""
    parts = [part for part in segments if part.header is not None]
    if not parts or parts[0].header is None:
        raise DataError(f"{source} lists only gaps, and no segment with a signal; leave the record out")
    together = segments[-1].start + segments[-1].n_frames
    if line.n_frames is not None and line.n_frames > together:
        raise DataError(
            f"{source} says {line.n_frames} samples, and its segments have {together} together; "
            "correct the first line, or fetch the file again"
        )
    gaps = sum(part.n_frames for part in segments if part.header is None)
    _check_missing(gaps, stored=together - gaps, source=source)
    stored = tuple(replace(lead, checksum=None) for lead in parts[0].header.stored)
    n_frames = together if line.n_frames is None else line.n_frames
    header = Header(line.name, frequency(line), n_frames, stored, segments, comments, line.start)
    _check_segments(header, line.n_leads, source)
    return header


def _check_missing(missing: int, *, stored: int, source: Path) -> None:
    """Refuse a record that is nearly all gap: its header alone would decide how much memory is asked for."""
    if missing > max(_MOST_MISSING, _MISSING_TIMES * stored):
        raise DataError(
            f"{source} says that {missing} samples are missing and {stored} are stored; expected at most "
            f"{_MISSING_TIMES} times as many missing ones: correct the header, or leave the record out"
        )


def _check_segments(header: Header, n_leads: int, source: Path) -> None:
    """Compare segments with their record: frequency, length, number of leads where the layout is fixed."""
    varies = header.segments[0].n_frames == 0
    for segment in header.segments:
        part = segment.header
        if part is None:
            continue
        if not math.isclose(part.frame_hz, header.frame_hz, rel_tol=1e-4):
            raise _disagrees(source, f"{header.frame_hz:g} Hz", segment, f"{part.frame_hz:g} Hz")
        if part.n_frames and part.n_frames != segment.n_frames:
            raise _disagrees(source, f"{segment.n_frames} samples", segment, f"{part.n_frames} samples")
        is_layout = varies and segment is header.segments[0]
        if len(part.stored) != n_leads and (is_layout or not varies):
            raise _disagrees(source, f"{n_leads} lead(s)", segment, f"{len(part.stored)} lead(s)")


def _disagrees(source: Path, record: str, segment: Segment, has: str) -> DataError:
    return DataError(
        f"{source} says {record}, and its segment {segment.name} has {has}; expected the same in both: "
        "correct the header that is wrong, or leave the record out"
    )
