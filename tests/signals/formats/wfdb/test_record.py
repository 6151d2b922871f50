from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums
from ecgrnn.signals.formats.wfdb.record import Record, read_record


def write(
    folder: Path, signal: np.ndarray, *, fmt: str = "212", names=None, units="mV", gain=200.0, fs=360
) -> Path:
    """Write a (time, lead) signal in physical units through wfdb; NaN becomes the invalid sample."""
    n = signal.shape[1]
    wfdb.wrsamp(
        "rec",
        fs=fs,
        units=[units] * n,
        sig_name=list(names or (f"L{i}" for i in range(n))),
        p_signal=signal,
        fmt=[fmt] * n,
        adc_gain=[gain] * n,
        baseline=[3] * n,
        write_dir=str(folder),
    )
    return folder / "rec"


def random_signal(n_samples: int, n_leads: int, seed: int = 0) -> np.ndarray:
    digital = np.random.default_rng(seed).integers(-2000, 2000, (n_samples, n_leads))
    return (digital - 3) / 200.0


@pytest.mark.parametrize("fmt", ["212", "16", "80", "24"])
@pytest.mark.parametrize("n_leads", [1, 2, 3])
@pytest.mark.parametrize("n_samples", [100, 101])
def test_a_record_written_by_wfdb_comes_back(tmp_path, fmt, n_leads, n_samples):
    signal = random_signal(n_samples, n_leads)
    if fmt == "80":
        signal = np.clip(signal, -0.6, 0.6)
    path = write(tmp_path, signal, fmt=fmt)
    verify_checksums(path)
    record = read_record(path)
    assert record.signal.dtype == np.float32
    np.testing.assert_allclose(record.signal, signal, atol=1e-6)
    assert (record.name, record.fs_hz, record.leads) == ("rec", 360.0, tuple(f"L{i}" for i in range(n_leads)))


@pytest.mark.parametrize("fmt", ["212", "16", "24"])
@pytest.mark.parametrize("n_leads", [1, 2, 3])
def test_a_stretch_equals_that_part_of_the_whole(tmp_path, fmt, n_leads):
    path = write(tmp_path, random_signal(51, n_leads), fmt=fmt)
    whole = read_record(path).signal
    for start, stop in [(0, 1), (1, 2), (7, 30), (8, 31), (50, 51), (0, 51)]:
        np.testing.assert_array_equal(read_record(path, start=start, stop=stop).signal, whole[start:stop])
    np.testing.assert_array_equal(read_record(path, start=20).signal, whole[20:])


@pytest.mark.parametrize("fmt", ["212", "16", "24"])
def test_missing_samples_are_nan_and_counted(tmp_path, fmt):
    signal = random_signal(200, 2)
    signal[10:30, 1] = np.nan
    record = read_record(write(tmp_path, signal, fmt=fmt))
    np.testing.assert_array_equal(np.isnan(record.signal), np.isnan(signal))
    assert record.missing.tolist() == [0, 20]


def test_every_12_bit_value_is_decoded(tmp_path):
    digital = np.arange(-2048, 2048)
    signal = np.stack([digital, digital[::-1]], axis=1) / 200.0 - 3 / 200
    signal[signal < -2047.5 / 200 - 3 / 200] = np.nan
    record = read_record(write(tmp_path, signal))
    np.testing.assert_allclose(record.signal, signal, atol=1e-6)
    assert record.missing.tolist() == [1, 1]


def test_a_matlab_file_is_format_16_behind_its_header(tmp_path):
    digital = np.array([[1, -2, 300, -32768, 4]], "<i2")
    (tmp_path / "rec.mat").write_bytes(bytes(range(24)) + digital.tobytes())
    (tmp_path / "rec.hea").write_text("rec 1 300 5\nrec.mat 16+24 1000/mV 16 0 -127 0 0 ECG\n")
    verify_checksums(tmp_path / "rec")  # a checksum of 0 is none
    record = read_record(tmp_path / "rec")
    np.testing.assert_allclose(record.signal[:, 0], [0.001, -0.002, 0.3, np.nan, 0.004])


