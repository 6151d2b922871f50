import numpy as np
import pytest

from ecgrnn.signals.filters import fir
from ecgrnn.signals.filters.fir import apply_fir, bandstop_kernel, highpass_kernel, lowpass_kernel


def gain_at(kernel: np.ndarray, frequency_hz: float, fs_hz: float) -> float:
    """Give the amplitude response by the definition of the Fourier transform."""
    k = np.arange(len(kernel)) - len(kernel) // 2
    return float(np.abs(np.sum(kernel * np.exp(-2j * np.pi * frequency_hz / fs_hz * k))))


def reflected(signal: np.ndarray, half: int) -> np.ndarray:
    """Go on beyond both ends of one lead by point reflection."""
    return np.pad(signal.astype(float), half, mode="reflect", reflect_type="odd")


def noise(n_samples: int, n_leads: int = 2) -> np.ndarray:
    return np.random.default_rng(n_samples).standard_normal((n_samples, n_leads)).astype(np.float32)


def test_a_lowpass_passes_halves_and_stops_where_it_should():
    h = lowpass_kernel(40.0, fs_hz=360.0, width_hz=10.0, attenuation_db=80.0)
    assert gain_at(h, 0.0, 360.0) == pytest.approx(1.0, abs=1e-12)
    assert gain_at(h, 40.0, 360.0) == pytest.approx(0.5, abs=1e-3)
    assert all(gain_at(h, f, 360.0) == pytest.approx(1.0, abs=2e-4) for f in np.arange(0, 35, 0.5))
    assert all(gain_at(h, f, 360.0) < 1.5e-4 for f in np.arange(45, 180, 0.5))


def test_a_highpass_removes_a_constant_exactly():
    h = highpass_kernel(0.5, fs_hz=360.0, width_hz=0.5, attenuation_db=60.0)
    assert gain_at(h, 0.0, 360.0) == pytest.approx(0.0, abs=1e-12)
    assert gain_at(h, 0.5, 360.0) == pytest.approx(0.5, abs=1e-3)
    assert gain_at(h, 0.2, 360.0) < 2e-3
    assert gain_at(h, 0.8, 360.0) == pytest.approx(1.0, abs=2e-3)


def test_a_bandstop_stops_its_band_alone():
    h = bandstop_kernel(49.0, 51.0, fs_hz=360.0, width_hz=1.0, attenuation_db=60.0)
    assert gain_at(h, 50.0, 360.0) < 2e-3
    assert all(gain_at(h, f, 360.0) == pytest.approx(1.0, abs=3e-3) for f in (0, 10, 48, 52, 100))


@pytest.mark.parametrize("kernel", [
    lowpass_kernel(40.0, fs_hz=360.0, width_hz=10.0, attenuation_db=80.0),
    highpass_kernel(0.5, fs_hz=360.0, width_hz=0.5, attenuation_db=60.0),
    bandstop_kernel(49.0, 51.0, fs_hz=360.0, width_hz=1.0, attenuation_db=60.0),
])  # fmt: skip
def test_a_kernel_is_symmetric_about_its_centre(kernel):
    assert len(kernel) % 2 == 1
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-15)


@pytest.mark.parametrize("n_samples", [1, 2, 5, 90, 91, 92, 500, 1000, 5000])
@pytest.mark.parametrize("down", [1, 2, 5])
def test_blocks_equal_a_direct_convolution(monkeypatch, n_samples, down):
    monkeypatch.setattr(fir, "BLOCK", 512)  # so that there are first, inner and last blocks
    h = lowpass_kernel(30.0, fs_hz=360.0, width_hz=10.0, attenuation_db=80.0)
    signal = noise(n_samples)
    found = apply_fir(signal, h, down=down)
    for lead in range(2):
        extended = reflected(signal[:, lead], len(h) // 2)
        expected = np.convolve(extended, h, "valid")[::down]
        # Aliases of the cut spectrum are 80 dB below the signal, which grows beyond the ends of a short one.
        np.testing.assert_allclose(found[:, lead], expected, atol=1e-4 * np.abs(extended).max())


def test_the_result_does_not_depend_on_the_size_of_a_block(monkeypatch):
    h = lowpass_kernel(30.0, fs_hz=360.0, width_hz=10.0, attenuation_db=80.0)
    signal = noise(20_000)
    whole = apply_fir(signal, h, up=3, down=7)
    monkeypatch.setattr(fir, "BLOCK", 1024)
    np.testing.assert_allclose(apply_fir(signal, h, up=3, down=7), whole, atol=1e-4)


def test_leads_do_not_mix_and_the_input_is_left_as_it_is():
    signal = noise(3000, 3)
    before = signal.copy()
    h = highpass_kernel(1.0, fs_hz=360.0, width_hz=1.0, attenuation_db=60.0)
    together = apply_fir(signal, h)
    for lead in range(3):
        np.testing.assert_allclose(apply_fir(signal[:, [lead]], h)[:, 0], together[:, lead], atol=1e-5)
    np.testing.assert_array_equal(signal, before)
    assert together.dtype == np.float32
    assert together.flags.c_contiguous


def test_nothing_to_do_gives_a_copy():
    signal = noise(10)
    result = apply_fir(signal, None)
    np.testing.assert_array_equal(result, signal)
    assert not np.shares_memory(result, signal)


def test_a_constant_and_a_slope_do_not_ring_at_the_ends():
    h = highpass_kernel(0.5, fs_hz=360.0, width_hz=0.5, attenuation_db=60.0)
    slope = np.stack([np.full(9000, 5.0), np.linspace(-3, 3, 9000)], axis=1).astype(np.float32)
    np.testing.assert_allclose(apply_fir(slope, h), 0.0, atol=1e-4)
