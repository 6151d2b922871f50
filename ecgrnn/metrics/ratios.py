"""Division of counts, undefined where there is nothing below the line."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ratio(above: int | np.integer, below: int | np.integer) -> float:
    """Divide two counts; NaN where nothing is below the line.

    >>> ratio(3, 4), ratio(0, 0)
    (0.75, nan)
    """
    return int(above) / int(below) if below else float("nan")


def ratios(above: NDArray[Any], below: ArrayLike) -> NDArray[np.float64]:
    """Divide counts element by element; NaN where nothing is below the line.

    >>> ratios(np.array([3, 0]), [4, 0])
    array([0.75,  nan])
    """
    of = np.broadcast_to(np.asarray(below, dtype=np.float64), np.shape(above))
    divided: NDArray[np.float64] = np.divide(above, of, out=np.full(of.shape, np.nan), where=of > 0)
    return divided
