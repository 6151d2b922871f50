"""Refuses options that were given but cannot act: kept in config.yaml they would look as if they had."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import AuditConfig, EvaluateConfig, TrainConfig
from ecgrnn.options.data import DataConfig
from ecgrnn.options.recordings import PredictConfig
from ecgrnn.options.rules import given_names
from ecgrnn.options.training import TaskConfig
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.task import Task

_PLACE = {"database", "root", "cache", "workers"}
"""Options of ``data`` that say where the checkpoint's own database is."""

Idle = Mapping[str, str]
"""Name of an option to the reason why it cannot act."""


def check_training(options: TrainConfig, task: Task[TaskConfig]) -> None:
    """Refuse what cannot act in a training, nor in the preparation for one.

    Raises:
        ConfigError: naming the option.
    """
    if options.resume is not None:
        return  # compared option by option with the run that it continues
    idle = {
        **_of_data(options.data, _split_name(options.data, scored=False)),
        **_prefixed(task.idle),
    }
    trackers = {"mlflow_uri": options.logger.mlflow, "wandb_online": options.logger.wandb}
    for name, used in trackers.items():
        if not used:
            idle[f"logger.{name}"] = f"logger.{name.partition('_')[0]} is false"
    _refuse(idle)


def check_scoring(options: EvaluateConfig | AuditConfig, model: TrainedModel) -> None:
    """Refuse what cannot act where a checkpoint is scored or audited.

    Raises:
        ConfigError: naming the option.
    """
    data, task = options.data, model.task
    if isinstance(options, EvaluateConfig) and options.compare is not None and not task.compares:
        raise ConfigError(
            f"compare= takes beat classifiers, and {options.checkpoint} was trained with "
            f"task={task.name}; leave compare= out"
        )
    idle: dict[str, str] = {}
    changed: Iterable[str] = ()
    if data.database is None:
        why = (
            f"without data= the checkpoint's own test records are used (split {model.trained.split.name}); "
            "name a database with data= to choose others"
        )
        others = [field.name for field in fields(DataConfig) if field.name not in _PLACE]
        idle = {f"data.{name}": why for name in others}
        default = DataConfig()
        changed = [f"data.{name}" for name in others if getattr(data, name) != getattr(default, name)]
    else:
        name = _split_name(data, scored=True)
        idle = {**_of_data(data, name), **_prefixed(task.idle)}
        idle["data.validation_fraction"] = "validation records are not drawn where a checkpoint is scored"
        idle["data.scheme"] = "the classes are the checkpoint's; evaluate takes scheme="
        if name not in {"holdout", "kfold"}:
            idle["data.split_seed"] = f"nothing of data.split={name} is drawn here"
    if isinstance(options, EvaluateConfig):
        idle |= task.idle_in_evaluation
    _refuse(idle, changed)


def check_prediction(options: PredictConfig, model: TrainedModel) -> None:
    """Refuse what cannot act where records are annotated.

    Raises:
        ConfigError: naming the option.
    """
    form = f"{options.checkpoint} was trained with task={model.task.name}"
    idle = {name: f"{form}, {why}" for name, why in model.task.idle_in_prediction.items()}
    _refuse(idle, ["annotator"] if options.annotator is not None else [])


def _split_name(data: DataConfig, *, scored: bool) -> str:
    from ecgrnn.data.databases import DATABASES  # prediction needs none

    known = DATABASES.get(data.database or "")
    if data.split or known is None:
        return data.split or "holdout"
    return known.scored_split if scored else known.default_split


def _of_data(data: DataConfig, split: str) -> dict[str, str]:
    """Say which options of ``data`` have no effect on a named database and split."""
    from ecgrnn.data.databases import DATABASES

    idle: dict[str, str] = {}
    for other in DATABASES.values():
        if other.name != data.database:
            idle |= _prefixed(other.own_options)
    if split not in {"kfold", "strips"}:
        for name in ("fold", "folds"):
            idle[f"data.{name}"] = f"data.split={split} has no folds to choose from; take data.split=kfold"
    if split == "published":
        for name in ("validation_fraction", "split_seed"):
            idle[f"data.{name}"] = "data.split=published says who validates"
    return idle


def _prefixed(idle: Idle) -> dict[str, str]:
    return {f"data.{name}": why for name, why in idle.items()}


def _refuse(idle: Idle, changed: Iterable[str] = ()) -> None:
    for name in sorted({*given_names(), *changed}):
        if name in idle:
            raise ConfigError(f"{name} would change nothing: {idle[name]}; leave {name} out")
