"""How many threads of the processor the operations of a command may use."""

import functools
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar


class Threaded(Protocol):
    """Options with a number of threads; None leaves it to torch."""

    threads: int | None


_OptionsT = TypeVar("_OptionsT", bound=Threaded)


def on_threads(run: Callable[[_OptionsT], None]) -> Callable[[_OptionsT], None]:
    """Make a command run with the threads its options ask for, and leave the process as it was."""

    @functools.wraps(run)
    def with_threads(options: _OptionsT) -> None:
        """Set the number of threads for as long as the command runs."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(options.threads or before)
        try:
            run(options)
        finally:
            torch.set_num_threads(before)

    return with_threads


def keep_threads() -> Callable[[], None]:
    """Give what a new thread calls to compute with as many threads as this one: torch counts for each."""
    torch = sys.modules.get("torch")
    if torch is None:
        return lambda: None
    return functools.partial(torch.set_num_threads, torch.get_num_threads())
