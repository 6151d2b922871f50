import numpy as np

from ecgrnn.signals.lead_context import common_slope, with_context


def wave(n=1000):
    """A bump every 125 samples, the first at 62, all within 15 samples of their middle."""
    t = (np.arange(n) % 125 - 62) / 250
    return np.exp(-((t / 0.02) ** 2)).astype(np.float32)


def test_the_slope_is_high_where_any_lead_moves_and_knows_no_sign_order_or_scale():
    quiet = np.zeros(1000, np.float32)
    signal = np.stack([wave(), quiet, -0.5 * wave()], axis=1)
    slope = common_slope(signal)
    assert slope.shape == (1000,)
    assert slope[50:75].max() > 0.9
    assert slope[:40].max() < 1e-3
    np.testing.assert_allclose(common_slope(-signal[:, ::-1]), slope, atol=1e-4)
    np.testing.assert_allclose(common_slope(3 * signal), slope, atol=1e-4)


def test_a_flat_or_single_sample_record_has_no_slope():
    assert not common_slope(np.ones((50, 2), np.float32)).any()
    assert common_slope(np.ones((1, 2), np.float32)).tolist() == [0.0]


def test_a_lead_stands_first_and_what_all_leads_show_second():
    signal = np.stack([wave(), -wave()], axis=1)
    common = common_slope(signal)
    read = with_context(signal, 1, common=common)
    np.testing.assert_array_equal(read[:, 0], signal[:, 1])
    np.testing.assert_array_equal(read[:, 1], common)
    assert with_context(signal, 0, common=None).shape == (1000, 1)
