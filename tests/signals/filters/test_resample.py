import itertools
from fractions import Fraction

import numpy as np
import pytest

from ecgrnn.signals.filters.resample import rate_ratio, resample, resample_index, resampled_length

RATES = [
    (360.0, 180.0),
    (500.0, 180.0),
    (300.0, 180.0),
    (360.0, 250.0),
    (100.0, 180.0),
    (128.0, 360.0),
    (257.0, 180.0),
]


@pytest.mark.parametrize(("fs_hz", "to_hz"), RATES)
def test_a_sine_keeps_its_amplitude_and_its_phase(fs_hz, to_hz):
    t, new_t = np.arange(round(20 * fs_hz)) / fs_hz, np.arange(round(20 * to_hz)) / to_hz
    signal = np.stack([np.sin(2 * np.pi * 1.3 * t), np.cos(2 * np.pi * 30.0 * t)], axis=1).astype(np.float32)
    expected = np.stack([np.sin(2 * np.pi * 1.3 * new_t), np.cos(2 * np.pi * 30.0 * new_t)], axis=1)
    found = resample(signal, fs_hz=fs_hz, to_hz=to_hz)
    assert found.shape == expected.shape
    inner = slice(round(to_hz), -round(to_hz))
    np.testing.assert_allclose(found[inner], expected[inner], atol=5e-4)


def test_what_the_new_frequency_cannot_hold_is_removed():
    t = np.arange(7200) / 360.0
    signal = np.sin(2 * np.pi * 91.0 * t)[:, None].astype(np.float32)
    assert np.abs(resample(signal, fs_hz=360.0, to_hz=180.0)[200:-200]).max() < 3e-4


@pytest.mark.parametrize(("fs_hz", "to_hz"), RATES)
def test_a_constant_stays_one_up_to_both_ends(fs_hz, to_hz):
    np.testing.assert_allclose(
        resample(np.full((999, 1), 2.0, np.float32), fs_hz=fs_hz, to_hz=to_hz), 2.0, atol=1e-3
    )


def test_the_same_frequency_changes_nothing():
    signal = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    np.testing.assert_array_equal(resample(signal, fs_hz=360.0, to_hz=360.0), signal)


@pytest.mark.parametrize(("fs_hz", "to_hz"), RATES)
@pytest.mark.parametrize("n_samples", [1, 2, 99, 1000])
def test_the_length_is_known_beforehand(fs_hz, to_hz, n_samples):
    signal = np.zeros((n_samples, 1), np.float32)
    assert len(resample(signal, fs_hz=fs_hz, to_hz=to_hz)) == resampled_length(
        n_samples, fs_hz=fs_hz, to_hz=to_hz
    )


def test_indices_are_rounded_not_truncated():
    sample = np.arange(8)
    assert resample_index(sample, fs_hz=360.0, to_hz=180.0).tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
    assert resample_index(np.array([7, 8]), fs_hz=360.0, to_hz=100.0).tolist() == [2, 2]
    assert resample_index(np.array([], np.int64), fs_hz=360.0, to_hz=100.0).dtype == np.int64


@pytest.mark.parametrize(("fs_hz", "to_hz"), RATES)
def test_an_index_moves_by_half_a_new_sample_at_most_and_by_nothing_on_average(fs_hz, to_hz):
    sample = np.random.default_rng(0).integers(0, 24 * 3600 * 360, 100_000)
    error = resample_index(sample, fs_hz=fs_hz, to_hz=to_hz) - sample * (to_hz / fs_hz)
    assert np.abs(error).max() <= 0.5 + 1e-6
    halves = np.isclose(np.abs(error), 0.5, atol=1e-6)  # these go up
    assert abs(error[~halves].mean()) < 0.01


def test_indices_stay_inside_the_new_signal():
    n = resampled_length(999, fs_hz=360.0, to_hz=180.0)
    assert n == 500
    assert resample_index(np.array([998, 999, -4]), fs_hz=360.0, to_hz=180.0, n_samples=999).tolist() == [
        499,
        499,
        0,
    ]
    assert resample_index(np.array([7]), fs_hz=100.0, to_hz=360.0, n_samples=8).tolist() == [25]


@pytest.mark.parametrize("fs_hz", [249.97, 249.971, 999.97, 1000.03, 359.99])
def test_a_strange_frequency_loses_less_than_a_second_in_a_day(fs_hz):
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=125.0)
    assert abs(float(ratio) / (125.0 / fs_hz) - 1) * 24 * 3600 < 1
    t = np.arange(2500) / fs_hz
    found = resample(np.sin(2 * np.pi * 1.3 * t).astype(np.float32)[:, None], fs_hz=fs_hz, to_hz=125.0)
    expected = np.sin(2 * np.pi * 1.3 * np.arange(len(found)) / 125.0)
    np.testing.assert_allclose(found[125:-125, 0], expected[125:-125], atol=5e-4)


def test_usual_frequencies_keep_their_fractions():
    usual = (
        62.5,
        100.0,
        125.0,
        128.0,
        200.0,
        240.0,
        250.0,
        256.0,
        257.0,
        300.0,
        360.0,
        500.0,
        512.0,
        977.0,
        1e3,
    )
    for fs_hz, to_hz in itertools.product(usual, (100.0, 125.0, 150.0, 180.0, 250.0, 360.0)):
        assert rate_ratio(fs_hz=fs_hz, to_hz=to_hz) == Fraction(to_hz) / Fraction(fs_hz)


def test_ratios_are_small_fractions():
    assert rate_ratio(fs_hz=360.0, to_hz=250.0) == Fraction(25, 36)
    assert rate_ratio(fs_hz=100.0, to_hz=180.0) == Fraction(9, 5)
    strange = rate_ratio(fs_hz=249.8999, to_hz=180.0)
    assert strange.denominator <= 4096
    assert abs(float(strange) - 180.0 / 249.8999) * 24 * 3600 < 3e-3
