"""Command ``convert``: write recordings of any kind as WFDB records, anonymous on request."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ecgrnn.commands.stages import say
from ecgrnn.errors import ConfigError, DataError, some_of
from ecgrnn.options.recordings import ConvertConfig
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.paths import recordings_at
from ecgrnn.signals.formats.wfdb.recording_writer import safe_name, write_recording
from ecgrnn.signals.leads import lead_name
from ecgrnn.signals.recording import Recording

_WEEKS = (520, 2600)
"""Dates are shifted into the past by a number of weeks between these, 10 to 50 years."""


def run(options: ConvertConfig) -> None:
    """Convert as the options say; one that cannot be read does not cost the others.

    Raises:
        DataError: a recording could not be converted.
    """
    folder = Path(options.record).expanduser()
    paths = recordings_at(options.record)
    out = Path(options.out).expanduser()
    shift = timedelta(weeks=random.SystemRandom().randint(*_WEEKS))
    failed = []
    for path, name in zip(paths, _names(paths, folder, anonymise=options.anonymise), strict=True):
        try:
            _convert(path, out / name, options, shift)
        except (ConfigError, DataError) as error:
            if len(paths) == 1:
                raise
            say(f"not converted  {error}")
            failed.append(path.name)
    if failed:
        raise DataError(
            f"{options.record}: {len(failed)} of {len(paths)} recordings could not be converted "
            f"({some_of(failed)}); the reasons are above. The others are in {out}"
        )


def _names(paths: Sequence[Path], folder: Path, *, anonymise: bool) -> list[Path]:
    """Name the records after their files, below a folder as there, or by numbers."""
    if anonymise:
        return [Path(f"recording_{number:04d}") for number in range(1, len(paths) + 1)]
    below = folder.is_dir() and paths != [folder]
    inside = [path.relative_to(folder) if below else Path(path.name) for path in paths]
    short = [path.with_name(safe_name(path.stem)) for path in inside]
    whole = [path.with_name(safe_name(path.name.replace(".", "_"))) for path in inside]
    return [name if short.count(name) == 1 else longer for name, longer in zip(short, whole, strict=True)]


def _convert(path: Path, to: Path, options: ConvertConfig, shift: timedelta) -> None:
    recording = read(path, fs=options.fs, unit=options.unit, leads=options.leads)
    if options.anonymise:
        write_recording(to, recording, leads=_neutral(recording), start=_shifted(recording.start, shift))
    else:
        comments = [f"converted from {path.name}", *recording.notes]
        write_recording(to, recording, leads=recording.leads, start=recording.start, comments=comments)
    listed = ", ".join(recording.leads)
    say(f"converted      {path} to {to}: {listed}; {recording.fs_hz:g} Hz, {recording.duration_s:.1f} s")
    for note in recording.notes:
        say(f"               {note}")


def _neutral(recording: Recording) -> list[str]:
    """Give names of leads without what somebody typed: those of the vocabulary, numbers for all others."""
    return [name if lead_name(name) == name else f"lead {at + 1}" for at, name in enumerate(recording.leads)]


def _shifted(start: datetime | None, shift: timedelta) -> datetime | None:
    """Shift a date into the past; the time of day and the day of the week stay."""
    return None if start is None or start.year < _EARLIEST_YEAR else start - shift


_EARLIEST_YEAR = 60
"""Earlier dates, which are mistakes, are left out, as they would fall before the year 1."""
