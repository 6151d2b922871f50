"""Which of several processes this one is, and what they tell each other; alone, every answer is its own."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # the command line asks for its rank before it knows whether it needs torch
    from torch import Tensor

T = TypeVar("T")


def rank_of(environment: Mapping[str, str]) -> int:
    """Tell a process's place from what torchrun, srun or Lightning's launcher wrote for it; 0 is first.

    Only whether it is 0 can be relied on: Lightning's launcher names the place within a node.

    Example:
        >>> rank_of({"RANK": "3", "LOCAL_RANK": "1"}), rank_of({"LOCAL_RANK": "1"}), rank_of({})
        (3, 1, 0)
    """
    if "RANK" in environment:
        return int(environment["RANK"])
    if "LOCAL_RANK" in environment:
        return int(environment["LOCAL_RANK"]) or int(environment.get("NODE_RANK", 0))
    return int(environment.get("SLURM_PROCID", 0))


def rank() -> int:
    """Give this process's place among those that work together."""
    return _together("get_rank", alone=0)


def world_size() -> int:
    """Count the processes that work together."""
    return _together("get_world_size", alone=1)


def share(items: Sequence[T]) -> list[T]:
    """Give this process's part of a list: every so-manieth item, so that every item is in one part."""
    return list(items[rank() :: world_size()])


def gather(part: Sequence[T]) -> list[T]:
    """Put the parts that ``share`` gave, whatever was made of them, back into one list on all ranks."""
    if world_size() == 1:
        return list(part)
    from torch import distributed

    parts: list[Any] = [None] * world_size()
    distributed.all_gather_object(parts, list(part))
    whole: list[Any] = [None] * sum(map(len, parts))
    for start, each in enumerate(parts):
        whole[start :: len(parts)] = each
    return whole


def broadcast(value: T) -> T:
    """Give the first process's value to all."""
    if world_size() == 1:
        return value
    from torch import distributed

    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def summed(tensor: "Tensor") -> "Tensor":
    """Give the sum of a tensor over all processes; no gradient goes through it."""
    total = tensor.detach().clone()
    if world_size() > 1:
        from torch import distributed

        distributed.all_reduce(total)
    return total


def barrier() -> None:
    """Wait until all processes are here."""
    if world_size() > 1:
        from torch import distributed

        distributed.barrier()


def first_then_others(function: Callable[[], None]) -> None:
    """Let the first process do something, then one on each other machine, while the rest wait.

    On shared storage the second time finds everything done.
    """
    if rank() == 0:
        function()
    barrier()
    if rank() != 0 and int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", 0))) == 0:
        function()
    barrier()


def _together(question: str, *, alone: int) -> int:
    if "torch" not in sys.modules:
        return alone  # processes that work together have torch
    from torch import distributed

    if not distributed.is_available() or not distributed.is_initialized():
        return alone
    return int(getattr(distributed, question)())
