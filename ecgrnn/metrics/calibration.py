"""Tells whether probabilities mean what they say, and how far classes can be told apart at any threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ecgrnn.errors import DataError
from ecgrnn.metrics.ratios import ratios

# far beyond any temperature of use; where every beat is right, the best temperature would be 0
_LOG_TEMPERATURES = (-5.0, 5.0)


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often predictions of about the same confidence are right.

    Attributes:
        edges: ends of the bins ``(bin + 1,)``, from 0 to 1.
        count: predictions in each bin ``(bin,)``.
        confidence: their mean confidence ``(bin,)``, nan in an empty bin.
        accuracy: share of them that is right ``(bin,)``, nan in an empty bin.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of confidence and accuracy over all predictions (ECE), nan without any."""
        if self.count.sum() == 0:
            return float("nan")
        gap = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gap * self.count) / self.count.sum())


@dataclass(frozen=True)
class RocCurve:
    """Rates at every threshold, from the strictest, which finds nothing, to the loosest.

    Attributes:
        threshold: scores at or above it are called positive ``(threshold,)``; the first is infinite.
        false_positive_rate: share of the negatives called positive ``(threshold,)``, nan without negatives.
        true_positive_rate: share of the positives called positive ``(threshold,)``, nan without positives.
    """

    threshold: NDArray[np.float64]
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under it (AUROC): how often a positive has a higher score than a negative, ties halved."""
        width = np.diff(self.false_positive_rate)
        height = (self.true_positive_rate[1:] + self.true_positive_rate[:-1]) / 2.0
        return float((width * height).sum())


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision (+P) and recall (Se) at every threshold, from the strictest to the loosest.

    Attributes:
        threshold: scores at or above it are called positive ``(threshold,)``.
        precision: share of the called ones that is positive ``(threshold,)``.
        recall: share of the positives that is called ``(threshold,)``, nan without positives.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    @property
    def average_precision(self) -> float:
        """Mean of the precision over the recall gained at each threshold, without interpolation."""
        return float((np.diff(self.recall, prepend=0.0) * self.precision).sum())


def reliability_curve(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], *, n_bins: int = 15
) -> ReliabilityCurve:
    """Gather predictions into bins of equal width by their confidence.

    A bin holds its upper edge and not its lower one; the first bin holds 0 too (Guo et al., On Calibration of
    Modern Neural Networks, ICML 2017).

    Args:
        confidence: probabilities from 0 to 1 ``(prediction,)``: those of the called class, or of one class.
        right: whether the prediction is right, or the beat is of that class ``(prediction,)``.
        n_bins: how many bins.

    Raises:
        DataError: lengths differ, a confidence is outside 0 to 1, or there is no bin.
    """
    p, right = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    if p.shape != right.shape or p.ndim != 1 or n_bins < 1:
        raise DataError(f"expected two equal lengths and n_bins > 0; got {p.shape}, {right.shape}, {n_bins}")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("confidences must lie between 0 and 1; give probabilities and not logits")
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    k = np.maximum(np.searchsorted(edges, p, side="left") - 1, 0)
    count = np.bincount(k, minlength=n_bins).astype(np.int64)
    return ReliabilityCurve(
        edges,
        count,
        ratios(np.bincount(k, weights=p, minlength=n_bins), count),
        ratios(np.bincount(k, weights=right, minlength=n_bins), count),
    )


def top_label(
    probabilities: NDArray[np.float64], label: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the confidence of each called class ``(beat,)`` and whether it is right.

    Args:
        probabilities: probability of each class ``(beat, class)``.
        label: class of each beat ``(beat,)``.
    """
    called = probabilities.argmax(axis=1)
    return probabilities[np.arange(len(called)), called], called == label


