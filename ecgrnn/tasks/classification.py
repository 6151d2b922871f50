"""The tasks of classes: a classifier of items or of items in sequence, its cross-entropy and its macro-F1."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgrnn.data.batch import ClassBatch, SequenceBatch
from ecgrnn.metrics.classification import ConfusionMatrix, MeanLoss, class_scores, macro_f1
from ecgrnn.options.choices import ClassWeights
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.module import TaskModule
from ecgrnn.tasks.task import ModuleInputs


class ClassOptions(Protocol):
    """What the options of every task on classes have."""

    macro_f1_classes: list[str]
    class_weights: ClassWeights
    label_smoothing: float


class ClassificationModule(TaskModule):
    """Trains a network that gives each item one class; label -1 does not count.

    Args:
        network: gives logits ``(..., class)`` from signal, lengths and features.
        classes: class names in the order of the logits.
        scored: names of the classes that ``validation/macro_f1`` is the mean over.
        class_weights: ``(class,)``, weights of the loss.
        label_smoothing: share of each target that is spread over all classes.
        optimizer: AdamW and its schedule.
        log_prior: ``(class,)``, added to the logits in the loss; None adds nothing.
        augment: changes a training batch at random; None leaves it as it is.
    """

    class_weights: Tensor
    log_prior: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        scored: Sequence[str],
        class_weights: Tensor,
        label_smoothing: float,
        optimizer: OptimizerConfig,
        log_prior: Tensor | None = None,
        augment: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(network, optimizer=optimizer)
        self.classes = tuple(classes)
        self.scored = [self.classes.index(name) for name in scored]
        self.register_buffer("class_weights", class_weights, persistent=False)
        no_prior = torch.zeros_like(class_weights)
        self.register_buffer("log_prior", no_prior if log_prior is None else log_prior, persistent=False)
        self.augment = augment
        self.label_smoothing = label_smoothing
        self.training_matrix = ConfusionMatrix(len(self.classes))
        self.validation_matrix = ConfusionMatrix(len(self.classes))

    def forward(self, batch: ClassBatch | SequenceBatch) -> Tensor:
        """Give logits ``(..., class)``."""
        logits: Tensor = self.network(batch.signal, batch.lengths, batch.features)
        return logits

    def training_step(self, batch: ClassBatch | SequenceBatch) -> Tensor:
        """Give the loss of a batch."""
        batch = batch if self.augment is None else self.augment(batch)
        return self.mean_loss(*self._step(batch, self.training_loss, self.training_matrix))

    def validation_step(self, batch: ClassBatch | SequenceBatch) -> None:
        """Add a batch to the validation scores."""
        self._step(batch, self.validation_loss, self.validation_matrix)

    def on_train_epoch_end(self) -> None:
        """Log the scores over the training beats, as they were while the weights moved."""
        self._log_scores("training", self.training_loss, self.training_matrix)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over the validation beats."""
        super().on_validation_epoch_end()
        self._log_scores("validation", self.validation_loss, self.validation_matrix)

    def _step(
        self, batch: ClassBatch | SequenceBatch, loss: MeanLoss, counted: ConfusionMatrix
    ) -> tuple[Tensor, Tensor]:
        """Count a batch, and give the sum of its weighted losses and of the weights."""
        logits, label = self(batch).flatten(0, -2), batch.label.flatten()
        known = label >= 0
        total = functional.cross_entropy(
            logits[known] + self.log_prior,
            label[known],
            weight=self.class_weights,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        weight = self.class_weights[label[known]].sum()
        counted.update(logits.argmax(dim=-1), label)
        loss.update(total, weight)
        return total, weight

    def _log_scores(self, stage: str, loss: MeanLoss, counted: ConfusionMatrix) -> None:
        self.log_loss(stage, loss)
        matrix = counted.compute().cpu().numpy()
        counted.reset()
        # An epoch is chosen by it, so that it is a number even where none of the scored classes is there.
        mean = float(np.nan_to_num(macro_f1(matrix, over=self.scored)))
        self.log(f"{stage}/macro_f1", mean, prog_bar=stage == "validation")
        for name, score in zip(self.classes, class_scores(matrix), strict=True):
            if score.support:
                self.log(f"{stage}/f1_{name}", score.f1)


def class_module(
    options: ClassOptions,
    inputs: ModuleInputs,
    *,
    log_prior: Tensor | None = None,
    augment: Callable[[Any], Any] | None = None,
) -> ClassificationModule:
    """Build the training of a classifier from the options of its task.

    Args:
        options: the task's options.
        inputs: the network, the run's options and what is known of the data.
        log_prior: as ``ClassificationModule`` takes it.
        augment: as ``ClassificationModule`` takes it.
    """
    return ClassificationModule(
        inputs.network,
        classes=inputs.scheme.classes,
        scored=options.macro_f1_classes,
        class_weights=loss_weights(torch.as_tensor(inputs.learned_counts), options.class_weights),
        label_smoothing=options.label_smoothing,
        optimizer=inputs.train.optimizer,
        log_prior=log_prior,
        augment=augment,
    )


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


def adjusted_prior(counts: Sequence[int] | Tensor, strength: float) -> Tensor:
    """Give ``strength`` times the logarithm of the class frequencies, at least one item taken of each class.

    Args:
        counts: ``(class,)``, items of each class among the training patients.
        strength: 0 adjusts nothing, 1 makes the network's own logits those of equally frequent classes.
    """
    at_least_one = torch.as_tensor(counts).clamp_min(1)
    share = at_least_one / at_least_one.sum()
    return strength * share.log()
