"""The 1-vs-N task: a generator and the likelihood of the beats of each class."""

import math
from typing import cast

import torch
from torch import Tensor

from ecgrnn.data.batch import ClassBatch
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.networks.generator import Generator
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.classification import loss_weights
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.module import TaskModule
from ecgrnn.tasks.task import ModuleInputs


class GenerationModule(TaskModule):
    """Trains a generator to write the beats of each class.

    With a spread of its own the loss is minus the Gaussian log-likelihood of a sample,
    ``(x - m)^2 / (2 s^2) + log s + log(2 pi) / 2``; without one it is the squared error ``(x - m)^2``. Both
    are means over the samples of a beat, and then over beats with the weights of their classes.

    The best epoch is the one with the least ``validation/squared_error``: the likelihood of a few validation
    patients hangs on how sure the spread is of itself, long before the beats are written well.

    Args:
        network: the generator.
        class_weights: ``(class,)``, weights of the loss.
        optimizer: AdamW and its schedule.
    """

    network: Generator
    class_weights: Tensor

    def __init__(
        self,
        network: Generator,
        *,
        class_weights: Tensor,
        optimizer: OptimizerConfig,
    ) -> None:
        super().__init__(network, optimizer=optimizer)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.validation_error = MeanLoss()

    def training_step(self, batch: ClassBatch) -> Tensor:
        """Give the loss of a batch."""
        return self.mean_loss(*self._step(batch, "training"))

    def validation_step(self, batch: ClassBatch) -> None:
        """Log the loss and the squared error on validation beats."""
        self._step(batch, "validation", error=self.validation_error)
        self.log("validation/squared_error", self.validation_error, on_step=False, on_epoch=True)

    def _step(self, batch: ClassBatch, stage: str, error: MeanLoss | None = None) -> tuple[Tensor, Tensor]:
        each, squared = beat_losses(self.network, batch.label, batch.signal)
        weights = self.class_weights[batch.label]
        total, weight = (weights * each).sum(), weights.sum()
        loss: MeanLoss = getattr(self, f"{stage}_loss")
        loss.update(total, weight)
        self.log(f"{stage}/loss", loss, on_step=False, on_epoch=True)
        if error is not None:
            error.update((weights * squared).sum(), weight)
        return total, weight


def beat_losses(network: Generator, classes: Tensor, beats: Tensor) -> tuple[Tensor, Tensor]:
    """Give the loss of each beat ``(batch,)``, and its squared error in mV^2 ``(batch,)``, per sample.

    Args:
        network: the generator.
        classes: ``(batch,)``.
        beats: ``(batch, time, lead)`` in mV.
    """
    # The generator writes one signal a class: each is written once, however many beats it has.
    present, which = torch.unique(classes, return_inverse=True)
    mean, log_sd = network.distribution(present, beats.shape[1])
    squared = (beats - mean[which]).square()
    error = squared.mean(dim=(1, 2))
    if network.spread is None:
        return error, error
    surprise = squared * torch.exp(-2 * log_sd[which]) / 2 + log_sd[which]
    return surprise.mean(dim=(1, 2)) + math.log(2 * math.pi) / 2, error


def generation_module(options: GenerationConfig, inputs: ModuleInputs) -> GenerationModule:
    """Build the training of a generator from the options of its task."""
    return GenerationModule(
        cast("Generator", inputs.network),
        class_weights=loss_weights(torch.as_tensor(inputs.learned_counts), options.class_weights),
        optimizer=inputs.train.optimizer,
    )
