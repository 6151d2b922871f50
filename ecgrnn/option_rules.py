"""Rules that many options share: each refuses a value and names the option."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ecgrnn.errors import ConfigError

_GIVEN: ContextVar[frozenset[str]] = ContextVar("given", default=frozenset())


@contextmanager
def given(names: Iterable[str]) -> Iterator[None]:
    """Remember inside which options somebody gave; all others have the values of the files in conf/."""
    token = _GIVEN.set(frozenset(names))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def given_names() -> frozenset[str]:
    """Give the dotted names of the options that somebody gave for the command that runs."""
    return _GIVEN.get()


def above_zero(group: str, name: str, value: float | None) -> None:
    """Refuse an option that is not above 0.

    Raises:
        ConfigError: naming the option and its value.
    """
    if value is not None and value <= 0:
        raise ConfigError(f"{group}.{name} must be above 0; it is {value}")


def at_least(group: str, name: str, value: float, lowest: float) -> None:
    """Refuse an option below its lowest value.

    Raises:
        ConfigError: naming the option and its value.
    """
    if value < lowest:
        option = f"{group}.{name}" if group else name
        raise ConfigError(f"{option} must be at least {lowest}; it is {value}")


def at_most(group: str, name: str, value: float, highest: float) -> None:
    """Refuse an option above its highest value.

    Raises:
        ConfigError: naming the option and its value.
    """
    if value > highest:
        option = f"{group}.{name}" if group else name
        raise ConfigError(f"{option} must be at most {highest}; it is {value}")


def share(group: str, name: str, value: float) -> None:
    """Refuse an option that is no share of a whole.

    Raises:
        ConfigError: naming the option and its value.
    """
    if not 0 <= value < 1:
        raise ConfigError(f"{group}.{name} must lie in [0, 1); it is {value}")
