"""Statistics of many confusion matrices at once ``(..., reference, predicted)``, NaN where not defined."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MeanF1:
    """The mean F1 of some classes, not defined where one of them has no item.

    Attributes:
        over: indices of the classes.
    """

    over: tuple[int, ...]

    def __call__(self, m: NDArray[Any]) -> NDArray[np.float64]:
        """Give it for matrices ``(..., reference, predicted)``."""
        if not self.over:
            return np.full(m.shape[:-2], np.nan)
        return np.asarray(np.mean([f1(m, k=k) for k in self.over], axis=0))

    def within(self, total: NDArray[Any]) -> "MeanF1":
        """Leave out the classes that the whole sample does not have."""
        return MeanF1(tuple(k for k in self.over if total[k].sum() > 0))


def accuracy(m: NDArray[Any]) -> NDArray[np.float64]:
    """Give the share of items on the diagonal."""
    return ratio(m.trace(axis1=-2, axis2=-1), m.sum(axis=(-2, -1)))


def items(m: NDArray[Any]) -> NDArray[np.float64]:
    """Count all items."""
    return np.asarray(m.sum(axis=(-2, -1)), np.float64)


def items_of(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    """Count the items of class ``k``."""
    return np.asarray(m[..., k, :].sum(axis=-1), np.float64)


def sensitivity(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    """Give the share of the items of class ``k`` that was found."""
    return ratio(m[..., k, k], m[..., k, :].sum(axis=-1))


def positive_predictivity(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    """Give the share of what was called class ``k`` that is it."""
    return ratio(m[..., k, k], m[..., :, k].sum(axis=-1))


def f1(m: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    """Give the F1 of class ``k``."""
    support = m[..., k, :].sum(axis=-1)
    # not defined without an item of the class, whatever else was called it: nothing could be found
    return ratio(2 * m[..., k, k], np.where(support > 0, support + m[..., :, k].sum(axis=-1), 0))


def ratio(hits: NDArray[Any], total: NDArray[Any]) -> NDArray[np.float64]:
    """Divide; NaN where nothing was counted."""
    undefined = np.full(np.shape(total), np.nan)
    shares: NDArray[np.float64] = np.divide(hits, total, out=undefined, where=np.asarray(total) > 0)
    return shares
