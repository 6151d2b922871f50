"""The multi-label N-vs-1 task: a classifier whose classes do not exclude each other, and its macro AUROC."""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional

from ecgrnn.batch import ClassBatch
from ecgrnn.config import OptimizerConfig
from ecgrnn.metrics.multilabel import ScoredLabels, area_under_roc
from ecgrnn.tasks.optimisation import configure


class MultiLabelTask(pl.LightningModule):
    """Trains a network that gives each item a probability of every class by itself.

    The loss is the binary cross-entropy, meant over items and classes. ``validation/macro_auroc`` is the mean
    AUROC over the classes that some validation items have and some have not.

    Args:
        network: gives logits ``(batch, class)`` from signal, lengths and features.
        classes: class names in the order of the logits.
        augment: changes a training batch at random.
        optimizer: AdamW and its schedule.
        facts: plain data written into every checkpoint beside the weights.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        augment: Callable[[ClassBatch], ClassBatch],
        optimizer: OptimizerConfig,
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self.network = network
        self.classes = tuple(classes)
        self.augment = augment
        self.optimizer = optimizer
        self.facts = facts
        self.validation_labels = ScoredLabels()
        self.test_labels = ScoredLabels()

    def forward(self, batch: ClassBatch) -> Tensor:
        """Give logits ``(batch, class)``."""
        logits: Tensor = self.network(batch.signal, batch.lengths, batch.features)
        return logits

    def training_step(self, batch: ClassBatch) -> Tensor:
        """Give the loss of a batch."""
        return self._loss(self.augment(batch), "training")[0]

    def validation_step(self, batch: ClassBatch) -> None:
        """Add a batch to the validation scores."""
        self.validation_labels.update(self._loss(batch, "validation")[1], batch.label)

    def test_step(self, batch: ClassBatch) -> None:
        """Add a batch to the test scores."""
        self.test_labels.update(self._loss(batch, "test")[1], batch.label)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over the validation items."""
        self._log_scores("validation", self.validation_labels)

    def on_test_epoch_end(self) -> None:
        """Log the scores over the test items."""
        self._log_scores("test", self.test_labels)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimiser and its schedule over all steps of the training."""
        return configure(self, self.optimizer, total_steps=int(self.trainer.estimated_stepping_batches))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what prediction needs beside the weights."""
        checkpoint["ecgrnn"] = self.facts

    def _loss(self, batch: ClassBatch, stage: str) -> tuple[Tensor, Tensor]:
        logits = self(batch)
        loss = functional.binary_cross_entropy_with_logits(logits.float(), batch.label)
        self.log(f"{stage}/loss", loss, batch_size=len(batch), on_step=False, on_epoch=True, sync_dist=True)
        return loss, logits

    def _log_scores(self, stage: str, gathered: ScoredLabels) -> None:
        scores, labels = (part.float().cpu().numpy() for part in gathered.compute())
        gathered.reset()
        areas = area_under_roc(scores, labels > 0)
        for name, area in zip(self.classes, areas, strict=True):
            self.log(f"{stage}/auroc_{name}", float(area))
        defined = areas[areas == areas]
        mean = float(defined.mean()) if len(defined) else 0.5
        self.log(f"{stage}/macro_auroc", mean, prog_bar=stage == "validation")
