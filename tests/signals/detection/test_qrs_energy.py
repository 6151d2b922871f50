import numpy as np
import pytest
from scipy.signal import firwin

from ecgrnn.signals.detection import qrs_energy


@pytest.mark.parametrize("rate_hz", [60.0, 100.3, 125.0, 180.0, 250.0])
def test_the_band_pass_is_the_one_that_scipy_designs(rate_hz):
    half = round(qrs_energy.KERNEL_S * rate_hz / 2)
    band = (qrs_energy.BAND_HZ[0], min(qrs_energy.BAND_HZ[1], 0.45 * rate_hz))
    wanted = firwin(2 * half + 1, band, pass_zero=False, fs=rate_hz, window="hann")
    found = qrs_energy.bandpass_kernel(qrs_energy.BAND_HZ, length_s=qrs_energy.KERNEL_S, rate_hz=rate_hz)
    np.testing.assert_allclose(found, wanted - wanted.mean(), rtol=0, atol=1e-15)
