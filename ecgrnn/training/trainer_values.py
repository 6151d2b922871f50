"""Checks the options of a training before anything is prepared: above all every key of ``trainer``."""

import inspect
import math
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from ecgrnn.errors import ConfigError, did_you_mean
from ecgrnn.options.choices import Epoch
from ecgrnn.options.commands import TrainConfig
from ecgrnn.training.launch import quieten_lightning
from ecgrnn.training.precision import with_precision
from ecgrnn.training.trackers import check_trackers

_OURS = {
    "callbacks": "they are built from early_stopping_patience, optimizer and checkpoint_every_steps",
    "logger": "loggers are chosen with logger=NAME",
    "plugins": "checkpoints are written by this application",
    "use_distributed_sampler": "items are dealt out by this application",
    "default_root_dir": "files go into run_dir",
    "model_registry": "checkpoints go into run_dir",
}
"""Parameters of ``pytorch_lightning.Trainer`` that this application sets itself, and what to use instead."""

_IDLE = {
    "limit_test_batches": "held-out records are always scored as a whole",
    "limit_predict_batches": "train predicts nothing",
}

_DEVICE_NAMES = {"auto", "-1"}
_STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false")
_PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
_ALIASES = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
_MOST_PROCESSES_PER_CORE = 4
_NO_END = -1
_DURATION = re.compile(r"\d+:\d\d:\d\d:\d\d")


def check_course(options: TrainConfig) -> None:
    """Check, before the minutes that preparing may take, that a training has an end that can be scored.

    Raises:
        ConfigError: when a key of ``trainer`` is unknown or has a value that does not work, when keys leave
            the training without an end, without a checkpoint, or without the validation that
            ``test_checkpoint=best`` needs, or when a tracker is not installed.
    """
    keys = options.trainer
    check_trainer_keys(keys)
    check_trackers(options.logger)
    if keys.get("fast_dev_run"):
        raise ConfigError(
            f"trainer.fast_dev_run={keys['fast_dev_run']} keeps no checkpoint that could be scored; take "
            "debug=fast, which trains and validates on two batches"
        )
    epochs, every = keys.get("max_epochs"), keys.get("check_val_every_n_epoch")
    # Without a number of epochs Lightning takes 1000, or with a time limit any number.
    endless = epochs == _NO_END or (epochs is None and keys.get("max_time") is not None)
    quieten_lightning()
    check_trainer_values(with_precision(keys)[0])
    if endless and keys.get("max_steps") in (None, _NO_END):
        raise ConfigError(
            f"trainer.max_epochs={'null' if epochs is None else epochs} sets no end, and the learning rate "
            "follows a schedule that needs one; set trainer.max_epochs or trainer.max_steps"
        )
    if options.test_checkpoint is not Epoch.best:
        return
    if isinstance(epochs, int) and isinstance(every, int) and 0 < epochs < every:
        raise ConfigError(
            f"trainer.max_epochs={epochs} ends before the first validation, which comes after "
            f"trainer.check_val_every_n_epoch={every} epochs, so there would be no best epoch; change one of "
            "them, or set test_checkpoint=last"
        )
    if keys.get("limit_val_batches") == 0:
        raise ConfigError(
            "trainer.limit_val_batches=0 leaves validation out, so there would be no best epoch; "
            "set test_checkpoint=last"
        )


def check_trainer_keys(keys: Mapping[str, Any]) -> None:
    """Check that the open group ``trainer`` holds nothing but keys of ``pytorch_lightning.Trainer``.

    Raises:
        ConfigError: when a key is another one, or one that this application sets itself.
    """
    known = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self", *_OURS}
    for key in keys:
        if key in _OURS:
            raise ConfigError(f"trainer.{key} is set by this application: {_OURS[key]}")
        if key not in known:
            hint = did_you_mean(key, sorted(known), prefix="trainer.")
            raise ConfigError(f"unknown option 'trainer.{key}'{hint} (keys of pytorch_lightning.Trainer)")


