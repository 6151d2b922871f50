import re
import sys
from datetime import date, datetime
from pathlib import Path

import edfio
import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.errors import DataError
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.recording_writer import write_recording
from ecgrnn.signals.recording import Recording

sys.path.insert(0, str(Path(__file__).parents[1] / "signals" / "formats"))
import writers

START = datetime.fromisoformat("2024-05-30T16:32:18.250")


def ecg(n_samples=5000, n_leads=2, *, fs=500.0, seed=0):
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples)[:, None] / fs
    beats = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2)
    return beats * np.linspace(1, 0.7, n_leads) + 0.02 * rng.standard_normal((n_samples, n_leads))


def whole_edf(path):
    """An EDF+ file of somebody, with a date."""
    signals = [
        edfio.EdfSignal(column, 500, label=lead, physical_dimension="mV", physical_range=(-8, 8))
        for column, lead in zip(ecg().T, ("Doe Jane II", "V5"), strict=True)
    ]
    with pytest.warns(UserWarning, match="microsecond"):
        edf = edfio.Edf(
            signals,
            patient=edfio.Patient(name="Jane_Doe", code="4711", birthdate=date(1990, 1, 8)),
            recording=edfio.Recording(startdate=START.date(), hospital_administration_code="77X"),
            starttime=START.time(),
        )
    edf.write(path)


def test_a_converted_recording_is_the_same_and_keeps_its_start(tmp_path, capsys):
    whole_edf(tmp_path / "Jane Doe.edf")
    assert main(["convert", f"record={tmp_path / 'Jane Doe.edf'}", f"out={tmp_path / 'out'}"]) == 0
    before, after = read(tmp_path / "Jane Doe.edf"), read(tmp_path / "out" / "Jane_Doe")
    np.testing.assert_allclose(after.signal, before.signal, atol=16 / 65535 / 4)
    assert after.start == before.start == START
    assert (after.leads, after.fs_hz) == (before.leads, 500.0)
    assert "Doe Jane II, V5; 500 Hz, 10.0 s" in capsys.readouterr().out
    assert not list((tmp_path / "out").glob(".*"))


def test_an_anonymous_record_has_nothing_of_the_patient(tmp_path):
    whole_edf(tmp_path / "Jane Doe.edf")
    words = ["convert", f"record={tmp_path / 'Jane Doe.edf'}", f"out={tmp_path / 'out'}", "anonymise=true"]
    assert main(words) == 0
    written = sorted((tmp_path / "out").rglob("*"))
    assert [path.name for path in written] == ["recording_0001.dat", "recording_0001.hea"]
    header = written[1].read_text()
    assert not re.search(r"jane|doe|4711|1990|2024|77X|edf", header, re.IGNORECASE)
    after, before = read(tmp_path / "out" / "recording_0001"), read(tmp_path / "Jane Doe.edf")
    assert after.leads == ("ECG1", "V5")  # a lead whose place is not told
    shift = before.start - after.start
    assert shift.days % 7 == 0
    assert shift.seconds == 0
    assert 3600 < shift.days < 18_300
    np.testing.assert_allclose(after.signal, before.signal, atol=16 / 65535 / 4)


@pytest.mark.parametrize("kind", writers.KINDS)
def test_every_kind_is_converted_more_finely_than_it_was_stored(kind, tmp_path):
    how = writers.KINDS[kind]
    if how.needs:
        pytest.importorskip(how.needs)
    path, n = tmp_path / f"my_ecg{how.suffix}", min(how.most_leads, 2)
    how.write(path, ecg()[:, :n], 500.0, ["II", "V5"][:n])
    options = {"fs": 500.0} if "fs" in how.options else {}
    if "unit" in how.options:
        options["unit"] = how.options["unit"]
    words = [f"{key}={value}" for key, value in options.items()]
    assert main(["convert", f"record={path}", f"out={tmp_path / 'out'}", *words]) == 0
    before, after = read(path, **options), read(tmp_path / "out" / "my_ecg")
    assert np.abs(after.signal - before.signal).max() <= max(how.tolerance_mv / 2, 1e-4)
    assert after.leads == before.leads


