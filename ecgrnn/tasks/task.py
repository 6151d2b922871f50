"""What a task is: one object that knows its classes, network, training, scores and predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from ecgrnn.errors import CheckpointError, ConfigError
from ecgrnn.options.commands import MONITOR, EvaluateConfig, TrainConfig
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.options.deploy import ExplainConfig
from ecgrnn.options.networks import NetworkConfig, form_of
from ecgrnn.options.recordings import GenerateConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec, to_plain
from ecgrnn.options.training import TaskConfig

if TYPE_CHECKING:  # the table of tasks is read before anybody knows whether torch is needed
    import numpy as np
    import pytorch_lightning as pl
    from numpy.typing import NDArray
    from torch import nn

    from ecgrnn.data.splits.audit import Audit, Check
    from ecgrnn.data.view import View
    from ecgrnn.metrics.statistics import Resampling
    from ecgrnn.signals.recording import Recording
    from ecgrnn.tasks.annotated import Annotated, AnnotateOptions
    from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
    from ecgrnn.tasks.streamed import Streaming

Options = TypeVar("Options", bound=TaskConfig, covariant=True)

ONLY_FOR_BEATS = dict.fromkeys(
    ("scheme", "start_s", "window_s", "questions"), "it is for classifiers of beats"
)
"""Options of ``evaluate`` that other tasks do not read."""

NO_BATCHES_OF_BEATS = {"batch_size": "this task is not scored in batches of beats"}
"""Options of ``evaluate`` that tasks do not read whose items are whole records."""

NO_BEATS_GIVEN = {
    "annotator": "which takes no beat positions",
    "batch_size": "which reads one record at a time",
}
"""Options of ``predict`` that tasks do not read that classify no single beats."""

WEIGHTS = ("weights", "train")
CLASS_WEIGHTS = ("class weights of the loss", "train")
EPOCH = ("best epoch (the one scored, unless test_checkpoint=last)", "validation")
DECISION = (("temperature", "validation"), ("decision thresholds", "validation"))
DETECTOR = (
    "QRS detector's constants",
    "in no subset: fixed in the program, set by hand with an eye on all of mitdb",
)


@dataclass(frozen=True)
class Second:
    """A second model that the first is compared with, on the same records.

    Attributes:
        model: the model.
        held_out: the records, prepared as it reads them.
        unseen: the check that it was not trained on them.
    """

    model: "TrainedModel"
    held_out: "HeldOutRecords"
    unseen: "Check"


@dataclass(frozen=True)
class Evaluation:
    """What a task is given to score a trained model on held-out records.

    Attributes:
        model: the model.
        held_out: the records.
        audit: who was trained, validated and tested on.
        options: options of ``evaluate``.
        second: the model to compare with; None where there is none.
        seconds: time each stage of the training took; empty where that is not known.
        curves: rows of the training's ``metrics.csv``; empty where there is none.
    """

    model: "TrainedModel"
    held_out: "HeldOutRecords"
    audit: "Audit"
    options: EvaluateConfig
    second: Second | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    curves: Sequence[Mapping[str, str]] = ()

    @property
    def run_dir(self) -> Path:
        """Folder that the results are written into."""
        return Path(self.options.run_dir)

    @property
    def resampling(self) -> "Resampling":
        """How intervals are made."""
        from ecgrnn.metrics.statistics import Resampling

        return Resampling(self.options.resamples, self.options.level, self.options.bootstrap_seed)


@dataclass(frozen=True)
class Scored:
    """What a task reports of an evaluation; its files are in the run folder.

    Attributes:
        lines: what the user is told.
        pictures: draws pictures for experiment trackers, by name; ``(height, width, colour)``.
    """

    lines: list[str]
    pictures: "Callable[[], Mapping[str, NDArray[np.uint8]]]" = dict


class ModuleInputs(NamedTuple):
    """What the LightningModule of a training is built from.

    Attributes:
        train: the run's options.
        network: the network.
        signal: the signal it reads.
        scheme: the classes.
        counts: training items of each class, as they are recorded.
        learned_counts: the same with simulated items, as the loss meets them.
    """

    train: TrainConfig
    network: "nn.Module"
    signal: SignalSpec
    scheme: LabelScheme
    counts: Sequence[int]
    learned_counts: Sequence[int]


class Task(ABC, Generic[Options]):
    """A task with its options: all that the application has to know of it.

    Methods import what they need when they are called, so that the table of tasks costs nothing to read.

    Attributes:
        name: its name in ``task=NAME``.
        options_type: the dataclass of its options.
        network_type: the options of the networks that fit it.
        monitor: log key that the best epoch is chosen by, and whether its ``min`` or ``max`` is best.
        chooses_leads: whether the network reads a fixed number of leads, which ``leads=`` chooses by name.
        compares: whether two models of the task can be compared by ``evaluate compare=``.
        idle: options of ``data`` that the task does not read, and why.
        idle_in_evaluation: options of ``evaluate`` that the task does not read, and why.
        idle_in_prediction: options of ``predict`` that the task does not read, and why.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[TaskConfig]]
    network_type: ClassVar[type[NetworkConfig]]
    monitor: ClassVar[tuple[str, str]] = (MONITOR, "max")
    chooses_leads: ClassVar[bool] = True
    compares: ClassVar[bool] = False
    idle: ClassVar[Mapping[str, str]] = {}
    idle_in_evaluation: ClassVar[Mapping[str, str]] = {}
    idle_in_prediction: ClassVar[Mapping[str, str]] = {}

    def __init__(self, options: Options) -> None:
        self.options = options

    def plain(self) -> dict[str, Any]:
        """Give the task's name and options as plain data."""
        return {"form": self.name, "options": to_plain(self.options)}

    @property
    def fitted(self) -> tuple[tuple[str, str], ...]:
        """What is fitted or chosen, and on which subset: rows of the leak audit."""
        return (WEIGHTS, EPOCH)

    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the classes that the task tells apart: those of the scheme that the options name."""
        from ecgrnn.data.collection import find_scheme

        return find_scheme(data.scheme)

    @abstractmethod
    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """Build what the task makes of records; ``seed`` is that of what is simulated in training."""

    def training_view(self, options: TrainConfig) -> "View":
        """Build what a training makes of records."""
        return self.view(
            annotator=options.data.annotator,
            scheme=self.scheme(options.data),
            loader=options.loader,
            seed=options.seed,
        )

    @abstractmethod
    def build_network(self, config: Any, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build the network from its options, which are of ``network_type``."""

    @abstractmethod
    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Build the LightningModule of a training run.

        Raises:
            ConfigError: when a class that is to be scored has no training item.
        """

    @abstractmethod
    def score(self, evaluation: Evaluation) -> Scored:
        """Score a model on held-out records and write the results into the run folder."""

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Annotate a recording.

        Raises:
            DataError: the recording cannot be read, lacks a lead, or has nothing to annotate.
            ConfigError: the task reads no recordings.
        """
        raise ConfigError(
            f"task={self.name} reads no recordings, so predict has nothing to do with {recording.place}"
        )

    def stream(
        self,
        model: "TrainedModel",
        *,
        fs_hz: float,
        leads: Sequence[str],
        n_patients: int,
        look_ahead: int | None,
        hop_s: float,
    ) -> "Streaming":
        """Begin to annotate the beats of patients while their signals come.

        Args:
            model: the model.
            fs_hz: sampling frequency of the signals.
            leads: lead names of each.
            n_patients: how many there are.
            look_ahead: beats behind a beat that are waited for; None where nothing was asked for.
            hop_s: samples are worked through so many seconds at a time; changes no result.

        Raises:
            DataError: the filters do not fit the sampling frequency.
            ConfigError: the task marks no beats, or the options do not fit.
        """
        raise ConfigError(
            f"task={self.name} does not mark beats one by one, so it cannot be streamed; take a model of "
            "beats, such as beats_causal"
        )

    def generate(self, model: "TrainedModel", options: GenerateConfig, *, out: Path) -> list[str]:
        """Write a record into ``out``, and report.

        Returns:
            What the user is told, line by line.

        Raises:
            CheckpointError: the task writes no signals.
        """
        raise CheckpointError(
            f"{options.checkpoint} was trained with task={self.name}, which writes no signals; generate "
            "needs a checkpoint of task=generate"
        )

    def explain(self, model: "TrainedModel", recording: "Recording", options: ExplainConfig) -> list[str]:
        """Say what one annotation of a recording leans on, and write a page into the run folder.

        Returns:
            What the user is told, line by line.

        Raises:
            CheckpointError: the task explains nothing.
            DataError: the recording cannot be read, or has no such beat.
        """
        raise CheckpointError(
            f"{options.checkpoint} was trained with task={self.name}; explain needs a classifier of beats in "
            "sequence, such as checkpoint=beats"
        )

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
        if signal.any_number and not self.reads_any_leads(config):
            raise ConfigError(_FIXED_LEADS)
        return self.build_network(config, signal=signal, n_classes=n_classes)

    def check_leads(self, config: NetworkConfig, preprocessing: PreprocessingConfig) -> None:
        """Refuse to give a network as many leads as each record has where it reads a fixed number.

        Raises:
            ConfigError: it does.
        """
        every = preprocessing.leads is None and preprocessing.n_leads == 0
        if every and not self.reads_any_leads(config):
            raise ConfigError(_FIXED_LEADS)

    def reads_any_leads(self, config: NetworkConfig) -> bool:
        """Tell whether a network reads any number of leads, in any order."""
        return not self.chooses_leads


_FIXED_LEADS = (
    "preprocessing.n_leads=0 gives each record its own number of leads, and this network reads a fixed one; "
    "set preprocessing.n_leads to it, or, for beats in sequence, network.leads=any"
)


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
