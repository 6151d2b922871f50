"""Arrays computed from a record of the cache, kept in its entry for the next start."""

import contextlib
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

_KEY = "key"


def read_kept(file: Path, *, key: str) -> Arrays | None:
    """Give the arrays that were kept under a key; None where there are none, or their file is damaged."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # TypeError: of a file that holds one array and no archive
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
    beside = file.with_name(f".{uuid.uuid4().hex[:12]}-{file.name}")
    try:
        np.savez(beside, **arrays)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