def test_leads_come_by_name_in_the_order_asked_for(tmp_path):
    path = write(tmp_path, random_signal(50, 3), names=["I", "II", "V1"])
    whole = read_record(path).signal
    record = read_record(path, leads=["V1", "I"])
    assert record.leads == ("V1", "I")
    np.testing.assert_array_equal(record.signal, whole[:, [2, 0]])
    assert read_record(path, n_leads=2).leads == ("I", "II")


def test_leads_may_lie_in_several_files(tmp_path):
    one, two = np.arange(10, dtype="<i2"), np.arange(100, 110, dtype="<i2")
    (tmp_path / "a.dat").write_bytes(one.tobytes())
    (tmp_path / "b.dat").write_bytes(two.tobytes())
    (tmp_path / "rec.hea").write_text(
        "rec 2 100 10\na.dat 16 1/mV 16 0 0 0 0 A\nb.dat 16 1/mV 16 0 0 0 0 B\n"
    )
    np.testing.assert_array_equal(read_record(tmp_path / "rec").signal, np.stack([one, two], axis=1))


@pytest.mark.parametrize(("unit", "in_mv"), [("mV", 1.0), ("uV", 1e-3), ("V", 1e3), ("nV", 1e-6)])
@pytest.mark.parametrize("fmt", ["16", "24"])
def test_voltages_become_millivolts(tmp_path, unit, in_mv, fmt):
    signal = random_signal(50, 1)
    record = read_record(write(tmp_path, signal, fmt=fmt, units=unit))
    np.testing.assert_allclose(record.signal, signal * in_mv, rtol=1e-5)


def test_an_unknown_unit_is_an_error_only_for_the_leads_that_are_read(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(40))
    (tmp_path / "rec.hea").write_text(
        "rec 2 9 10\nrec.dat 16 1/mV 16 0 0 0 0 II\nrec.dat 16 1/mmHg 16 0 0 0 0 ABP\n"
    )
    assert read_record(tmp_path / "rec", n_leads=1).leads == ("II",)
    with pytest.raises(DataError, match=r"'ABP' is in 'mmHg', expected V, mV, uV or nV; .* are: II"):
        read_record(tmp_path / "rec")


def test_a_lead_named_twice_is_refused(tmp_path):
    path = write(tmp_path, random_signal(50, 2))
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("L0", "ECG").replace("L1", "ECG"))
    with pytest.raises(DataError, match=r"leads=\[ECG,ECG\] names a lead twice; name each once"):
        read_record(path, leads=["ECG", "ECG"])


def test_the_lead_that_comes_first_is_found_before_leads_are_counted(tmp_path):
    path = write(tmp_path, random_signal(50, 3), names=["V5", "V1", "MLII"])
    assert read_record(path, n_leads=1, first_lead="MLII").leads == ("MLII",)
    assert read_record(path, n_leads=2, first_lead="MLII").leads == ("MLII", "V5")
    assert read_record(path, n_leads=2, first_lead="aVR").leads == ("V5", "V1")


def test_a_signal_file_under_another_name_is_pointed_to(tmp_path):
    path = write(tmp_path, random_signal(50, 1))
    (tmp_path / "rec.hea").rename(tmp_path / "new.hea")
    (tmp_path / "rec.dat").rename(tmp_path / "new.dat")
    with pytest.raises(
        DataError, match=r"rec\.dat, which .* is not there; new\.dat lies there: .*into new\.hea"
    ):
        read_record(path.with_name("new"))


def test_an_unknown_lead_names_those_that_are_there_and_the_nearest(tmp_path):
    path = write(tmp_path, random_signal(50, 2), names=["MLII", "V5"])
    with pytest.raises(
        DataError, match=r"no lead 'MLI'; leads that are there: MLII, V5; did you mean MLII\?"
    ):
        read_record(path, leads=["MLI"])


