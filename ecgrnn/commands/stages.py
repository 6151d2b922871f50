"""What commands share: telling the user, and timing the stages of a run."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ecgrnn.data.ranks import rank_of


def say(line: str) -> None:
    """Tell the user one line; of several processes the first one speaks."""
    if not rank_of(os.environ):
        tell(line)


def say_all(lines: Iterable[str]) -> None:
    """Tell the user several lines."""
    for line in lines:
        say(line)


def tell(line: str) -> None:
    """Tell the user one line, whichever process this is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Stages:
    """Wall-clock seconds of the named stages of a run.

    Attributes:
        seconds: stage to seconds, in the order the stages ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what is done inside; a stage that is timed again goes on."""
        begun = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - begun, 3)
