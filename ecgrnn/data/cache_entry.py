"""The files of a cache entry and their checksums: whether what lies on disk is what was written."""

import contextlib
import hashlib
import json
import math
import uuid
import zlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.beside import folder_beside

FACTS = "facts.json"

_MAPPED_AT_ONCE = 256
"""Signals that stay mapped: each holds an open file, and often no more than 1024 may be open."""

FileSums = Mapping[str, tuple[int, int]]
"""File name to its size and its CRC-32."""


def sums_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Sum every file of a folder."""
    return {path.name: (path.stat().st_size, _crc(path)) for path in sorted(folder.iterdir())}


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write facts with a checksum of themselves, whole or not at all."""
    text = json.dumps({"facts": facts, "checksum": _text_sum(facts)}, indent=1)
    beside = folder / f".{FACTS}-{uuid.uuid4().hex[:12]}"
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / FACTS)
    finally:
        beside.unlink(missing_ok=True)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Read facts; None where there are none, or their checksum is another one."""
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        facts: dict[str, Any] = content["facts"]
        return facts if content["checksum"] == _text_sum(facts) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def renew_stamps(folder: Path, facts: Mapping[str, Any], stamps: object) -> None:
    """Write facts again with other stamps, so that the next start need not read the sources once more."""
    with contextlib.suppress(OSError):  # of a cache that may only be read nothing can be kept
        write_facts(folder, {**facts, "sources": stamps})


def are_there(folder: Path, sums: FileSums) -> bool:
    """Tell whether all files are there and as long as they were: what can be told without reading them."""
    try:
        return all((folder / name).stat().st_size == size for name, (size, _) in sums.items())
    except OSError:
        return False


def is_whole(path: Path, sums: FileSums) -> bool:
    """Tell whether a file is as it was written. A process reads it once for that, unless it changes."""
    try:
        status = path.stat()
        size, crc = sums[path.name]
        return status.st_size == size and _has_crc(path, (status.st_ino, status.st_mtime_ns), crc)
    except (OSError, KeyError):
        return False


def plausible(record: Mapping[str, Any]) -> bool:
    """Tell whether the facts of a record are of the types, and as large, as those of a record can be."""
    n_leads = len(record["leads"])
    return (
        all(isinstance(record[name], str) for name in ("name", "fingerprint", "digest"))
        and _all_of(str, record["leads"], count=n_leads)
        and _all_of(str, record["contents"], count=len(record["contents"]))
        and _all_of(int, record["missing"], count=n_leads)
        and all(_finite(record[name]) > 0 for name in ("fs_hz", "source_fs_hz"))
        and all(type(record[name]) is int and record[name] > 0 for name in ("n_samples", "source_samples"))
        and all(type(record[name]) is int and record[name] >= 0 for name in ("merged", "outside"))
    )


def _all_of(kind: type, values: object, *, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(type(value) is kind for value in values)


def _finite(value: object) -> float:
    return value if isinstance(value, int | float) and math.isfinite(value) else math.nan


def stamps_of(files: Sequence[Path], below: Path) -> list[list[str | int]]:
    """Size and time of change of a record's files: equal stamps spare reading the files."""
    statuses = [(path.relative_to(below).as_posix(), path.stat()) for path in files]
    return [[name, status.st_size, status.st_mtime_ns] for name, status in statuses]


def fingerprint_of(files: Sequence[Path]) -> str:
    """Hash the names, sizes and contents of a record's files."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode(errors="surrogateescape"))
        digest.update(path.read_bytes())
    return digest.hexdigest()


def move_into_place(beside: Path, folder: Path) -> None:
    """Put a whole entry in its place; where another process was faster, its entry is as good as ours."""
    # A damaged or outdated entry makes way first, since a folder cannot be renamed onto a full one.
    try:
        with folder_beside(folder) as aside:
            with contextlib.suppress(FileNotFoundError):
                folder.rename(aside / "old")
            beside.rename(folder)
    except OSError:
        if not (folder / FACTS).is_file():
            raise


@cache
def _has_crc(path: Path, stamp: tuple[int, int], crc: int) -> bool:
    return _crc(path) == crc


def _crc(path: Path) -> int:
    if not path.stat().st_size:  # an empty file cannot be mapped
        return 0
    content: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    return zlib.crc32(content.data)


def _text_sum(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def mapped(path: Path) -> NDArray[np.float32]:
    """Map an array of numbers from disk, once however often it is asked for."""
    status = path.stat()
    return _mapped(path, (status.st_ino, status.st_mtime_ns))


@lru_cache(maxsize=_MAPPED_AT_ONCE)
def _mapped(path: Path, stamp: tuple[int, int]) -> NDArray[np.float32]:
    """Map an array; the stamp says which file stands there, in case another has taken its place."""
    array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
