"""The mark of whoever is at work in a run folder; it outlives a process that is killed, and says so."""

import os
import socket
import time
import uuid
from pathlib import Path

MARK = ".claimed"
"""There from when a run takes a folder until the run has ended well: no two runs can make it."""

_ENDED = "ended"
_WRITTEN_S = 60.0
"""A mark is written so soon after it is made; one that stays empty is of a process that was killed then."""


def set_mark(run_dir: Path) -> bool:
    """Mark a folder as one's own.

    Returns:
        Whether it holds the mark of a run that has ended before its end, which is taken over.

    Raises:
        FileExistsError: another run is at work there.
    """
    unfinished = _cleared(run_dir / MARK)
    with (run_dir / MARK).open("x", encoding="utf-8") as file:
        file.write(_owner())
    return unfinished


def is_unfinished(run_dir: Path) -> bool:
    """Tell whether the run in a folder ended before its end, and nobody is at work there."""
    try:
        return not _at_work(run_dir / MARK)
    except OSError:
        return False


def let_go(run_dir: Path) -> None:
    """Say that a run has ended before its end, so that another may continue it."""
    if (run_dir / MARK).is_file():
        (run_dir / MARK).write_text(_ENDED, encoding="utf-8")


def remove_mark(run_dir: Path) -> None:
    """Say that a run has ended well."""
    (run_dir / MARK).unlink(missing_ok=True)


def _owner() -> str:
    return f"{socket.gethostname()} {os.getpid()}"


def _at_work(mark: Path) -> bool:
    """Tell whether the process that made a mark may be alive; of another machine's nobody knows."""
    text = mark.read_text(encoding="utf-8", errors="replace")
    if text == _ENDED:
        return False
    host, _, number = text.rpartition(" ")
    if not number.isdecimal():
        return not time.time() - mark.stat().st_mtime - _WRITTEN_S >= 0
    return host != socket.gethostname() or _is_alive(int(number))


def _is_alive(number: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _cleared(mark: Path) -> bool:
    """Take away the mark of a run that nobody is at work on; of several that try, one does."""
    aside = mark.with_name(f"{MARK}-{uuid.uuid4().hex}")
    try:
        if _at_work(mark):
            return False
        mark.rename(aside)
        if _at_work(aside):  # meanwhile another run had taken it over
            aside.rename(mark)
            return False
    except FileNotFoundError:
        return False
    aside.unlink()
    return True
