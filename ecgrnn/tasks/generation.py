"""The 1-vs-N task: a generator and the likelihood of the beats of each class."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from ecgrnn.batch import ClassBatch
from ecgrnn.config import OptimizerConfig
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.networks.generator import Generator
from ecgrnn.tasks.optimisation import configure, mean_over_ranks


class GenerationTask(pl.LightningModule):
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
        facts: plain data written into every checkpoint beside the weights.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: Generator,
        *,
        class_weights: Tensor,
        optimizer: OptimizerConfig,
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.optimizer = optimizer
        self.facts = facts
        self.training_loss, self.validation_loss, self.test_loss = MeanLoss(), MeanLoss(), MeanLoss()
        self.validation_error = MeanLoss()

    def training_step(self, batch: ClassBatch) -> Tensor:
        """Give the loss of a batch."""
        return mean_over_ranks(*self._step(batch, "training"))

    def validation_step(self, batch: ClassBatch) -> None:
        """Log the loss and the squared error on validation beats."""
        self._step(batch, "validation")
        weights = self.class_weights[batch.label]
        errors = squared_errors(self.network, batch.label, batch.signal)
        self.validation_error.update((weights * errors).sum(), weights.sum())
        self.log("validation/squared_error", self.validation_error, on_step=False, on_epoch=True)

    def test_step(self, batch: ClassBatch) -> None:
        """Log the loss on test beats."""
        self._step(batch, "test")

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimiser and its schedule over all steps of the training."""
        return configure(self, self.optimizer, total_steps=int(self.trainer.estimated_stepping_batches))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what generation needs beside the weights."""
        checkpoint["ecgrnn"] = self.facts

    def _step(self, batch: ClassBatch, stage: str) -> tuple[Tensor, Tensor]:
        each = beat_losses(self.network, batch.label, batch.signal)
        weights = self.class_weights[batch.label]
        total, weight = (weights * each).sum(), weights.sum()
        loss: MeanLoss = getattr(self, f"{stage}_loss")
        loss.update(total, weight)
        self.log(f"{stage}/loss", loss, on_step=False, on_epoch=True)
        return total, weight


def squared_errors(network: Generator, classes: Tensor, beats: Tensor) -> Tensor:
    """Give the mean squared error of what is written for each beat ``(batch,)``, in mV^2.

    Args:
        network: the generator.
        classes: ``(batch,)``.
        beats: ``(batch, time, lead)`` in mV.
    """
    present, which = torch.unique(classes, return_inverse=True)
    errors: Tensor = beats - network(present, beats.shape[1])[which]
    return errors.square().mean(dim=(1, 2))


def beat_losses(network: Generator, classes: Tensor, beats: Tensor) -> Tensor:
    """Give the loss of each beat ``(batch,)``, per sample.

    Args:
        network: the generator.
        classes: ``(batch,)``.
        beats: ``(batch, time, lead)`` in mV.
    """
    # The generator writes one signal a class: each is written once, however many beats it has.
    present, which = torch.unique(classes, return_inverse=True)
    mean, log_sd = network.distribution(present, beats.shape[1])
    squared = (beats - mean[which]).square()
    if network.spread is None:
        return squared.mean(dim=(1, 2))
    surprise = squared * torch.exp(-2 * log_sd[which]) / 2 + log_sd[which]
    return surprise.mean(dim=(1, 2)) + math.log(2 * math.pi) / 2