def negative_log_likelihood(
    logits: NDArray[np.float64], label: NDArray[np.int64], *, temperature: float = 1.0
) -> float:
    """Give the mean of -log p(label), where p is the softmax of the logits divided by the temperature.

    Args:
        logits: outputs before the softmax ``(beat, class)``.
        label: class of each beat ``(beat,)``.
        temperature: above 1 makes probabilities less sure, below 1 more.
    """
    z = np.asarray(logits, dtype=np.float64) / temperature
    return float((logsumexp(z, axis=1) - z[np.arange(len(z)), label]).mean())


def fit_temperature(logits: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """Find the temperature with the least negative log likelihood; call it with validation records only.

    The likelihood has a single best 1/T, so that a bounded search over log T finds it (Guo et al. 2017).

    Args:
        logits: outputs before the softmax ``(beat, class)``.
        label: class of each beat ``(beat,)``.

    Raises:
        DataError: there is no beat, or the shapes do not fit.
    """
    if logits.ndim != 2 or len(logits) == 0 or len(logits) != len(label):
        raise DataError(
            f"a temperature needs logits (beat, class) and labels (beat,); "
            f"got {logits.shape} and {label.shape}"
        )
    from scipy.optimize import minimize_scalar  # takes long to import, and only a fit needs it

    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, label, temperature=float(np.exp(log_t))),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def softmax(logits: NDArray[np.float64], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Give class probabilities ``(beat, class)`` of logits divided by a temperature."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    probabilities: NDArray[np.float64] = np.exp(z - logsumexp(z, axis=1, keepdims=True))
    return probabilities


def roc_curve(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> RocCurve:
    """Give the receiver operating characteristic of a score.

    Args:
        score: the higher, the more likely positive ``(beat,)``.
        positive: whether the beat is positive ``(beat,)``.

    Raises:
        DataError: the lengths differ, or a score is nan.
    """
    threshold, hits, called = _counts_at_thresholds(score, positive)
    n_positive = int(np.count_nonzero(positive))
    n_negative = len(positive) - n_positive
    return RocCurve(
        np.concatenate([[np.inf], threshold]),
        ratios(np.concatenate([[0], called - hits]), n_negative),
        ratios(np.concatenate([[0], hits]), n_positive),
    )


def precision_recall_curve(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> PrecisionRecallCurve:
    """Give precision and recall of a score at each of its values.

    Args:
        score: the higher, the more likely positive ``(beat,)``.
        positive: whether the beat is positive ``(beat,)``.

    Raises:
        DataError: the lengths differ, or a score is nan.
    """
    threshold, hits, called = _counts_at_thresholds(score, positive)
    return PrecisionRecallCurve(
        threshold, ratios(hits, called), ratios(hits, int(np.count_nonzero(positive)))
    )


def roc_curves(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> list[RocCurve]:
    """Give each class's curve against all other classes, from probabilities ``(beat, class)``."""
    return [roc_curve(probabilities[:, k], label == k) for k in range(probabilities.shape[1])]


def precision_recall_curves(
    probabilities: NDArray[np.float64], label: NDArray[np.int64]
) -> list[PrecisionRecallCurve]:
    """Give each class's curve against all other classes, from probabilities ``(beat, class)``."""
    return [precision_recall_curve(probabilities[:, k], label == k) for k in range(probabilities.shape[1])]


def _counts_at_thresholds(
    score: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    score, positive = np.asarray(score, dtype=np.float64), np.asarray(positive, dtype=np.bool_)
    if score.shape != positive.shape or score.ndim != 1 or np.isnan(score).any():
        raise DataError(
            f"expected as many scores, none nan, as outcomes; got {score.shape}, {positive.shape}"
        )
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    # beats of the same score are called together: only the last of each run is a threshold
    last = (
        np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        if len(falling)
        else np.zeros(0, np.int64)
    )
    called = (last + 1).astype(np.int64)
    hits: NDArray[np.int64] = np.cumsum(positive[order], dtype=np.int64)[last]
    return falling[last], hits, called


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give class probabilities ``(beat, class)`` from logits, by the softmax."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
