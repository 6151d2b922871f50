"""A recording's own small head: what a few answers say about the beats that nobody was asked about."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from ecgrnn.families.grouping import similarity

PENALTY = 0.05
"""On what is added to the network's logits: the smaller, the more an answer weighs against the network."""

_MOST_ANSWERS = 512
"""More answers than this are thinned evenly: they lie so close that others say the same."""

_JITTER = 1e-6


@dataclass(frozen=True)
class Head:
    """Logistic regression on the similarity to the beats asked about, beside the network's logits.

    Attributes:
        centre: ``(answer, dimension)``, what was asked about.
        weight: ``(answer, class)``.
    """

    centre: NDArray[np.float64]
    weight: NDArray[np.float64]

    def logits(self, points: NDArray[np.float64], prior: NDArray[np.floating]) -> NDArray[np.float64]:
        """Give the logits of beats, ``(beat, class)``, from their points and the network's logits."""
        if not len(self.centre):
            return np.asarray(prior, np.float64)
        return np.asarray(prior + similarity(points, self.centre) @ self.weight)


def fit_head(centre: NDArray[np.float64], prior: NDArray[np.floating], label: NDArray[np.int64]) -> Head:
    """Fit the head of a recording to the answers about its beats.

    With the network's logits ``f``, and ``K`` the similarity ``exp(-d^2 / 2 r^2)`` of beats, the logits are
    ``f + K A``, and ``A`` is the least of ``-sum log p(answer) + penalty / 2 tr(A' K A)``: what a Gaussian
    process has as its likeliest values whose mean is the network. Far from every answer nothing changes.

    Args:
        centre: ``(answer, dimension)``, points asked about.
        prior: ``(answer, class)``, the network's logits there.
        label: ``(answer,)``, index of the class answered.
    """
    some = np.unique(np.linspace(0, len(label) - 1, min(len(label), _MOST_ANSWERS)).round().astype(np.int64))
    centre, prior, label = centre[some], np.asarray(prior, np.float64)[some], label[some]
    n, n_classes = prior.shape
    if not n:
        return Head(centre, np.zeros((0, n_classes)))
    root = np.linalg.cholesky(similarity(centre, centre) + _JITTER * np.eye(n))
    answered = np.eye(n_classes)[label]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Give the penalised loss and its slope; ``flat`` is the root's transpose times the weights."""
        scores = prior + root @ flat.reshape(n, n_classes)
        log_p = log_softmax(scores, axis=1)
        likelihood = (log_p * answered).sum()
        slope = root.T @ (np.exp(log_p) - answered) + PENALTY * flat.reshape(n, n_classes)
        return float(PENALTY / 2 * flat @ flat - likelihood), slope.ravel()

    found = minimize(loss, np.zeros(n * n_classes), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return Head(centre, np.linalg.solve(root.T, found.x.reshape(n, n_classes)))
