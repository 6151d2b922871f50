"""The N-vs-N task: a labeller, the likelihood of its labels and the macro-F1 of its steps."""

from typing import cast

import numpy as np
from torch import Tensor
from torch.nn import functional

from ecgrnn.data.batch import LabelBatch
from ecgrnn.metrics.classification import ConfusionMatrix, MeanLoss, macro_f1
from ecgrnn.networks.labeller import Labeller
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.delineation.augmentation import WaveAugmentation
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.module import TaskModule
from ecgrnn.tasks.task import ModuleInputs


class DelineationModule(TaskModule):
    """Trains a labeller on every step whose label is known.

    Args:
        network: the labeller.
        n_classes: labels; label 0 is the background and is left out of ``validation/macro_f1``.
        truth_probability: for a head that feeds its labels back, how often the label fed back is the true one
            at the end of training; it falls there from 1 linearly (scheduled sampling).
        augment: how training records are changed.
        optimizer: AdamW and its schedule.
    """

    network: Labeller

    def __init__(
        self,
        network: Labeller,
        *,
        n_classes: int,
        truth_probability: float,
        augment: WaveAugmentation,
        optimizer: OptimizerConfig,
    ) -> None:
        super().__init__(network, optimizer=optimizer)
        self.truth_probability = truth_probability
        self.augment = augment
        self.scored = range(1, n_classes)
        self.validation_matrix = ConfusionMatrix(n_classes)

    def training_step(self, batch: LabelBatch) -> Tensor:
        """Give the loss of a batch: minus the mean log-likelihood of a known label."""
        batch = self.augment(batch)
        scores = self.network.outputs(batch.signal, batch.lengths)
        labels = _up_to_the_last_frame(batch.labels, scores)
        total = self.network.log_likelihood(
            scores, labels, batch.lengths, truth_probability=self._truth_probability()
        ).sum()
        known = (labels >= 0).sum()
        self.training_loss.update(-total, known)
        return self.mean_loss(-total, known)

    def validation_step(self, batch: LabelBatch) -> None:
        """Add a batch to the validation scores."""
        self._score(batch, self.validation_loss, self.validation_matrix)

    def on_train_epoch_end(self) -> None:
        """Log the loss over the training steps."""
        self.log_loss("training", self.training_loss)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over the validation steps."""
        super().on_validation_epoch_end()
        self.log_loss("validation", self.validation_loss)
        self._log_scores("validation", self.validation_matrix)

    def _truth_probability(self) -> float:
        progress = self.global_step / max(1, int(self.trainer.estimated_stepping_batches))
        return 1.0 - (1.0 - self.truth_probability) * progress

    def _score(self, batch: LabelBatch, loss: MeanLoss, counted: ConfusionMatrix) -> None:
        scores = self.network.outputs(batch.signal, batch.lengths)
        labels = _up_to_the_last_frame(batch.labels, scores)
        log_p = self.network.log_likelihood(scores, labels, batch.lengths).sum()
        known = labels >= 0
        loss.update(-log_p, known.sum())
        found = self.network.decode(scores, batch.lengths)
        counted.update(found[known], labels[known])

    def _log_scores(self, stage: str, counted: ConfusionMatrix) -> None:
        matrix = counted.compute().cpu().numpy()
        counted.reset()
        # An epoch is chosen by it, so that it is a number even where no wave is marked.
        mean = float(np.nan_to_num(macro_f1(matrix, over=self.scored)))
        self.log(f"{stage}/macro_f1", mean, prog_bar=stage == "validation")


def _up_to_the_last_frame(labels: Tensor, scores: Tensor) -> Tensor:
    """Give a row for each lead, "not known" where the last frame has scores beyond the end of the signal."""
    rows = labels.flatten(0, 1)
    return functional.pad(rows, (0, scores.shape[1] - rows.shape[1]), value=-1)


def delineation_module(options: DelineateConfig, inputs: ModuleInputs) -> DelineationModule:
    """Build the training of a delineator from the options of its task."""
    labeller = cast("Labeller", inputs.network)
    augment = WaveAugmentation(
        options.augmentation,
        fs_hz=inputs.signal.fs_hz,
        frame=labeller.encoder.frame,
        per_frame=labeller.labels_per_frame,
    )
    return DelineationModule(
        labeller,
        n_classes=len(inputs.scheme.classes),
        truth_probability=options.truth_probability,
        augment=augment,
        optimizer=inputs.train.optimizer,
    )