def check_trainer_values(keys: Mapping[str, Any]) -> None:
    """Check every value that can be checked without data, at last by Lightning itself.

    Raises:
        ConfigError: naming the key, its value, and what it may be.
    """
    for key, value in keys.items():
        if value is None and key in _NULLABLE:
            continue
        allowed, fits = _RULES.get(key, ("", lambda _: True))
        if not fits(value):
            raise ConfigError(f"trainer.{key} must be {allowed}; it is {_shown(value)}")
    _check_together(keys)
    try:
        pl.Trainer(**{"enable_model_summary": False, **keys}, logger=False, callbacks=[ModelCheckpoint()])
    except Exception as error:  # whatever the values lead Lightning to
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


def check_batches(keys: Mapping[str, Any], *, train: int, validation: int) -> None:
    """Check what depends on the number of batches of an epoch, before the first of them.

    Args:
        keys: the keys of ``trainer``.
        train: training batches of an epoch.
        validation: validation batches.

    Raises:
        ConfigError: nothing would be trained or validated on, or an epoch ends before its validation.
    """
    kept = {}
    for name, count in {"train": train, "val": validation}.items():
        limit = keys.get(f"limit_{name}_batches")
        kept[name] = count
        if limit is not None:
            kept[name] = int(count * limit) if isinstance(limit, float) else min(count, limit)
        if limit and count and not kept[name]:
            raise ConfigError(
                f"trainer.limit_{name}_batches={limit} of {count} batches is less than one batch; "
                "give a larger share, or a whole number of batches"
            )
    every = keys.get("val_check_interval")
    by_epoch = keys.get("check_val_every_n_epoch", 1) is not None
    if by_epoch and isinstance(every, int) and every > kept["train"]:
        raise ConfigError(
            f"trainer.val_check_interval={every} is more than the {kept['train']} batches of an epoch; lower "
            "it, or set trainer.check_val_every_n_epoch=null to count batches across epochs"
        )


def _check_together(keys: Mapping[str, Any]) -> None:
    """Refuse values that do not go together, or not with this machine."""
    on_cpu, precision = _on_cpu(keys.get("accelerator", "auto")), str(keys.get("precision"))
    if on_cpu and _ALIASES.get(precision, precision) == "16-mixed":
        raise ConfigError(
            f"trainer.precision={precision} needs a GPU: float16 training is not supported on the CPU; "
            "take 32-true or bf16-mixed"
        )
    if on_cpu and keys.get("sync_batchnorm"):
        raise ConfigError("trainer.sync_batchnorm=true needs GPUs; leave it out on the CPU")
    devices, most = keys.get("devices"), _MOST_PROCESSES_PER_CORE * (os.cpu_count() or 1)
    if on_cpu and str(devices).isdecimal() and int(str(devices)) > most:
        raise ConfigError(
            f"trainer.devices={devices} on the CPU starts as many processes; this machine has "
            f"{os.cpu_count()} cores, take at most {most}"
        )
    placed = {"MASTER_ADDR", "SLURM_JOB_ID", "TORCHELASTIC_RUN_ID", "LSB_JOBID", "GROUP_RANK"} & set(
        os.environ
    )
    if (keys.get("num_nodes") or 1) > 1 and not placed:
        raise ConfigError(
            f"trainer.num_nodes={keys['num_nodes']} waits for other machines, and nothing here says which: "
            "start it with torchrun or srun, or set MASTER_ADDR (docs/scale.md)"
        )
    if keys.get("check_val_every_n_epoch", 1) is None and not isinstance(keys.get("val_check_interval"), int):
        raise ConfigError(
            "trainer.check_val_every_n_epoch=null counts batches across epochs; set "
            "trainer.val_check_interval to a whole number of them, it is "
            f"{_shown(keys.get('val_check_interval'))}"
        )
    for unit in ("epochs", "steps"):
        least, last = keys.get(f"min_{unit}"), keys.get(f"max_{unit}")
        if least is not None and last not in (None, _NO_END) and least > last:
            raise ConfigError(f"trainer.min_{unit}={least} is above trainer.max_{unit}={last}")


