"""What a task is: one object that knows its classes, network, training, scores and predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import MONITOR, EvaluateConfig, PredictConfig, TrainConfig
from ecgrnn.options.data import DataConfig, LoaderConfig
from ecgrnn.options.networks import NetworkConfig, form_of
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.options.training import TaskConfig

if TYPE_CHECKING:  # the table of tasks is read before anybody knows whether torch is needed
    import numpy as np
    import pytorch_lightning as pl
    from numpy.typing import NDArray
    from torch import nn

    from ecgrnn.data.splits.audit import Audit
    from ecgrnn.data.view import View
    from ecgrnn.tasks.model import HeldOutRecords, TrainedModel

Options = TypeVar("Options", bound=TaskConfig)

WEIGHTS = ("weights", "train")
CLASS_WEIGHTS = ("class weights of the loss", "train")
EPOCH = ("best epoch, which is what is judged unless judge=last", "validation")
DECISION = (("temperature", "validation"), ("decision thresholds", "validation"))
DETECTOR = (
    "QRS detector's constants",
    "no side: fixed in the program, set by hand with an eye on all of mitdb",
)


@dataclass(frozen=True)
class Evaluation:
    """What a task is given to score a trained model on held-out records.

    Attributes:
        model: the model.
        held_out: the records.
        audit: who was trained, validated and tested on.
        options: options of ``evaluate``.
        second: a second model with the same records, prepared as it reads them; None where none is compared.
        seconds: time each stage of the training took; empty where that is not known.
        curves: rows of the training's ``metrics.csv``; empty where there is none.
    """

    model: "TrainedModel"
    held_out: "HeldOutRecords"
    audit: "Audit"
    options: EvaluateConfig
    second: "tuple[TrainedModel, HeldOutRecords] | None" = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    curves: Sequence[Mapping[str, str]] = ()

    @property
    def run_dir(self) -> Path:
        """Folder that the results are written into."""
        return Path(self.options.run_dir)


@dataclass(frozen=True)
class Scored:
    """What a task reports of an evaluation; its files are in the run folder.

    Attributes:
        lines: what the user is told.
        pictures: draws pictures for experiment trackers, by name; ``(height, width, colour)``.
    """

    lines: list[str]
    pictures: "Callable[[], Mapping[str, NDArray[np.uint8]]]" = dict


class Task(ABC, Generic[Options]):
    """A task with its options: all that the application has to know of it.

    Methods import what they need when they are called, so that the table of tasks costs nothing to read.

    Attributes:
        name: its name in ``task=NAME``.
        options_type: the dataclass of its options.
        network_type: the options of the networks that fit it.
        monitor: log key that the best epoch is chosen by, and whether its ``min`` or ``max`` is best.
        fitted: what is fitted or chosen, and on which subset: rows of the leak audit.
        chooses_leads: whether the network reads a fixed number of leads, which ``leads=`` chooses by name.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[TaskConfig]]
    network_type: ClassVar[type[NetworkConfig]]
    monitor: ClassVar[tuple[str, str]] = (MONITOR, "max")
    fitted: ClassVar[tuple[tuple[str, str], ...]]
    chooses_leads: ClassVar[bool] = True

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the classes that the task tells apart."""

    @abstractmethod
    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """Build what the task makes of records; ``seed`` is that of what is simulated in training."""

    @abstractmethod
    def build_network(self, config: Any, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build the network from its options, which are of ``network_type``."""

    @abstractmethod
    def module(
        self,
        train: TrainConfig,
        network: "nn.Module",
        *,
        signal: SignalSpec,
        scheme: LabelScheme,
        counts: Sequence[int],
        facts: dict[str, Any],
    ) -> "pl.LightningModule":
        """Build the LightningModule of a training run.

        Args:
            train: the run's options.
            network: as ``network`` gives it.
            signal: the signal the network reads.
            scheme: the classes.
            counts: training items of each class.
            facts: plain data for the checkpoint.

        Raises:
            ConfigError: when a class that is to be scored has no training item.
        """

    @abstractmethod
    def score(self, evaluation: Evaluation) -> Scored:
        """Score a model on held-out records and write the results into the run folder."""

    def annotate(
        self, model: "TrainedModel", path: Path, options: PredictConfig, *, out: Path
    ) -> list[str]:
        """Annotate the record at ``path`` (without suffix), write the annotations into ``out``, and report.

        Returns:
            What the user is told, line by line.

        Raises:
            DataError: the record cannot be read or lacks a lead.
            ConfigError: the task reads no recordings.
        """
        raise ConfigError(f"task={self.name} reads no recordings, so predict has nothing to do with {path}")

    def network(self, config: NetworkConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build the network that the options describe, for a signal and a number of classes.

        Raises:
            ConfigError: when the network does not fit the task.
        """
        if type(config) is not self.network_type:
            raise ConfigError(
                f"network={form_of(config)} does not fit task={self.name}, which needs "
                f"network={form_of(self.network_type())}"
            )
        return self.build_network(config, signal=signal, n_classes=n_classes)


def check_classes(scored: Sequence[str], scheme: LabelScheme, counts: Sequence[int]) -> None:
    """Check that every class of a macro-F1 exists and occurs in training.

    Raises:
        ConfigError: naming the first class that does not.
    """
    for name in scored:
        if name not in scheme.classes:
            raise ConfigError(
                f"task.macro_f1_classes names {name}; scheme {scheme.name} has {', '.join(scheme.classes)}"
            )
        if counts[scheme.classes.index(name)] == 0:
            raise ConfigError(
                f"no training patient has a beat of class {name}, which task.macro_f1_classes names; "
                "take another split, or leave the class out of task.macro_f1_classes"
            )


def in_memory_mb(loader: LoaderConfig) -> float:
    """Map windows where there are several ranks: held in memory, every rank would hold everything."""
    from ecgrnn.data.ranks import world_size

    return loader.in_memory_mb if world_size() == 1 else 0.0
