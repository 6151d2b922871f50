import numpy as np
import pytest

from ecgrnn.signals.rr_intervals import RR_FEATURES, rr_features

BEFORE, AFTER, CHANGE, RATE, IRREGULARITY = range(len(RR_FEATURES))


def positions(rr_s: list[float], fs_hz: float = 1000.0) -> np.ndarray:
    return np.rint(np.cumsum([1.0, *rr_s]) * fs_hz).astype(np.int64)


def test_a_regular_rhythm_has_a_rate_and_nothing_else():
    features = rr_features(positions([0.5] * 100), fs_hz=1000.0)
    np.testing.assert_allclose(features[:, RATE], np.log(0.5 / 0.8), rtol=1e-6)
    np.testing.assert_array_equal(np.delete(features, RATE, axis=1), 0)


def test_a_premature_beat_is_early_and_its_pause_comes_after():
    features = rr_features(positions([0.8] * 50 + [0.5, 1.1] + [0.8] * 50), fs_hz=1000.0)
    early = features[51]
    np.testing.assert_allclose(early[BEFORE], np.log(0.5 / 0.8), rtol=1e-5)
    np.testing.assert_allclose(early[AFTER], np.log(1.1 / 0.8), rtol=1e-5)
    np.testing.assert_allclose(early[CHANGE], np.log(0.5 / 0.8), rtol=1e-5)
    assert early[RATE] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(features[52, BEFORE], np.log(1.1 / 0.8), rtol=1e-5)


def test_features_are_relative_to_the_patients_own_rhythm():
    rr = np.random.default_rng(0).uniform(0.7, 0.9, 200)
    slow, fast = (rr_features(positions((rr * k).tolist(), fs_hz=1e6), fs_hz=1e6) for k in (1.0, 0.5))
    relative = [BEFORE, AFTER, CHANGE, IRREGULARITY]
    np.testing.assert_allclose(slow[:, relative], fast[:, relative], atol=1e-4)
    np.testing.assert_allclose(slow[:, RATE] - fast[:, RATE], np.log(2), atol=1e-4)


def test_features_equal_the_formula_written_as_a_loop():
    rr_s = np.random.default_rng(1).uniform(0.4, 1.2, 150)
    sample = positions(rr_s.tolist())
    rr = np.diff(sample) / 1000.0
    features = rr_features(sample, fs_hz=1000.0)
    for i in range(40, 110):  # RR_i = t_i - t_(i-1) is rr[i - 1]; away from the ends, where windows reflect
        near = [rr[j - 1] for j in range(i - 32, i + 33)]
        usual = np.median(near)
        changes = [abs(np.log(rr[j - 1] / rr[j - 2])) for j in range(i - 32, i + 33)]
        wanted = [
            np.log(rr[i - 1] / usual),
            np.log(rr[i] / usual),
            np.log(rr[i - 1] / rr[i - 2]),
            np.log(usual / 0.8),
            np.median(changes),
        ]
        np.testing.assert_allclose(features[i], wanted, rtol=1e-4, atol=1e-5)


def test_an_irregular_rhythm_is_told_from_a_regular_one():
    rng = np.random.default_rng(2)
    fibrillation = rr_features(positions(rng.uniform(0.4, 1.1, 100).tolist()), fs_hz=1000.0)
    sinus = rr_features(positions(rng.normal(0.8, 0.02, 100).tolist()), fs_hz=1000.0)
    assert fibrillation[:, IRREGULARITY].min() > 3 * sinus[:, IRREGULARITY].max()


def test_where_the_record_begins_changes_nothing():
    sample = positions(np.random.default_rng(3).uniform(0.5, 1.0, 80).tolist())
    np.testing.assert_array_equal(rr_features(sample, fs_hz=360.0), rr_features(sample + 5000, fs_hz=360.0))


def test_the_sampling_frequency_changes_nothing_but_the_unit():
    sample = positions(np.random.default_rng(4).uniform(0.5, 1.0, 80).tolist())
    np.testing.assert_allclose(
        rr_features(sample, fs_hz=1000.0), rr_features(2 * sample, fs_hz=2000.0), atol=1e-6
    )


def test_a_pause_is_cut_off_at_the_longest_ratio():
    features = rr_features(positions([0.8] * 40 + [60.0] + [0.8] * 40), fs_hz=1000.0)
    assert features[41, BEFORE] == pytest.approx(1.5)
    assert np.abs(features).max() == pytest.approx(1.5)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 65, 66])
def test_any_number_of_beats_has_finite_features(n):
    features = rr_features(np.arange(n) * 300, fs_hz=360.0)
    assert features.shape == (n, len(RR_FEATURES))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_two_beats_at_one_sample_do_no_harm():
    assert np.isfinite(rr_features(np.array([100, 100, 400, 700]), fs_hz=360.0)).all()


def test_the_positions_are_not_written_to():
    sample = np.arange(10) * 300
    sample.flags.writeable = False
    rr_features(sample, fs_hz=360.0)
