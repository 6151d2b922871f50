import numpy as np
import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.filters.zero_phase import filter_kernel, filter_signal
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.symbols import AAMI

OPTIONS = [
    {"highpass_hz": 0.5},
    {"lowpass_hz": 40.0},
    {"notch_hz": 50.0},
    {"highpass_hz": 0.5, "lowpass_hz": 40.0, "notch_hz": 50.0},
]


def sine(frequency_hz: float, fs_hz: float = 360.0, seconds: float = 40.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * fs_hz)) / fs_hz)[:, None].astype(
        np.float32
    )


def amplitude(signal: np.ndarray, fs_hz: float = 360.0) -> float:
    """Give the amplitude of a sine away from both ends."""
    return float(np.sqrt(2) * signal[round(5 * fs_hz) : -round(5 * fs_hz)].std())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("to_hz", [360.0, 180.0, 500.0])
def test_an_impulse_stays_where_it_is(options, to_hz):
    signal = np.zeros((20_000, 1), np.float32)
    signal[9_000] = 1.0
    found = filter_signal(signal, fs_hz=360.0, to_hz=to_hz, **options)[:, 0]
    peak = round(9_000 * to_hz / 360.0)
    assert found.argmax() == peak
    reach = 2_000
    np.testing.assert_allclose(
        found[peak - reach : peak], found[peak + 1 : peak + 1 + reach][::-1], atol=1e-5
    )


@pytest.mark.parametrize("frequency_hz", [0.05, 0.15, 0.24])
def test_baseline_wander_is_removed(frequency_hz):
    found = filter_signal(sine(frequency_hz), fs_hz=360.0, highpass_hz=0.5)
    assert amplitude(found) < 3e-3


def test_what_lies_between_the_corners_passes():
    for frequency_hz in (1.0, 10.0, 34.0):
        found = filter_signal(sine(frequency_hz), fs_hz=360.0, to_hz=180.0, highpass_hz=0.5, lowpass_hz=40.0)
        assert amplitude(found, 180.0) == pytest.approx(1.0, abs=2e-3)


def test_powerline_noise_is_removed_and_its_neighbours_stay():
    assert amplitude(filter_signal(sine(50.0), fs_hz=360.0, notch_hz=50.0)) < 3e-3
    for frequency_hz in (10.0, 48.0, 52.0):
        found = filter_signal(sine(frequency_hz), fs_hz=360.0, notch_hz=50.0)
        assert amplitude(found) == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("to_hz", [180.0, 250.0])
def test_a_high_lowpass_does_not_let_aliases_through(to_hz):
    nyquist_hz = to_hz / 2
    found = filter_signal(sine(nyquist_hz + 1), fs_hz=360.0, to_hz=to_hz, lowpass_hz=nyquist_hz - 2)
    assert amplitude(found, to_hz) < 3e-4


def test_one_pass_equals_a_pass_for_each():
    signal = np.random.default_rng(0).standard_normal((8_000, 2)).astype(np.float32)
    once = filter_signal(signal, fs_hz=360.0, highpass_hz=0.5, lowpass_hz=40.0)
    twice = filter_signal(filter_signal(signal, fs_hz=360.0, highpass_hz=0.5), fs_hz=360.0, lowpass_hz=40.0)
    np.testing.assert_allclose(once[2_000:-2_000], twice[2_000:-2_000], atol=1e-5)


def test_a_kernel_cannot_be_written_to():
    kernel = filter_kernel(fs_hz=360.0, to_hz=180.0, highpass_hz=0.5, lowpass_hz=40.0, notch_hz=None)
    with pytest.raises(ValueError, match="read-only"):
        kernel[0] = 1.0


def test_nothing_to_do_needs_no_kernel():
    assert filter_kernel(fs_hz=360.0, to_hz=360.0, highpass_hz=None, lowpass_hz=None, notch_hz=None) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowpass_hz": 50.0}, "lowpass_hz=50.0 must lie between 0 Hz and half"),
        ({"notch_hz": 60.0}, "notch_hz=60.0 must lie between 0 Hz and half"),
        ({"notch_hz": 49.0}, "notch_hz=49.0 must lie 2 Hz inside"),
        ({"highpass_hz": 0.0}, "highpass_hz=0.0 must lie between"),
        ({"highpass_hz": 40.0, "lowpass_hz": 30.0}, "nothing would pass"),
    ],
)
def test_corners_that_do_not_fit_the_sampling_frequency_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        filter_signal(np.zeros((100, 1), np.float32), fs_hz=100.0, **options)


def peaks_near(signal: np.ndarray, sample: np.ndarray, reach: int) -> np.ndarray:
    """Give the highest points near some samples, between samples by the parabola through three."""
    top = sample + np.argmax(signal[sample[:, None] + np.arange(-reach, reach + 1)], axis=1) - reach
    y0, y1, y2 = (signal[top + shift] for shift in (-1, 0, 1))
    return top + (y0 - y2) / (2 * (y0 - 2 * y1 + y2))


@pytest.mark.parametrize("name", ["100", "103", "113"])
def test_r_peaks_stay_within_half_a_new_sample(real_database, name):
    path = real_database("mitdb") / name
    source = read_record(path, n_leads=1).signal
    beats = beats_of(read_annotations(path, "atr", fs_hz=360.0), AAMI)
    marked = beats.sample[(beats.symbol == "N") & (beats.sample > 100) & (beats.sample < len(source) - 100)]
    peak = peaks_near(source[:, 0], marked, 18)
    near = resample_index(np.rint(peak).astype(np.int64), fs_hz=360.0, to_hz=180.0)
    found = filter_signal(source, fs_hz=360.0, to_hz=180.0, highpass_hz=0.5)[:, 0]
    assert np.abs(peaks_near(found, near, 6) - peak / 2).max() <= 0.5
    # A low-pass rounds an R wave whose flanks are unlike, and so moves its peak a little at any frequency.
    options = {"highpass_hz": 0.5, "lowpass_hz": 40.0}
    found = filter_signal(source, fs_hz=360.0, to_hz=180.0, **options)[:, 0]
    assert np.quantile(np.abs(peaks_near(found, near, 6) - peak / 2), 0.98) <= 0.5
    slow = filter_signal(source, fs_hz=360.0, **options)[:, 0]
    before = peaks_near(slow, np.rint(peak).astype(np.int64), 12) / 2
    assert np.abs(peaks_near(found, near, 6) - before).max() < 0.1
