"""From the contents of a file to a recording: which signals are read, at which frequency, in which unit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError, EcgrnnError, names_there, reason_of, some_of
from ecgrnn.signals.content import no_ecg
from ecgrnn.signals.formats.contents import Channel, Contents, Hints, Samples
from ecgrnn.signals.formats.kinds import Kind, kind_of
from ecgrnn.signals.leads import find_lead, is_other, lead_name, says_ecg
from ecgrnn.signals.recording import Recording, check_fs, in_float32
from ecgrnn.signals.units import known_unit, millivolts

_NO_UNIT = {
    "",
    "-",
    "n/a",
    "na",
    "none",
    "unknown",
    "adu",
    "adc",
    "count",
    "counts",
    "raw",
    "a.u.",
    "au",
    "1",
}
"""What stands in files where a unit is not told."""

_PROBE_S = 60.0
"""What is looked at, from the middle of a recording, to tell a signal whose name tells nothing."""


def read_recording(
    path: Path, *, fs: float | None, unit: str | None, leads: Sequence[str] | None
) -> Recording:
    """Read a recording from a file of any kind; ``formats.read`` tells the arguments and the errors."""
    hints = _checked(fs, unit, leads)
    kind = _kind(path)
    contents = _contents(kind, path, hints)
    columns, notes = _chosen(contents, hints, path)
    channels = [contents.channels[column] for column in columns]
    fs_hz = _frequency(channels[0], hints, path)
    units = [hints.unit or channel.unit for channel in channels]
    scales = [_scale(channel, hints, path) for channel in channels]
    recording = Recording.of_source(
        _InMillivolts(
            contents.samples, columns, None if contents.in_mv else np.array(scales), path, kind.name
        ),
        n_samples=channels[0].n_samples,
        fs_hz=fs_hz,
        leads=[channel.name for channel in channels],
        name=(contents.path or path.with_suffix("")).name,
        start=contents.start,
        path=contents.path or path,
        notes=(*contents.notes, *notes),
        frame_hz=contents.frame_hz,
    )
    if not recording.n_samples:
        raise DataError(f"{path} holds no sample; expected an ECG, leave it out or fetch it again")
    recording.check_unit(units[0], counts=channels[0].whole, of=str(path))
    return recording


def _checked(fs: float | None, unit: str | None, leads: Sequence[str] | None) -> Hints:
    if fs is not None:
        check_fs(fs)
    if unit is not None:
        known_unit(unit)
    if leads is None:
        return Hints(fs, unit)
    names = (leads,) if isinstance(leads, str) else tuple(leads)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"leads={list(names)} must name one lead, or several different ones")
    return Hints(fs, unit, names)


def _kind(path: Path) -> Kind:
    """Find out the kind of a file, whatever the path is."""
    if not path.name:
        raise DataError(f"{str(path)!r} names no recording; give its file, or a WFDB record without suffix")
    try:
        return kind_of(path)
    except OSError as error:  # a name that is too long for any file, a folder that may not be read
        raise DataError(f"{path!s:.200} cannot be read: {reason_of(error)}; check the path") from error


def _contents(kind: Kind, path: Path, hints: Hints) -> Contents:
    """Open a file; whatever a reader says of a damaged one becomes one line."""
    try:
        return kind.reader()(path, hints)
    except EcgrnnError:
        raise
    except ImportError as error:
        if not kind.extra:
            raise
        raise DataError(
            f"{path} is a {kind.name} file, which needs the package {error.name}; install it with "
            f"pip install 'ecgrnn[{kind.extra}]'"
        ) from error
    except Exception as error:  # of libraries, which meet damaged bytes in many ways
        raise _unreadable(path, kind.name, error) from error


def _unreadable(path: Path, kind: str, error: Exception) -> DataError:
    """Say that a file looks like one of its kind and cannot be read."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path} cannot be read: {error.strerror}")
    reason = " ".join(str(error).replace(str(path), "it").split())[:160] or type(error).__name__
    return DataError(f"{path} cannot be read as {kind}: {reason}; it may be damaged, fetch it again")


