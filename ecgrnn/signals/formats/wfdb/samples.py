"""Turn the bytes of a WFDB signal file into digital samples, straight into NumPy arrays.

All formats of the manual page signal(5) of the WFDB Software Package are decoded here, in any stretch; FLAC
through ``soundfile``. A MATLAB version 4 file as in the PhysioNet/CinC Challenge 2017 is format 16 behind a
header of 24 bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError

FLAC_BITS = {"508": 8, "516": 16, "524": 24}
"""Formats of compressed files, and the bits of their samples."""

_BITS = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 10, "311": 10}

INVALID_SAMPLES = {name: -(1 << bits - 1) for name, bits in (_BITS | FLAC_BITS).items() if name != "8"}
"""The digital value that stands for a missing sample: signal(5). Format 8, of differences, has none."""


@dataclass(frozen=True)
class SignalFile:
    """A signal file as its header describes it.

    Attributes:
        path: the file.
        format: how its samples are stored.
        offset: bytes before the first sample; samples where the format is FLAC.
        samples_per_frame: samples of each lead in a frame.
        initial_values: what the differences of format 8 are added to, one per lead.
    """

    path: Path
    format: str
    offset: int
    samples_per_frame: tuple[int, ...]
    initial_values: tuple[int, ...]


def stored_frames(file: SignalFile) -> int:
    """Count the whole frames in a signal file that is there.

    Raises:
        DataError: its format is not known, or it is damaged.
    """
    if file.format in FLAC_BITS:
        with _opened_flac(file) as flac:
            return max(int(flac.frames) - file.offset, 0) // file.samples_per_frame[0]
    _decoder(file)
    stored = max(file.path.stat().st_size - file.offset, 0)
    samples = stored * 3 // 4 if file.format in {"310", "311"} else stored * 8 // _BITS[file.format]
    return samples // sum(file.samples_per_frame)


def check_size(file: SignalFile, n_frames: int) -> None:
    """Check that a signal file holds as many frames as its header says.

    Raises:
        DataError: it is truncated or damaged, or its format is not known.
    """
    if (there := stored_frames(file)) >= n_frames:
        return
    leads = f"{len(file.samples_per_frame)} leads of {n_frames} samples in format {file.format}"
    if file.format in FLAC_BITS:
        raise DataError(f"{file.path} is truncated: expected {leads}, the file has {there}; fetch it again")
    raise DataError(
        f"{file.path} is truncated: {leads} need {_needed(file, n_frames)} bytes, the file has "
        f"{file.path.stat().st_size}; fetch it again"
    )


def read_frames(file: SignalFile, start: int, stop: int) -> list[NDArray[Any]]:
    """Read a stretch of all leads of a file as digital samples.

    Only the bytes of the stretch are read, so that a day-long record can be read in pieces; but format 8
    stores differences, which are added up from the beginning of the file.

    Args:
        file: the file, which ``check_size`` has passed.
        start: first frame.
        stop: frame behind the last one.

    Returns:
        For each lead ``(frame * samples_per_frame,)``, of 32 bits where the format needs them, else of 16.
    """
    if file.format in FLAC_BITS:
        return _read_flac(file, start, stop)
    frame = sum(file.samples_per_frame)
    begin = 0 if file.format == "8" else start
    samples = _decoder(file)(file.path, offset=file.offset, first=begin * frame, last=stop * frame)
    frames = samples.reshape(-1, frame)
    ends = np.cumsum(file.samples_per_frame)
    by_lead = [
        frames[:, end - count : end].reshape(-1)
        for end, count in zip(ends, file.samples_per_frame, strict=True)
    ]
    if file.format != "8":
        return by_lead
    return [
        (value + lead.cumsum(dtype=np.int32))[start * count :]
        for lead, value, count in zip(by_lead, file.initial_values, file.samples_per_frame, strict=True)
    ]


def checksum(digital: NDArray[np.integer]) -> int:
    """Sum digital samples modulo 65,536, as header(5) has it."""
    return int(digital.sum(dtype=np.int64)) & 0xFFFF


def _needed(file: SignalFile, n_frames: int) -> int:
    samples = n_frames * sum(file.samples_per_frame)
    if file.format in {"310", "311"}:
        return file.offset + -(-4 * samples // 3)
    return file.offset + -(-_BITS[file.format] * samples // 8)


def _integers(dtype: str) -> "_Decoder":
    """Make a decoder of samples of whole bytes."""

    def decode(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
        """Read samples ``first`` to ``last`` of the file's stream."""
        size = np.dtype(dtype).itemsize
        read = np.fromfile(file, dtype, count=last - first, offset=offset + size * first)
        return read.astype(read.dtype.newbyteorder("="), copy=False)

    return decode


