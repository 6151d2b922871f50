"""The N-vs-1 task: a classifier, its weighted cross-entropy and its macro-F1."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional

from ecgrnn.batch import ClassBatch
from ecgrnn.choices import ClassWeights
from ecgrnn.config import OptimizerConfig
from ecgrnn.metrics.classification import ConfusionMatrix, class_scores, macro_f1
from ecgrnn.strip_config import AugmentationConfig
from ecgrnn.tasks.augmentation import augmented
from ecgrnn.tasks.optimisation import configure


class ClassificationTask(pl.LightningModule):
    """Trains a network that gives each item one class.

    Args:
        network: gives logits ``(batch, class)`` from signal, lengths and features.
        classes: class names in the order of the logits.
        scored: names of the classes that ``validation/macro_f1`` is the mean over.
        class_weights: ``(class,)``, weights of the loss.
        label_smoothing: share of each target that is spread over all classes.
        optimizer: AdamW and its schedule.
        facts: plain data written into every checkpoint beside the weights.
        augmentation: what training does to signals; None leaves them as they are.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        scored: Sequence[str],
        class_weights: Tensor,
        label_smoothing: float,
        optimizer: OptimizerConfig,
        facts: dict[str, Any],
        augmentation: AugmentationConfig | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.augmentation = augmentation
        self.classes = tuple(classes)
        self.scored = [self.classes.index(name) for name in scored]
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing
        self.optimizer = optimizer
        self.facts = facts
        self.training_matrix = ConfusionMatrix(len(self.classes))
        self.validation_matrix = ConfusionMatrix(len(self.classes))
        self.test_matrix = ConfusionMatrix(len(self.classes))

    def forward(self, batch: ClassBatch) -> Tensor:
        """Give logits ``(batch, class)``."""
        logits: Tensor = self.network(batch.signal, batch.lengths, batch.features)
        return logits

    def training_step(self, batch: ClassBatch) -> Tensor:
        """Give the loss of a batch."""
        if self.augmentation is not None:
            batch = augmented(batch, self.augmentation)
        return self._step(batch, "training", self.training_matrix)

    def validation_step(self, batch: ClassBatch) -> None:
        """Add a batch to the validation scores."""
        self._step(batch, "validation", self.validation_matrix)

    def test_step(self, batch: ClassBatch) -> None:
        """Add a batch to the test scores."""
        self._step(batch, "test", self.test_matrix)

    def on_train_epoch_end(self) -> None:
        """Log the scores over the training beats, as they were while the weights moved."""
        self._log_scores("training", self.training_matrix)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over the validation beats."""
        self._log_scores("validation", self.validation_matrix)

    def on_test_epoch_end(self) -> None:
        """Log the scores over the test beats."""
        self._log_scores("test", self.test_matrix)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimiser and its schedule over all steps of the training."""
        return configure(self, self.optimizer, total_steps=int(self.trainer.estimated_stepping_batches))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what prediction needs beside the weights."""
        checkpoint["ecgrnn"] = self.facts

    def _step(self, batch: ClassBatch, stage: str, counted: ConfusionMatrix) -> Tensor:
        logits = self(batch)
        loss = functional.cross_entropy(
            logits, batch.label, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        counted.update(logits.argmax(dim=-1), batch.label)
        self.log(
            f"{stage}/loss",
            loss,
            batch_size=len(batch),
            on_step=False,
            on_epoch=True,
            sync_dist=True,
        )
        return loss

    def _log_scores(self, stage: str, counted: ConfusionMatrix) -> None:
        matrix = counted.compute().cpu().numpy()
        counted.reset()
        self.log(f"{stage}/macro_f1", macro_f1(matrix, over=self.scored), prog_bar=stage == "validation")
        for name, score in zip(self.classes, class_scores(matrix), strict=True):
            self.log(f"{stage}/f1_{name}", score.f1)


def loss_weights(counts: Tensor, kind: ClassWeights) -> Tensor:
    """Weight classes by their counts in training, so that the mean weight of an item is 1.

    A class without items gets weight 0: nothing in training tells of it.

    Args:
        counts: ``(class,)``, items of each class among the training patients.
        kind: how strongly rare classes count.

    Example:
        >>> loss_weights(torch.tensor([90, 10, 0]), ClassWeights.balanced)
        tensor([0.5556, 5.0000, 0.0000])
    """
    share = counts.float() / counts.sum()
    match kind:
        case ClassWeights.none:
            weights = torch.ones_like(share)
        case ClassWeights.root:
            weights = share.clamp_min(1e-9).rsqrt()
        case ClassWeights.balanced:
            weights = share.clamp_min(1e-9).reciprocal()
    weights = torch.where(counts > 0, weights, 0.0)
    return weights / (weights * share).sum()
