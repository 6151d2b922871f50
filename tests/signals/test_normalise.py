import numpy as np
import pytest

from ecgrnn.signals.normalise import LEAST_SPREAD_MV, robust_spread, scale_signal


def beats(height_mv: float, fs_hz: float = 180.0, seconds: int = 60) -> np.ndarray:
    """Make one lead with a triangle of some height each second."""
    t = np.arange(round(seconds * fs_hz)) / fs_hz % 1.0
    return (height_mv * np.maximum(0, 1 - np.abs(t - 0.5) / 0.04)).astype(np.float32)


def test_a_lead_is_scaled_to_the_height_of_its_beats():
    signal = np.stack([beats(1.5), beats(0.3)], axis=1)
    spread = robust_spread(signal, fs_hz=180.0)
    np.testing.assert_allclose(spread, [1.5, 0.3], rtol=0.02)
    np.testing.assert_allclose(np.ptp(scale_signal(signal, spread), axis=0), 1.0, rtol=0.02)


def test_the_scale_of_a_signal_does_not_change_the_result():
    signal = np.stack([beats(1.5), beats(0.3)], axis=1)
    one = scale_signal(signal, robust_spread(signal, fs_hz=180.0))
    ten = scale_signal(10 * signal, robust_spread(10 * signal, fs_hz=180.0))
    np.testing.assert_allclose(one, ten, atol=1e-6)


def test_spikes_do_not_matter():
    signal = beats(1.0)[:, None]
    spiky = signal.copy()
    spiky[::2000] = 50.0
    np.testing.assert_array_equal(robust_spread(spiky, fs_hz=180.0), robust_spread(signal, fs_hz=180.0))


def test_missing_samples_do_not_count():
    signal = np.stack([beats(1.0), beats(1.0)], axis=1)
    signal[1000:4000, 1] = np.nan
    signal[5000, 1] = np.nan
    spread = robust_spread(signal, fs_hz=180.0)
    assert spread[0] == spread[1] == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan])
def test_a_lead_without_signal_is_not_blown_up(value):
    assert robust_spread(np.full((1000, 1), value, np.float32), fs_hz=180.0) == np.float32(LEAST_SPREAD_MV)


@pytest.mark.parametrize("n_samples", [1, 50, 359, 361])
def test_a_record_shorter_than_a_block_is_one_block(n_samples):
    signal = np.linspace(0, 1, n_samples, dtype=np.float32)[:, None]
    block = signal[: min(n_samples, 360)]
    assert robust_spread(signal, fs_hz=180.0) == max(np.ptp(block), np.float32(LEAST_SPREAD_MV))
