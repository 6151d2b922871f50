"""What all leads of a record show together: where something happens, though one lead may not show it."""

import numpy as np
from numpy.typing import NDArray

TALL_PERCENTILE = 98.0
"""Of the steepness, over the record: about the level of the QRS complexes, 6 to 10 % of the time."""


def common_slope(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure how steep the leads of a record are at each sample, all together.

    The mean over the leads of the absolute slope, divided by its own 98th percentile: about 1 in a QRS
    complex, less in a P or a T wave, near 0 between them. It has no sign and belongs to no lead, so that a
    network may read it beside any lead, whatever the number of leads.

    Args:
        signal: ``(time, lead)``, leads scaled alike.

    Returns:
        ``(time,)``, without unit; zeros where nothing moves.
    """
    if len(signal) < 2:
        return np.zeros(len(signal), np.float32)
    steepness = np.abs(np.gradient(np.asarray(signal, np.float32), axis=0)).mean(axis=1)
    tall = float(np.percentile(steepness, TALL_PERCENTILE))
    return np.asarray(steepness / max(tall, 1e-6), np.float32)


def with_context(
    signal: NDArray[np.float32], lead: int, *, common: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Put one lead and, where it is given, what all leads show together side by side: ``(time, 1 or 2)``."""
    columns = [signal[:, lead]] if common is None else [signal[:, lead], common]
    return np.stack(columns, axis=1)
