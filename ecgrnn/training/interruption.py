"""Signals that ask to stop: heard at once while nothing can be lost, else as soon as everything is saved."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ecgrnn.errors import Interrupted

WARNING = getattr(signal, "SIGUSR1", None)
"""The warning that SLURM sends before a time limit (``--signal=USR1@120``); None on Windows."""

SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, WARNING) if number is not None)
"""Ctrl-C, the polite end, and the warning."""


class Interruption:
    """Listens for signals that ask to stop.

    A process forked from this one, such as a loader of batches, has its handlers, too, and Ctrl-C reaches it
    as well: there a signal does nothing, for this process ends the others when it has saved.

    Args:
        advice: how to go on afterwards, one line.

    Attributes:
        requested: the signal that asked while it was put off; 0 for none.
    """

    def __init__(self, advice: str) -> None:
        self.advice = advice
        self.requested = 0
        self._put_off = False
        self._process = os.getpid()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen inside; only the main thread may, elsewhere signals do what they did."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            self.listen()
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Listen, in place of whoever has begun to listen since."""
        if threading.current_thread() is threading.main_thread():
            self._process = os.getpid()
            for number in SIGNALS:
                signal.signal(number, self._heard)

    def put_off(self) -> None:
        """From now on, remember the first signal until ``stop`` is called; a second one stops at once."""
        self._put_off = True
        self.listen()

    def put_off_no_more(self) -> None:
        """Stop at once again, and now if a signal has been heard."""
        self._put_off = False
        if self.requested:
            self.stop(self.requested)

    def stop(self, number: int, *, agreed: bool = False) -> NoReturn:
        """Stop, everything being saved.

        Args:
            number: the signal.
            agreed: whether all processes that work together stop here.

        Raises:
            Interrupted: always.
        """
        raise Interrupted(number, self.advice, agreed=agreed)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return
        if not self._put_off or self.requested:
            self.stop(number)
        self.requested = number
