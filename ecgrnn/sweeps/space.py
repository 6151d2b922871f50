"""The search space: values for a trial, and the words that give them to ``train``."""

import math
import re
from collections.abc import Mapping
from typing import Any

import optuna

from ecgrnn.errors import ConfigError, did_you_mean
from ecgrnn.options.spec import to_plain
from ecgrnn.options.sweep import RangeConfig
from ecgrnn.training.run_folder import quoted

FIXED = {
    "data": "it decides which patients and which labels a trial is scored on",
    "seed": "the best of several seeds is luck, not a better recipe",
    "test_checkpoint": "it decides which epoch is scored",
    "evaluate_test": "trials are scored on validation patients only",
    "run_dir": "every trial gets a folder of its own",
    "resume": "every trial begins anew",
    "logger": "it says who is told of a trial, and the sweep reads the epochs from its CSV file",
    "task": "it decides what a trial is scored by",
    "task.macro_f1_classes": "it decides which classes macro-F1 is the mean of",
    "trainer": "its keys are searched one by one",
    "trainer.accelerator": "the sweep deals out the devices",
    "trainer.devices": "the sweep deals out the devices",
    "trainer.num_nodes": "the sweep deals out the devices",
    "trainer.default_root_dir": "every trial gets a folder of its own",
    "trainer.fast_dev_run": "it changes which patients a trial is scored on",
    "trainer.limit_val_batches": "it changes which patients a trial is scored on",
    "trainer.limit_test_batches": "it changes which patients a trial is scored on",
    "trainer.limit_predict_batches": "it changes which patients a trial is scored on",
    "trainer.overfit_batches": "it changes which patients a trial is scored on",
}
"""Options that a study does not search, each with the reason; of a group in ``_WHOLE``, no option at all."""

_ROUNDING = 1e-9
"""What a quotient of two floats may be off by: 0.4 is three steps of 0.1 above 0.1."""

_WHOLE = ("data", "logger")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Text that Hydra's grammar reads as it stands."""

Value = str | int | float | bool | None


def check_space(space: Mapping[str, RangeConfig], options: Mapping[str, Any]) -> None:
    """Check that the space names options that there are, and none that trials cannot be compared over.

    Args:
        space: option to its values.
        options: the options of ``train`` as plain data.

    Raises:
        ConfigError: naming the option that is none, or may not be searched.
    """
    known = _names(options)
    for name in space:
        if name not in known and not name.startswith("trainer."):
            hint = did_you_mean(name, known)
            raise ConfigError(f"search.space names '{name}', which is no option of train{hint}")
        group = name.split(".")[0]
        reason = FIXED.get(name) or (FIXED[group] if group in _WHOLE else None)
        if reason:
            raise ConfigError(
                f"search.space names '{name}', which must be the same for all trials of a study: {reason}; "
                "remove it from the space, and give it on the command line if you need another value"
            )


def suggest(trial: optuna.Trial, space: Mapping[str, RangeConfig]) -> dict[str, Value]:
    """Choose a trial's value of every option."""
    return {name: _suggest(trial, name, values) for name, values in space.items()}


def extremes(values: RangeConfig) -> list[Value]:
    """Give the choices, or the lowest and the highest value that a trial may be given.

    Example:
        >>> extremes(RangeConfig(low=8, high=30, step=8)), extremes(RangeConfig(low=8, high=32.0))
        ([8, 24], [8.0, 32.0])
    """
    if values.choices is not None:
        return list(values.choices)
    low, high = values.low, values.high
    if values.step is not None:
        high = low + math.floor((high - low) / values.step + _ROUNDING) * values.step
    return [low, high] if values.whole else [float(low), float(high)]


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
