import numpy as np
import pytest

from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.simulator.simulate import simulate_record
from ecgrnn.tasks.strips.features import LIMIT, STRIP_FEATURES, strip_features
from ecgrnn.tasks.strips.view import FEATURES_VERSION

FS_HZ = 150.0


def strip(rr_s, *, noise=0.01):
    """Give a lead of narrow beats with the given RR intervals."""
    beats = 0.4 + np.cumsum(rr_s)
    time = np.arange(round((beats[-1] + 0.6) * FS_HZ)) / FS_HZ
    spikes = np.exp(-0.5 * ((time[:, None] - beats) / 0.015) ** 2).sum(axis=1)
    return (spikes + np.random.default_rng(0).normal(0, noise, len(time))).astype(np.float32)


def described(lead):
    return dict(zip(STRIP_FEATURES, strip_features(lead, fs_hz=FS_HZ), strict=True))


REGULAR = strip(np.full(30, 0.8))


def test_features_are_those_of_their_version():
    """Where this fails, raise FEATURES_VERSION: a cache has the features of before."""
    lead = simulate_record(1, seed=0, duration_s=40.0).signal[:, 0]
    found = strip_features(lead, fs_hz=360.0)
    expected = [
        *(-0.11, -0.93, -1.25, 0.96, 1.42, 1.89, 1.10, 1.51, 1.21, 1.02, 0.94, -0.29, 0.33, 1.38, 2.66, 0.98),
        *(-0.77, 0.75, 0.23, 1.43, 0.41, 0.68, 0.44, 0.44, 0.90, 0.52, 1.38, 1.00, 0.61, 0.45, 0.00),
    ]
    assert FEATURES_VERSION == 2
    np.testing.assert_allclose(found, expected, atol=0.011)


def test_no_feature_depends_on_the_scale():
    np.testing.assert_allclose(
        strip_features(3 * REGULAR, fs_hz=FS_HZ), strip_features(REGULAR, fs_hz=FS_HZ), atol=0.02
    )


def test_beats_that_are_given_are_not_looked_for():
    beats = detect_qrs(REGULAR[:, np.newaxis], fs_hz=FS_HZ)
    found = strip_features(REGULAR, fs_hz=FS_HZ, beats=beats)
    np.testing.assert_array_equal(found, strip_features(REGULAR, fs_hz=FS_HZ))
    fewer = dict(zip(STRIP_FEATURES, strip_features(REGULAR, fs_hz=FS_HZ, beats=beats[::2]), strict=True))
    assert fewer["rate"] == pytest.approx(described(REGULAR)["rate"] + np.log(2), abs=0.01)


def test_two_beats_on_one_sample_are_one():
    beats = detect_qrs(REGULAR[:, np.newaxis], fs_hz=FS_HZ)
    doubled = np.sort(np.append(beats, beats[-1]))
    with np.errstate(all="raise"):
        found = strip_features(REGULAR, fs_hz=FS_HZ, beats=doubled)
    np.testing.assert_array_equal(found, strip_features(REGULAR, fs_hz=FS_HZ, beats=beats))


def test_an_irregular_rhythm_is_told_from_a_regular_one():
    rng = np.random.default_rng(1)
    regular, irregular = described(REGULAR), described(strip(rng.uniform(0.5, 1.1, 30)))
    assert regular["steps_over_10"] == 0
    assert irregular["steps_over_10"] > 1
    assert irregular["entropy"] > regular["entropy"] + 1


def test_a_bigeminy_swings_from_beat_to_beat():
    bigeminy = described(strip(np.tile([0.6, 1.0], 15)))
    assert bigeminy["lag_1"] < -0.8
    assert bigeminy["lag_2"] > 0.8


@pytest.mark.parametrize("samples", [1, 40, 3000])
def test_a_strip_without_beats_is_described_in_finite_numbers(samples):
    values = strip_features(np.zeros(samples, np.float32), fs_hz=FS_HZ)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= LIMIT
