"""Work that is done while a network computes."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


def one_ahead(items: Iterable[_Item]) -> Iterator[_Item]:
    """Give items in their order, each made in a thread of its own while the one before it is in use.

    Two items are in memory at a time. What goes wrong in making one is raised where it would have been given.

    Example:
        >>> list(one_ahead(n * n for n in range(4)))
        [0, 1, 4, 9]
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(_next, iterator)
        while (made := coming.result()) is not None:
            coming = maker.submit(_next, iterator)
            yield made[0]


def _next(iterator: Iterator[_Item]) -> tuple[_Item] | None:
    """Make one item; None where there is none any more, since StopIteration cannot come out of a thread."""
    for item in iterator:
        return (item,)
    return None
