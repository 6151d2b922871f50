from datetime import datetime

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.writer import write_signal


def beats(n_samples=5000, *, fs=250.0):
    time_s = np.arange(n_samples) / fs
    rng = np.random.default_rng(0)
    return np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2) + 0.02 * rng.standard_normal(n_samples)


def write(folder, leads, *, frame_hz=250, n_frames=5000, line=""):
    """Write a record of ``(name, unit, samples per frame)``, in steps of 0.001 units."""
    columns = [beats(n_frames * count, fs=frame_hz * count).reshape(n_frames, count) for _, _, count in leads]
    np.rint(np.concatenate(columns, axis=1) * 1000).astype("<i2").tofile(folder / "r.dat")
    lines = [f"r.dat 16x{count} 1000/{unit} 16 0 0 0 0 {name}" for name, unit, count in leads]
    (folder / "r.hea").write_text("\n".join([f"r {len(leads)} {frame_hz} {n_frames}{line}", *lines]) + "\n")
    return folder / "r"


def test_leads_of_several_frequencies_are_read_at_that_of_most(tmp_path):
    path = write(
        tmp_path, [("I", "mV", 1), ("II", "mV", 1), ("V5", "mV", 2), ("ABP", "mmHg", 1), ("RESP", "mV", 1)]
    )
    recording = read(path)
    assert (recording.leads, recording.fs_hz, recording.n_samples) == (("I", "II"), 250.0, 5000)
    assert recording.notes == (
        "left out, no ECG: ABP (in mmHg), RESP (by its name)",
        "left out, of another sampling frequency or length: V5 (500 Hz)",
    )
    np.testing.assert_array_equal(recording.signal, read_record(path, columns=[0, 1]).signal)
    fast = read(path, leads=["ECG V5"])
    assert (fast.fs_hz, fast.n_samples, fast.frame_hz) == (500.0, 10_000, 250.0)
    np.testing.assert_array_equal(fast.signal, read_record(path, columns=[2]).signal)


def test_a_unit_that_is_given_takes_the_place_of_the_headers(tmp_path):
    path = write(tmp_path, [("I", "uV", 1), ("II", "adu", 1)])
    with pytest.raises(DataError, match="likely in mV: give unit=mV"):
        read(path)
    recording = read(path, unit="mV")
    assert recording.leads == ("I", "II")
    np.testing.assert_allclose(recording.signal[:, 0], np.rint(beats() * 1000) / 1000, atol=1e-6)
    only_counts = write(tmp_path, [("I", "adu", 1)])
    with pytest.raises(ConfigError, match="does not state the unit of lead I; give it with unit="):
        read(only_counts)


def test_a_unit_is_given_for_all_segments(tmp_path):
    for name in ("s1", "s2"):
        write_signal(tmp_path / name, beats()[:, np.newaxis] * 0.001, fs_hz=250, leads=["I"])
        header = tmp_path / f"{name}.hea"
        header.write_text(header.read_text().replace("1000(0)/mV", "1000000(0)/V"))
        (tmp_path / f"{name}.dat").write_bytes(np.rint(beats() * 1000).astype("<i2").tobytes())
    (tmp_path / "r.hea").write_text("r/3 1 250 15000\ns1 5000\n~ 5000\ns2 5000\n")
    recording = read(tmp_path / "r")
    np.testing.assert_array_equal(recording.signal, read_record(tmp_path / "r").signal)
    assert np.isnan(recording.signal[5000:10_000]).all()
    with pytest.raises(DataError, match="give unit=V"):
        read(tmp_path / "r", unit="mV")


@pytest.mark.parametrize(
    ("line", "start"),
    [
        (" 16:32:18 30/05/2024", "2024-05-30T16:32:18"),
        (" 6:32:18.25 1/5/2024", "2024-05-01T06:32:18.250"),
        (" 16:32:18", None),
        (" 16:32:18 31/02/2024", None),
        ("", None),
    ],
)
def test_the_start_is_that_of_the_header(line, start, tmp_path):
    path = write(tmp_path, [("I", "mV", 1)], line=line)
    assert read(path).start == (start and datetime.fromisoformat(start))


def test_two_leads_of_one_name_stay_apart(tmp_path):
    recording = read(write(tmp_path, [("ECG", "mV", 1), ("ECG", "mV", 1), ("MLII", "mV", 1)]))
    assert recording.leads == ("ECG", "ECG (2)", "II")
    assert recording.names == ("ECG", "ECG", "MLII")
