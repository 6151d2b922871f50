import numpy as np
import pytest

from ecgrnn.evaluation.statistics import (
    Resampling,
    by_patient,
    class_statistics,
    clustering,
    differences,
    ec57_statistics,
    influence_rows,
    intervals,
)
from ecgrnn.metrics.classification import accuracy, class_scores, macro_f1

CLASSES = ("N", "S", "V")
FEW = Resampling(n_resamples=400, level=0.95, seed=3)


def matrices(n: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (n, 3, 3)) + np.array([30, 10, 20]) * np.eye(3, dtype=np.int64)


def test_every_statistic_equals_the_score_of_the_pooled_matrix():
    counts = matrices(6)
    total = counts.sum(axis=0)
    found = {
        name: float(statistic(total[np.newaxis].astype(float))[0])
        for name, statistic in class_statistics(CLASSES, scored=["N", "V"]).items()
    }
    assert found["accuracy"] == accuracy(total)
    assert found["macro_f1"] == pytest.approx(macro_f1(total, over=[0, 2]))
    for name, score in zip(CLASSES, class_scores(total), strict=True):
        assert found[f"{name}_sensitivity"] == score.sensitivity
        assert found[f"{name}_positive_predictivity"] == score.positive_predictivity
        assert found[f"{name}_f1"] == pytest.approx(score.f1)


def test_records_of_one_patient_are_added_up_in_order_of_first_appearance():
    counts = matrices(3)
    pooled = by_patient(counts, ["b", "a", "b"])
    np.testing.assert_array_equal(pooled, np.stack([counts[0] + counts[2], counts[1]]))


def test_intervals_hold_their_estimate_and_are_the_same_twice():
    statistics = class_statistics(CLASSES, scored=CLASSES)
    first, second = (intervals(matrices(12), statistics, FEW) for _ in range(2))
    assert first == second
    for found in first.values():
        for method in ("percentile", "bca"):
            low, high = found[method]
            assert low <= found["estimate"] <= high
            assert low < high


def test_a_class_without_beats_has_no_sensitivity_and_no_interval():
    counts = matrices(5)
    counts[:, 1, :] = 0
    counts[:, :, 1] = 0
    found = intervals(counts, class_statistics(CLASSES, scored=["N"]), FEW)["S_sensitivity"]
    assert found["estimate"] is None
    assert found["bca"] is None
    assert found["undefined_draws"] == FEW.n_resamples


def test_one_patient_has_an_estimate_and_no_interval():
    found = intervals(matrices(1), class_statistics(CLASSES, scored=CLASSES), FEW)["accuracy"]
    assert found["estimate"] == accuracy(matrices(1)[0])
    assert found["percentile"] is found["bca"] is None


def test_a_model_does_not_differ_from_itself_and_a_better_one_does():
    counts = matrices(14)
    better = counts * np.eye(3, dtype=np.int64) + np.eye(3, dtype=np.int64)
    statistics = class_statistics(CLASSES, scored=CLASSES)
    same = differences(counts, counts, statistics, FEW)["accuracy"]
    assert same["difference"] == 0
    assert same["p_value"] == 1
    gained = differences(counts, better, statistics, FEW)["accuracy"]
    assert gained["difference"] == pytest.approx(gained["second"] - gained["first"])
    assert gained["bca"][0] > 0
    assert gained["p_value"] < 0.05


def test_influence_is_the_statistic_of_the_other_records():
    counts = matrices(4)
    names = ["a", "b", "c", "d"]
    rows = influence_rows(names, counts, class_statistics(CLASSES, scored=CLASSES), classes=CLASSES)
    assert [row["left_out"] for row in rows] == ["(all records)", *names]
    rest = counts[[0, 1, 3]].sum(axis=0)
    assert rows[3]["accuracy"] == accuracy(rest)
    assert rows[3]["beats"] == counts[2].sum()
    total = counts.sum(axis=0)
    assert rows[3]["share_of_S"] == counts[2, 1].sum() / total[1].sum()


def test_patients_that_are_all_right_or_all_wrong_are_worth_one_beat_each():
    counts = np.zeros((4, 2, 2), np.int64)
    counts[:2, 0, 0] = 50
    counts[2:, 0, 1] = 50
    found = clustering(counts, ("N", "V"))["N_sensitivity"]
    assert found["intraclass_correlation"] == pytest.approx(1.0)
    assert found["effective_beats"] == pytest.approx(4.0)


def test_ec57_statistics_are_shares_of_the_matrix():
    matrix = np.zeros((1, 7, 7))
    matrix[0, 2, 2], matrix[0, 2, 5], matrix[0, 0, 2] = 30, 10, 20
    found = {name: float(f(matrix)[0]) for name, f in ec57_statistics().items()}
    assert found["veb_sensitivity"] == 0.75
    assert found["veb_positive_predictivity"] == 0.6


def test_the_mean_f1_of_a_table_and_of_its_interval_is_one_figure_where_a_class_is_missing():
    counts = matrices(5)
    counts[:, 1, :] = 0
    counts[:, :, 1] = 0
    found = intervals(counts, class_statistics(CLASSES, scored=CLASSES), FEW)["macro_f1"]
    assert found["estimate"] == pytest.approx(macro_f1(counts.sum(axis=0), over=[0, 1, 2]))
    assert found["undefined_draws"] == 0
    assert found["bca"][0] <= found["estimate"] <= found["bca"][1]
