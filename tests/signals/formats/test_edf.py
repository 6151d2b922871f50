import sys
from datetime import datetime
from pathlib import Path

import edfio
import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats import read

sys.path.insert(0, str(Path(__file__).parent))
import writers


def ecg(n_samples=5000, n_leads=2, *, fs=500.0):
    rng = np.random.default_rng(0)
    time_s = np.arange(n_samples)[:, None] / fs
    beats = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2)
    return beats * np.linspace(1, 0.7, n_leads) + 0.02 * rng.standard_normal((n_samples, n_leads))


def signal_of(label, fs, *, unit="mV", seconds=10, scale=1.0):
    values = scale * ecg(int(seconds * fs), 1, fs=fs)[:, 0]
    return edfio.EdfSignal(
        values, fs, label=label, physical_dimension=unit, physical_range=(-8 * scale, 8 * scale)
    )


def write(path, *signals):
    edfio.Edf(signals, data_record_duration=1).write(path)
    return path


def discontinuous(path, onsets_s, *, n_records=10):
    """Write an EDF+ file whose records begin at certain times, as edfio cannot."""
    writers.edf(path, ecg(500 * n_records), 500, ["II", "V5"])
    content = bytearray(path.read_bytes())
    content[192:197] = b"EDF+D"
    n_signals = int(content[252:256])
    begin = 256 * (n_signals + 1)
    counts = [int(content[256 + 216 * n_signals + 8 * at :][:8]) for at in range(n_signals)]
    size = 2 * sum(counts)
    for record, onset in enumerate(onsets_s):
        at = begin + record * size + 2 * sum(counts[:-1])
        content[at : at + 2 * counts[-1]] = f"+{onset:.10g}\x14\x14\0".encode().ljust(2 * counts[-1], b"\0")
    path.write_bytes(content)
    return path


def test_signals_of_several_frequencies_are_read_at_that_of_most_leads(tmp_path):
    names = [("ECG I", 250), ("ECG II", 250), ("ECG V5", 500), ("RESP", 25)]
    recording = read(write(tmp_path / "x.edf", *(signal_of(name, fs) for name, fs in names)))
    assert (recording.leads, recording.fs_hz) == (("I", "II"), 250.0)
    assert recording.notes == (
        "left out, no ECG: RESP (by its name)",
        "left out, of another sampling frequency or length: ECG V5 (500 Hz)",
    )
    tied = read(write(tmp_path / "y.edf", signal_of("I", 250), signal_of("V5", 500)))
    assert (tied.leads, tied.fs_hz) == (("V5",), 500.0)
    chosen = read(tmp_path / "x.edf", leads=["V5"])
    assert (chosen.leads, chosen.fs_hz) == (("V5",), 500.0)
    with pytest.raises(DataError, match="expected leads of one sampling frequency"):
        read(tmp_path / "x.edf", leads=["V5", "II"])


def test_units_of_the_header_are_heeded_and_a_blank_one_is_asked_for(tmp_path):
    for unit, scale in (("uV", 1000.0), ("mV", 1.0), ("V", 1e-3), ("µV", 1000.0)):
        path = tmp_path / f"{scale}.edf"
        write(path, signal_of("II", 500, unit=unit.replace("µ", "u"), scale=scale))
        path.write_bytes(path.read_bytes().replace(b"uV", b"\xb5V") if unit == "µV" else path.read_bytes())
        np.testing.assert_allclose(read(path).signal, ecg(5000, 1), atol=2e-4)
    blank = write(tmp_path / "blank.edf", signal_of("II", 500, unit="", scale=1000.0))
    with pytest.raises(ConfigError, match="does not state the unit of lead II; give it with unit="):
        read(blank)
    np.testing.assert_allclose(read(blank, unit="uV").signal, ecg(5000, 1), atol=2e-4)
    with pytest.raises(DataError, match="likely in uV: give unit=uV"):
        read(blank, unit="mV")


def test_an_accelerometer_is_left_out_by_name_unit_and_beside_leads_by_axis(tmp_path):
    rng = np.random.default_rng(1)
    axes = [
        edfio.EdfSignal(rng.standard_normal(5000), 500, label=label, physical_dimension=unit)
        for label, unit in (("Accelerometer_X", "mV"), ("Y", "g"), ("Z", ""))
    ]
    recording = read(write(tmp_path / "x.edf", signal_of("ECG", 500), *axes))
    assert recording.leads == ("ECG",)
    assert recording.notes == (
        "left out, no ECG: Accelerometer_X (by its name), Y (in g), Z (without a unit)",
    )
    with pytest.raises(DataError, match=r"no ECG lead, only Accelerometer_X \(by its name\), Y \(in g\)"):
        read(write(tmp_path / "y.edf", *axes[:2]))


def test_gaps_of_a_discontinuous_file_are_missing_samples(tmp_path):
    whole = read(discontinuous(tmp_path / "whole.edf", range(10))).signal
    recording = read(discontinuous(tmp_path / "gaps.edf", [0, 1, 2, 3.5, 4.5, 5.5, 6.5, 60, 61, 62]))
    assert recording.n_samples == 63 * 500
    assert recording.notes == ("2 gap(s), 53.0 s together, are missing samples",)
    signal = recording.signal
    np.testing.assert_array_equal(signal[:1500], whole[:1500])
    assert np.isnan(signal[1500:1750]).all()
    np.testing.assert_array_equal(signal[1750:3750], whole[1500:3500])
    assert np.isnan(signal[3750:30_000]).all()
    np.testing.assert_array_equal(signal[30_000:], whole[3500:])
    for start, stop in ((1400, 1800), (1600, 1700), (29_999, 30_001)):
        np.testing.assert_array_equal(recording.stretch(start=start, stop=stop).signal, signal[start:stop])


def test_times_that_go_back_or_lie_years_apart_are_refused(tmp_path):
    for onsets, said in (
        ([0, 1, 2, 2.4, 5, 6, 7, 8, 9, 10], "its times go back"),
        ([*range(9), 1e9], "it lasts"),
    ):
        with pytest.raises(DataError, match=said):
            read(discontinuous(tmp_path / "x.edf", onsets))


def test_the_start_has_the_date_the_time_and_its_fraction(tmp_path):
    start = datetime.fromisoformat("2024-05-30T16:32:18")
    edf = edfio.Edf(
        [signal_of("II", 500)], recording=edfio.Recording(startdate=start.date()), starttime=start.time()
    )
    edf.write(tmp_path / "x.edf")
    assert read(tmp_path / "x.edf").start == start
    assert read(write(tmp_path / "y.edf", signal_of("II", 500))).start in (
        None,
        datetime.fromisoformat("1985-01-01"),
    )


def test_a_file_of_annotations_only_is_said(tmp_path):
    edfio.Edf([], annotations=[edfio.EdfAnnotation(0.0, None, "x")]).write(tmp_path / "x.edf")
    with pytest.raises(DataError, match="holds annotations only"):
        read(tmp_path / "x.edf")


def test_only_the_stretch_is_read(tmp_path, monkeypatch):
    writers.edf(tmp_path / "x.edf", ecg(500 * 600), 500, ["II", "V5"])
    recording = read(tmp_path / "x.edf")
    counts, plain = [], np.fromfile
    monkeypatch.setattr(
        np, "fromfile", lambda *args, **given: counts.append(given["count"]) or plain(*args, **given)
    )
    recording.stretch(start=100_000, stop=100_500)
    assert sum(counts) < 6 * (4 * 500 + 200)
