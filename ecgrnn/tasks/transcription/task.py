"""The task of transcription: a strip read out as its beats (``transcribe``)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from ecgrnn.options.data import LoaderConfig
from ecgrnn.options.networks import TranslatorConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.task import (
    NO_BATCHES_OF_BEATS,
    NO_BEATS_GIVEN,
    ONLY_FOR_BEATS,
    Evaluation,
    ModuleInputs,
    Scored,
    Task,
)
from ecgrnn.tasks.transcription.options import TranscriptionConfig

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

    from ecgrnn.data.view import View
    from ecgrnn.signals.recording import Recording
    from ecgrnn.tasks.annotated import Annotated, AnnotateOptions
    from ecgrnn.tasks.model import TrainedModel


class TranscriptionTask(Task[TranscriptionConfig]):
    """The beats of a strip as a sequence of classes (N-vs-M)."""

    name = "transcribe"
    options_type = TranscriptionConfig
    network_type = TranslatorConfig
    monitor = ("validation/token_error_rate", "min")
    idle_in_evaluation: ClassVar[Mapping[str, str]] = {**ONLY_FOR_BEATS, **NO_BATCHES_OF_BEATS}
    idle_in_prediction: ClassVar[Mapping[str, str]] = {
        **NO_BEATS_GIVEN,
        "extension": "which writes a table and no annotation file",
    }

    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """One item per strip."""
        from ecgrnn.tasks.transcription.view import TranscriptView

        return TranscriptView(annotator=annotator, scheme=scheme, strip_s=self.options.strip_s)

    def build_network(self, config: TranslatorConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build encoder and decoder."""
        from ecgrnn.networks.build import translator

        return translator(config, signal=signal, n_classes=n_classes)

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the cross-entropy of the next symbol."""
        from ecgrnn.tasks.transcription.module import transcription_module

        return transcription_module(inputs)

    def score(self, evaluation: Evaluation) -> Scored:
        """Count wrong, missing and additional symbols."""
        from ecgrnn.tasks.transcription.scoring import score_transcription

        return score_transcription(evaluation)

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Give a row for every strip."""
        from ecgrnn.tasks.transcription.prediction import transcribe_recording

        return transcribe_recording(model, recording)
