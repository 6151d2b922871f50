"""Printing that never ends the work: with another encoding or a closed pipe, text is lost at most."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Unfailing:
    """A text stream that writes what it can: what it cannot encode as escapes, and nothing once nobody reads.

    Args:
        stream: where to; None where the process has none.

    Attributes:
        broken: whether something could not be written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.broken = False

    def write(self, text: str) -> int:
        """Write text, and give its length whatever came of it."""
        if self._stream is not None:
            try:
                self._write(self._stream, text)
            except (OSError, ValueError):  # ValueError: it is closed
                self.broken = True
        return len(text)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True

    def isatty(self) -> bool:
        """Tell whether a person looks on."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def unfailing() -> Iterator[None]:
    """Print without fail inside; the streams are afterwards what they were."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _wrapped(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def leave_quietly() -> None:
    """Keep the interpreter from complaining at its end of a pipe that nobody reads any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _wrapped(stream: TextIO | None) -> "TextIO | Unfailing":
    return stream if isinstance(stream, Unfailing) else Unfailing(stream)
