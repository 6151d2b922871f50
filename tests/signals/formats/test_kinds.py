import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError, EcgrnnError
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.kinds import KINDS
from ecgrnn.signals.formats.wfdb.record import read_record

sys.path.insert(0, str(Path(__file__).parent))
import writers

FIXED_FS = {"Apple Watch CSV": 512.0, "Apple Watch CSV in German": 511.562}
REAL = {"mitdb/100": ("mitdb", "100"), "mitdb/119": ("mitdb", "119"), "mitdb/208": ("mitdb", "208"),
        "ludb/1": ("ludb", "data/1"), "cinc2017/A00001": ("cinc2017", "A00001")}  # fmt: skip


def ecg(n_samples=5000, n_leads=2, *, fs=500.0, seed=0):
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples)[:, None] / fs
    beats = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2) - 0.2 * np.exp(
        -0.5 * ((time_s % 0.8 - 0.6) / 0.05) ** 2
    )
    return beats * np.linspace(1, 0.7, n_leads) + 0.02 * rng.standard_normal((n_samples, n_leads))


def written(kind, folder, signal, fs, leads):
    """Write a file of a kind; give its path, the options to read it, the leads and the frequency."""
    how = writers.KINDS[kind]
    if how.needs:
        pytest.importorskip(how.needs)
    path, n = folder / f"my_ecg{how.suffix}", how.most_leads
    how.write(path, signal[:, :n], fs, leads[:n])
    told = {"fs": fs, "leads": list(leads[:n])}
    options = {key: told.get(key) if value is None else value for key, value in how.options.items()}
    return path, options


@pytest.mark.parametrize("kind", writers.KINDS)
def test_a_file_of_each_kind_is_the_same_recording(kind, tmp_path):
    signal = ecg()
    path, options = written(kind, tmp_path, signal, 500.0, ["II", "V5"])
    recording = read(path, **options)
    how = writers.KINDS[kind]
    known = {"AliveCor ATC": ("I",), "Apple Watch CSV": ("I",), "Apple Watch CSV in German": ("I",),
             "Polar text": ("ECG",), "OpenSignals text": ("ECG",)}.get(kind, ("II", "V5"))  # fmt: skip
    assert recording.leads == known
    assert recording.fs_hz == FIXED_FS.get(kind, 500.0)
    assert recording.n_samples == len(signal)
    assert recording.name == "my_ecg"
    assert recording.path == (path.with_suffix("") if kind == "WFDB" else path)
    read_mv = recording.signal
    assert read_mv.dtype == np.float32
    assert np.abs(read_mv - signal[:, : len(known)]).max() <= how.tolerance_mv + 1e-6
    part = recording.stretch(columns=[len(known) - 1], start=1234, stop=4321)
    np.testing.assert_array_equal(part.signal[:, 0], read_mv[1234:4321, -1])


@pytest.mark.parametrize("kind", writers.KINDS)
@pytest.mark.parametrize("record", REAL)
def test_a_real_record_is_the_same_in_each_kind(kind, record, tmp_path, real_database):
    database, name = REAL[record]
    folder = real_database(database)
    recording = read(folder / name)
    length = min(recording.n_samples, int(20 * recording.fs_hz))
    signal = recording.stretch(stop=length).signal
    path, options = written(kind, tmp_path, signal, recording.fs_hz, recording.leads)
    again = read(path, **options)
    how = writers.KINDS[kind]
    n = min(how.most_leads, len(recording.leads))
    limit = 1.4 if kind == "OpenSignals text" else 16
    np.testing.assert_allclose(
        again.signal[:length],
        np.clip(signal[:, :n], -limit, limit),
        atol=how.tolerance_mv + (0.11 if limit < 2 else 1e-6),
    )
    if kind not in FIXED_FS:
        assert again.fs_hz == recording.fs_hz


@pytest.mark.parametrize(
    "kind", [kind for kind in writers.KINDS if kind not in {*FIXED_FS, "OpenSignals text"}]
)
def test_the_beats_of_a_real_record_are_those_of_its_wfdb_record(kind, tmp_path, real_database):
    recording = read(real_database("mitdb") / "208")
    signal = recording.stretch(stop=int(60 * recording.fs_hz)).signal
    path, options = written(kind, tmp_path, signal, recording.fs_hz, recording.leads)
    again = read(path, **options)
    n = len(again.leads)
    expected = detect_qrs(signal[:, :n], fs_hz=recording.fs_hz)
    found = detect_qrs(again.signal, fs_hz=again.fs_hz)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("record", REAL)
def test_a_wfdb_recording_is_what_its_record_reads(record, real_database):
    database, name = REAL[record]
    path = real_database(database) / name
    for given in (
        path,
        path.with_name(f"{path.name}.hea"),
        path.with_suffix(".mat" if database == "cinc2017" else ".dat"),
    ):
        recording = read(given)
        np.testing.assert_array_equal(recording.signal, read_record(path).signal)
        assert recording.path == path


