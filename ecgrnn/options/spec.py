"""Frozen facts that travel with a model, and how they become plain data and back."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from ecgrnn.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class SignalSpec:
    """The signal a network was trained on, enough to prepare a new record the same way.

    Attributes:
        fs_hz: sampling frequency the network reads.
        leads: lead names in the network's order; an empty name stands for any lead, and no name at all for
            any number of them in any order.
        unit: physical unit of the samples.
    """

    fs_hz: float
    leads: tuple[str, ...]
    unit: str = "mV"

    @property
    def any_number(self) -> bool:
        """Whether the network reads any number of leads."""
        return not self.leads


@dataclass(frozen=True)
class LabelScheme:
    """Which class each annotation symbol belongs to.

    Attributes:
        name: how options and tables call the scheme.
        classes: class names in the order of a network's outputs.
        symbols: annotation symbol to class name; a symbol that is not here is no beat.
        citation: where the grouping comes from.
    """

    name: str
    classes: tuple[str, ...]
    symbols: Mapping[str, str]
    citation: str

    def index(self, symbol: str) -> int:
        """Give the class index of an annotation symbol, or -1 for a symbol outside the scheme."""
        name = self.symbols.get(symbol)
        return -1 if name is None else self.classes.index(name)


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Give the leaves of nested mappings under dotted names.

    Example:
        >>> flat({"seed": 0, "data": {"fold": 1, "root": None}})
        {'seed': 0, 'data.fold': 1, 'data.root': None}
    """
    if not isinstance(tree, Mapping):
        return {prefix.removesuffix("."): tree}
    return {name: leaf for key, part in tree.items() for name, leaf in flat(part, f"{prefix}{key}.").items()}


def to_plain(value: Any) -> Any:
    """Turn facts and options into dicts, lists, strings and numbers: what any checkpoint may hold.

    Example:
        >>> to_plain(SignalSpec(fs_hz=180.0, leads=("MLII",)))
        {'fs_hz': 180.0, 'leads': ['MLII'], 'unit': 'mV'}
    """
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], plain: Mapping[str, Any]) -> T:
    """Turn plain data back into a dataclass; the inverse of ``to_plain``.

    Raises:
        ConfigError: when a key is unknown or a value has the wrong type.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(plain) - set(hints))
    if unknown:
        raise ConfigError(f"{kind.__name__} has no {', '.join(unknown)}; the file is from another version")
    try:
        return kind(**{name: _restored(hints[name], value, name) for name, value in plain.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{kind.__name__} cannot be read back: {error}") from error


def _restored(hint: Any, value: Any, name: str) -> Any:
    """Turn one plain value back into what a field is declared to hold.

    Raises:
        TypeError: the value is of another type, or a number that is not finite.
    """
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    origin = typing.get_origin(hint) or hint
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping | hint):
        return from_plain(hint, value) if isinstance(value, Mapping) else value
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if origin in (list, tuple) and isinstance(value, list | tuple):
        return origin(_restored(typing.get_args(hint)[0], item, name) for item in value)
    if origin is Mapping and isinstance(value, Mapping):
        _, kind = typing.get_args(hint)
        return {str(key): _restored(kind, item, name) for key, item in value.items()}
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint is Any or (hint in (str, int, bool) and type(value) is hint):
        return value
    expected = hint.__name__ if isinstance(hint, type) else str(hint)
    raise TypeError(f"{name} must be {_IN_WORDS.get(expected, expected)}; it is {value!r:.40}")


_IN_WORDS = {"float": "a finite number", "int": "a whole number", "str": "text", "bool": "true or false"}


Row = Mapping[str, str | int | float | None]
