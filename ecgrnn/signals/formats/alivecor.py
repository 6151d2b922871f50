"""AliveCor's ATC files, of KardiaMobile: blocks with a name, a length and a checksum (specification 1.7)."""

import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints

_LEADS = dict(
    zip(
        (b"ecg ", *(b"ecg%c" % letter for letter in b"23456789abc")),
        ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"),
        strict=True,
    )
)
_HEADER = 12
_FORMAT = struct.Struct("<BHHBH")


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read a recording.

    Raises:
        DataError: a block is cut short or damaged, or the format or the samples are not there.
    """
    blocks = dict(_blocks(path))
    found = {lead: blocks[name] for name, lead in _LEADS.items() if name in blocks}
    if not found or len(blocks.get(b"fmt ", b"")) < _FORMAT.size:
        raise DataError(
            f"{path} is damaged: it has no samples, or does not say what they mean; fetch it again"
        )
    _, fs_hz, step_nv, _, _ = _FORMAT.unpack_from(blocks[b"fmt "])
    if not fs_hz or not step_nv:
        raise DataError(f"{path} is damaged: it says {fs_hz} Hz and steps of {step_nv} nV; fetch it again")
    signals = [
        np.frombuffer(block[: len(block) // 2 * 2], "<i2") * (step_nv / 1000) for block in found.values()
    ]
    channels = tuple(
        Channel(lead, "uV", float(fs_hz), len(signal)) for lead, signal in zip(found, signals, strict=True)
    )
    return Contents(channels, ArraySamples(tuple(signals)), _start(blocks.get(b"info", b"")))


def _blocks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    content = path.read_bytes()
    at = _HEADER
    while at < len(content):
        name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        data, end = content[at + 8 : at + 8 + length], at + 12 + length
        if end > len(content):
            raise DataError(f"{path} is cut short in its block {name!r}; fetch it again")
        told = int.from_bytes(content[end - 4 : end], "little")
        if sum(content[at : end - 4]) & 0xFFFFFFFF != told:
            raise DataError(f"{path} is damaged: its block {name!r} has another checksum; fetch it again")
        yield name, data
        at = end


def _start(info: bytes) -> datetime | None:
    text = info[:32].split(b"\0")[0].decode("ascii", errors="replace")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
