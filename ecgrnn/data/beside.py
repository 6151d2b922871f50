"""Folders that are filled beside their place and renamed; what a killed process left of them is removed."""

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"\..+-[0-9a-f]{12}")
_OLD_S = 86_400.0
"""Where a system has no locks, a folder that was not changed for a day is of a process that is gone."""


@contextmanager
def folder_beside(place: Path) -> Iterator[Path]:
    """Make a hidden folder beside a place; it is held by a lock, and removed in the end.

    The umask says who may read it, so that a group can share it.
    """
    while True:
        beside = place.with_name(f".{place.name}-{uuid.uuid4().hex[:12]}")
        beside.mkdir()
        lock = _locked(beside, wait=True)
        if beside.is_dir():  # nobody has taken it for one that was left
            break
        _unlock(lock)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        _unlock(lock)


def remove_left(folder: Path) -> None:
    """Remove the hidden folders that processes which are gone have left in a folder."""
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            lock = _locked(Path(entry.path), wait=False)
            if lock is not None or _is_old(Path(entry.path)):
                shutil.rmtree(entry.path, ignore_errors=True)
            _unlock(lock)


def _locked(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder; None where another process holds it, or the system has no locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        return None
    return handle


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _OLD_S
    except OSError:
        return False
