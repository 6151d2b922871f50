import numpy as np
import pytest

from ecgrnn.metrics.classification import accuracy, class_scores, macro_f1
from ecgrnn.metrics.statistics import (
    Resampling,
    by_patient,
    class_statistics,
    clustering,
    differences,
    ec57_statistics,
    few_patients,
    influence_rows,
    intervals,
    matrix_figures,
)

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
    counts = matrices(9)
    counts[:, 1, :] = 0
    found = intervals(counts, class_statistics(CLASSES, scored=CLASSES), FEW)["macro_f1"]
    assert found["estimate"] == pytest.approx(macro_f1(counts.sum(axis=0), over=[0, 2]))
    assert found["undefined_draws"] == 0
    assert found["bca"][0] <= found["estimate"] <= found["bca"][1]
    figures = matrix_figures(counts, CLASSES, scored=CLASSES)
    assert figures["macro_f1"] == pytest.approx(found["estimate"])
    assert figures["macro_f1_classes"] == ["N", "V"]
    assert figures["classes"]["S"]["f1"] is None


def perfect(patients_with_v: int, *, n: int = 22) -> np.ndarray:
    counts = np.zeros((n, 3, 3), np.int64)
    counts[:, 0, 0] = 100 + np.arange(n)
    counts[:patients_with_v, 2, 2] = 40
    return counts


def test_a_class_that_was_not_drawn_does_not_make_a_perfect_classifier_worse():
    found = intervals(perfect(2), class_statistics(CLASSES, scored=CLASSES), FEW)["macro_f1"]
    assert found["estimate"] == 1.0
    assert found["bca"] is found["percentile"] is None
    assert found["undefined_draws"] > 0.05 * FEW.n_resamples


@pytest.mark.parametrize(("patients", "has_interval"), [(1, False), (4, False), (9, True)])
def test_a_class_has_an_interval_from_five_patients_on(patients: int, has_interval: bool):
    counts = perfect(patients)
    counts[:, 0, 2] = 1  # every patient has a beat called V
    counts[::2, 2, 0] += counts[::2, 2, 2] // 4
    found = intervals(counts, class_statistics(CLASSES, scored=CLASSES), FEW)
    for key in ("V_sensitivity", "V_positive_predictivity", "V_f1"):
        assert found[key]["patients"] == patients
        assert (found[key]["bca"] is not None) == has_interval
    assert found["accuracy"]["bca"] is not None


@pytest.mark.parametrize("called", [0, 1])
def test_leaving_out_the_only_patient_with_a_class_leaves_no_mean_f1(called: int):
    counts = perfect(1)
    counts[:, 0, 2] = called  # beats of others that are called V do not make a figure of V
    names = [str(k) for k in range(22)]
    rows = influence_rows(names, counts, class_statistics(CLASSES, scored=CLASSES), classes=CLASSES)
    assert rows[0]["macro_f1"] > 0.8
    assert rows[1]["macro_f1"] is None
    assert rows[1]["V_f1"] is None
    assert rows[2]["macro_f1"] > 0.8


def test_few_patients_are_said_to_make_intervals_too_narrow():
    assert "too narrow" in few_patients(19)
    assert few_patients(20) is None


def test_differences_of_a_class_of_one_patient_have_no_interval():
    first = perfect(1)
    second = first.copy()
    second[0, 2] = [10, 0, 30]
    found = differences(first, second, class_statistics(CLASSES, scored=CLASSES), FEW)["V_sensitivity"]
    assert (found["first"], found["second"], found["patients"]) == (1.0, 0.75, 1)
    assert found["bca"] is None
    assert found["p_value"] == 1.0
