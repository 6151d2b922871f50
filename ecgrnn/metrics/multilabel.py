"""Scores of a classifier whose classes do not exclude each other: the area under each ROC curve."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


def area_under_roc(score: NDArray[np.floating], label: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give how often an item of a class has a higher score than one that is not of it, ties halved.

    AUROC_k = (R_k - n_k (n_k + 1) / 2) / (n_k m_k), with R_k the sum of the ranks of the n_k items of class k
    among all n_k + m_k: the statistic of Mann and Whitney (1947).

    Args:
        score: ``(item, class)``.
        label: ``(item, class)``.

    Returns:
        ``(class,)``; NaN for a class that all items have, or none.

    >>> area_under_roc(np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([[0], [0], [1], [1]]) > 0)
    array([0.75])
    """
    n = label.sum(axis=0).astype(np.float64)
    m = len(label) - n
    rank_sum = (rankdata(score, axis=0) * label).sum(axis=0) if len(score) else n
    area = np.full(label.shape[1], np.nan)
    np.divide(rank_sum - n * (n + 1) / 2, n * m, out=area, where=(n > 0) & (m > 0))
    return area


class ScoredLabels(Metric):
    """Scores and labels of all items of an epoch, gathered over batches and processes."""

    full_state_update = False
    score: list[Tensor]
    label: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("score", [], dist_reduce_fx="cat")
        self.add_state("label", [], dist_reduce_fx="cat")

    def update(self, score: Tensor, label: Tensor) -> None:
        """Add a batch: scores and labels ``(batch, class)``."""
        self.score.append(score.detach().float())
        self.label.append(label.float())

    def compute(self) -> tuple[Tensor, Tensor]:
        """Give scores and labels ``(item, class)``."""
        return dim_zero_cat(self.score), dim_zero_cat(self.label)
