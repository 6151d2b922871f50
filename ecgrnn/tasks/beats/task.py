"""The tasks on beats: each beat by itself (``beats``) or in its sequence of beats (``beat_sequence``)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecgrnn.options.choices import LeadReading
from ecgrnn.options.data import LoaderConfig
from ecgrnn.options.deploy import ExplainConfig
from ecgrnn.options.networks import BeatSequenceNetworkConfig, ClassifierConfig, NetworkConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.beats.options import BeatsConfig, BeatSequenceConfig
from ecgrnn.tasks.task import (
    CLASS_WEIGHTS,
    DECISION,
    DETECTOR,
    EPOCH,
    WEIGHTS,
    Evaluation,
    ModuleInputs,
    Options,
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
    from ecgrnn.tasks.streamed import Streaming


class _OnBeats(Task[Options]):
    """What both tasks share: labels, scores and predictions."""

    compares = True

    @property
    def fitted(self) -> tuple[tuple[str, str], ...]:
        """Weights on training patients; epoch, temperature and thresholds on validation patients."""
        return (WEIGHTS, CLASS_WEIGHTS, EPOCH, *DECISION, DETECTOR)

    def score(self, evaluation: Evaluation) -> Scored:
        """Score reference beats and detected beats, with intervals, calibration and a report."""
        from ecgrnn.tasks.beats.scoring.files import score_beats

        return score_beats(evaluation)

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Give the class of every beat, with its probabilities."""
        from ecgrnn.tasks.beats.prediction import annotate_recording

        return annotate_recording(
            model,
            recording,
            annotator=options.annotator,
            extension=options.extension,
            batch_size=options.batch_size,
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
        """Give the class of every beat, with its probabilities, as the signals come."""
        from ecgrnn.tasks.beats.streams.build import beat_streams

        return beat_streams(
            model, fs_hz=fs_hz, leads=leads, n_patients=n_patients, look_ahead=look_ahead, hop_s=hop_s
        )


class BeatTask(_OnBeats[BeatsConfig]):
    """The class of each beat by itself (N-vs-1)."""

    name = "beats"
    options_type = BeatsConfig
    network_type = ClassifierConfig

    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """One item per reference beat."""
        from ecgrnn.data.beats import BeatView

        return BeatView(
            annotator=annotator,
            scheme=scheme,
            before_s=self.options.before_s,
            after_s=self.options.after_s,
            in_memory_mb=in_memory_mb(loader),
        )

    def build_network(self, config: ClassifierConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build a classifier that also reads the RR intervals around the beat."""
        from ecgrnn.networks.build import classifier
        from ecgrnn.signals.rr_intervals import RR_FEATURES

        return classifier(config, signal, n_classes=n_classes, n_features=len(RR_FEATURES))

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the weighted cross-entropy."""
        from ecgrnn.tasks.classification import class_module

        check_classes(self.options.macro_f1_classes, inputs.scheme, inputs.counts)
        return class_module(self.options, inputs)


class BeatSequenceTask(_OnBeats[BeatSequenceConfig]):
    """The class of every beat in its sequence of beats."""

    name = "beat_sequence"
    options_type = BeatSequenceConfig
    network_type = BeatSequenceNetworkConfig

    def view(self, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig, seed: int = 0) -> "View":
        """One item per sequence of beats."""
        from ecgrnn.tasks.beats.sequences import BeatSequenceView

        return BeatSequenceView(
            annotator=annotator,
            scheme=scheme,
            before_s=self.options.before_s,
            after_s=self.options.after_s,
            sequence_beats=self.options.sequence_beats,
            causal=self.options.causal,
            in_memory_mb=in_memory_mb(loader),
            simulated_ectopy=self.options.simulated_ectopy,
            detected_beats=self.options.detected_beats,
            mixed_leads=self.options.mixed_leads,
            long_range=self.options.long_range,
            seed=seed,
        )

    def reads_any_leads(self, config: NetworkConfig) -> bool:
        """Tell whether the leads of a beat are pooled."""
        return isinstance(config, BeatSequenceNetworkConfig) and config.leads is LeadReading.any

    def build_network(
        self, config: BeatSequenceNetworkConfig, *, signal: SignalSpec, n_classes: int
    ) -> "nn.Module":
        """Build the network in two levels."""
        from ecgrnn.tasks.beats.network import beat_sequence_network

        return beat_sequence_network(config, self.options, signal=signal, n_classes=n_classes)

    def explain(self, model: "TrainedModel", recording: "Recording", options: ExplainConfig) -> list[str]:
        """Say what the class of one beat leans on, and draw it."""
        from ecgrnn.tasks.beats.explanation.explain import explain

        return explain(model, recording, options)

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the cross-entropy, adjusted for rare classes, on augmented sequences."""
        from ecgrnn.signals.rhythm_context import rhythm_names
        from ecgrnn.tasks.beats.augmentation import BeatAugmentation
        from ecgrnn.tasks.classification import adjusted_prior, class_module

        options, signal = self.options, inputs.signal
        check_classes(options.macro_f1_classes, inputs.scheme, inputs.counts)
        names = rhythm_names(causal=options.causal, long_range=options.long_range)
        return class_module(
            options,
            inputs,
            log_prior=adjusted_prior(inputs.learned_counts, options.logit_adjustment),
            augment=BeatAugmentation(options.augmentation, rhythm_names=names, fs_hz=signal.fs_hz),
        )
