"""Write a record as WFDB files: a header in text, and one signal file in format 212 or 16.

The formats are described in the manual pages header(5) and signal(5) of the WFDB Software Package.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats.wfdb.header import GAP
from ecgrnn.signals.formats.wfdb.samples import INVALID_SAMPLES, checksum

_BITS = {"16": 16, "212": 12}
_STEPS_PER_MV = 1000.0
_LARGEST = 32767


def write_digital(
    path: Path,
    digital: NDArray[np.int16],
    *,
    fmt: str,
    fs_hz: float,
    leads: Sequence[str],
    gain_per_mv: float,
    comments: Sequence[str] = (),
) -> None:
    """Write digital samples as ``path.dat`` and what they mean as ``path.hea``.

    Args:
        path: the record's path without a suffix, in a folder that is there.
        digital: ``(time, lead)``, 0 for 0 mV; the lowest value of the format stands for a missing sample.
        fmt: 212 (12 bits) or 16.
        fs_hz: sampling frequency.
        leads: lead names, one per column.
        gain_per_mv: digital units per mV.
        comments: lines to put under the header.

    Raises:
        ConfigError: the format is another one.
        DataError: the signal has no sample, a sample does not fit into the format, or a name or comment would
            break the header.
    """
    _check(path, digital, fmt=fmt, leads=leads)
    _check_texts(path.name, leads, comments)
    write_whole(path.with_name(f"{path.name}.dat"), _encode(digital, fmt))
    lines = [f"{path.name} {len(leads)} {fs_hz:.12g} {len(digital)}"]
    for lead, column in zip(leads, digital.T, strict=True):
        scale = f"{gain_per_mv:.12g}(0)/mV"
        lines.append(f"{path.name}.dat {fmt} {scale} {_BITS[fmt]} 0 {column[0]} {checksum(column)} 0 {lead}")
    lines += [f"# {comment}" for comment in comments]
    write_whole(path.with_name(f"{path.name}.hea"), ("\n".join(lines) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that it is never there in half."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_signal(
    path: Path,
    signal: NDArray[np.float64],
    *,
    fs_hz: float,
    leads: Sequence[str],
    comments: Sequence[str] = (),
) -> None:
    """Write a signal in millivolts in format 16, with steps of 1 µV.

    Args:
        path: the record's path without a suffix, in a folder that is there.
        signal: ``(time, lead)`` in mV; what lies beyond 32.767 mV is clipped, NaN is written as missing.
        fs_hz: sampling frequency.
        leads: lead names, one per column.
        comments: lines to put under the header.

    Raises:
        DataError: the signal has no sample or an infinite one, or a name would break the header.
    """
    if np.isinf(signal).any():
        raise DataError(
            f"record {path.name}: expected samples in mV, got infinity; put NaN where a sample is missing"
        )
    steps = np.clip(np.rint(signal * _STEPS_PER_MV), -_LARGEST, _LARGEST)
    digital = np.where(np.isnan(steps), INVALID_SAMPLES["16"], steps).astype(np.int16)
    write_digital(
        path, digital, fmt="16", fs_hz=fs_hz, leads=leads, gain_per_mv=_STEPS_PER_MV, comments=comments
    )


def _check(path: Path, digital: NDArray[np.int16], *, fmt: str, leads: Sequence[str]) -> None:
    if fmt not in _BITS:
        raise ConfigError(f"fmt is one of {', '.join(_BITS)}, got {fmt!r}")
    if not len(digital) or digital.ndim != 2 or digital.shape[1] != len(leads):
        raise DataError(
            f"record {path.name}: expected samples of shape (time, {len(leads)}), got {digital.shape}; "
            "pass one column per lead"
        )
    half = 1 << _BITS[fmt] - 1
    if digital.min() < -half or digital.max() >= half:
        raise DataError(
            f"record {path.name}: format {fmt} holds {-half} to {half - 1}, got {digital.min()} to "
            f"{digital.max()}; lower the gain or take format 16"
        )


def _check_texts(name: str, leads: Sequence[str], comments: Sequence[str]) -> None:
    """Refuse names and comments with which the header could not be read back."""
    if not name or name in {".", "..", GAP} or name.startswith("#") or re.search(r"[\s:/\\\0]", name):
        raise DataError(
            f"record {name!r}: expected a name without blanks, slashes and colons that does not begin "
            "with #; rename it"
        )
    for text in (*leads, *comments):
        if re.search(r"[\r\n\0]", text):
            raise DataError(f"record {name}: expected lead names and comments of one line, got {text!r}")
    for lead in leads:
        if not lead or lead != lead.strip():
            raise DataError(
                f"record {name}: expected lead names that neither are empty nor begin or end with a blank, "
                f"got {lead!r}"
            )


def _encode(digital: NDArray[np.int16], fmt: str) -> bytes:
    """Put the samples of all leads in order of time, one lead after the other, into bytes."""
    stream = np.ascontiguousarray(digital).reshape(-1)
    if fmt == "16":
        return stream.astype("<i2").tobytes()
    # Two samples share three bytes: low 8 bits of the first, high 4 bits of both, low 8 bits of the second.
    pairs = np.append(stream, np.zeros(len(stream) % 2, np.int16)).view(np.uint16).reshape(-1, 2)
    stored = np.empty((len(pairs), 3), np.uint8)
    stored[:, 0] = pairs[:, 0] & 0xFF
    stored[:, 1] = (pairs[:, 0] >> 8 & 0x0F) | (pairs[:, 1] >> 4 & 0xF0)
    stored[:, 2] = pairs[:, 1] & 0xFF
    return stored.tobytes()[: -(-3 * len(stream) // 2)]
