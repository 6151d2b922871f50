"""Bytes of a stream to samples: lines of text, or binary numbers, in pieces of any size."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.options.choices import SampleFormat

_LONGEST_LINE = 65_536
"""Bytes without the end of a line are not text."""

_FIRST_LINES = 50
"""Where none of so many first lines holds samples, the format is another one."""

_SHOWN = 40


class Decoder(Protocol):
    """Turns bytes into samples; keeps what is short of a whole one."""

    bad: list[int]
    """Which of the samples given last are missing because they could not be read."""

    shown: str
    """The last one of them, for a message."""

    def push(self, data: bytes) -> NDArray[np.float32]:
        """Give the samples that are complete, ``(time, lead)``, NaN where one is missing.

        Raises:
            DataError: the bytes are in another format.
        """

    def restart(self) -> None:
        """Forget a sample that was begun: what follows is not its rest."""


def decoder(form: SampleFormat, *, n_leads: int, gain: float) -> Decoder:
    """Give what reads a format of samples.

    Args:
        form: the format.
        n_leads: numbers of a sample.
        gain: by what the numbers are divided.
    """
    if form is SampleFormat.text:
        return _Lines(n_leads, gain)
    return _Numbers(n_leads, gain, counts=form is SampleFormat.int16)


class _Numbers:
    """Little-endian numbers, the leads of a sample side by side: counts of 16 bits, or single precision.

    The count -32768 is a missing sample, as in WFDB.
    """

    def __init__(self, n_leads: int, gain: float, *, counts: bool) -> None:
        self._type = np.dtype("<i2" if counts else "<f4")
        self._n_leads, self._gain, self._counts = n_leads, np.float32(gain), counts
        self._rest, self.shown = b"", ""
        self.bad: list[int] = []

    def push(self, data: bytes) -> NDArray[np.float32]:
        """See `Decoder.push`."""
        data = self._rest + data
        size = self._type.itemsize * self._n_leads
        whole = len(data) // size * size
        self._rest = data[whole:]
        numbers = np.frombuffer(data[:whole], self._type).reshape(-1, self._n_leads)
        with np.errstate(invalid="ignore", over="ignore"):
            samples = numbers.astype(np.float32) / self._gain
        if self._counts:
            samples[numbers == np.iinfo(np.int16).min] = np.nan
        return samples

    def restart(self) -> None:
        """See `Decoder.restart`."""
        self._rest = b""


class _Lines:
    """A line for each sample: a number for each lead, between them blanks, tabs, commas or semicolons.

    Nothing, ``nan``, ``null`` or ``-`` is a missing number. ``#`` begins a comment, and a first line may
    name the leads. A line that is none of these is a missing sample.
    """

    def __init__(self, n_leads: int, gain: float) -> None:
        self._n_leads, self._gain = n_leads, np.float32(gain)
        self._rest, self.shown = b"", ""
        self.bad: list[int] = []
        self._lines = self._good = 0

    def push(self, data: bytes) -> NDArray[np.float32]:
        """See `Decoder.push`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise self._no_text(self._rest)
        rows: list[list[float]] = []
        self.bad = []
        for line in lines:
            row = self._row(line)
            if row is not None:
                self.bad += [] if row else [len(rows)]
                rows.append(row or [np.nan] * self._n_leads)
        samples = np.array(rows, np.float32).reshape(-1, self._n_leads)
        return samples / self._gain

    def restart(self) -> None:
        """See `Decoder.restart`."""
        self._rest = b""

    def _row(self, line: bytes) -> list[float] | None:
        """Read a line: nothing where it is no sample that can be read, None where it is none at all."""
        text = line.strip()
        if not text or text.startswith(b"#"):
            return None
        self._lines += 1
        numbers = _numbers(text)
        if numbers is not None and len(numbers) == self._n_leads:
            self._good += 1
            return numbers
        if not self._good and self._lines >= _FIRST_LINES:
            raise self._no_text(text)
        if self._lines == 1 and numbers is None and b"\0" not in text:
            return None  # names of the leads
        self.shown = _readable(text)
        return []

    def _no_text(self, text: bytes) -> DataError:
        return DataError(
            f"format=text expected lines of {self._n_leads} number(s), one for each of leads=, got "
            f"{_readable(text)}; name all columns with leads=, or give format=int16 or format=float32"
        )


def _numbers(text: bytes) -> list[float] | None:
    """Read the numbers of a line; None where something in it is no number."""
    between = b"," if b"," in text else b";" if b";" in text else None
    try:
        return [_number(field) for field in text.split(between)]
    except ValueError:
        return None


def _number(field: bytes) -> float:
    word = field.strip()
    return np.nan if word.lower() in _MISSING else float(word)


_MISSING = {b"", b"nan", b"na", b"null", b"none", b"-"}


def _readable(text: bytes) -> str:
    shown = text[:_SHOWN].decode("ascii", "backslashreplace")
    return repr(shown + ("..." if len(text) > _SHOWN else ""))
