"""Parse the text of a WFDB header: header(5) of the WFDB Software Package, line by line."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

from ecgrnn.errors import DataError

_DEFAULT_FS_HZ = 250.0  # header(5)
_DEFAULT_GAIN = 200.0  # header(5); also what a gain of 0 means

# Real headers are far below all of these: the largest on PhysioNet lists some thousand segments in 100 kB.
_MOST_BYTES = 8_000_000
_LONGEST_LINE, _LONGEST_NAME = 4_000, 250
_MOST_LEADS, _MOST_SEGMENTS = 4_096, 200_000
_LOWEST_FRAME_HZ, _HIGHEST_FRAME_HZ = 1e-4, 1e6  # once in 60 s: the numbers of a bedside monitor
_MOST_PER_FRAME, _LARGEST_SKEW = 100_000, 1_000_000
_SMALLEST_GAIN, _LARGEST_GAIN = 1e-9, 1e15
_INT32 = 2**31


@dataclass(frozen=True)
class RecordLine:
    """The first line of a header.

    Attributes:
        name: record name.
        n_segments: number of segments; 0 for a record without segments.
        n_leads: number of leads.
        frame_hz: frames per second; None where the line leaves it out.
        n_frames: frames; None where the line leaves it out or says 0.
        start: date and time of the first sample; None where the line has not both.
    """

    name: str
    n_segments: int
    n_leads: int
    frame_hz: float | None
    n_frames: int | None
    start: datetime | None = None


@dataclass(frozen=True)
class Lead:
    """A lead and how it is stored; the fields and their defaults are those of header(5).

    Attributes:
        file: name of the signal file, in the header's folder.
        format: storage format, e.g. ``212``.
        samples_per_frame: 1, except where the lead is sampled faster than the record.
        skew: frames by which the lead lags in its file.
        byte_offset: bytes before the first sample of the file; samples where the format is FLAC.
        gain: digital units per physical unit.
        baseline: digital value of 0 physical units.
        unit: physical unit, e.g. ``mV``.
        initial_value: the first digital sample; None where the header has none.
        checksum: 16-bit sum of the digital samples; None where the header has none.
        name: the lead's name.
    """

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
    name: str

    @property
    def is_absent(self) -> bool:
        """Whether the lead has no signal file: all its samples are missing."""
        return self.file == "~" or self.format == "0"


def header_lines(source: Path) -> tuple[list[str], tuple[str, ...]]:
    """Read a header's lines and its comments, each without its ``#``.

    Headers are ASCII or UTF-8; those that are not valid UTF-8 are taken as Latin-1, in which many recorders
    write the micro sign.

    Raises:
        DataError: the file cannot be read, is in UTF-16 or UTF-32, or is too large for a header.
    """
    try:
        with source.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}; check its permissions") from error
    if len(content) > _MOST_BYTES:
        raise DataError(
            f"{source} is not a header: expected text of at most {_MOST_BYTES} bytes; fetch it again"
        )
    _refuse_wide(content, source)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Not splitlines: it splits at a byte that is a printed character in the code pages next to Latin-1.
    stripped = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    comments = tuple(line[1:].strip() for line in stripped if line.startswith("#"))
    lines = [line for line in stripped if line and not line.startswith("#")]
    if too_long := next((line for line in lines if len(line) > _LONGEST_LINE), ""):
        raise DataError(
            f"{source} cannot be parsed: expected lines of at most {_LONGEST_LINE} characters, one has "
            f"{len(too_long)}; fetch the file again"
        )
    return lines, comments


def parse_record_line(line: str, source: Path) -> RecordLine:
    """Parse the record line; a base time or date that cannot be parsed is left out.

    Raises:
        DataError: it cannot be parsed, or the record has no lead, or more than any record has.
    """
    fields = line.split()
    name, _, segments = fields[0].partition("/")
    try:
        n_segments = _integer(segments) if segments else 0
        n_leads = _integer(fields[1])
        frame_hz = _number(fields[2].split("/")[0].split("(")[0]) if len(fields) > 2 else None
        # header(5): the number is optional, and 0 stands for "not specified", too.
        n_frames = (_integer(fields[3]) or None) if len(fields) > 3 else None
    except (IndexError, ValueError):
        raise _unparsable(source, line, "'NAME[/SEGMENTS] LEADS [FS [SAMPLES]]'") from None
    if (
        not 0 < (_DEFAULT_FS_HZ if frame_hz is None else frame_hz) < float("inf")
        or min(n_leads, n_segments, n_frames or 0) < 0
    ):
        raise _unparsable(source, line, "a sampling frequency above 0 Hz and no negative count")
    if frame_hz is not None and not _LOWEST_FRAME_HZ <= frame_hz <= _HIGHEST_FRAME_HZ:
        expected = f"a sampling frequency of {_LOWEST_FRAME_HZ:g} to {_HIGHEST_FRAME_HZ:.0f} Hz"
        raise _unparsable(source, line, expected)
    if n_leads > _MOST_LEADS or n_segments > _MOST_SEGMENTS:
        raise _unparsable(source, line, f"at most {_MOST_LEADS} leads and {_MOST_SEGMENTS} segments")
    if n_leads == 0:
        raise DataError(f"{source} is the header of a record without leads; there is no signal to read")
    return RecordLine(name, n_segments, n_leads, frame_hz, n_frames, _start(fields[4:6]))


def _start(fields: Sequence[str]) -> datetime | None:
    """Give what base time (``HH:MM:SS.sss``) and base date (``DD/MM/YYYY``) say."""
    found = _TIME_AND_DATE.fullmatch(" ".join(fields))
    if found is None:
        return None
    hour, minute, second, fraction, day, month, year = found.groups()
    microseconds = int(f"{fraction or '':0<6}"[:6])
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microseconds)  # noqa: DTZ001 - WFDB has no time zones
    except ValueError:
        return None


def frequency(line: RecordLine) -> float:
    """Give a record's frames per second, or what header(5) says they are where its line leaves them out."""
    return _DEFAULT_FS_HZ if line.frame_hz is None else line.frame_hz


