"""EDF, EDF+ and BDF: edfio reads the header, the samples are read from the file stretch by stretch.

EDF+ is described in Kemp & Olivan, Clinical Neurophysiology 114 (2003) 1755-1761; BDF has samples of 24 bits.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from edfio import BdfSignal, EdfSignal, read_bdf, read_edf
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import Channel, Contents, Hints, caught_warnings
from ecgrnn.signals.formats.gaps import LONGEST_S, Runs, one_run, runs_of_blocks

_HEADER = 256
"""Bytes of the header, and of each signal's part of it."""

_RESERVED, _RECORDS, _DURATION, _SIGNALS = slice(192, 236), slice(236, 244), slice(244, 252), slice(252, 256)
_ANNOTATIONS = (b"EDF Annotations", b"BDF Annotations")


def read_contents(path: Path, hints: Hints) -> Contents:
    """Describe an EDF or BDF file; annotation channels are left out, gaps of EDF+D are missing samples.

    Raises:
        DataError: the file is damaged or cut short, or its times go back.
    """
    layout = _layout(path)
    signals, start, notes = _parsed(layout)
    if not signals:
        raise DataError(f"{path} holds annotations only; expected an ECG, give the file with the signals")
    onsets = _onsets(layout) if b"+D" in layout.header[_RESERVED] else None
    channels, blocks = [], []
    for signal, at in zip(signals, layout.kept, strict=True):
        count = layout.counts[at]
        fs_hz = count / layout.duration_s
        runs = one_run(layout.n_records * count)
        if onsets is not None:
            runs = runs_of_blocks(onsets, block=count, fs_hz=fs_hz, name=str(path))
        channels.append(Channel(signal.label.strip(), _unit(signal), fs_hz, runs.n_samples))
        blocks.append(_Block(sum(layout.counts[:at]), count, *_calibration(signal, path), runs))
    notes += _said(channels, blocks)
    return Contents(tuple(channels), _EdfSamples(layout, tuple(blocks)), start, tuple(notes))


def _unit(signal: EdfSignal | BdfSignal) -> str:
    return signal.physical_dimension.strip()


def _calibration(signal: EdfSignal | BdfSignal, path: Path) -> tuple[float, float]:
    """Give gain and offset: physical = digital * gain + offset."""
    (low, high), (first, last) = signal.physical_range, signal.digital_range
    if first == last or low == high or not np.isfinite([low, high]).all():
        raise DataError(
            f"{path}: signal {signal.label} has the digital range {first} to {last} and the physical one "
            f"{low} to {high}; expected ranges that are not empty, correct the header"
        )
    gain = (high - low) / (last - first)
    return gain, low - first * gain


def _said(channels: Sequence[Channel], blocks: "Sequence[_Block]") -> list[str]:
    longest = max(range(len(blocks)), key=lambda at: blocks[at].runs.missing)
    runs, fs_hz = blocks[longest].runs, channels[longest].fs_hz or 1.0
    if not runs.missing:
        return []
    return [f"{len(runs.starts) - 1} gap(s), {runs.missing / fs_hz:.1f} s together, are missing samples"]


@dataclass(frozen=True)
class _Layout:
    """Where the data records of a file are.

    Attributes:
        path: the file.
        header: its header.
        counts: samples of each signal in a record.
        kept: the signals that are no annotations.
        n_records: number of records.
        duration_s: length of a record.
        width: bytes of a sample.
    """

    path: Path
    header: bytes
    counts: tuple[int, ...]
    kept: tuple[int, ...]
    n_records: int
    duration_s: float
    width: int

    def label(self, at: int) -> bytes:
        """Give the label of a signal."""
        return self.header[_HEADER + 16 * at :][:16].strip()

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return sum(self.counts) * self.width

    def records(self, first: int, last: int) -> NDArray[np.uint8]:
        """Read records ``first`` to ``last``, ``(record, byte)``."""
        offset = len(self.header) + first * self.size
        read = np.fromfile(self.path, np.uint8, count=(last - first) * self.size, offset=offset)
        if len(read) < (last - first) * self.size:
            raise DataError(f"{self.path} is truncated: record {last} is not there; fetch it again")
        return read.reshape(last - first, self.size)


@dataclass(frozen=True)
class _Block:
    """A signal: where it is in a record, and what its digital values mean."""

    offset: int
    count: int
    gain: float
    shift: float
    runs: Runs