@pytest.mark.parametrize(("n_leads", "leads"), [(3, None), (-1, None), (None, [])])
def test_a_number_of_leads_that_the_record_has_not_is_an_error(tmp_path, n_leads, leads):
    path = write(tmp_path, random_signal(50, 2))
    with pytest.raises(DataError, match="L0, L1"):
        read_record(path, leads=leads, n_leads=n_leads)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (0, 51), (5, 5), (50, None)])
def test_a_stretch_outside_the_record_is_an_error(tmp_path, start, stop):
    path = write(tmp_path, random_signal(50, 1))
    with pytest.raises(DataError, match=r"has 50 samples, and"):
        read_record(path, start=start, stop=stop)


def test_a_header_without_its_signal_is_an_error(tmp_path):
    path = write(tmp_path, random_signal(50, 2))
    (tmp_path / "rec.dat").unlink()
    with pytest.raises(DataError, match=r"has a header but no signal: rec\.dat"):
        read_record(path)


@pytest.mark.parametrize(("fmt", "needed"), [("212", 150), ("16", 200)])
def test_a_truncated_signal_is_an_error(tmp_path, fmt, needed):
    path = write(tmp_path, random_signal(50, 2), fmt=fmt)
    file = tmp_path / "rec.dat"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(DataError, match=rf"truncated.*need {needed} bytes, the file has {needed - 2}"):
        read_record(path, stop=10)


def test_a_truncated_signal_of_another_format_is_an_error(tmp_path):
    path = write(tmp_path, random_signal(50, 2), fmt="24")
    (tmp_path / "rec.dat").write_bytes(b"\0" * 30)
    with pytest.raises(DataError, match=r"truncated.*need 300 bytes, the file has 30"):
        read_record(path)


def test_a_missing_signal_of_another_format_is_an_error(tmp_path):
    path = write(tmp_path, random_signal(50, 2), fmt="24")
    (tmp_path / "rec.dat").unlink()
    with pytest.raises(DataError, match=r"no signal: rec\.dat"):
        read_record(path)


def test_an_empty_record_is_an_error(tmp_path):
    (tmp_path / "rec.dat").write_bytes(b"")
    (tmp_path / "rec.hea").write_text("rec 1 360 0\nrec.dat 16 200 16 0 0 0 0 I\n")
    with pytest.raises(DataError, match="is empty"):
        read_record(tmp_path / "rec")


@pytest.mark.parametrize("fmt", ["212", "24"])
def test_a_wrong_checksum_is_found_where_it_is_looked_for(tmp_path, fmt):
    path = write(tmp_path, random_signal(50, 1), fmt=fmt)
    file = tmp_path / "rec.dat"
    content = bytearray(file.read_bytes())
    content[30] ^= 0x01
    file.write_bytes(content)
    read_record(path)
    with pytest.raises(DataError, match=r"damaged: lead 'L0' has the checksum \d+, its header says \d+"):
        verify_checksums(path)


def test_a_record_of_several_segments_is_joined(tmp_path):
    pieces = [random_signal(40, 2, seed) for seed in (1, 2)]
    for name, piece in zip(("s1", "s2"), pieces, strict=True):
        write(tmp_path, piece, fmt="16", names=["I", "II"])
        for suffix in ("hea", "dat"):
            text = (tmp_path / f"rec.{suffix}").read_bytes().replace(b"rec", name.encode())
            (tmp_path / f"{name}.{suffix}").write_bytes(text)
    (tmp_path / "rec.hea").write_text("rec/2 2 360 80\ns1 40\ns2 40\n")
    record = read_record(tmp_path / "rec", leads=["II", "I"])
    np.testing.assert_allclose(record.signal, np.concatenate(pieces)[:, ::-1], atol=1e-6)
    stretch = read_record(tmp_path / "rec", start=30, stop=50)
    np.testing.assert_allclose(stretch.signal, np.concatenate(pieces)[30:50], atol=1e-6)