def test_real_records_are_written_without_loss(tmp_path, real_database):
    for name in ("mitdb/100", "ludb/data/1", "cinc2017/A00001"):
        path = real_database(name.split("/")[0]).parent / name
        recording = read(path)
        write_recording(tmp_path / path.name, recording)
        np.testing.assert_allclose(read(tmp_path / path.name).signal, recording.signal, atol=1e-6)


def test_gaps_are_missing_samples_and_a_flat_lead_is_flat(tmp_path):
    signal = ecg(3000, 3)
    signal[100:400, 1] = np.nan
    signal[:, 2] = 0.5
    write_recording(tmp_path / "gaps", Recording(signal, fs=500, leads=["I", "II", "V1"]))
    after = read_record(tmp_path / "gaps")
    assert list(after.missing) == [0, 300, 0]
    np.testing.assert_allclose(after.signal, signal, atol=2e-4)


@pytest.mark.parametrize(("amplitude", "bits"), [(3.0, 16), (600.0, 24), (20_000.0, 24)])
def test_a_wide_range_takes_more_bits_not_coarser_steps(tmp_path, amplitude, bits):
    signal = ecg(3000, 1)
    signal[1500:] += amplitude  # an electrode that moved
    write_recording(tmp_path / "wide", Recording(signal, fs=500, leads=["I"]))
    assert f"wide.dat {bits} " in (tmp_path / "wide.hea").read_text()
    limit = 1e-4 + 2 * amplitude * np.finfo(np.float32).eps  # of single precision
    np.testing.assert_allclose(read_record(tmp_path / "wide").signal, signal, atol=limit)


def test_a_folder_is_converted_and_a_bad_file_costs_no_other(tmp_path, capsys):
    folder = tmp_path / "ward"
    (folder / "day 1").mkdir(parents=True)
    writers.edf(folder / "day 1" / "a.edf", ecg(), 500, ["II", "V5"])
    writers.csv(folder / "day 1" / "a.csv", ecg(), 500, ["II", "V5"])
    writers.wfdb(folder / "b", ecg(), 500, ["II", "V5"])
    (folder / "b.atr").write_bytes(b"\0\0")
    writers.npz(folder / "c.npz", ecg() * 1000, 500, ["II", "V5"])
    (folder / "REFERENCE.csv").write_text("b,N\nc,A\n")
    (folder / "notes.txt").write_text("nothing to read\n")
    assert main(["convert", f"record={folder}", f"out={tmp_path / 'out'}"]) == 2
    said = capsys.readouterr()
    assert "not converted" in said.out
    assert "give unit=uV" in said.out
    assert "1 of 4 recordings could not be converted (c.npz)" in said.err
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.hea")
    )
    assert found == ["b.hea", "day 1/a_csv.hea", "day 1/a_edf.hea"]


def test_a_pattern_chooses_files(tmp_path):
    for name in ("a1.edf", "a2.edf", "b1.edf"):
        writers.edf(tmp_path / name, ecg(), 500, ["II", "V5"])
    assert main(["convert", f"record={tmp_path}/a*.edf", f"out={tmp_path / 'out'}"]) == 0
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.hea")) == ["a1", "a2"]


def test_nothing_is_overwritten(tmp_path, capsys):
    writers.edf(tmp_path / "a.edf", ecg(), 500, ["II", "V5"])
    words = ["convert", f"record={tmp_path / 'a.edf'}", f"out={tmp_path}"]
    assert main(words) == 0
    kept = (tmp_path / "a.dat").read_bytes()
    assert main(words) == 2
    assert "already exists and is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "a.dat").read_bytes() == kept


def test_a_recording_that_fails_midway_leaves_nothing(tmp_path):
    signal = ecg(700_000, 1)
    signal[600_001] = np.inf
    with pytest.raises(DataError, match="got infinity"):
        write_recording(tmp_path / "x", Recording(signal, fs=500))
    assert not list(tmp_path.iterdir())
