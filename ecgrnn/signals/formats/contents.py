"""What a reader of one kind of file gives: the channels that the file has, and a way to their samples."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Samples(Protocol):
    """The samples of a file's channels, each in its own unit."""

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read the samples ``start`` to ``stop`` of channels of one frequency.

        Returns:
            ``(time, channel)``, NaN where a sample is missing.
        """


@dataclass(frozen=True)
class Channel:
    """A signal of a file.

    Attributes:
        name: its name in the file.
        unit: its unit in the file; empty where the file does not say.
        fs_hz: its sampling frequency; None where the file does not say.
        n_samples: its length.
        whole: whether its samples are whole numbers, which may be counts of a converter.
    """

    name: str
    unit: str
    fs_hz: float | None
    n_samples: int
    whole: bool = False


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
        channels: its signals, in the file's order.
        samples: their samples.
        start: date and time of the first sample, where the file tells it.
        notes: what was left out or assumed, one line each.
        in_mv: whether ``samples`` gives mV for every channel in a unit of voltage.
        frame_hz: frequency that annotation files count at; None is the sampling frequency.
        path: the path of a WFDB record without suffix; None is the file.
    """

    channels: tuple[Channel, ...]
    samples: Samples
    start: datetime | None = None
    notes: tuple[str, ...] = ()
    in_mv: bool = False
    frame_hz: float | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Hints:
    """What the user says of a file.

    Attributes:
        fs: sampling frequency, where the file does not state it.
        unit: unit of the samples, which takes the place of the file's own.
        leads: names of the leads to read, or of the columns of a file without names.
    """

    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ArraySamples:
    """Samples of an array in memory, or of several of different lengths.

    Attributes:
        columns: ``(time,)`` each.
    """

    columns: tuple[NDArray[np.generic], ...]

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read a stretch of some columns."""
        parts = [self.columns[column][start:stop] for column in columns]
        kind = np.float32 if all(part.dtype in (np.float32, np.int16) for part in parts) else np.float64
        return np.stack([part.astype(kind) for part in parts], axis=1)


_TURNS = threading.RLock()
"""The filters of warnings are the process's, not a thread's."""


@contextmanager
def caught_warnings() -> Iterator[list[str]]:
    """Give what a library warns of inside, one line each, instead of printing it."""
    lines: list[str] = []
    with _TURNS, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lines
        lines += dict.fromkeys(" ".join(str(warning.message).split())[:200] for warning in caught)
