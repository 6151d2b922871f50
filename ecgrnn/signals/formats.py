"""Turn the bytes of a WFDB signal file into digital samples, straight into a NumPy array.

Formats 212 and 16 are decoded here, in any stretch and at the speed of memory; a MATLAB version 4 file as in
the PhysioNet/CinC Challenge 2017 is format 16 behind a header of 24 bytes. The formats are described in the
manual page signal(5) of the WFDB Software Package. All other formats are read through ``wfdb.rdrecord``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.header import Header

DIRECT_FORMATS = ("16", "212")
INVALID_SAMPLES = {"16": -(2**15), "212": -(2**11)}
"""The digital value that stands for a missing sample: signal(5)."""


def reads_directly(header: Header, columns: Sequence[int]) -> bool:
    """Tell whether these leads are stored in a form that ``read_digital`` decodes."""
    files = {header.files[column] for column in columns}
    stored = [_columns_of(file, header) for file in files]
    return not header.segments and all(
        header.formats[column] == header.formats[together[0]]
        and header.formats[column] in DIRECT_FORMATS
        and header.samples_per_frame[column] == 1
        and header.skews[column] == 0
        for together in stored
        for column in together
    )


def check_files(header: Header, columns: Sequence[int], *, folder: Path) -> None:
    """Check that the signal files of some leads are there and as long as the header says.

    Raises:
        DataError: one is missing or truncated.
    """
    for file in {header.files[column] for column in columns}:
        check_present(folder / file, header)
        if header.formats[header.files.index(file)] in DIRECT_FORMATS:
            _check_size(folder / file, header, _columns_of(file, header))


def read_digital(
    header: Header, columns: Sequence[int], *, folder: Path, start: int, stop: int
) -> list[NDArray[np.int16]]:
    """Read a stretch of some leads as digital samples.

    Only the bytes of the stretch are read, so that a day-long record can be read in pieces.

    Args:
        header: the record's header; ``reads_directly`` holds for it and ``check_files`` has passed.
        columns: which leads, in the order wanted.
        folder: where the signal files lie.
        start: first sample of the stretch.
        stop: sample behind the stretch.

    Returns:
        One ``(time,)`` array per column.
    """
    digital: dict[int, NDArray[np.int16]] = {}
    for file in dict.fromkeys(header.files[column] for column in columns):
        stored = _columns_of(file, header)
        decode = _DECODERS[header.formats[stored[0]]]
        offset = header.byte_offsets[stored[0]]
        frames = decode(folder / file, offset=offset, first=start * len(stored), last=stop * len(stored))
        by_lead = frames.reshape(stop - start, len(stored)).T
        digital.update({column: by_lead[at] for at, column in enumerate(stored)})
    return [digital[column] for column in columns]


def check_present(file: Path, header: Header) -> None:
    """Check that a signal file that the header names is there.

    Raises:
        DataError: it is not.
    """
    if not file.is_file():
        raise DataError(
            f"record {header.name} in {file.parent} has a header but no signal: {file.name}, which "
            "the header names, is not there; fetch it again"
        )


def checksum(digital: NDArray[np.integer]) -> int:
    """Sum the digital samples of a whole lead modulo 65,536, as header(5) has it."""
    return int(digital.sum(dtype=np.int64)) & 0xFFFF


def _columns_of(file: str, header: Header) -> list[int]:
    return [column for column, name in enumerate(header.files) if name == file]


def _check_size(file: Path, header: Header, stored: Sequence[int]) -> None:
    samples = header.n_samples * len(stored)
    needed = header.byte_offsets[stored[0]] + (
        2 * samples if header.formats[stored[0]] == "16" else -(-3 * samples // 2)
    )
    there = file.stat().st_size
    if there < needed:
        raise DataError(
            f"{file} is truncated: {len(stored)} leads of {header.n_samples} samples in format "
            f"{header.formats[stored[0]]} need {needed} bytes, the file has {there}; fetch it again"
        )


def _decode_16(file: Path, *, offset: int, first: int, last: int) -> NDArray[np.int16]:
    """Read little-endian two's complement samples ``first`` to ``last`` of the file's stream."""
    return np.fromfile(file, dtype="<i2", count=last - first, offset=offset + 2 * first)


def _decode_212(file: Path, *, offset: int, first: int, last: int) -> NDArray[np.int16]:
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


_DECODERS: dict[str, Callable[..., NDArray[np.int16]]] = {"16": _decode_16, "212": _decode_212}
