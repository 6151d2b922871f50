import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.filters.causal import causal_filter
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import Record, read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.stretches import prepare_stretches

RECIPE = {"highpass_hz": 0.5, "lowpass_hz": 40.0}
FREQUENCIES = [(360.0, 125.0), (360.0, 180.0), (360.0, 360.0), (128.0, 125.0), (100.0, 250.0), (250.0, 100.0)]


def noise(n_samples: int = 6000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n_samples, 2)).astype(np.float32)


@pytest.mark.parametrize(("fs_hz", "to_hz"), FREQUENCIES)
@pytest.mark.parametrize("options", [RECIPE, {}, {"highpass_hz": 0.5, "notch_hz": 45.0}])
@pytest.mark.parametrize("future", [1e4, np.nan, "cut"])
def test_no_sample_depends_on_a_later_one(fs_hz, to_hz, options, future):
    filters, signal = causal_filter(fs_hz=fs_hz, to_hz=to_hz, **options), noise()
    whole, _ = filters.apply(signal)
    for last in (0, 1, 2, 999, 3001):  # the last sample that stays
        other = signal.copy()
        other[last + 1 :] = 0.0 if future == "cut" else future
        found, _ = filters.apply(other[: last + 1] if future == "cut" else other)
        unmoved = int(last * to_hz / fs_hz) + 1
        np.testing.assert_array_equal(found[:unmoved], whole[:unmoved])


@pytest.mark.parametrize(("fs_hz", "to_hz"), FREQUENCIES)
def test_parts_of_a_record_joined_are_the_record_to_the_last_bit(fs_hz, to_hz):
    filters, signal = causal_filter(fs_hz=fs_hz, to_hz=to_hz, **RECIPE), noise()
    signal[:50, 0] = signal[1000:1500, 1] = np.nan
    whole, _ = filters.apply(signal)
    assert len(whole) == -(-len(signal) * filters.up // filters.down)
    state, parts, at = None, [], 0
    for periods in (1, 3, 10, 1000):
        part, state = filters.apply(signal[at : at + periods * filters.down], state)
        parts.append(part)
        at += periods * filters.down
    rest, _ = filters.apply(signal[at:], state)
    np.testing.assert_array_equal(np.concatenate([*parts, rest]), whole)


@pytest.mark.parametrize(("fs_hz", "to_hz"), FREQUENCIES)
def test_a_wave_comes_as_late_as_the_group_delay_says(fs_hz, to_hz):
    filters = causal_filter(fs_hz=fs_hz, to_hz=to_hz, **RECIPE)
    t = np.arange(round(8 * fs_hz)) / fs_hz
    packet = np.exp(-(((t - 4) / 0.4) ** 2)) * np.cos(2 * np.pi * 10 * (t - 4))
    found = filters.apply(packet[:, np.newaxis].astype(np.float32))[0][:, 0].astype(np.float64)
    energy = found**2
    centre_s = (energy * np.arange(len(found))).sum() / energy.sum() / to_hz
    assert centre_s - 4 == pytest.approx(filters.delay_s(10.0), abs=1e-3)
    assert 0 < filters.delay_s() < 0.04


def gain(frequency_hz: float, to_hz: float = 125.0, **options) -> float:
    filters = causal_filter(fs_hz=360.0, to_hz=to_hz, **options)
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(360 * 40) / 360)
    found = filters.apply(wave[:, np.newaxis].astype(np.float32))[0]
    return float(np.std(found[len(found) // 2 :]) * np.sqrt(2))


def test_corners_halve_the_power_and_what_lies_beyond_is_gone():
    assert gain(0.5, **RECIPE) == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert gain(40.0, to_hz=360.0, **RECIPE) == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert gain(10.0, **RECIPE) == pytest.approx(1.0, abs=0.01)
    assert max(gain(0.05, **RECIPE), gain(110.0, **RECIPE), gain(50.0, notch_hz=50.0, to_hz=360.0)) < 0.02
    assert gain(100.0) < 0.02  # an alias without any low-pass


def test_a_gap_holds_the_last_value_and_a_lead_is_silent_before_its_first():
    filters = causal_filter(fs_hz=100.0, to_hz=100.0)
    signal = np.array([[np.nan, 1], [2, np.nan], [np.inf, np.nan], [5, 4]], np.float32)
    np.testing.assert_array_equal(filters.apply(signal)[0], [[0, 1], [2, 1], [2, 1], [5, 4]])
    level = causal_filter(fs_hz=100.0, to_hz=100.0, highpass_hz=0.5).apply(np.full((50, 1), 7, np.float32))[0]
    np.testing.assert_allclose(level, 0, atol=1e-6)  # no step from nothing to the level


def make(signal: np.ndarray, fs_hz: float = 360.0) -> Record:
    return Record("rec", signal, fs_hz, ("I", "II"), np.isnan(signal).sum(axis=0))


def test_a_causal_recipe_refuses_what_needs_the_whole_record():
    with pytest.raises(ConfigError, match=r"causal=true does not allow .*normalisation=robust"):
        PreprocessingConfig(causal=True, normalisation=Normalisation.robust)


def test_filters_that_do_not_fit_and_leads_without_samples_are_errors():
    config = PreprocessingConfig(causal=True, fs_hz=None, lowpass_hz=60.0)
    with pytest.raises(DataError, match="record rec at 100 Hz does not fit preprocessing: lowpass_hz=60"):
        prepare_record(make(noise(), fs_hz=100.0), config)
    silent = noise()
    silent[:, 1] = np.nan
    with pytest.raises(DataError, match="'II' has no valid sample"):
        prepare_record(make(silent), PreprocessingConfig(causal=True))


@pytest.mark.parametrize("fs_hz", [None, 125.0, 180.0])
def test_stretches_joined_are_the_whole_to_the_last_bit(tmp_path, fs_hz):
    digital = (300 * noise(40_001)).astype("<i2")
    digital[:700, 0] = digital[9_000:25_000, 1] = -32768
    (tmp_path / "rec.dat").write_bytes(digital.tobytes())
    lines = [f"rec.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in ("I", "II")]
    (tmp_path / "rec.hea").write_text("\n".join(["rec 2 360 40001", *lines]) + "\n")
    config = PreprocessingConfig(causal=True, fs_hz=fs_hz)
    whole = prepare_record(read_record(tmp_path / "rec"), config)
    recording = read(tmp_path / "rec")
    stretches = [s.record for s in prepare_stretches(recording, config, stretch_s=15.0)]
    assert len(stretches) > 4
    np.testing.assert_array_equal(np.concatenate([s.signal for s in stretches]), whole.signal)
    np.testing.assert_array_equal(np.concatenate([s.valid for s in stretches]), whole.valid)
    assert sum(s.missing for s in stretches).tolist() == whole.missing.tolist() == [700, 16_000]
