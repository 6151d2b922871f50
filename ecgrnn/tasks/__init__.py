"""The tasks: one room each, and the one table of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec, from_plain, to_plain
from ecgrnn.options.training import TaskConfig
from ecgrnn.tasks.beats.task import BeatSequenceTask, BeatTask
from ecgrnn.tasks.delineation.task import DelineationTask
from ecgrnn.tasks.generation.task import GenerationTask
from ecgrnn.tasks.strips.task import RhythmTask, SuperclassTask
from ecgrnn.tasks.task import ModuleInputs, Task
from ecgrnn.tasks.transcription.task import TranscriptionTask

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from ecgrnn.data.datamodule import EcgDataModule
    from ecgrnn.data.view import View

TASKS: dict[str, type[Task[Any]]] = {
    task.name: task
    for task in (
        BeatTask,
        BeatSequenceTask,
        DelineationTask,
        RhythmTask,
        SuperclassTask,
        GenerationTask,
        TranscriptionTask,
    )
}
"""``task=NAME`` to the task."""


def task_of(options: TaskConfig) -> Task[Any]:
    """Give the task that options are of.

    Raises:
        ConfigError: no task has such options.
    """
    for task in TASKS.values():
        if type(options) is task.options_type:
            return task(options)
    raise ConfigError(f"no task has options of type {type(options).__name__}; there are {', '.join(TASKS)}")


def plain_task(options: TaskConfig) -> dict[str, Any]:
    """Give the options of a task as plain data that names the task."""
    return {"form": task_of(options).name, "options": to_plain(options)}


def read_task(plain: Mapping[str, Any]) -> TaskConfig:
    """Read the options of a task back from plain data; the inverse of ``plain_task``."""
    return from_plain(TASKS[plain["form"]].options_type, plain["options"])


def training_view(options: TrainConfig) -> "View":
    """Build what a training makes of records."""
    task = task_of(options.task)
    scheme = task.scheme(options.data)
    return task.view(
        annotator=options.data.annotator, scheme=scheme, loader=options.loader, seed=options.seed
    )


def build_datamodule(options: TrainConfig) -> "EcgDataModule":
    """Build the data module of a training."""
    from ecgrnn.data.datamodule import EcgDataModule

    return EcgDataModule(
        options.data,
        options.preprocessing,
        loader=options.loader,
        view=training_view(options),
        seed=options.seed,
    )


def build_module(
    options: TrainConfig,
    *,
    signal: SignalSpec,
    scheme: LabelScheme,
    counts: Sequence[int],
    facts: dict[str, Any],
    learned_counts: Sequence[int] | None = None,
) -> "pl.LightningModule":
    """Build the network of a training and the LightningModule around it.

    Args:
        options: the run's options.
        signal: the signal the network reads.
        scheme: the classes.
        counts: training items of each class.
        facts: plain data for the checkpoint.
        learned_counts: items of each class as the loss meets them; None where these are the same.

    Raises:
        ConfigError: when the network does not fit the task, a class that is to be scored has no training
            item, or a frame is no whole number of samples.
    """
    from ecgrnn.networks.build import check_frame

    task = task_of(options.task)
    network = task.network(options.network, signal=signal, n_classes=len(scheme.classes))
    check_frame(options.network.encoder, signal.fs_hz)
    learned = counts if learned_counts is None else learned_counts
    return task.module(ModuleInputs(options, network, signal, scheme, counts, learned, facts))
