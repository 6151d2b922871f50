import re

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.recording import Recording


def ecg(n_samples=5000, n_leads=1, *, fs=500, seed=0):
    """An ECG of Gaussian beats of 1 mV, ``(time, lead)``."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples)[:, None] / fs
    beats = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2)
    return beats * np.linspace(1, 0.7, n_leads) + 0.02 * rng.standard_normal((n_samples, n_leads))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (ecg(5000, 12).T, "looks like (lead, time); pass the transposed array"),
        (ecg()[None], "one recording at a time"),
        (np.zeros((0, 2)), "got an empty array"),
        (np.zeros((100, 70)), "at most 64 leads"),
        (np.array(5.0), "got the shape ()"),
        (np.array(["a", "b"]), "got one of text"),
        (np.array([None, 1.0]), "got one of Python objects"),
        (ecg() * 1j, "got one of complex numbers"),
        (ecg() > 0, "got one of true and false"),
        ([[1.0, 2.0], [3.0]], "expected an array (time, lead) of numbers"),
    ],
)
def test_what_is_no_signal_is_told_in_one_line(array, said):
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        Recording(array, fs=500)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fs": 0}, "fs=0 is not a plausible sampling frequency"),
        ({"fs": -500}, "fs=-500 is no"),
        ({"fs": float("nan")}, "fs=nan is no"),
        ({"fs": float("inf")}, "fs=inf is no"),
        ({"fs": "500"}, "fs=500 is not a plausible sampling frequency"),
        ({"fs": True}, "fs=True is no"),
        ({"fs": 2}, "say fs=500"),
        ({"fs": 0.002}, "say fs=500"),
        ({"unit": "mmHg"}, "unit=mmHg is not known; expected one of V, mV, uV, nV"),
        ({"unit": None}, "unit=None is not known"),
        ({"leads": ["I"]}, "names 1 lead(s), and the signal has 2"),
        ({"leads": ["I", "I"]}, "names I more than once"),
        ({"leads": ["I", ""]}, "not blank"),
        ({"leads": ["I", 2]}, "not blank"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(options, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        Recording(ecg(n_leads=2), **{"fs": 500, **options})


def test_units_are_read_in_millivolts_and_inputs_are_not_written_to():
    signal = np.rint(ecg(n_leads=2) * 1000).astype(np.int16)
    kept = signal.copy()
    for unit in ("uV", "µV", "UV"):
        read = Recording(signal, fs=500, unit=unit).signal
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, signal / 1000, rtol=1e-6)
    read[:] = 0
    signal_mv = ecg()[:, 0].astype(np.float32)
    copy = signal_mv.copy()
    Recording(signal_mv, fs=500).signal[:] = 0
    np.testing.assert_array_equal(signal_mv, copy)
    np.testing.assert_array_equal(signal, kept)


def test_leads_are_in_the_vocabulary_and_own_names_are_kept():
    recording = Recording(ecg(n_leads=3), fs=500, leads=["MLII", "ECG V5", "CM5"])
    assert recording.leads == ("II", "V5", "CM5")
    assert recording.names == ("MLII", "ECG V5", "CM5")
    assert Recording(ecg(n_leads=2), fs=500).leads == ("1", "2")
    assert Recording(ecg()[:, 0], fs=500, leads="I").leads == ("I",)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_a_file_mapped_into_memory_is_read_stretch_by_stretch(tmp_path, dtype, monkeypatch):
    signal = (ecg(20_000, 2) * 1000).astype(dtype)
    np.save(tmp_path / "x.npy", signal)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    recording = Recording(mapped, fs=500, unit="uV")
    longest = []
    plain = np.array
    monkeypatch.setattr(np, "array", lambda part, *rest: longest.append(len(part)) or plain(part, *rest))
    part = recording.stretch(start=1000, stop=1500, columns=[1])
    assert max(longest) == 500
    np.testing.assert_allclose(part.signal[:, 0], signal[1000:1500, 1] / 1000, rtol=1e-6)


def test_missing_samples_are_nan_and_infinite_ones_are_refused():
    signal = ecg(n_leads=2)
    signal[10:20, 1] = np.nan
    assert list(Recording(signal, fs=500).stretch().missing) == [0, 10]
    masked = np.ma.masked_array(ecg(n_leads=2), mask=np.isnan(signal))
    assert list(Recording(masked, fs=500).stretch().missing) == [0, 10]
    signal[2500, 0] = np.inf
    with pytest.raises(DataError, match="got infinity; put NaN where one is missing"):
        Recording(signal, fs=500)


@pytest.mark.parametrize(
    ("factor", "unit", "likely"), [(1000, "mV", "uV"), (1e-3, "mV", "V"), (1, "V", "mV"), (1, "uV", "mV")]
)
def test_a_wrong_unit_is_refused_with_the_likely_one(factor, unit, likely):
    with pytest.raises(DataError, match=f"likely in {likely}: give unit={likely}"):
        Recording(ecg() * factor, fs=500, unit=unit)
    Recording(ecg() * factor, fs=500, unit=likely)


def test_flat_and_missing_signals_pass_the_guard():
    for signal in (np.zeros(5000), np.full(5000, np.nan), np.full(5000, 3.0), np.zeros(1)):
        assert Recording(signal, fs=500).n_samples == len(signal)
