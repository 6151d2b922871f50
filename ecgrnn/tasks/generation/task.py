"""The task of generation: a beat written from its class (``generate``)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.data import DataConfig, LoaderConfig
from ecgrnn.options.networks import GeneratorConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.task import CLASS_WEIGHTS, EPOCH, WEIGHTS, Evaluation, Scored, Task, in_memory_mb

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

    from ecgrnn.data.view import View


class GenerationTask(Task[GenerationConfig]):
    """A beat written from its class (1-vs-N)."""

    name = "generate"
    options_type = GenerationConfig
    network_type = GeneratorConfig
    monitor = ("validation/squared_error", "min")
    fitted = (WEIGHTS, CLASS_WEIGHTS, EPOCH)

    def scheme(self, data: DataConfig) -> LabelScheme:
        """Give the scheme that the options name."""
        from ecgrnn.data.collection import find_scheme

        return find_scheme(data.scheme)

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
        """Train by the likelihood of the beats of each class."""
        from ecgrnn.tasks.generation.module import generation_module

        return generation_module(self.options, train, network, counts=counts, facts=facts)

    def score(self, evaluation: Evaluation) -> Scored:
        """Compare what is written with held-out beats, class by class."""
        from ecgrnn.tasks.generation.scoring import score_generation

        return score_generation(evaluation)
