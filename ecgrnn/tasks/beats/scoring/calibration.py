"""How far probabilities can be trusted: fitted on validation patients, scored on held-out ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.metrics.calibration import (
    fit_temperature,
    negative_log_likelihood,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
    softmax,
    top_label,
)
from ecgrnn.metrics.statistics import number
from ecgrnn.options.spec import Row
from ecgrnn.reports.charts import thinned
from ecgrnn.tasks.beats.scoring.held_out import HeldOutBeats

_BINS = 15


@dataclass(frozen=True)
class FittedOnValidation:
    """What is chosen on validation patients, after the weights.

    Attributes:
        records: the validation records.
        beats: how many beats they have.
        temperature: divides the logits before the softmax, so that probabilities mean what they say.
        thresholds: class to the probability at or above which F1 on the validation beats is best; None where
            the class has no validation beat.
        positives: class to the number of validation beats of the class, on which its threshold rests.
        patients: class to the number of validation patients who have such beats.
    """

    records: tuple[str, ...]
    beats: int
    temperature: float
    thresholds: dict[str, float | None]
    positives: dict[str, int]
    patients: dict[str, int]


def fit_on_validation(validation: HeldOutBeats) -> FittedOnValidation:
    """Fit the temperature and choose a threshold for each class, on validation beats alone."""
    chance, label = validation.probabilities, validation.table.label
    classes = validation.scheme.classes
    owner = np.array([record.patient for record in validation.records])[validation.table.record]
    return FittedOnValidation(
        records=tuple(record.name for record in validation.records),
        beats=len(label),
        temperature=fit_temperature(validation.logits.astype(np.float64), label),
        thresholds={name: _best_threshold(chance[:, k], label == k) for k, name in enumerate(classes)},
        positives={name: int((label == k).sum()) for k, name in enumerate(classes)},
        patients={name: len(np.unique(owner[label == k])) for k, name in enumerate(classes)},
    )


def calibration(beats: HeldOutBeats, fitted: FittedOnValidation | None) -> dict[str, Any]:
    """Give expected calibration error and log likelihood, with and without the fitted temperature."""
    logits, label = beats.logits.astype(np.float64), beats.table.label
    temperatures = {"uncalibrated": 1.0} | ({} if fitted is None else {"calibrated": fitted.temperature})
    scored = {}
    for name, temperature in temperatures.items():
        confidence, right = top_label(softmax(logits, temperature=temperature), label)
        curve = reliability_curve(confidence, right, n_bins=_BINS)
        scored[name] = {
            "temperature": temperature,
            "expected_calibration_error": number(curve.expected_calibration_error),
            "negative_log_likelihood": number(
                negative_log_likelihood(logits, label, temperature=temperature)
            ),
        }
    return scored


def reliability_rows(beats: HeldOutBeats, fitted: FittedOnValidation | None) -> list[Row]:
    """Give the reliability curve, with and without the fitted temperature, one row per bin."""
    temperatures = {"uncalibrated": 1.0} | ({} if fitted is None else {"calibrated": fitted.temperature})
    rows: list[Row] = []
    for name, temperature in temperatures.items():
        chance = softmax(beats.logits.astype(np.float64), temperature=temperature)
        confidence, right = top_label(chance, beats.table.label)
        curve = reliability_curve(confidence, right, n_bins=_BINS)
        rows += [
            {
                "probabilities": name,
                "from": float(curve.edges[k]),
                "to": float(curve.edges[k + 1]),
                "beats": int(curve.count[k]),
                "confidence": number(curve.confidence[k]),
                "accuracy": number(curve.accuracy[k]),
            }
            for k in range(_BINS)
        ]
    return rows


def curve_areas(beats: HeldOutBeats) -> dict[str, dict[str, float | None]]:
    """Give the area under ROC and the average precision of each class that has beats."""
    return {
        name: {
            "auroc": number(roc_curve(score, positive).area),
            "average_precision": number(precision_recall_curve(score, positive).average_precision),
            "prevalence": float(positive.mean()),
        }
        for name, score, positive in _classes_with_beats(beats)
    }


def curve_rows(beats: HeldOutBeats) -> list[Row]:
    """Give ROC and precision-recall curves, thinned to points that a plot can tell apart."""
    rows: list[Row] = []
    for name, score, positive in _classes_with_beats(beats):
        roc, pr = roc_curve(score, positive), precision_recall_curve(score, positive)
        x, y = roc.false_positive_rate, roc.true_positive_rate
        rows += [_point("roc", name, (roc.threshold[k], x[k], y[k])) for k in thinned(x, y)]
        x, y = pr.recall, pr.precision
        rows += [_point("precision_recall", name, (pr.threshold[k], x[k], y[k])) for k in thinned(x, y)]
    return rows


def threshold_figures(beats: HeldOutBeats, fitted: FittedOnValidation) -> dict[str, dict[str, float | None]]:
    """Give what each class's threshold, chosen on validation, comes to on the held-out beats.

    Beside it stands how many validation beats of the class, of how many patients, it rests on.
    """
    figures: dict[str, dict[str, float | None]] = {}
    for k, name in enumerate(beats.scheme.classes):
        threshold = fitted.thresholds.get(name)
        rests_on: dict[str, float | None] = {
            "threshold": threshold,
            "validation_positives": fitted.positives[name],
            "validation_patients": fitted.patients[name],
        }
        if threshold is None:
            keys = ("sensitivity", "positive_predictivity", "false_positive_rate")
            figures[name] = rests_on | dict.fromkeys(keys)
            continue
        called, positive = beats.probabilities[:, k] >= threshold, beats.table.label == k
        hits = int((called & positive).sum())
        figures[name] = rests_on | {
            "sensitivity": hits / int(positive.sum()) if positive.any() else None,
            "positive_predictivity": hits / int(called.sum()) if called.any() else None,
            "false_positive_rate": float((called & ~positive).sum() / (~positive).sum())
            if (~positive).any()
            else None,
        }
    return figures


def _best_threshold(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    if not positive.any():
        return None
    curve = precision_recall_curve(score, positive)
    both = curve.precision + curve.recall
    f1 = np.divide(2 * curve.precision * curve.recall, both, out=np.zeros_like(both), where=both > 0)
    return float(curve.threshold[f1.argmax()])


def _classes_with_beats(
    beats: HeldOutBeats,
) -> list[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]:
    return [
        (name, beats.probabilities[:, k], beats.table.label == k)
        for k, name in enumerate(beats.scheme.classes)
        if 0 < np.count_nonzero(beats.table.label == k) < len(beats.table)
    ]


def _point(kind: str, name: str, point: tuple[float, float, float]) -> Row:
    threshold, x, y = (float(value) for value in point)
    # nothing reaches the strictest threshold, which has no number
    return {
        "curve": kind,
        "class": name,
        "threshold": threshold if np.isfinite(threshold) else None,
        "x": x,
        "y": y,
    }
