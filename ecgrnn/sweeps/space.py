"""The search space: values for a trial, and the words that give them to ``train``."""

import re
from collections.abc import Mapping
from typing import Any

import optuna

from ecgrnn.errors import ConfigError, did_you_mean
from ecgrnn.runs import quoted
from ecgrnn.spec import to_plain
from ecgrnn.sweep_config import RangeConfig

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Text that Hydra's grammar reads as it stands."""

Value = str | int | float | bool | None


def check_space(space: Mapping[str, RangeConfig], options: Mapping[str, Any]) -> None:
    """Check that the space names options that there are.

    Args:
        space: option to its values.
        options: the options of ``train`` as plain data.

    Raises:
        ConfigError: naming the option that is none.
    """
    known = _names(options)
    for name in space:
        if name not in known and not name.startswith("trainer."):
            hint = did_you_mean(name, known)
            raise ConfigError(f"search.space names '{name}', which is no option of train{hint}")


def suggest(trial: optuna.Trial, space: Mapping[str, RangeConfig]) -> dict[str, Value]:
    """Choose a trial's value of every option."""
    return {name: _suggest(trial, name, values) for name, values in space.items()}


def words_of(values: Mapping[str, Value]) -> list[str]:
    """Write values as overrides of the command line.

    Example:
        >>> words_of({"network.encoder.cell": "lstm", "optimizer.learning_rate": 0.001, "data.root": "a b"})
        ['network.encoder.cell=lstm', 'optimizer.learning_rate=0.001', "data.root='a b'"]
    """
    return [f"{name}={_word(value)}" for name, value in values.items()]


def plain_space(space: Mapping[str, RangeConfig]) -> dict[str, Any]:
    """Give the space as plain data without what is not set."""
    return {
        name: {key: value for key, value in to_plain(values).items() if value not in (None, False)}
        for name, values in space.items()
    }


def _suggest(trial: optuna.Trial, name: str, values: RangeConfig) -> Value:
    if values.choices is not None:
        chosen: Value = trial.suggest_categorical(name, values.choices)
        return chosen
    if values.whole:
        return trial.suggest_int(name, values.low, values.high, log=values.log, step=values.step or 1)
    return trial.suggest_float(name, values.low, values.high, log=values.log, step=values.step)


def _word(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return quoted(value)
    return str(plain_number(value))


def plain_number(value: Value) -> Value:
    """Give a number as it was meant: steps of 0.1 add up to 0.30000000000000004.

    >>> plain_number(0.1 + 0.2), plain_number(0.001), plain_number("lstm")
    (0.3, 0.001, 'lstm')
    """
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _names(options: Any, prefix: str = "") -> list[str]:
    if not isinstance(options, Mapping):
        return []
    names = []
    for key, value in options.items():
        names += [f"{prefix}{key}", *_names(value, f"{prefix}{key}.")]
    return names