def _on_cpu(accelerator: object) -> bool:
    there = torch.cuda.is_available() or torch.backends.mps.is_available()
    return accelerator == "cpu" or (accelerator == "auto" and not there)


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _whole(low: int, *others: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and (value >= low or value in others)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _limit(value: Any) -> bool:
    return _number(value) and (value >= 0 if isinstance(value, int) else 0 <= value <= 1)


def _interval(value: Any) -> bool:
    return _number(value) and (value >= 1 if isinstance(value, int) else 0 < value <= 1)


def _devices(value: Any) -> bool:
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return value in _DEVICE_NAMES or (bool(parts) and value != "0" and all(map(str.isdecimal, parts)))
    if isinstance(value, list):
        return bool(value) and all(type(one) is int and one >= 0 for one in value)
    return _whole(1, -1)(value)


def _duration(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_DURATION.fullmatch(value)) and any(letter in "123456789" for letter in value)
    if not isinstance(value, Mapping) or not all(map(_number, value.values())):
        return False
    try:
        return timedelta(**value) > timedelta(0)
    except (TypeError, OverflowError):
        return False


_SHARE_OR_COUNT = "a whole number of batches, or a share from 0.0 to 1.0"
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        (
            *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "benchmark"),
            *("inference_mode", "detect_anomaly", "sync_batchnorm", "enable_autolog_hparams"),
        ),
        ("true or false", _flag),
    ),
    "enable_checkpointing": ("true: the checkpoint is what is scored", lambda value: value is True),
    "barebones": ("false: the results need loggers and checkpoints", lambda value: value is False),
    "overfit_batches": (
        "0: it would validate on training records; take trainer.limit_train_batches",
        lambda value: _number(value) and value == 0,
    ),
    "reload_dataloaders_every_n_epochs": (
        "0: the order of the batches goes on from epoch to epoch",
        lambda value: type(value) is int and value == 0,
    ),
    **{key: (f"left out: {reason}", lambda _: False) for key, reason in _IDLE.items()},
    "fast_dev_run": ("true, false or a whole number", lambda value: isinstance(value, int)),
    "max_time": ("a time such as 00:12:00:00 (DD:HH:MM:SS) or {hours: 12}, above 0", _duration),
    **dict.fromkeys(("max_epochs", "max_steps"), ("a whole number from 1, or -1", _whole(1, _NO_END))),
    **dict.fromkeys(("min_epochs", "min_steps"), ("a whole number from 0, or null", _whole(0))),
    **dict.fromkeys(
        ("accumulate_grad_batches", "check_val_every_n_epoch", "num_nodes"),
        ("a whole number from 1", _whole(1)),
    ),
    "log_every_n_steps": ("a whole number from 0", _whole(0)),
    "num_sanity_val_steps": ("a whole number from 0, or -1", _whole(0, -1)),
    "limit_train_batches": (f"{_SHARE_OR_COUNT}, above 0", lambda value: _limit(value) and value > 0),
    "limit_val_batches": (_SHARE_OR_COUNT, _limit),
    "val_check_interval": ("a whole number of batches from 1, or a share of an epoch up to 1.0", _interval),
    "gradient_clip_val": ("a number from 0, or null", lambda value: _number(value) and value >= 0),
    "gradient_clip_algorithm": ("norm or value", lambda value: value in ("norm", "value")),
    "deterministic": ("true, false or warn", lambda value: _flag(value) or value == "warn"),
    "precision": (
        f"one of {', '.join(_PRECISIONS)}",
        lambda value: not _flag(value) and _ALIASES.get(str(value), value) in _PRECISIONS,
    ),
    "strategy": (f"one of {', '.join(_STRATEGIES)}", lambda value: value in _STRATEGIES),
    "accelerator": (
        "cpu, gpu, cuda, mps or auto",
        lambda value: value in ("cpu", "gpu", "cuda", "mps", "auto"),
    ),
    "devices": ("a whole number from 1, -1 or auto, or a list of GPUs", _devices),
    "profiler": (
        "simple, advanced, pytorch or null",
        lambda value: value in ("simple", "advanced", "pytorch"),
    ),
}
"""Key to what it may be, in words, and whether a value is that."""

_NULLABLE = {
    *("max_epochs", "min_epochs", "min_steps", "max_time", "limit_train_batches", "limit_val_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps", "log_every_n_steps"),
    *("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "gradient_clip_val"),
    *("gradient_clip_algorithm", "deterministic", "benchmark", "profiler", "precision"),
}
