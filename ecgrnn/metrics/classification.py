"""Scores of a classifier from its confusion matrix: per class and as the mean over named classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from ecgrnn.metrics.ratios import ratio


@dataclass(frozen=True)
class ClassScore:
    """How well one class is found; a ratio with nothing below the line is NaN.

    Attributes:
        support: items of the class.
        sensitivity: share of them that was found (recall).
        positive_predictivity: share of what was called the class that is it (precision).
        f1: harmonic mean of both; NaN where there is no item of the class, so that nothing could be found.
    """

    support: int
    sensitivity: float
    positive_predictivity: float
    f1: float


def confusion_matrix(
    label: NDArray[np.int64], predicted: NDArray[np.int64], *, n_classes: int
) -> NDArray[np.int64]:
    """Count items by reference class (row) and predicted class (column); label -1 does not count."""
    known = label >= 0
    cells = label[known] * n_classes + predicted[known]
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_scores(matrix: NDArray[np.int64]) -> list[ClassScore]:
    """Score every class of a confusion matrix ``(reference, predicted)``."""
    hits, support, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassScore(
            support=int(n),
            sensitivity=ratio(hit, n),
            positive_predictivity=ratio(hit, m),
            f1=ratio(2 * hit, n + m) if n else float("nan"),
        )
        for hit, n, m in zip(hits, support, called, strict=True)
    ]


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Give the share of items on the diagonal of a confusion matrix."""
    return ratio(np.trace(matrix), matrix.sum())


def macro_f1(matrix: NDArray[np.int64], *, over: Sequence[int]) -> float:
    """Give the mean F1 over the classes with the indices ``over`` that have items; NaN where none has."""
    scores = class_scores(matrix)
    known = [scores[index].f1 for index in over if scores[index].support]
    return float(np.mean(known)) if known else float("nan")


class ConfusionMatrix(Metric):
    """A confusion matrix gathered over batches and, summed, over processes.

    torchmetrics has one too; this one skips items without a label and leaves every score to the functions
    above, so that training, validation and evaluation share one definition of each figure.

    Args:
        n_classes: number of classes.
    """

    full_state_update = False
    matrix: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.add_state("matrix", torch.zeros(n_classes, n_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, label: Tensor) -> None:
        """Add a batch: predicted classes ``(batch,)``, labels ``(batch,)``."""
        known = label >= 0
        cells = label[known] * self.n_classes + predicted[known]
        self.matrix += torch.bincount(cells, minlength=self.n_classes**2).view_as(self.matrix)

    def compute(self) -> Tensor:
        """Give the matrix ``(reference, predicted)``."""
        return self.matrix


class MeanLoss(Metric):
    """The mean loss of items, gathered over batches and processes as a sum and the weight it stands for.

    A mean of the batches' means would depend on how items are put into batches; this depends on the items.
    """

    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "weight"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, total: Tensor, weight: Tensor) -> None:
        """Add a batch: the sum of its items' weighted losses, the sum of their weights."""
        self.total += total.detach()
        self.weight += weight.detach()

    def compute(self) -> Tensor:
        """Give the mean."""
        return self.total / self.weight
