"""What a network makes of the beats of one recording, reduced to what families are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

COMPONENTS = 16
"""Principal components of the representation that are kept."""

_WEIGHT = 0.5
"""Of a logit beside a component: chosen with the number of components (docs/experiments.md)."""

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
        components: ``(beat, component)``, principal components of what the classes are read from.
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


def evidence_of(
    represented: NDArray[np.float32],
    logits: NDArray[np.float32],
    sample: NDArray[np.int64],
    *,
    fs_hz: float,
    classes: Sequence[str],
) -> Evidence:
    """Reduce what a network makes of the beats of a recording.

    Args:
        represented: ``(beat, feature)``, what the classes are read from.
        logits: ``(beat, class)``.
        sample: ``(beat,)``, positions, rising.
        fs_hz: sampling frequency of the positions.
        classes: names of the classes.
    """
    return Evidence(sample, fs_hz, logits, principal_components(represented), tuple(classes))


def principal_components(represented: NDArray[np.float32], n: int = COMPONENTS) -> NDArray[np.float32]:
    """Give the first principal components of beats, ``(beat, component)``, each with its sign fixed."""
    if not len(represented):
        return np.zeros((0, n), np.float32)
    some = represented[:: -(-len(represented) // _MOST_BEATS)].astype(np.float64)
    mean = some.mean(axis=0)
    _, axes = np.linalg.eigh((some - mean).T @ (some - mean))
    axes = axes[:, ::-1][:, :n]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found: NDArray[np.float32] = (represented - mean.astype(np.float32)) @ axes.astype(np.float32)
    return found