@pytest.mark.parametrize("kind", writers.KINDS)
@pytest.mark.parametrize("suffix", [".bin", ".csv", ".edf", ".xml"])
def test_a_kind_is_known_by_content_not_by_suffix(kind, suffix, tmp_path):
    if kind == "WFDB":
        pytest.skip("a record is two files that belong together by their names")
    path, options = written(kind, tmp_path, ecg(), 500.0, ["II", "V5"])
    other = path.rename(tmp_path / f"other{suffix}")
    np.testing.assert_array_equal(read(other, **options).n_samples, 5000)


DAMAGES = ("empty", "head", "half", "zeros", "noise", "swapped", "tail")


def spoilt(content, seed):
    """Delete some bytes, and put others in their place and elsewhere."""
    rng = np.random.default_rng(seed)
    changed = bytearray(content)
    begin = int(rng.integers(min(len(content), 3000)))
    del changed[begin : begin + int(rng.integers(1, 100))]
    changed[begin:begin] = rng.bytes(int(rng.integers(1, 100)))
    changed[int(rng.integers(1000))] ^= 0xFF
    return bytes(changed)


@pytest.mark.parametrize("kind", writers.KINDS)
@pytest.mark.parametrize("damage", [*DAMAGES, *range(6)])
def test_a_damaged_file_is_one_line(kind, damage, tmp_path):
    path, options = written(kind, tmp_path, ecg(), 500.0, ["II", "V5"])
    path = path.with_suffix(".dat") if kind == "WFDB" else path
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    noisy = bytearray(content)
    for at in rng.integers(0, min(len(content), 1500), 40):
        noisy[at] = int(rng.integers(256))
    damaged = {
        "empty": b"", "head": content[:100], "half": content[: len(content) // 2], "noise": bytes(noisy),
        "zeros": content[:300] + bytes(len(content) - 300), "swapped": content[::-1], "tail": content[:-7],
    }  # fmt: skip
    path.write_bytes(damaged[damage] if isinstance(damage, str) else spoilt(content, damage))
    try:
        assert read(path, **options).signal.ndim == 2
        said = None
    except EcgrnnError as error:
        said = str(error)
    if said is None:
        assert damage not in {"empty", "head"}
    else:
        assert "\n" not in said
        assert len(said) < 500
        assert str(path.parent) in said
        assert "Doe" not in said


TOLD_LENGTH = [
    *("EDF", "BDF", "ISHNE Holter", "WFDB", "AliveCor ATC", "SCP-ECG", "DICOM", "Parquet", "NumPy"),
    *("NumPy archive", "HL7 aECG", "GE MUSE XML", "Philips XML", "Kardia JSON"),
]


@pytest.mark.parametrize("kind", TOLD_LENGTH)
def test_a_file_cut_in_half_is_refused(kind, tmp_path):
    path, options = written(kind, tmp_path, ecg(), 500.0, ["II", "V5"])
    path = path.with_suffix(".dat") if kind == "WFDB" else path
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError):
        read(path, **options).stretch()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.extra], ids=lambda kind: kind.name)
def test_a_reader_that_is_not_installed_is_one_line_with_the_command(kind, tmp_path, monkeypatch):
    path, options = written(kind.name, tmp_path, ecg(), 500.0, ["II", "V5"])
    for name in [*sys.modules]:
        if name.split(".")[0] in {"ecgdatakit", "pydicom", "pyarrow"}:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"ecgrnn.signals.formats.{kind.module}", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: find(name, *rest))
    with pytest.raises(DataError, match=r"install it with pip install 'ecgrnn\[" + kind.extra):
        read(path, **options)


@pytest.mark.parametrize("kind", ["HL7 aECG", "GE MUSE XML", "Philips XML"])
def test_xml_entities_are_not_expanded(kind, tmp_path):
    path, options = written(kind, tmp_path, ecg(), 500.0, ["II", "V5"])
    text = path.read_text()
    bomb = (
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(
            f"<!ENTITY {new} '{f'&{old};' * 10}'>" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + "]>"
    )
    head, _, rest = text.partition("\n")
    path.write_text(f"{head}\n{bomb}{rest.replace('</', '&i;</', 1)}")
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.4 ...", "a PDF, a picture"),
        (b"\x1f\x8b\x08 ...", "compressed; unpack it"),
        (b"PK\x03\x04 ...", "ZIP archive"),
        (b"\x89HDF\r\n ...", "MATLAB or HDF5"),
        (b"MATLAB 5.0 MAT-file ...", "MATLAB or HDF5"),
        (b"Dear doctor,\nplease find enclosed\n", "is not a file that can be read"),
        (b"name,label\nA00001,N\nA00002,A\n", "is not a file that can be read"),
    ],
)
def test_what_is_not_read_is_said(content, said, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        read(tmp_path / "nothing")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)


def test_options_are_checked_before_a_file_is_opened(tmp_path):
    for options, said in (
        ({"fs": -1}, "fs=-1"),
        ({"unit": "apples"}, "unit=apples"),
        ({"leads": []}, "leads"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(tmp_path / "nothing", **options)