@pytest.mark.parametrize("name", ["ECG", ""])
@pytest.mark.parametrize("fmt", ["16", "24"])
def test_leads_that_share_a_name_or_have_none_are_told_apart(tmp_path, fmt, name):
    signal = random_signal(50, 2)
    path = write(tmp_path, signal, fmt=fmt, names=["L0", "L1"])
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("L0", name).replace("L1", name))
    verify_checksums(path)
    record = read_record(path)
    assert record.leads == ((name, name) if name else ("signal 0", "signal 1"))
    np.testing.assert_allclose(record.signal, signal, atol=1e-6)


@pytest.mark.parametrize("name", ["ECG", ""])
def test_joined_segments_keep_leads_that_share_a_name_or_have_none(tmp_path, name):
    signal = random_signal(40, 2)
    write(tmp_path, signal, fmt="16", names=["L0", "L1"])
    text = (tmp_path / "rec.hea").read_text().replace("L0", name).replace("L1", name)
    for segment in ("s1", "s2"):
        (tmp_path / f"{segment}.hea").write_text(text.replace("rec", segment))
        (tmp_path / f"{segment}.dat").write_bytes((tmp_path / "rec.dat").read_bytes())
    (tmp_path / "rec.hea").write_text("rec/2 2 360 80\ns1 40\ns2 40\n")
    record = read_record(tmp_path / "rec")
    np.testing.assert_allclose(record.signal, np.concatenate([signal, signal]), atol=1e-6)


@pytest.mark.parametrize("count", ["0", ""])
def test_a_count_of_0_samples_stands_for_as_many_as_there_are(tmp_path, count):
    signal = random_signal(50, 2)
    path = write(tmp_path, signal, fmt="16")
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("rec 2 360 50", f"rec 2 360 {count}"))
    verify_checksums(path)
    np.testing.assert_allclose(read_record(path).signal, signal, atol=1e-6)


def write_segment(folder: Path, name: str, signal: np.ndarray, *, leads: list[str], fmt: str = "16") -> None:
    write(folder, signal, fmt=fmt, names=leads)
    for suffix in ("hea", "dat"):
        content = (folder / f"rec.{suffix}").read_bytes().replace(b"rec", name.encode())
        (folder / f"{name}.{suffix}").write_bytes(content)


def test_between_the_segments_of_a_record_samples_are_missing(tmp_path):
    one, two = random_signal(40, 2, 1), random_signal(30, 2, 2)
    write_segment(tmp_path, "s1", one, leads=["I", "II"], fmt="24")
    write_segment(tmp_path, "s2", two, leads=["I", "II"])
    (tmp_path / "rec.hea").write_text("rec/3 2 360 80\ns1 40\n~ 10\ns2 30\n")
    whole = np.concatenate([one, np.full((10, 2), np.nan), two])
    verify_checksums(tmp_path / "rec")
    record = read_record(tmp_path / "rec")
    np.testing.assert_allclose(record.signal, whole, atol=1e-6)
    assert record.missing.tolist() == [10, 10]
    for start, stop in ((35, 60), (42, 48), (0, 3), (79, 80)):
        stretch = read_record(tmp_path / "rec", leads=["II"], start=start, stop=stop)
        np.testing.assert_allclose(stretch.signal, whole[start:stop, 1:], atol=1e-6)


def test_where_the_layout_varies_a_lead_that_a_segment_lacks_is_missing(tmp_path):
    one, two = random_signal(40, 2, 1), random_signal(30, 2, 2)
    write_segment(tmp_path, "s1", one, leads=["II", "I"])
    write_segment(tmp_path, "s2", two, leads=["V", "II"])
    (tmp_path / "layout.hea").write_text("layout 2 360 0\n~ 0 200/mV 0 0 0 0 0 I\n~ 0 200/mV 0 0 0 0 0 II\n")
    (tmp_path / "rec.hea").write_text("rec/4 2 360 80\nlayout 0\ns1 40\n~ 10\ns2 30\n")
    wanted = np.full((80, 2), np.nan)
    wanted[:40], wanted[50:, 1] = one[:, ::-1], two[:, 1]
    np.testing.assert_allclose(read_record(tmp_path / "rec").signal, wanted, atol=1e-6)
    np.testing.assert_allclose(wfdb.rdrecord(str(tmp_path / "rec")).p_signal, wanted, atol=1e-6)


