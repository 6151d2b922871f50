"""The multi-label N-vs-1 task: a classifier whose classes do not exclude each other, and its macro AUROC."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgrnn.data.batch import ClassBatch
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.metrics.multilabel import ScoredLabels, area_under_roc
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.module import TaskModule


class MultiLabelModule(TaskModule):
    """Trains a network that gives each item a probability of every class by itself.

    The loss is the binary cross-entropy, meant over items and classes. ``validation/macro_auroc`` is the mean
    AUROC over the classes that some validation items have and some have not.

    Args:
        network: gives logits ``(batch, class)`` from signal, lengths and features.
        classes: class names in the order of the logits.
        augment: changes a training batch at random.
        optimizer: AdamW and its schedule.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        augment: Callable[[ClassBatch], ClassBatch],
        optimizer: OptimizerConfig,
    ) -> None:
        super().__init__(network, optimizer=optimizer)
        self.classes = tuple(classes)
        self.augment = augment
        self.validation_labels = ScoredLabels()

    def forward(self, batch: ClassBatch) -> Tensor:
        """Give logits ``(batch, class)``."""
        logits: Tensor = self.network(batch.signal, batch.lengths, batch.features)
        return logits

    def training_step(self, batch: ClassBatch) -> Tensor:
        """Give the loss of a batch."""
        batch = self.augment(batch)
        return self.mean_loss(*self._loss(self(batch), batch, self.training_loss))

    def validation_step(self, batch: ClassBatch) -> None:
        """Add a batch to the validation scores."""
        logits = self(batch)
        self._loss(logits, batch, self.validation_loss)
        self.validation_labels.update(logits, batch.label)

    def on_train_epoch_end(self) -> None:
        """Log the loss over the training items, as it was while the weights moved."""
        self.log_loss("training", self.training_loss)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over the validation items."""
        super().on_validation_epoch_end()
        self.log_loss("validation", self.validation_loss)
        self._log_scores("validation", self.validation_labels)

    def _loss(self, logits: Tensor, batch: ClassBatch, loss: MeanLoss) -> tuple[Tensor, Tensor]:
        """Count a batch, and give the sum of its losses and how many there are."""
        total = functional.binary_cross_entropy_with_logits(logits.float(), batch.label, reduction="sum")
        weight = torch.tensor(float(logits.numel()), device=logits.device)
        loss.update(total, weight)
        return total, weight

    def _log_scores(self, stage: str, gathered: ScoredLabels) -> None:
        scores, labels = (part.float().cpu().numpy() for part in gathered.compute())
        gathered.reset()
        areas = area_under_roc(scores, labels > 0)
        for name, area in zip(self.classes, areas, strict=True):
            self.log(f"{stage}/auroc_{name}", float(area))
        defined = areas[areas == areas]
        mean = float(defined.mean()) if len(defined) else 0.5
        self.log(f"{stage}/macro_auroc", mean, prog_bar=stage == "validation")
