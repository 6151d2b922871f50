"""The task of generation: a beat written from its class (``generate``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ecgrnn.errors import CheckpointError
from ecgrnn.options.data import LoaderConfig
from ecgrnn.options.networks import GeneratorConfig
from ecgrnn.options.recordings import GenerateConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.task import (
    CLASS_WEIGHTS,
    EPOCH,
    NO_BATCHES_OF_BEATS,
    ONLY_FOR_BEATS,
    WEIGHTS,
    Evaluation,
    ModuleInputs,
    Scored,
    Task,
    in_memory_mb,
)

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

    from ecgrnn.data.view import View
    from ecgrnn.signals.recording import Recording
    from ecgrnn.tasks.annotated import Annotated, AnnotateOptions
    from ecgrnn.tasks.model import TrainedModel


class GenerationTask(Task[GenerationConfig]):
    """A beat written from its class (1-vs-N)."""

    name = "generate"
    options_type = GenerationConfig
    network_type = GeneratorConfig
    monitor = ("validation/squared_error", "min")
    idle_in_evaluation: ClassVar[Mapping[str, str]] = {
        **ONLY_FOR_BEATS,
        **NO_BATCHES_OF_BEATS,
        **dict.fromkeys(("resamples", "level", "bootstrap_seed"), "a generator is scored without intervals"),
    }

    @property
    def fitted(self) -> tuple[tuple[str, str], ...]:
        """Weights on training patients, the epoch on validation patients."""
        return (WEIGHTS, CLASS_WEIGHTS, EPOCH)

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

    def build_network(self, config: GeneratorConfig, *, signal: SignalSpec, n_classes: int) -> "nn.Module":
        """Build the network that writes a beat frame by frame."""
        from ecgrnn.networks.build import generator
        from ecgrnn.options.choices import Likelihood

        spread = self.options.likelihood is Likelihood.gaussian
        return generator(config, signal=signal, n_classes=n_classes, spread=spread)

    def module(self, inputs: ModuleInputs) -> "pl.LightningModule":
        """Train by the likelihood of the beats of each class."""
        from ecgrnn.tasks.generation.module import generation_module

        return generation_module(self.options, inputs)

    def annotate(
        self, model: "TrainedModel", recording: "Recording", options: "AnnotateOptions"
    ) -> "Annotated":
        """Refuse: a generator reads no recording.

        Raises:
            CheckpointError: always.
        """
        raise CheckpointError(
            "this checkpoint is a generator, which reads no recording; python -m ecgrnn generate writes "
            "beats with it"
        )

    def generate(self, model: "TrainedModel", options: GenerateConfig, *, out: Path) -> list[str]:
        """Write beats of one class and their annotations."""
        import numpy as np

        from ecgrnn.tasks.generation.prediction import write_beats

        written = write_beats(
            model,
            options.beat,
            n=options.n,
            rr_s=options.rr_s,
            spread=options.spread,
            rng=np.random.default_rng(options.seed),
            out=out,
        )
        return [
            f"beats        {options.n} of class {options.beat}, {written.duration_s:.1f} s",
            f"record       {written.record}",
            f"annotations  {written.annotations}",
        ]

    def score(self, evaluation: Evaluation) -> Scored:
        """Compare what is written with held-out beats, class by class."""
        from ecgrnn.tasks.generation.scoring import score_generation

        return score_generation(evaluation)
