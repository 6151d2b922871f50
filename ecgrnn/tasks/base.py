"""What the tasks have in common: their losses, their optimiser, and what they write into checkpoints."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn

from ecgrnn.config import OptimizerConfig
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.tasks.optimisation import configure


class Task(pl.LightningModule):
    """A network in training; each task says what its steps are.

    Args:
        network: the network.
        optimizer: AdamW and its schedule.
        facts: plain data written into every checkpoint beside the weights.
    """

    def __init__(self, network: nn.Module, *, optimizer: OptimizerConfig, facts: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        self.facts = facts
        self.training_loss, self.validation_loss = MeanLoss(), MeanLoss()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimiser and its schedule over all steps of the training."""
        return configure(self, self.optimizer, total_steps=int(self.trainer.estimated_stepping_batches))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what prediction needs beside the weights."""
        checkpoint["ecgrnn"] = self.facts

    def log_loss(self, stage: str, loss: MeanLoss) -> None:
        """Log the mean loss over the steps of an epoch, and begin another."""
        self.log(f"{stage}/loss", loss.compute().float())
        loss.reset()
