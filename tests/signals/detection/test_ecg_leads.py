import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.detection.detect import detect_qrs, detect_record
from ecgrnn.signals.detection.ecg_leads import ecg_columns
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import read_record


def write(folder, signals):
    """Write a record of ``(name, unit, signal)``, in steps of 0.005 units."""
    length = len(signals[0][2])
    columns = [np.rint(200 * np.asarray(values)).astype("<i2") for _, _, values in signals]
    (folder / "r.dat").write_bytes(np.stack(columns, axis=1).tobytes())
    lines = [f"r.dat 16 200/{unit} 16 0 0 0 0 {name}" for name, unit, _ in signals]
    (folder / "r.hea").write_text("\n".join([f"r {len(signals)} 360 {length}", *lines]) + "\n")
    return folder / "r"


def beats(seed=0, *, shift_s=0.0, noise_mv=0.02):
    rng = np.random.default_rng(seed)
    time_s = np.arange(360 * 60) / 360
    at_s = 1.0 + 0.8 * np.arange(72) + shift_s
    wave = np.exp(-0.5 * ((time_s[:, None] - at_s) / 0.012) ** 2).sum(axis=1)
    return wave + noise_mv * rng.standard_normal(len(wave)), at_s * 360


def test_all_ecg_leads_are_read_where_no_number_is_asked_for(tmp_path):
    ecg, _ = beats()
    path = write(
        tmp_path, [("V5", "mV", ecg), ("RESP", "mV", ecg), ("MLII", "mV", ecg), ("ABP", "mmHg", ecg)]
    )
    assert read_record(path, n_leads=0).leads == ("V5", "MLII")
    assert read_record(path, leads=["3", "V5"]).leads == ("MLII", "V5")
    with pytest.raises(DataError, match="names a lead twice"):
        read_record(path, leads=["1", "V5"])
    path = write(tmp_path, [("RESP", "mV", ecg)])
    with pytest.raises(DataError, match=r"has no ECG lead by unit and name \(RESP\); name the leads"):
        read_record(path, n_leads=0)


def test_leads_are_told_from_other_signals_by_unit_and_name(tmp_path):
    ecg, _ = beats()
    named = [
        ("MLII", "mV"), ("RESP", "mV"), ("ABP", "mmHg"), ("V5", "uV"), ("Resp A", "mV"), ("aVR", "mV"),
        ("EEG (C4-A1)", "uV"), ("PLETH", "NU"), ("ECG1", "mV"), ("ecg thorax", "mV"), ("signal 9", "mV"),
        ("II", "adu"),
    ]  # fmt: skip
    header = read_header(write(tmp_path, [(name, unit, ecg) for name, unit in named]))
    assert [header.leads[column] for column in ecg_columns(header)] == [
        "MLII", "V5", "aVR", "ECG1", "ecg thorax", "signal 9",
    ]  # fmt: skip


def test_a_record_is_searched_in_all_leads_and_marked_in_one(tmp_path):
    noise = np.random.default_rng(1).standard_normal(360 * 60)
    first, _ = beats(1, noise_mv=0.3)
    second, at = beats(2, shift_s=0.03)
    path = write(tmp_path, [("I", "mV", first), ("RESP", "mV", 5 * noise), ("II", "mV", second)])
    record = read_record(path)
    both = record.signal[:, [0, 2]]
    np.testing.assert_array_equal(detect_record(path), detect_qrs(both, fs_hz=360.0))
    found = detect_record(path, marked=[2])
    np.testing.assert_array_equal(found, detect_qrs(both, fs_hz=360.0, marked=[1, 0]))
    assert np.abs(found - at).max() < 3
    for stretch_s in (0.5, 7.0):
        np.testing.assert_array_equal(detect_record(path, marked=[2], stretch_s=stretch_s), found)


def test_signals_that_are_no_voltage_are_not_read(tmp_path):
    ecg, at = beats()
    path = write(tmp_path, [("ABP", "mmHg", 80 + 40 * ecg), ("II", "mV", ecg), ("II", "mV", ecg)])
    found = detect_record(path, marked=[1])
    assert np.abs(found - at).max() < 3


def test_leads_of_one_name_are_all_searched(tmp_path):
    noise = np.random.default_rng(1).standard_normal(360 * 60)
    ecg, at = beats()
    path = write(tmp_path, [("ECG", "mV", noise), ("ECG", "mV", ecg)])
    found = detect_record(path, marked=[1])
    assert len(found) == len(at)
    assert np.abs(found - at).max() < 3


def test_without_an_ecg_lead_the_leads_to_mark_are_searched(tmp_path):
    ecg, at = beats()
    path = write(tmp_path, [("RESP", "mV", ecg), ("EEG", "mV", ecg)])
    assert np.abs(detect_record(path, marked=[1]) - at).max() < 3
    with pytest.raises(DataError, match="expected V, mV"):
        detect_record(write(tmp_path, [("ABP", "mmHg", ecg)]))
