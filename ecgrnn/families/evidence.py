"""What a network makes of the beats of one recording, reduced to what families are made from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

COMPONENTS = 16
"""Principal components that are kept of the representation, and of the aligned beats."""

_WEIGHT, _WEIGHT_OF_SHAPE = 0.5, 0.6
"""Of a logit beside a component of the representation, and of the aligned beats when they vary as much as the
representation: chosen inside DS1 and on SVDB (docs/experiments.md)."""

_LARGEST_LOGIT = 8.0
"""Beyond this a class is sure, and how sure does not tell beats apart."""

_MOST_BEATS = 8192
"""Components are computed from at most so many beats, evenly spread over the recording."""

_STEP = 2.0**-12
"""Points are rounded to this, so that rounding by the number of threads moves none."""


@dataclass(frozen=True)
class Evidence:
    """What a network makes of the beats of one recording.

    Attributes:
        sample: ``(beat,)``, positions of the beats, rising.
        fs_hz: sampling frequency of the positions.
        logits: ``(beat, class)``.
        components: ``(beat, component)``, principal components of what the classes are read from and of the
            aligned beats.
        classes: names of the classes.
    """

    sample: NDArray[np.int64]
    fs_hz: float
    logits: NDArray[np.float32]
    components: NDArray[np.float32]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sample)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """``(beat, class)``."""
        return np.asarray(softmax(self.logits.astype(np.float64), axis=1))

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """``(beat, dimension)``: components and logits, at a mean square distance of 1 from their mean."""
        logits = _WEIGHT * np.clip(self.logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        joined = np.concatenate([self.components, logits], axis=1).astype(np.float64)
        joined -= joined.mean(axis=0)
        size = np.sqrt(np.square(joined).sum(axis=1).mean())
        return np.asarray(np.round(joined / max(float(size), 1e-9) / _STEP) * _STEP)


def reduced(represented: NDArray[np.float32], windows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Reduce what a network makes of the beats of one recording.

    Args:
        represented: ``(beat, feature)``, what the classes are read from.
        windows: ``(beat, sample)``, the aligned beats, all leads side by side.

    Returns:
        ``(beat, component)``: those of both.
    """
    first, shape = principal_components(represented), principal_components(windows)
    ratio = np.square(first).sum() / max(float(np.square(shape).sum()), 1e-9)
    return np.concatenate([first, np.float32(_WEIGHT_OF_SHAPE * np.sqrt(ratio)) * shape], axis=1)


def principal_components(values: NDArray[np.floating], n: int = COMPONENTS) -> NDArray[np.float32]:
    """Give the first principal components of beats, ``(beat, component)``, each with its sign fixed."""
    if not values.size:
        return np.zeros((len(values), 0), np.float32)
    some = values[:: -(-len(values) // _MOST_BEATS)].astype(np.float64)
    mean = some.mean(axis=0)
    _, axes = np.linalg.eigh((some - mean).T @ (some - mean))
    axes = axes[:, ::-1][:, :n]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    parts = np.split(values, range(_MOST_BEATS, len(values), _MOST_BEATS))
    return np.concatenate([((part - mean) @ axes).astype(np.float32) for part in parts])