def parse_signal_line(line: str, index: int, source: Path) -> Lead:
    """Parse the line of a lead, of which ``index`` tells the place.

    Raises:
        DataError: it cannot be parsed, or names a file outside the header's folder.
    """
    fields = line.split(maxsplit=8)
    form = _FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    gain = _GAIN.fullmatch(fields[2] if len(fields) > 2 else str(_DEFAULT_GAIN))
    numbers = fields[3:8]
    if form is None or gain is None or not all(_INTEGER.fullmatch(number) for number in numbers):
        raise _unparsable(
            source, line, "'FILE FORMAT [GAIN(BASELINE)/UNIT RESOLUTION ZERO FIRST CHECKSUM BLOCK LEAD]'"
        )
    zero, first, checksum = (int(numbers[at]) if len(numbers) > at else None for at in (1, 2, 3))
    lead = Lead(
        file=_inside(fields[0], source),
        format=form[1],
        samples_per_frame=int(form[2] or 1) or 1,
        skew=int(form[3] or 0),
        byte_offset=int(form[4] or 0),
        gain=float(gain[1]) or _DEFAULT_GAIN,
        baseline=int(gain[2]) if gain[2] else zero or 0,
        unit=gain[3] or "mV",
        initial_value=first,
        checksum=checksum,
        name=fields[8].strip() if len(fields) > 8 else f"signal {index}",
    )
    if not _is_plausible(lead):
        raise _unparsable(source, line, _PLAUSIBLE)
    return lead


def _is_plausible(lead: Lead) -> bool:
    """Tell whether a lead's numbers can be true: what is computed with them then has room in its type."""
    return (
        lead.samples_per_frame <= _MOST_PER_FRAME
        and lead.skew <= _LARGEST_SKEW
        and _SMALLEST_GAIN <= abs(lead.gain) <= _LARGEST_GAIN
        and all(-_INT32 <= value < _INT32 for value in (lead.baseline, lead.initial_value or 0))
    )


def parse_segment_lines(lines: Sequence[str], source: Path) -> list[tuple[str, int]]:
    """Parse the lines of segments: their names, and how many frames each has.

    Raises:
        DataError: one cannot be parsed, or names a segment outside the header's folder.
    """
    segments = []
    for line in lines:
        fields = line.split()
        if len(fields) < 2 or not _COUNT.fullmatch(fields[1]):
            raise _unparsable(source, line, "'SEGMENT SAMPLES'")
        segments.append((_inside(fields[0], source), int(fields[1])))
    return segments


_TIME_AND_DATE = re.compile(
    r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d+))? (\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII
)
_PLAUSIBLE = (
    f"at most {_MOST_PER_FRAME} samples per frame and a skew of {_LARGEST_SKEW}, a gain of "
    f"{_SMALLEST_GAIN:g} to {_LARGEST_GAIN:g}, and a baseline and first value of 32 bits"
)
_DIGITS = "[0-9]{1,15}"  # not \d, which is a digit of any script; more have no room in 64 bits
_COUNT = re.compile(_DIGITS)
_INTEGER = re.compile(rf"[-+]?{_DIGITS}")
_DECIMAL = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NUMBER = re.compile(_DECIMAL)
_FORMAT = re.compile(rf"([0-9]{{1,4}})(?:x({_DIGITS}))?(?::({_DIGITS}))?(?:\+({_DIGITS}))?")
_GAIN = re.compile(rf"({_DECIMAL})(?:\(([-+]?{_DIGITS})\))?(?:/(\S+))?")
_WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def _integer(text: str) -> int:
    """Read a whole number, as C does: not ``1_000``, which Python reads, too."""
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def _refuse_wide(content: bytes, source: Path) -> None:
    encoding = next((name for mark, name in _WIDE if content.startswith(mark)), None)
    halves = content[: len(content) // 2 * 2]
    if encoding is None and halves and not (any(halves[::2]) and any(halves[1::2])):
        encoding = "UTF-16"  # of ASCII characters, without a mark
    if encoding is not None:
        raise DataError(
            f"{source} is encoded in {encoding}; expected UTF-8 (or ASCII or Latin-1): save it as UTF-8, "
            f"e.g. iconv -f {encoding} -t UTF-8"
        )
    if b"\0" in content:
        raise DataError(f"{source} is not text: it has zero bytes; expected a WFDB header, fetch it again")


def _inside(name: str, source: Path) -> str:
    """Give back the name of a file or segment that a header names, which must lie in the header's folder."""
    parts = PurePosixPath(name), PureWindowsPath(name)
    if any(part.anchor or ".." in part.parts for part in parts) or ":" in name or "\0" in name:
        raise DataError(
            f"{source} names {name!r}, which is outside its own folder {source.parent}; "
            "a record's files must lie beside its header, such a header is not read"
        )
    if len(name.encode()) > _LONGEST_NAME:
        raise DataError(
            f"{source} names a file {name[:20]!r}... with {len(name.encode())} bytes; expected a name of at "
            f"most {_LONGEST_NAME}: fetch the header again"
        )
    return name


def _unparsable(source: Path, line: str, expected: str) -> DataError:
    return DataError(
        f"{source} cannot be parsed: expected {expected}, got {line[:120]!r}; fetch the file again"
    )
