"""Arrays computed from a record of the cache, kept in its entry for the next start."""

import contextlib
import io
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

_KEY = "key"
_SUM_BYTES = 4
"""Length of the CRC-32 at the end of a file, behind the archive."""


def read_kept(file: Path, *, key: str) -> Arrays | None:
    """Give the arrays that were kept under a key; None where there are none, or their file is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    sum_at = len(content) - _SUM_BYTES
    if sum_at < 0 or zlib.crc32(content[:sum_at]).to_bytes(_SUM_BYTES, "little") != content[sum_at:]:
        return None
    with np.load(io.BytesIO(content[:sum_at]), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    return arrays if str(arrays.pop(_KEY, "")) == key else None


def keep(file: Path, arrays: Arrays, *, key: str) -> None:
    """Keep arrays for the next start.

    One file holds what was computed last: what has another key takes its place, so that a cache does not grow
    with every setting that is tried. A cache that cannot be written costs time and is no error.

    Args:
        file: the file, in a folder that is there; its name ends in ``.npz``.
        arrays: the arrays; none is named ``key``.
        key: all that the arrays depend on.
    """
    with contextlib.suppress(OSError):
        _write(file, {**arrays, _KEY: np.array(key)})


def _write(file: Path, arrays: dict[str, Any]) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time."""
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    content = archive.getvalue()
    beside = file.with_name(f".{uuid.uuid4().hex[:12]}-{file.name}")
    try:
        beside.write_bytes(content + zlib.crc32(content).to_bytes(_SUM_BYTES, "little"))
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