@dataclass(frozen=True)
class _EdfSamples:
    layout: _Layout
    blocks: tuple[_Block, ...]

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read a stretch of signals of one frequency, in their units."""
        blocks = [self.blocks[column] for column in columns]
        return blocks[0].runs.read(
            start, stop, len(columns), lambda first, last: self._rows(first, last, blocks)
        )

    def _rows(self, first: int, last: int, blocks: Sequence[_Block]) -> NDArray[np.float64]:
        """Read samples as they follow each other in the file."""
        count = blocks[0].count
        records = self.layout.records(first // count, -(-last // count))
        skipped = first - first // count * count
        signal = np.empty((last - first, len(blocks)))
        for column, block in enumerate(blocks):
            width = self.layout.width
            stored = records[:, block.offset * width : (block.offset + block.count) * width]
            digital = _integers(np.ascontiguousarray(stored), width)[skipped : skipped + last - first]
            signal[:, column] = digital * block.gain + block.shift
        return signal


def _integers(stored: NDArray[np.uint8], width: int) -> NDArray[np.signedinteger]:
    if width == 2:
        return stored.reshape(-1).view("<i2")
    low, middle, high = stored.reshape(-1, 3).T.astype(np.int32)
    samples: NDArray[np.int32] = (low | middle << 8 | high << 16) << 8 >> 8
    return samples


def _layout(path: Path) -> _Layout:
    """Read the header and compare it with the length of the file."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
        n_signals = _number(header[_SIGNALS], "how many signals it has", path)
        header += file.read(_HEADER * n_signals)
    if len(header) < _HEADER * (n_signals + 1):
        raise DataError(f"{path} is cut short in its header, of {n_signals} signals; fetch it again")
    labels = [header[_HEADER + 16 * at :][:16].strip() for at in range(n_signals)]
    fields = [header[_HEADER + 216 * n_signals + 8 * at :][:8] for at in range(n_signals)]
    counts = tuple(_number(field, "how many samples a record has", path) for field in fields)
    kept = tuple(at for at, label in enumerate(labels) if label not in _ANNOTATIONS and counts[at])
    width = 3 if header.startswith(b"\xff") else 2
    try:
        told, duration_s = int(header[_RECORDS]), float(header[_DURATION])
    except ValueError:
        raise DataError(
            f"{path} is damaged: its header does not say how long it is; fetch it again"
        ) from None
    if kept and not 0 < duration_s < LONGEST_S:
        raise DataError(f"{path} is damaged: its records are {duration_s:g} s long; fetch it again")
    there = (path.stat().st_size - len(header)) // max(sum(counts) * width, 1)
    if told > there:  # -1 while it is being written
        raise DataError(
            f"{path} is truncated: its header says {told} records of {duration_s:g} s, and {there} are "
            "there; fetch it again"
        )
    return _Layout(path, header, counts, kept, there if told < 0 else told, duration_s, width)


def _number(field: bytes, what: str, path: Path) -> int:
    text = field.strip()
    if not text.isdigit():
        raise DataError(f"{path} is damaged: its header does not say {what}; fetch it again")
    return int(text)


def _parsed(layout: _Layout) -> tuple[Sequence[EdfSignal | BdfSignal], datetime | None, list[str]]:
    """Let edfio read the header, and the first record, which may tell the start more finely."""
    content = layout.header + layout.records(0, min(layout.n_records, 1)).tobytes()
    with caught_warnings():  # it says that other records are not there, which is so
        read = read_bdf if layout.width == 3 else read_edf
        parsed = read(io.BytesIO(content), header_encoding="latin-1")
        signals = [signal for signal in parsed.signals if signal.samples_per_data_record]
        try:
            start = datetime.combine(parsed.startdate, parsed.starttime)
        except (ValueError, IndexError, ArithmeticError):
            return signals, None, []  # it is left out, or made anonymous
    return signals, start, []


def _onsets(layout: _Layout) -> NDArray[np.float64]:
    """Give when each record of EDF+D begins, from the annotation that keeps its time."""
    at = next((at for at in range(len(layout.counts)) if layout.label(at) in _ANNOTATIONS), None)
    if at is None:
        raise DataError(f"{layout.path} is discontinuous, and has no times of its records; fetch it again")
    begin = sum(layout.counts[:at]) * layout.width
    size = layout.counts[at] * layout.width
    onsets: list[float] = []
    for first in range(0, layout.n_records, _AT_ONCE):
        records = layout.records(first, min(first + _AT_ONCE, layout.n_records))
        for kept in records[:, begin : begin + size]:
            found = _ONSET.match(kept.tobytes())
            if found is None:
                raise DataError(
                    f"{layout.path} is damaged: record {len(onsets) + 1} has no time; fetch it again"
                )
            onsets.append(float(found[1]))
    return np.array(onsets)


_ONSET = re.compile(rb"([+-]\d+(?:\.\d*)?)\x14")
_AT_ONCE = 256
"""Records that are read at once."""