def _chosen(contents: Contents, hints: Hints, path: Path) -> tuple[list[int], list[str]]:
    """Give the columns to read, all of one frequency and length, and what to say about the others."""
    channels = contents.channels
    if not channels:
        raise DataError(f"{path} holds no signal; expected an ECG")
    if hints.leads is not None:
        columns = [_column(name, channels, path) for name in hints.leads]
        if len(set(columns)) < len(columns):
            raise ConfigError(f"leads={list(hints.leads)} names a lead of {path} twice; name each once")
        if len({(channels[column].fs_hz, channels[column].n_samples) for column in columns}) > 1:
            listed = ", ".join(f"{channels[at].name} {channels[at].fs_hz:g} Hz" for at in columns)
            raise DataError(f"{path}: expected leads of one sampling frequency, got {listed}; choose others")
        return columns, []
    kinds = [_what(at, contents, hints) for at in range(len(channels))]
    columns = [at for at, kind in enumerate(kinds) if not kind]
    if not columns:
        found = [f"{one.name} ({kind})" for one, kind in zip(channels, kinds, strict=True)]
        raise DataError(
            f"{path} has no ECG lead, only {some_of(found, most=8)}; if one is, name it with leads=[...]"
        )
    kept = _commonest(columns, channels)
    notes: list[str] = []
    if left := [at for at in range(len(channels)) if kinds[at]]:
        found = [f"{channels[at].name or at + 1} ({kinds[at]})" for at in left]
        notes.append(f"left out, no ECG: {some_of(found, most=12)}")
    if others := [at for at in columns if at not in kept]:
        found = [f"{channels[at].name} ({_rate(channels[at])})" for at in others]
        notes.append(f"left out, of another sampling frequency or length: {some_of(found, most=12)}")
    return kept, notes


def _rate(channel: Channel) -> str:
    return "" if channel.fs_hz is None else f"{channel.fs_hz:g} Hz"


def _commonest(columns: Sequence[int], channels: Sequence[Channel]) -> list[int]:
    """Keep the leads of the frequency that most have, the higher of two; with the length that most have."""
    counts = Counter((channels[at].fs_hz or 0.0, channels[at].n_samples) for at in columns)
    best = max(counts, key=lambda key: (counts[key], key))
    return [at for at in columns if (channels[at].fs_hz or 0.0, channels[at].n_samples) == best]


def _what(at: int, contents: Contents, hints: Hints) -> str:
    """Say why a signal is taken to be no ECG lead, by unit, name and content; empty for a lead."""
    channel = contents.channels[at]
    others = [other for other in contents.channels if other is not channel]
    voltage = millivolts(channel.unit) is not None
    if not voltage and channel.unit.strip().casefold() not in _NO_UNIT:
        return f"in {channel.unit}"
    if is_other(channel.name):
        return "by its name"
    told = any(millivolts(other.unit) is not None and not is_other(other.name) for other in others)
    if not voltage and told and hints.unit is None:
        return "without a unit"
    if lead_name(channel.name) in set("XYZ") and not voltage and any(says_ecg(one.name) for one in others):
        return "an axis, by its name"
    if says_ecg(channel.name) or lead_name(channel.name) is not None:
        return ""
    if contents.in_mv and not voltage:
        return ""  # its samples cannot be read before its unit is told
    probe = min(channel.n_samples, round(_PROBE_S * (channel.fs_hz or hints.fs or 250.0)))
    begin = (channel.n_samples - probe) // 2
    signal = contents.samples.read(begin, begin + probe, [at])[:, 0]
    return no_ecg(signal, channel.fs_hz or hints.fs or 250.0)


def _column(name: str, channels: Sequence[Channel], path: Path) -> int:
    there = [channel.name for channel in channels]
    found = find_lead(name, there)
    if found is None:
        raise DataError(f"{path} has no lead {name!r}; {names_there(name, there, 'leads')}")
    return found


def _frequency(channel: Channel, hints: Hints, path: Path) -> float:
    told, given = channel.fs_hz, hints.fs
    if told is None and given is None:
        raise ConfigError(f"{path} does not state its sampling frequency; give it with fs=, in Hz")
    if told is None:
        return float(given or 0)
    if given is not None and abs(given / told - 1) > 0.01:
        raise ConfigError(f"fs={given:g} was given, and {path} says {told:g} Hz; leave out fs=")
    check_fs(told, f"{path}: fs")
    return told


def _scale(channel: Channel, hints: Hints, path: Path) -> float:
    if hints.unit is not None:
        return known_unit(hints.unit)
    scale = millivolts(channel.unit)
    if scale is not None:
        return scale
    if channel.unit.strip().casefold() in _NO_UNIT:
        raise ConfigError(
            f"{path} does not state the unit of lead {channel.name}; give it with unit=: V, mV, uV or nV"
        )
    raise DataError(
        f"{path}: lead {channel.name} is in {channel.unit}, expected a voltage; if that is wrong, give the "
        "right unit with unit="
    )


@dataclass(frozen=True)
class _InMillivolts:
    """Samples of a file's columns in mV."""

    samples: Samples
    columns: Sequence[int]
    scales: NDArray[np.float64] | None
    path: Path
    kind: str

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch of some of the columns."""
        try:
            signal = self.samples.read(start, stop, [self.columns[column] for column in columns])
        except EcgrnnError:
            raise
        except Exception as error:  # of libraries, which meet damaged bytes in many ways
            raise _unreadable(self.path, self.kind, error) from error
        if self.scales is not None:
            scales = self.scales[list(columns)]
            signal = signal * scales if (scales != 1.0).any() else signal
        return in_float32(signal) if signal.dtype != np.float32 else signal.astype(np.float32, copy=False)
