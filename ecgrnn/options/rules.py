"""Rules that many options share: each refuses a value and names the option."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ecgrnn.errors import ConfigError

LOWEST_HZ, HIGHEST_HZ = 1.0, 100_000.0
"""Sampling frequencies between which an ECG is recorded."""

MOST = 2**32 - 1
"""No whole number among the options is larger, seeds included."""


def finite(options: Any, name: str = "") -> None:
    """Refuse a number that is not finite, or larger than anything that it could count.

    Args:
        options: a dataclass of options, or a part of one.
        name: its dotted name.

    Raises:
        ConfigError: naming the option and its value.
    """
    if dataclasses.is_dataclass(options):
        options = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    if isinstance(options, Mapping):
        for key, value in options.items():
            finite(value, f"{name}.{key}" if name else str(key))
    elif isinstance(options, list):
        for value in options:
            finite(value, name)
    elif isinstance(options, float) and not math.isfinite(options):
        raise ConfigError(f"{name} must be a finite number; it is {options}")
    elif isinstance(options, int) and abs(options) > MOST:
        raise ConfigError(f"{name} must be at most {MOST}; it is {options}")


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
    if value is not None and not value > 0:
        option = f"{group}.{name}" if group else name
        raise ConfigError(f"{option} must be above 0; it is {value}")


def at_least(group: str, name: str, value: float, lowest: float) -> None:
    """Refuse an option below its lowest value.

    Raises:
        ConfigError: naming the option and its value.
    """
    if not value >= lowest:
        option = f"{group}.{name}" if group else name
        raise ConfigError(f"{option} must be at least {lowest}; it is {value}")


def at_most(group: str, name: str, value: float, highest: float) -> None:
    """Refuse an option above its highest value.

    Raises:
        ConfigError: naming the option and its value.
    """
    if not value <= highest:
        option = f"{group}.{name}" if group else name
        raise ConfigError(f"{option} must be at most {highest}; it is {value}")


def share(group: str, name: str, value: float) -> None:
    """Refuse an option that is no share of a whole.

    Raises:
        ConfigError: naming the option and its value.
    """
    if not 0 <= value < 1:
        raise ConfigError(f"{group}.{name} must lie in [0, 1); it is {value}")


def required(name: str, value: str, what: str) -> None:
    """Refuse an option that names a path and is not given.

    Raises:
        ConfigError: it is empty; ``what`` says what it is the path of.
    """
    if not value:
        raise ConfigError(f"{name} is not given; set {name}=PATH, {what}")


def check_threads(value: int | None) -> None:
    """Refuse a number of threads below 1.

    Raises:
        ConfigError: it is.
    """
    if value is not None:
        at_least("", "threads", value, 1)
