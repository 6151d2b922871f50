"""What a network gave is looked at before anything is made of it: NaN would become the first class."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError


def require_finite(values: NDArray[np.floating], *, of: str) -> None:
    """Refuse what a network gave where it is not finite, before a result is written.

    Args:
        values: what the network gave.
        of: what it was given, for the message.

    Raises:
        DataError: naming that.
    """
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"the network gave {bad} of {values.size} numbers that are not finite for {of}, so nothing was "
            "written. Check the amplitude of its signal (mV), or train again with a lower "
            "optimizer.learning_rate"
        )
