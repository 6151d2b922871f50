"""One ECG recording, whatever it was read from: its signal, stretch by stretch, in mV, with named leads."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgrnn.errors import ConfigError, DataError, some_of
from ecgrnn.signals.formats.wfdb.record import Record
from ecgrnn.signals.leads import named
from ecgrnn.signals.units import amplitude, check_amplitudes, known_unit

_MOST_LEADS = 64
"""No ECG of patients has more; body surface maps aside."""

_LOWEST_FS_HZ, _HIGHEST_FS_HZ = 20.0, 100_000.0
"""What lies outside is not a plausible sampling frequency of an ECG, but, for instance, a period."""

_PROBES, _PROBE_S = 12, 10.0
"""Stretches, spread over a recording, in which its amplitudes are taken."""


_HIGHEST_MV = 1e9
"""Beyond a million volts only damage is left, no wrong unit; the detector's powers of them fit into single
precision."""


class SignalSource(Protocol):
    """Where the samples of a recording come from."""

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read the samples ``start`` to ``stop`` of some leads.

        Returns:
            ``(time, lead)``, in mV, NaN where a sample is missing.
        """


class Recording:
    """An ECG recording: an array, or a file that is read stretch by stretch.

    Attributes:
        name: name of the recording, without folder and suffix.
        fs_hz: sampling frequency.
        leads: lead names, one per column: in the vocabulary of ``signals.leads`` where they are known.
        names: what the file, or the caller, named the leads.
        n_samples: length.
        start: date and time of the first sample, where it is known.
        path: what it was read from: the path of a file, or of a WFDB record without suffix.
        notes: what was left out or assumed in reading it, one line each.
        frame_hz: the frequency at which WFDB annotation files of this recording count; as a rule ``fs_hz``.

    Example:
        >>> recording = Recording(np.zeros((1000, 1)), fs=500, leads=["I"])
        >>> recording.duration_s, recording.stretch(start=250, stop=500).signal.shape
        (2.0, (250, 1))
    """

    def __init__(
        self,
        signal: ArrayLike,
        *,
        fs: float,
        leads: Sequence[str] | None = None,
        unit: str = "mV",
        name: str = "recording",
        start: datetime | None = None,
    ) -> None:
        """Take an array ``(time, lead)``, or ``(time,)`` of one lead; it is not copied and not written to.

        Args:
            signal: the samples; NaN where one is missing.
            fs: sampling frequency in Hz.
            leads: lead names, one per column; None numbers them.
            unit: unit of the samples: V, mV, uV or nV.
            name: name of the recording; files are named after it.
            start: date and time of the first sample.

        Raises:
            DataError: the array is none of a recording, or its amplitudes show that the unit is another one.
            ConfigError: the frequency, the names or the unit are not possible.
        """
        array = checked_array(signal)
        check_fs(fs)
        scale = known_unit(unit)
        names = checked_names(leads, array.shape[1])
        self._describe(_ArraySource(array, scale), len(array), fs, names, name=name, start=start)
        self.check_unit(unit, counts=array.dtype.kind in "iu")

    @classmethod
    def of_source(
        cls,
        source: SignalSource,
        *,
        n_samples: int,
        fs_hz: float,
        leads: Sequence[str],
        name: str,
        start: datetime | None = None,
        path: Path | None = None,
        notes: Sequence[str] = (),
        frame_hz: float | None = None,
    ) -> "Recording":
        """Describe what a source of samples holds, as a reader of files does."""
        recording = cls.__new__(cls)
        recording._describe(
            source,
            n_samples,
            fs_hz,
            leads,
            name=name,
            start=start,
            path=path,
            notes=notes,
            frame_hz=frame_hz,
        )
        return recording

    def _describe(
        self,
        source: SignalSource,
        n_samples: int,
        fs_hz: float,
        leads: Sequence[str],
        *,
        name: str,
        start: datetime | None = None,
        path: Path | None = None,
        notes: Sequence[str] = (),
        frame_hz: float | None = None,
    ) -> None:
        self._source = source
        self.n_samples, self.fs_hz, self.names = n_samples, float(fs_hz), tuple(leads)
        self.leads = named(self.names)
        self.name, self.start, self.path, self.notes = name, start, path, tuple(notes)
        self.frame_hz = self.fs_hz if frame_hz is None else frame_hz

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs_hz

    @property
    def place(self) -> str:
        """What a message calls the recording: its path, or its name where it was read from no file."""
        return self.name if self.path is None else str(self.path)

    @property
    def signal(self) -> NDArray[np.float32]:
        """The whole signal, ``(time, lead)`` in mV, NaN where a sample is missing."""
        return self.stretch().signal

    def check_unit(self, unit: str, *, counts: bool = False, of: str = "") -> None:
        """Refuse a recording whose amplitudes show that its samples are not in the unit that was taken.

        Args:
            unit: the unit that the samples were taken to be in.
            counts: whether they are whole numbers, which may be counts of a converter.
            of: what the message calls the recording.

        Raises:
            DataError: they are far from those of an ECG.
        """
        length = min(round(_PROBE_S * self.fs_hz), self.n_samples)
        last = self.n_samples - length
        starts = sorted({round(last * at / (_PROBES - 1)) for at in range(_PROBES)})
        probes = [self.stretch(start=start, stop=start + length).signal for start in starts]
        height = amplitude(probes, self.fs_hz)
        check_amplitudes(height, name=of or f"recording {self.name}", unit=unit, counts=counts)

    def stretch(
        self, *, columns: Sequence[int] | None = None, start: int = 0, stop: int | None = None
    ) -> Record:
        """Read a stretch of some leads.

        Args:
            columns: columns of the leads, in the order wanted; None takes all.
            start: first sample.
            stop: sample behind the last one; None is the end.

        Raises:
            DataError: the stretch is empty or not in the recording, or the file is damaged.
        """
        columns = range(len(self.leads)) if columns is None else columns
        stop = self.n_samples if stop is None else stop
        if not 0 <= start < stop <= self.n_samples:
            raise DataError(
                f"recording {self.name} has {self.n_samples} samples, and {start} to {stop} were requested; "
                "request a stretch inside the recording that is not empty"
            )
        signal = self._source.read(start, stop, list(columns))
        if (signal > _HIGHEST_MV).any() or (signal < -_HIGHEST_MV).any():
            got = "infinity" if np.isinf(signal).any() else f"{np.nanmax(np.abs(signal)):.3g}"
            raise DataError(
                f"recording {self.place}: expected samples in mV, got {got}; put NaN where one is missing"
            )
        return Record(
            name=self.name,
            signal=signal,
            fs_hz=self.fs_hz,
            leads=tuple(self.leads[column] for column in columns),
            missing=np.count_nonzero(np.isnan(signal), axis=0).astype(np.int64),
        )


