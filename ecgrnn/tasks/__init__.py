"""The tasks: one room each, and the one table of them."""

from collections.abc import Mapping
from typing import Any

from ecgrnn.errors import ConfigError
from ecgrnn.options.spec import from_plain
from ecgrnn.options.training import TaskConfig
from ecgrnn.tasks.beats.task import BeatSequenceTask, BeatTask
from ecgrnn.tasks.delineation.task import DelineationTask
from ecgrnn.tasks.generation.task import GenerationTask
from ecgrnn.tasks.strips.task import RhythmTask, SuperclassTask
from ecgrnn.tasks.task import Task
from ecgrnn.tasks.transcription.task import TranscriptionTask

TASKS: dict[str, type[Task[TaskConfig]]] = {
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


def task_of(options: TaskConfig) -> Task[TaskConfig]:
    """Give the task that options are of.

    Raises:
        ConfigError: no task has such options.
    """
    for task in TASKS.values():
        if type(options) is task.options_type:
            return task(options)
    raise ConfigError(f"no task has options of type {type(options).__name__}; there are {', '.join(TASKS)}")


def read_task(plain: Mapping[str, Any]) -> Task[TaskConfig]:
    """Read a task with its options back from plain data; the inverse of ``Task.plain``."""
    kind = TASKS[plain["form"]]
    return kind(from_plain(kind.options_type, plain["options"]))
