"""Rules of the open group ``trainer``: values that Lightning would refuse late, or with a traceback."""

from collections.abc import Mapping
from typing import Any

from ecgrnn.errors import ConfigError

_WHOLE = {
    "max_epochs": -1,
    "min_epochs": 0,
    "max_steps": -1,
    "min_steps": 0,
    "num_nodes": 1,
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "log_every_n_steps": 0,
    "num_sanity_val_steps": -1,
    "reload_dataloaders_every_n_epochs": 0,
}
"""Keys that are whole numbers, with their lowest value."""

_SHARES = ("limit_train_batches", "limit_val_batches", "overfit_batches", "val_check_interval")
"""Keys that are a number of batches, or a share of them."""

_SWITCHES = (
    *("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "benchmark"),
    *("detect_anomaly", "barebones", "sync_batchnorm", "inference_mode"),
)


def check_trainer_values(keys: Mapping[str, Any]) -> None:
    """Refuse a value of the wrong type or range.

    Raises:
        ConfigError: naming the key, what it takes and its value.
    """
    for name, lowest in _WHOLE.items():
        value = keys.get(name)
        if value is not None and not (_is_whole(value) and value >= lowest):
            raise ConfigError(f"trainer.{name} must be a whole number, at least {lowest}; it is {value}")
    for name in _SHARES:
        value = keys.get(name)
        if value is not None and not _is_share(value):
            raise ConfigError(
                f"trainer.{name} must be a whole number of batches, or a share from 0.0 to 1.0; it is {value}"
            )
    clip = keys.get("gradient_clip_val")
    if clip is not None and not (_is_number(clip) and clip >= 0):
        raise ConfigError(f"trainer.gradient_clip_val must be a number, at least 0; it is {clip}")
    for name in _SWITCHES:
        if not isinstance(keys.get(name, None), bool | None):
            raise ConfigError(f"trainer.{name} must be true or false; it is {keys[name]}")
    if keys.get("deterministic") not in (None, True, False, "warn"):
        raise ConfigError(f"trainer.deterministic must be true, false or warn; it is {keys['deterministic']}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return (_is_whole(value) and value >= 0) or (isinstance(value, float) and 0 <= value <= 1)
