"""One ECG recording, whatever it was read from: its signal, stretch by stretch, in mV, with named leads."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.record import Record

MILLIVOLTS = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "µV": 1e-3, "μV": 1e-3, "nV": 1e-6}
"""Units of voltage, as they are written, in mV."""


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
        leads: lead names, one per column.
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
            DataError: the array, frequency, names or unit do not describe an ECG.
        """
        array = np.asarray(signal)
        array = array[:, np.newaxis] if array.ndim == 1 else array
        leads = [str(column + 1) for column in range(array.shape[-1])] if leads is None else leads
        self._describe(_ArraySource(array, MILLIVOLTS[unit]), len(array), fs, leads, name=name, start=start)

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
        self.n_samples, self.fs_hz, self.leads = n_samples, float(fs_hz), tuple(leads)
        self.name, self.start, self.path, self.notes = name, start, path, tuple(notes)
        self.frame_hz = self.fs_hz if frame_hz is None else frame_hz

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs_hz

    @property
    def signal(self) -> NDArray[np.float32]:
        """The whole signal, ``(time, lead)`` in mV, NaN where a sample is missing."""
        return self.stretch().signal

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
                f"recording {self.name} has {self.n_samples} samples, {start} to {stop} was asked for; "
                "ask for a stretch inside the recording that is not empty"
            )
        signal = self._source.read(start, stop, list(columns))
        return Record(
            name=self.name,
            signal=signal,
            fs_hz=self.fs_hz,
            leads=tuple(self.leads[column] for column in columns),
            missing=np.count_nonzero(np.isnan(signal), axis=0).astype(np.int64),
        )


class _ArraySource:
    def __init__(self, array: NDArray[np.generic], millivolts: float) -> None:
        self._array, self._millivolts = array, millivolts

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch of the array."""
        part = self._array[start:stop][:, columns]
        return np.asarray(part * self._millivolts, np.float32)