def test_a_segment_with_other_leads_than_the_first_one_is_an_error(tmp_path):
    write_segment(tmp_path, "s1", random_signal(40, 2), leads=["I", "II"])
    write_segment(tmp_path, "s2", random_signal(40, 1), leads=["I"])
    (tmp_path / "rec.hea").write_text("rec/2 2 360 80\ns1 40\ns2 40\n")
    with pytest.raises(DataError, match=r"says 2 lead\(s\), and its segment s2 has 1 lead\(s\)"):
        read_record(tmp_path / "rec")


def test_a_stretch_of_stored_differences_equals_that_part_of_the_whole(tmp_path):
    steps = np.random.default_rng(0).integers(-100, 100, (300, 2))
    (tmp_path / "rec.dat").write_bytes(steps.astype(np.int8).tobytes())
    line = "rec.dat 8 200(0)/mV 12 0 {} 0 0 {}\n"
    (tmp_path / "rec.hea").write_text("rec 2 360 300\n" + line.format(-50, "I") + line.format(70, "II"))
    whole = read_record(tmp_path / "rec").signal
    np.testing.assert_allclose(whole, (np.cumsum(steps, axis=0) + np.array([-50, 70])) / 200, atol=1e-5)
    for start, stop in ((1, 2), (100, 200), (299, 300)):
        stretch = read_record(tmp_path / "rec", start=start, stop=stop).signal
        np.testing.assert_array_equal(stretch, whole[start:stop])


def test_a_truncated_compressed_signal_is_an_error(tmp_path):
    pytest.importorskip("soundfile")
    path = write(tmp_path, random_signal(50, 2), fmt="516")
    file = path.with_suffix(".dat")
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match=r"format 516\).*cannot be read"):
        read_record(path)


def test_a_missing_segment_is_an_error(tmp_path):
    (tmp_path / "rec.hea").write_text("rec/1 1 360 80\ns1 80\n")
    with pytest.raises(DataError, match="s1 is missing"):
        read_record(tmp_path / "rec")


def test_a_record_needs_one_column_per_lead():
    with pytest.raises(DataError, match="one column per lead"):
        Record("rec", np.zeros((10, 2), np.float32), 360.0, ("I",), np.zeros(1, np.int64))


@pytest.mark.parametrize(
    ("database", "pattern"), [("mitdb", "*.hea"), ("ludb", "data/*.hea"), ("ptbxl", "records100/*/*.hea")]
)
def test_the_checksums_of_all_real_records_agree(real_database, database, pattern):
    paths = [file.with_suffix("") for file in sorted(real_database(database).glob(pattern))]
    assert len(paths) == {"mitdb": 48, "ludb": 200, "ptbxl": 500}[database]
    for path in paths:
        verify_checksums(path)


@pytest.mark.parametrize(
    ("database", "name"), [("mitdb", "207"), ("ludb", "data/50"), ("cinc2017", "A00005")]
)
def test_real_records_equal_what_wfdb_reads(real_database, database, name):
    path = real_database(database) / name
    np.testing.assert_allclose(read_record(path).signal, wfdb.rdrecord(str(path)).p_signal, atol=1e-6)


def test_the_leads_of_mitdb_that_are_not_as_elsewhere(real_database):
    folder = real_database("mitdb")
    assert read_record(folder / "114", stop=10).leads == ("V5", "MLII")
    swapped = read_record(folder / "114", leads=["MLII", "V5"], stop=10)
    np.testing.assert_array_equal(swapped.signal, read_record(folder / "114", stop=10).signal[:, ::-1])
    for name in ("102", "104"):
        with pytest.raises(DataError, match="no lead 'MLII'; leads that are there: V5, V2"):
            read_record(folder / name, leads=["MLII"])