def _decode_80(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read samples of 8 bits that are counted from -128 on."""
    return np.fromfile(file, np.uint8, count=last - first, offset=offset + first).astype(np.int16) - 128


def _decode_160(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read samples of 16 bits that are counted from -32,768 on."""
    stored = np.fromfile(file, "<u2", count=last - first, offset=offset + 2 * first)
    return (stored.astype(np.uint16) ^ np.uint16(0x8000)).view(np.int16)


def _decode_24(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read little-endian samples of three bytes."""
    stored = np.fromfile(file, np.uint8, count=3 * (last - first), offset=offset + 3 * first)
    low, middle, high = stored.reshape(-1, 3).T.astype(np.int32)
    samples: NDArray[np.int32] = (low | middle << 8 | high << 16) << 8 >> 8
    return samples


def _decode_212(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read 12-bit samples, of which two share three bytes: low 8 bits, both high 4 bits, low 8 bits."""
    pair, last_pair = first // 2, -(-last // 2)
    stored = np.fromfile(file, dtype=np.uint8, count=3 * (last_pair - pair), offset=offset + 3 * pair)
    if stored.size % 3:
        stored = np.append(stored, np.uint8(0))
    low, middle, last_low = stored.reshape(-1, 3).T.astype(np.int16)
    samples = np.empty((len(low), 2), np.int16)
    # Put the sign bit of each 12-bit number into the sign bit of the word; the shift back extends it.
    samples[:, 0] = ((middle << 12) | (low << 4)) >> 4
    samples[:, 1] = (((middle & 0xF0) << 8) | (last_low << 4)) >> 4
    return samples.reshape(-1)[first - 2 * pair : last - 2 * pair]


def _decode_310(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read 10-bit samples, of which three share two words: bits 1 to 10 of each, and both high 5 bits."""
    words, skipped = _words_of_three(file, offset=offset, first=first, last=last)
    low, high = words & 0xFFFF, words >> 16
    return _ten_bits([low >> 1, high >> 1, low >> 11 | high >> 11 << 5])[skipped : skipped + last - first]


def _decode_311(file: Path, *, offset: int, first: int, last: int) -> NDArray[Any]:
    """Read 10-bit samples, of which three share a word of 32 bits, the first in its lowest bits."""
    words, skipped = _words_of_three(file, offset=offset, first=first, last=last)
    return _ten_bits([words, words >> 10, words >> 20])[skipped : skipped + last - first]


def _words_of_three(file: Path, *, offset: int, first: int, last: int) -> tuple[NDArray[np.uint32], int]:
    """Read words that hold three samples each, and say how many samples come before the first wanted."""
    begin, end = first // 3, -(-last // 3)
    stored = np.fromfile(file, np.uint8, count=4 * (end - begin), offset=offset + 4 * begin)
    whole = np.append(stored, np.zeros(-len(stored) % 4, np.uint8))  # the last word may be cut short
    return whole.view("<u4").astype(np.uint32), first - 3 * begin


def _ten_bits(numbers: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.int16]:
    """Take the low ten bits of each number, with their sign, the first of each list in turn."""
    stacked = np.stack(numbers, axis=1).astype(np.uint16)
    extended: NDArray[np.int16] = (stacked << 6).view(np.int16) >> 6
    return extended.reshape(-1)


_Decoder = Callable[..., NDArray[Any]]
_DECODERS: dict[str, _Decoder] = {
    "8": _integers("i1"),
    "16": _integers("<i2"),
    "24": _decode_24,
    "32": _integers("<i4"),
    "61": _integers(">i2"),
    "80": _decode_80,
    "160": _decode_160,
    "212": _decode_212,
    "310": _decode_310,
    "311": _decode_311,
}


def _decoder(file: SignalFile) -> _Decoder:
    if file.format not in _DECODERS:
        known = ", ".join([*_DECODERS, *FLAC_BITS])
        raise DataError(f"{file.path}: format {file.format} is not known; expected one of {known}")
    return _DECODERS[file.format]


def _opened_flac(file: SignalFile) -> Any:
    """Open a FLAC file and compare it with what the header says of it."""
    import soundfile  # few records are compressed

    try:
        flac = soundfile.SoundFile(str(file.path))
    except (OSError, RuntimeError) as error:
        raise _unreadable(file, str(error)) from error
    bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(flac.subtype, 32)
    n_leads, equal = len(file.samples_per_frame), len(set(file.samples_per_frame)) == 1
    if flac.format != "FLAC" or bits > FLAC_BITS[file.format] or flac.channels != n_leads or not equal:
        flac.close()
        raise _unreadable(
            file,
            f"expected FLAC of {n_leads} leads of one frequency with up to {FLAC_BITS[file.format]} bits, "
            f"got {flac.format} of {flac.channels} with {bits}",
        )
    return flac


def _read_flac(file: SignalFile, start: int, stop: int) -> list[NDArray[Any]]:
    count = file.samples_per_frame[0]
    with _opened_flac(file) as flac:
        eight, wide = flac.subtype == "PCM_S8", flac.subtype == "PCM_24"
        try:
            flac.seek(file.offset + start * count)
            read = flac.read((stop - start) * count, dtype="int32" if wide else "int16", always_2d=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise _unreadable(file, str(error)) from error
    if len(read) < (stop - start) * count:
        raise _unreadable(
            file, f"expected {(stop - start) * count} samples from {start * count} on, got {len(read)}"
        )
    # Samples of 8 and 24 bits come in the upper bits of wider ones.
    return list(np.ascontiguousarray((read >> 8 if eight or wide else read).T))


def _unreadable(file: SignalFile, reason: str) -> DataError:
    return DataError(
        f"{file.path} (format {file.format}) cannot be read: {reason}; check that the file is "
        "whole, or fetch it again"
    )
