"""The tasks on whole strips: their rhythm (``rhythm``) and their diagnostic superclasses (``superclass``)."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from ecgrnn.options.data import DataConfig, LoaderConfig
from ecgrnn.options.networks import ClassifierConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.task import (
    CLASS_WEIGHTS,
    DETECTOR,
    EPOCH,
    NO_BEATS_GIVEN,
    ONLY_FOR_BEATS,
    WEIGHTS,
    Evaluation,
    ModuleInputs,
    Scored,
    Task,
    check_classes,
    in_memory_mb,
)

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

    from ecgrnn.data.view import View
    from ecgrnn.signals.recording import Recording
    from ecgrnn.tasks.annotated import Annotated, AnnotateOptions
    from ecgrnn.tasks.model import TrainedModel

StripOptions = TypeVar("StripOptions", RhythmConfig, SuperclassConfig)


class _OnStrips(Task[StripOptions]):
    """What both tasks share: one item per strip, read by one classifier."""

    network_type = ClassifierConfig
    idle: ClassVar[Mapping[str, str]] = {
        "scheme": "this task has classes of its own",
        "annotator": "the labels of this task are in a table of the database",
    }
    idle_in_evaluation: ClassVar[Mapping[str, str]] = ONLY_FOR_BEATS
    idle_in_prediction: ClassVar[Mapping[str, str]] = NO_BEATS_GIVEN
    several: ClassVar[bool]

    @property
    def fitted(self) -> tuple[tuple[str, str], ...]:
        """Weights on training patients, the epoch on validation patients."""
        weights: tuple[tuple[str, str], ...] = () if self.several else (CLASS_WEIGHTS,)
        return (WEIGHTS, *weights, EPOCH, *((DETECTOR,) if self.options.strip_features else ()))

    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """One item per labelled strip."""
        from ecgrnn.tasks.strips.view import StripView

        return StripView(
            scheme=scheme,
            strip_features=self.options.strip_features,
            several=self.several,
            in_memory_mb=in_memory_mb(loader),
        )

    def build_network(self, config: ClassifierConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build a classifier of signals of any length."""
        from ecgrnn.networks.build import classifier
        from ecgrnn.tasks.strips.features import STRIP_FEATURES

        n_features = len(STRIP_FEATURES) if self.options.strip_features else 0
        return classifier(config, signal, n_classes=n_classes, n_features=n_features)

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Give the classes of the whole recording, or the rhythm of each part of a long one."""
        from ecgrnn.tasks.strips.prediction import annotate_strips

        return annotate_strips(model, recording, extension=options.extension, beats=options.beats)


class RhythmTask(_OnStrips[RhythmConfig]):
    """The rhythm of a strip (N-vs-1)."""

    name = "rhythm"
    options_type = RhythmConfig
    several = False

    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the rhythms."""
        from ecgrnn.tasks.strips.schemes import RHYTHM_SCHEME

        return RHYTHM_SCHEME

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the weighted cross-entropy, on augmented strips."""
        from ecgrnn.tasks.classification import class_module
        from ecgrnn.tasks.strips.augmentation import augmented

        check_classes(self.options.macro_f1_classes, inputs.scheme, inputs.counts)
        augment = partial(augmented, config=self.options.augmentation, fs_hz=inputs.signal.fs_hz)
        return class_module(self.options, inputs, augment=augment)

    def score(self, evaluation: Evaluation) -> Scored:
        """Score each class, with a report that shows strips."""
        from ecgrnn.tasks.strips.rhythm import score_rhythm

        return score_rhythm(evaluation)


class SuperclassTask(_OnStrips[SuperclassConfig]):
    """The diagnostic superclasses of a strip, any number at once (multi-label N-vs-1)."""

    name = "superclass"
    options_type = SuperclassConfig
    monitor = ("validation/macro_auroc", "max")
    several = True

    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the superclasses."""
        from ecgrnn.tasks.strips.schemes import SUPERCLASS_SCHEME

        return SUPERCLASS_SCHEME

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the binary cross-entropy of every class, on augmented strips."""
        from ecgrnn.tasks.strips.augmentation import augmented
        from ecgrnn.tasks.strips.multilabel import MultiLabelModule

        return MultiLabelModule(
            inputs.network,
            classes=inputs.scheme.classes,
            augment=partial(augmented, config=self.options.augmentation, fs_hz=inputs.signal.fs_hz),
            optimizer=inputs.train.optimizer,
        )

    def score(self, evaluation: Evaluation) -> Scored:
        """Score the area under the ROC curve of each class."""
        from ecgrnn.tasks.strips.superclass import score_superclass

        return score_superclass(evaluation)
