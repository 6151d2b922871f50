"""Calibration, ROC and precision-recall against counting by hand and closed forms."""

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.metrics.calibration import (
    fit_temperature,
    negative_log_likelihood,
    precision_recall_curve,
    precision_recall_curves,
    reliability_curve,
    roc_curve,
    roc_curves,
    softmax,
    top_label,
)


def scored(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, higher for positives."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return np.round(rng.normal(positive * 1.0), 1), positive


def test_bins_hold_their_upper_edge():
    curve = reliability_curve(np.array([0.0, 0.5, 0.51, 1.0]), np.array([False, True, True, True]), n_bins=2)
    np.testing.assert_array_equal(curve.count, [2, 2])
    np.testing.assert_allclose(curve.confidence, [0.25, 0.755])
    np.testing.assert_allclose(curve.accuracy, [0.5, 1.0])


def test_calibration_error_is_the_mean_distance_of_confidence_and_accuracy():
    curve = reliability_curve(np.array([0.2, 0.2, 0.9, 0.9]), np.array([True, False, True, True]), n_bins=2)
    assert curve.expected_calibration_error == pytest.approx(0.5 * 0.3 + 0.5 * 0.1)


def test_an_empty_bin_has_no_accuracy_and_no_weight():
    curve = reliability_curve(np.array([0.95, 0.95]), np.array([True, True]), n_bins=10)
    assert np.isnan(curve.accuracy[:-1]).all()
    assert curve.expected_calibration_error == pytest.approx(0.05)


def test_probabilities_that_mean_what_they_say_have_almost_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert reliability_curve(p, rng.random(len(p)) < p).expected_calibration_error < 0.01
    assert reliability_curve(p, rng.random(len(p)) < p**3).expected_calibration_error > 0.2


def test_no_prediction_has_no_calibration_error():
    assert np.isnan(reliability_curve(np.zeros(0), np.zeros(0, dtype=bool)).expected_calibration_error)


def test_top_label_is_the_called_class_and_whether_it_is_right():
    confidence, right = top_label(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]), np.array([0, 1]))
    np.testing.assert_array_equal(confidence, [0.7, 0.6])
    np.testing.assert_array_equal(right, [True, False])


def test_likelihood_of_equal_logits_is_that_of_guessing():
    assert negative_log_likelihood(np.zeros((3, 5)), np.array([0, 1, 4])) == pytest.approx(np.log(5))


def test_likelihood_is_that_of_the_probabilities():
    logits = np.random.default_rng(1).normal(size=(50, 4))
    label = np.random.default_rng(2).integers(0, 4, size=50)
    p = softmax(logits, temperature=2.0)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    expected = -np.log(p[np.arange(50), label]).mean()
    assert negative_log_likelihood(logits, label, temperature=2.0) == pytest.approx(expected)


def test_large_logits_do_not_overflow():
    assert softmax(np.array([[1000.0, 0.0]]))[0, 0] == 1.0
    assert negative_log_likelihood(np.array([[1000.0, 0.0]]), np.array([1])) == pytest.approx(1000.0)


def test_temperature_of_two_classes_equals_its_closed_form():
    # every beat has the logit 3 for its called class, and 3 of 4 beats are right: p = 3/4 at 3 / T = log 3
    logits = np.tile([3.0, 0.0], (400, 1))
    label = np.repeat([0, 1], [300, 100])
    assert fit_temperature(logits, label) == pytest.approx(3 / np.log(3), rel=1e-4)


def test_temperature_undoes_logits_that_are_too_sure():
    rng = np.random.default_rng(3)
    logits = rng.normal(scale=2.0, size=(20_000, 3))
    label = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert fit_temperature(4.0 * logits, label) == pytest.approx(4.0, rel=0.05)
    sure = reliability_curve(*top_label(softmax(4.0 * logits), label)).expected_calibration_error
    cool = reliability_curve(
        *top_label(softmax(4.0 * logits, temperature=4.0), label)
    ).expected_calibration_error
    assert cool < 0.02 < sure


@pytest.mark.parametrize("seed", range(3))
def test_area_under_roc_is_how_often_a_positive_beats_a_negative(seed: int):
    score, positive = scored(seed)
    above = score[positive][:, None] - score[~positive][None, :]
    assert roc_curve(score, positive).area == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_curves_equal_counting_at_each_threshold(seed: int):
    score, positive = scored(seed)
    roc, pr = roc_curve(score, positive), precision_recall_curve(score, positive)
    np.testing.assert_array_equal(roc.threshold[1:], np.unique(score)[::-1])
    for k, t in enumerate(pr.threshold):
        called = score >= t
        assert pr.precision[k] == positive[called].mean()
        assert pr.recall[k] == roc.true_positive_rate[k + 1] == called[positive].mean()
        assert roc.false_positive_rate[k + 1] == called[~positive].mean()


def test_roc_runs_from_nothing_to_everything():
    roc = roc_curve(*scored(4))
    ends = [(roc.false_positive_rate[k], roc.true_positive_rate[k]) for k in (0, -1)]
    assert ends == [(0.0, 0.0), (1.0, 1.0)]


def test_average_precision_of_a_known_ranking():
    # positives at ranks 1, 3 and 4 of 5
    pr = precision_recall_curve(np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1, 0, 1, 1, 0], dtype=bool))
    assert pr.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)


def test_a_score_without_information_has_the_areas_of_chance():
    positive = np.array([True, False, False, False])
    assert roc_curve(np.ones(4), positive).area == 0.5
    assert precision_recall_curve(np.ones(4), positive).average_precision == 0.25


def test_a_perfect_score_has_areas_of_one():
    positive = np.array([True, True, False])
    score = np.array([0.9, 0.8, 0.1])
    assert roc_curve(score, positive).area == 1.0
    assert precision_recall_curve(score, positive).average_precision == 1.0


def test_areas_without_positives_or_negatives_are_undefined():
    score = np.array([0.1, 0.2])
    assert np.isnan(roc_curve(score, np.array([True, True])).area)
    assert np.isnan(roc_curve(score, np.array([False, False])).area)
    assert np.isnan(precision_recall_curve(score, np.array([False, False])).average_precision)
    assert np.isnan(roc_curve(np.zeros(0), np.zeros(0, dtype=bool)).true_positive_rate).all()


def test_each_class_is_compared_with_all_others():
    rng = np.random.default_rng(5)
    probabilities, label = softmax(rng.normal(size=(60, 3))), rng.integers(0, 3, size=60)
    areas = [curve.area for curve in roc_curves(probabilities, label)]
    assert areas == [roc_curve(probabilities[:, k], label == k).area for k in range(3)]
    precisions = [curve.average_precision for curve in precision_recall_curves(probabilities, label)]
    assert precisions[2] == precision_recall_curve(probabilities[:, 2], label == 2).average_precision


def test_impossible_inputs_are_refused():
    with pytest.raises(DataError, match="probabilities and not logits"):
        reliability_curve(np.array([1.5]), np.array([True]))
    with pytest.raises(DataError, match="n_bins > 0"):
        reliability_curve(np.array([0.5]), np.array([True]), n_bins=0)
    with pytest.raises(DataError, match="none nan"):
        roc_curve(np.array([np.nan]), np.array([True]))
    with pytest.raises(DataError, match="logits"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))
