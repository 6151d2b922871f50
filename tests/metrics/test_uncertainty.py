"""Patient-wise intervals against closed forms, enumeration and simulation."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy import stats

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import share
from ecgrnn.metrics.uncertainty import (
    ClassStatistic,
    acceleration,
    bootstrap_interval,
    design_effect,
    intraclass_correlation,
    jackknife,
    paired_difference,
    resample_patients,
)


def proportion(pooled: np.ndarray) -> np.ndarray:
    """Hits over trials of ``(..., 2)`` counts."""
    return np.divide(
        pooled[..., 0], pooled[..., 1], out=np.full(pooled.shape[:-1], np.nan), where=pooled[..., 1] > 0
    )


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def patients(
    generator: np.random.Generator, n: int, *, sensitivity: float = 0.8, alike: float = 0.2
) -> np.ndarray:
    """Hits and trials of patients whose own sensitivity is drawn from a beta distribution."""
    scale = 1.0 / alike - 1.0
    trials = generator.integers(20, 200, size=n)
    own = generator.beta(sensitivity * scale, (1.0 - sensitivity) * scale, size=n)
    return np.stack([generator.binomial(trials, own), trials], axis=1)


def test_a_resample_adds_up_as_many_patients_as_there_are():
    drawn = resample_patients(np.array([[1, 0], [0, 1], [0, 1]]), rng=rng(), n_resamples=100)
    assert drawn.shape == (100, 2)
    np.testing.assert_array_equal(drawn.sum(axis=1), 3.0)


def test_percentile_interval_equals_that_of_all_possible_draws():
    counts = np.array([[1, 10], [5, 10], [8, 20], [9, 10], [3, 5]])
    every = np.array([proportion(counts[list(draw)].sum(axis=0)) for draw in product(range(5), repeat=5)])
    found = bootstrap_interval(
        counts, proportion, rng=rng(), method="percentile", level=0.8, n_resamples=50_000
    )
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.1, 0.9])), abs=0.006)
    assert found.estimate == 26 / 55


def test_jackknife_leaves_one_patient_out_at_a_time():
    counts = np.array([[1, 10], [5, 10], [8, 20]])
    np.testing.assert_allclose(jackknife(counts, proportion), [13 / 30, 9 / 30, 6 / 20])


def test_acceleration_of_a_mean_is_its_skewness_over_6_root_n():
    values = rng(3).gamma(2.0, size=25)
    counts = np.stack([values, np.ones(25)], axis=1)
    expected = stats.skew(values) / (6 * np.sqrt(25))
    assert acceleration(jackknife(counts, proportion)) == pytest.approx(expected)


def test_acceleration_of_equal_patients_is_zero():
    assert acceleration(np.full(5, 0.7)) == 0.0
    assert acceleration(np.full(5, np.nan)) == 0.0


def test_bca_equals_scipys_for_a_mean():
    values = rng(4).gamma(1.5, size=40)
    counts = np.stack([values, np.ones(40)], axis=1)
    ours = bootstrap_interval(counts, proportion, rng=rng(), n_resamples=30_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=30_000, method="BCa", random_state=rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.04 * width)


def test_bca_of_skewed_patients_is_not_the_percentile_interval():
    counts = np.stack([rng(4).gamma(0.5, size=15), np.ones(15)], axis=1)
    percentile, bca = (
        bootstrap_interval(counts, proportion, rng=rng(), method=m) for m in ("percentile", "bca")
    )
    assert bca.low > percentile.low
    assert bca.high > percentile.high


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(method: str):
    generator = rng(5)
    covered = 0
    for _ in range(150):
        counts = patients(generator, 40)
        interval = bootstrap_interval(
            counts, proportion, rng=generator, method=method, level=0.9, n_resamples=500
        )
        covered += interval.low <= 0.8 <= interval.high
    # 0.9 less the known undercoverage at 40 patients, within three standard errors of 150 experiments
    assert 0.81 <= covered / 150 <= 0.97


def test_resampling_patients_is_wider_than_resampling_beats():
    counts = patients(rng(6), 30)
    hits, trials = counts.sum(axis=0)
    interval = bootstrap_interval(counts, proportion, rng=rng())
    p = hits / trials
    by_beats = 2 * 1.96 * np.sqrt(p * (1 - p) / trials)
    assert interval.high - interval.low > 2 * by_beats


def test_the_same_seed_gives_the_same_interval():
    counts = patients(rng(7), 12)
    first, second = (bootstrap_interval(counts, proportion, rng=rng(1)) for _ in range(2))
    assert first == second


def test_a_class_of_one_patient_has_no_interval_and_its_undefined_draws_are_counted():
    counts = np.array([[3, 4], [0, 0], [0, 0]])
    interval = bootstrap_interval(counts, proportion, rng=rng(), n_resamples=9000)
    assert interval.estimate == 0.75
    assert np.isnan([interval.low, interval.high]).all()
    assert interval.n_patients == 1
    assert interval.n_undefined / 9000 == pytest.approx((2 / 3) ** 3, abs=0.02)


def test_an_interval_needs_five_patients_with_the_class():
    counts = patients(rng(20), 5)
    assert not np.isnan(bootstrap_interval(counts, proportion, rng=rng()).low)
    assert np.isnan(bootstrap_interval(counts[:4], proportion, rng=rng()).low)


def test_too_many_draws_without_the_class_leave_no_interval():
    counts = np.concatenate([patients(rng(21), 5), np.zeros((45, 2), np.int64)])
    found = bootstrap_interval(counts, proportion, rng=rng(), n_resamples=2000)
    assert 0 < found.n_undefined < 20  # (45 / 50) ** 50 is 0.5 %
    assert not np.isnan(found.low)
    called_in_three = ClassStatistic(proportion, lambda counts: np.ones(len(counts)))
    counts = np.concatenate([patients(rng(21), 3), np.zeros((19, 2), np.int64)])
    found = bootstrap_interval(counts, called_in_three, rng=rng(), n_resamples=2000)
    assert found.n_undefined > 20  # (19 / 22) ** 22 is 4 %
    assert found.n_patients == 22
    assert np.isnan([found.low, found.high]).all()


def test_patients_of_a_class_are_counted_by_its_items_and_not_by_the_calls():
    called = ClassStatistic(proportion, lambda counts: counts[..., 2])
    counts = np.concatenate([patients(rng(22), 9), np.eye(9, 1, dtype=np.int64) * 40], axis=1)
    found = bootstrap_interval(counts, called, rng=rng())
    assert found.n_patients == 1
    assert np.isnan([found.low, found.high]).all()


def test_draws_in_chunks_are_the_draws_at_once(monkeypatch):
    counts = rng(23).integers(0, 9, (7, 3, 3))
    whole = resample_patients(counts, rng=rng(), n_resamples=1000)
    monkeypatch.setattr("ecgrnn.metrics.uncertainty._CHUNK", 90)
    np.testing.assert_array_equal(resample_patients(counts, rng=rng(), n_resamples=1000), whole)


def test_patients_with_equal_counts_are_drawn_together_as_often_as_one_by_one():
    counts = np.repeat(np.eye(3, dtype=np.int64), [1, 20, 9], axis=0)
    drawn = resample_patients(counts, rng=rng(), n_resamples=20_000)
    np.testing.assert_allclose(drawn.mean(axis=0), [1, 20, 9], atol=0.1)
    np.testing.assert_allclose(drawn.var(axis=0), [29 / 30, 20 / 3, 9 * 0.7], rtol=0.05)
    np.testing.assert_allclose(
        jackknife(np.stack([counts[:, 0], counts.sum(1)], 1), proportion)[:2], [0, 1 / 29]
    )


def test_a_statistic_that_is_never_defined_has_no_interval():
    interval = bootstrap_interval(np.zeros((4, 2)), proportion, rng=rng(), n_resamples=50)
    assert np.isnan([interval.estimate, interval.low, interval.high]).all()
    assert interval.n_undefined == 50


def test_a_perfect_model_has_no_interval_of_width_zero():
    counts = np.repeat(np.arange(1, 9)[:, np.newaxis], 2, axis=1)
    interval = bootstrap_interval(counts, proportion, rng=rng(), n_resamples=100)
    assert interval.estimate == 1.0
    assert np.isnan([interval.low, interval.high]).all()


def test_intervals_of_ec57_statistics_come_from_matrices():
    matrices = rng(8).integers(0, 50, size=(10, 7, 7))
    interval = bootstrap_interval(matrices, partial(share, statistic="veb_sensitivity"), rng=rng())
    assert interval.low < interval.estimate == share(matrices.sum(axis=0), "veb_sensitivity") < interval.high


def test_a_model_does_not_differ_from_itself():
    counts = patients(rng(9), 20)
    difference = paired_difference(counts, counts, proportion, rng=rng())
    assert difference.interval.estimate == 0
    assert np.isnan([difference.interval.low, difference.interval.high]).all()
    assert difference.p_value == 1.0


def test_pairing_takes_the_differences_between_patients_out():
    first = patients(rng(10), 30, alike=0.5)
    second = first + np.array([1, 0]) * (first[:, :1] < first[:, 1:])
    paired = paired_difference(first, second, proportion, rng=rng()).interval
    alone = bootstrap_interval(second, proportion, rng=rng())
    assert paired.low > 0
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


def test_p_values_without_a_difference_are_about_uniform():
    generator = rng(11)
    small = sum(
        paired_difference(
            patients(generator, 30), patients(generator, 30), proportion, rng=generator, n_resamples=400
        ).p_value
        < 0.1
        for _ in range(200)
    )
    assert 5 <= small <= 40


def test_the_p_value_of_few_patients_is_that_of_all_sign_changes():
    first, second = patients(rng(16), 6), patients(rng(17), 6)
    d = [
        float(np.diff(proportion(np.stack([np.where(s, b, a).sum(0), np.where(s, a, b).sum(0)])))[0])
        for swapped in product([False, True], repeat=6)
        for s in [np.array(swapped)[:, np.newaxis]]
        for a, b in [(first, second)]
    ]
    seen = np.array(d[0])
    expected = min(1.0, 2 * min(np.mean(d <= seen + 1e-12), np.mean(d >= seen - 1e-12)))
    assert paired_difference(first, second, proportion, rng=rng()).p_value == pytest.approx(expected)


def test_five_patients_never_give_a_p_value_below_a_sixteenth():
    worse = patients(rng(18), 5, sensitivity=0.3)
    better = np.stack([worse[:, 1], worse[:, 1]], axis=1)
    assert paired_difference(worse, better, proportion, rng=rng()).p_value == pytest.approx(2 / 2**5)


@pytest.mark.parametrize("n", [5, 10, 22])
def test_false_alarms_are_as_rare_as_the_p_value_says(n: int):
    generator = rng(19)
    alarms = sum(
        paired_difference(
            patients(generator, n), patients(generator, n), proportion, rng=generator, n_resamples=300
        ).p_value
        <= 0.05
        for _ in range(150)
    )
    assert alarms / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_swapping_the_models_swaps_the_sign():
    first, second = patients(rng(12), 20), patients(rng(13), 20)
    forth = paired_difference(first, second, proportion, rng=rng(), method="percentile")
    back = paired_difference(second, first, proportion, rng=rng(), method="percentile")
    assert forth.interval.low == pytest.approx(-back.interval.high)
    assert forth.p_value == back.p_value


def test_intraclass_correlation_equals_the_analysis_of_variance():
    hits, trials = patients(rng(14), 12).T
    outcomes = [np.repeat([1.0, 0.0], [h, n - h]) for h, n in zip(hits, trials, strict=True)]
    F = stats.f_oneway(*outcomes).statistic
    N, k = trials.sum(), len(trials)
    n0 = (N - (trials**2).sum() / N) / (k - 1)
    assert intraclass_correlation(hits, trials) == pytest.approx((F - 1) / (F + n0 - 1))


def test_intraclass_correlation_is_recovered_from_simulated_patients():
    hits, trials = patients(rng(15), 3000, alike=0.3).T
    assert intraclass_correlation(hits, trials) == pytest.approx(0.3, abs=0.02)


def test_patients_that_are_all_right_or_all_wrong_are_fully_correlated():
    assert intraclass_correlation(np.array([10, 0, 7]), np.array([10, 5, 7])) == pytest.approx(1.0)


def test_patients_with_equal_shares_are_less_correlated_than_chance():
    assert intraclass_correlation(np.array([5, 5, 5]), np.array([10, 10, 10])) < 0


def test_patients_without_beats_are_passed_over():
    with_empty = intraclass_correlation(np.array([5, 0, 9]), np.array([10, 0, 10]))
    assert with_empty == intraclass_correlation(np.array([5, 9]), np.array([10, 10]))


@pytest.mark.parametrize(("hits", "trials"), [([5], [9]), ([1, 0], [1, 1]), ([9, 9], [9, 9]), ([0], [0])])
def test_correlation_is_undefined_where_nothing_varies_within_and_between(hits: list[int], trials: list[int]):
    assert np.isnan(intraclass_correlation(np.array(hits), np.array(trials)))


def test_design_effect_of_equal_patients_is_the_textbook_formula():
    assert design_effect(np.array([50, 50, 50]), correlation=0.1) == pytest.approx(1 + 49 * 0.1)
    assert design_effect(np.array([1, 1, 1]), correlation=0.5) == 1.0
    assert np.isnan(design_effect(np.array([0, 0]), correlation=0.5))


def test_impossible_counts_and_options_are_refused():
    with pytest.raises(DataError, match="at least two"):
        bootstrap_interval(np.array([[1, 2]]), proportion, rng=rng())
    with pytest.raises(DataError, match="0 < level < 1"):
        bootstrap_interval(np.ones((3, 2)), proportion, rng=rng(), level=95.0)
    with pytest.raises(DataError, match="'normal' are not known"):
        bootstrap_interval(np.ones((3, 2)), proportion, rng=rng(), method="normal")
    with pytest.raises(DataError, match="same patients"):
        paired_difference(np.ones((3, 2)), np.ones((4, 2)), proportion, rng=rng())
    with pytest.raises(DataError, match="hits <= trials"):
        intraclass_correlation(np.array([3, 1]), np.array([2, 2]))
