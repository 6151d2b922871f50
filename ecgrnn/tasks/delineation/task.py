"""The task of delineation: P, QRS and T of every lead (``delineate``)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from ecgrnn.options.data import DataConfig, LoaderConfig
from ecgrnn.options.networks import LabellerConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.task import (
    NO_BATCHES_OF_BEATS,
    NO_BEATS_GIVEN,
    ONLY_FOR_BEATS,
    Evaluation,
    ModuleInputs,
    Scored,
    Task,
)

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

    from ecgrnn.data.view import View
    from ecgrnn.signals.recording import Recording
    from ecgrnn.tasks.annotated import Annotated, AnnotateOptions
    from ecgrnn.tasks.model import TrainedModel


class DelineationTask(Task[DelineateConfig]):
    """The wave, if any, that each short step of every lead belongs to (N-vs-N)."""

    name = "delineate"
    options_type = DelineateConfig
    network_type = LabellerConfig
    chooses_leads = False
    idle: ClassVar[Mapping[str, str]] = {"scheme": "this task has classes of its own"}
    idle_in_evaluation: ClassVar[Mapping[str, str]] = {**ONLY_FOR_BEATS, **NO_BATCHES_OF_BEATS}
    idle_in_prediction: ClassVar[Mapping[str, str]] = {
        **NO_BEATS_GIVEN,
        "extension": "which writes one file per lead, named like the lead",
    }

    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the kinds of waves."""
        from ecgrnn.tasks.delineation.labels import WAVE_SCHEME

        return WAVE_SCHEME

    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """One item per record, with all its leads."""
        from ecgrnn.tasks.delineation.view import WaveView

        return WaveView(annotator=annotator, step_s=self.options.step_s)

    def build_network(self, config: LabellerConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build the network that labels every step of every lead."""
        from ecgrnn.tasks.delineation.network import delineator

        return delineator(config, self.options, signal=signal, n_classes=n_classes)

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the likelihood of the labels, on augmented records."""
        from ecgrnn.tasks.delineation.module import delineation_module

        return delineation_module(self.options, inputs)

    def score(self, evaluation: Evaluation) -> Scored:
        """Score onsets and offsets, lead by lead and by medians over the leads."""
        from ecgrnn.tasks.delineation.scoring import score_delineation

        return score_delineation(evaluation)

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Give the waves of every lead, and an annotation file for each lead."""
        from ecgrnn.tasks.delineation.prediction import annotate_waves

        return annotate_waves(model, recording)
