"""Progress bars for a database that is simulated or prepared."""

from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(what: str, unit: str) -> Callable[..., Iterable[Any]]:
    """Give what wraps items in a bar that shows how many are done: ``wrap(items, total=None)``."""

    def wrap(items: Iterable[Any], total: int | None = None) -> Iterable[Any]:
        """Show how many of the items are done."""
        bar: Iterable[Any] = tqdm(items, desc=what, unit=unit, total=total)
        return bar

    return wrap