def check_fs(fs: float, what: str = "fs") -> None:
    """Refuse what is not a plausible sampling frequency of an ECG.

    Raises:
        ConfigError: it is no number, or outside what recorders have.
    """
    number = not isinstance(fs, bool) and isinstance(fs, int | float | np.integer | np.floating)
    if number and _LOWEST_FS_HZ <= fs <= _HIGHEST_FS_HZ:
        return
    advice = "give the number of samples in a second"
    if number and 0 < fs < _LOWEST_FS_HZ:
        period_s = fs if fs < 1 else fs / 1000
        advice += f"; if {fs:g} is the time between samples, say fs={1 / period_s:g}"
    raise ConfigError(
        f"{what}={fs} is not a plausible sampling frequency of an ECG; expected {_LOWEST_FS_HZ:g} to "
        f"{_HIGHEST_FS_HZ:g} Hz: {advice}"
    )


def checked_array(signal: ArrayLike, of: str = "") -> NDArray[Any]:
    """Give an array ``(time, lead)`` of numbers.

    Args:
        signal: what should be one.
        of: what a message begins with.

    Raises:
        DataError: it is none; the message says what it is.
    """
    if isinstance(signal, np.ma.MaskedArray):
        signal = np.ma.filled(signal.astype(np.float64), np.nan)
    try:
        array = np.asarray(signal)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{of}expected an array (time, lead) of numbers, got {error}") from error
    if array.dtype.kind not in "iuf":
        raise DataError(
            f"{of}expected an array of real numbers, got one of {_type_words(array)}; "
            "pass the samples as float or integer numbers"
        )
    if array.ndim not in (1, 2):
        raise DataError(
            f"{of}expected an array (time, lead), or (time,) of one lead, got the shape {array.shape}; "
            "pass one recording at a time"
        )
    array = array[:, np.newaxis] if array.ndim == 1 else array
    if not array.size:
        raise DataError(f"{of}expected samples, got an empty array of the shape {array.shape}")
    n_samples, n_leads = array.shape
    if n_leads > n_samples and n_leads > 1:
        raise DataError(
            f"{of}expected an array (time, lead), got the shape {array.shape}, which looks like "
            "(lead, time); pass the transposed array, signal.T"
        )
    if n_leads > _MOST_LEADS:
        raise DataError(
            f"{of}expected at most {_MOST_LEADS} leads, got the shape {array.shape}; "
            "pass an array (time, lead), one recording at a time"
        )
    return array


def _type_words(array: NDArray[np.generic]) -> str:
    kinds = {"b": "true and false", "c": "complex numbers", "O": "Python objects", "U": "text", "S": "text"}
    return kinds.get(array.dtype.kind, str(array.dtype))


def checked_names(leads: Sequence[str] | None, n_leads: int) -> tuple[str, ...]:
    """Give the names of the leads, numbers where there are none.

    Raises:
        ConfigError: they are not as many as the leads, or not different.
    """
    if leads is None:
        return tuple(str(column + 1) for column in range(n_leads))
    names = (leads,) if isinstance(leads, str) else tuple(leads)
    if not all(isinstance(name, str) and name.strip() and name.isprintable() for name in names):
        raise ConfigError(f"leads={list(names)} must name each lead by a text of one line that is not blank")
    if len(names) != n_leads:
        raise ConfigError(
            f"leads={list(names)} names {len(names)} lead(s), and the signal has {n_leads}; "
            "name one per column, in their order"
        )
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ConfigError(f"leads names {some_of(twice)} more than once; give each lead a name of its own")
    return names


class _ArraySource:
    def __init__(self, array: NDArray[Any], millivolts: float) -> None:
        self._array, self._millivolts = array, millivolts

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch of the array."""
        part = self._array[start:stop][:, columns]
        return in_float32(part if self._millivolts == 1.0 else part * self._millivolts)


def in_float32(signal: NDArray[Any]) -> NDArray[np.float32]:
    """Give a copy of a signal in single precision; what is too large for it becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):  # invalid: NaN of a kind that signals
        return np.array(signal, np.float32)
