import warnings

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.writer import write_digital, write_signal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb


def write(folder, digital, *, fmt="212", **options):
    facts = {"fs_hz": 360.0, "leads": ["MLII", "V1", "V5"][: digital.shape[1]], "gain_per_mv": 200.0}
    write_digital(folder / "rec", digital, fmt=fmt, **{**facts, **options})
    return folder / "rec"


@pytest.mark.parametrize(("fmt", "half"), [("212", 2**11), ("16", 2**15)])
@pytest.mark.parametrize("shape", [(1, 1), (999, 1), (1000, 2), (333, 3)])
def test_every_sample_and_fact_comes_back_through_wfdb(tmp_path, fmt, half, shape):
    digital = np.random.default_rng(0).integers(-half + 1, half, shape).astype(np.int16)
    path = write(tmp_path, digital, fmt=fmt, comments=["patient: p1", "made up"])
    read = wfdb.rdrecord(str(path), physical=False)
    np.testing.assert_array_equal(read.d_signal, digital)
    n_leads = shape[1]
    assert (read.fs, read.sig_len, read.fmt) == (360, shape[0], [fmt] * n_leads)
    assert (read.sig_name, read.units) == (["MLII", "V1", "V5"][:n_leads], ["mV"] * n_leads)
    assert (read.adc_gain, read.baseline) == ([200.0] * n_leads, [0] * n_leads)
    assert read.init_value == digital[0].tolist()
    assert read.checksum == [value % 65536 for value in read.calc_checksum()]
    assert read.comments == ["patient: p1", "made up"]


def test_it_comes_back_through_our_own_reader_with_its_checksum(tmp_path):
    digital = np.random.default_rng(1).integers(-2047, 2048, (70_001, 2)).astype(np.int16)
    path = write(tmp_path, digital)
    verify_checksums(path)
    read = read_record(path)
    np.testing.assert_array_equal(read.signal, (digital / np.float32(200)).astype(np.float32))


def test_the_signal_file_is_as_wfdb_writes_it(tmp_path):
    digital = np.random.default_rng(2).integers(-2047, 2048, (500, 2)).astype(np.int16)
    write(tmp_path, digital)
    wfdb.wrsamp(
        "theirs",
        fs=360,
        units=["mV"] * 2,
        sig_name=["MLII", "V1"],
        d_signal=digital.astype(np.int64),
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    assert (tmp_path / "rec.dat").read_bytes() == (tmp_path / "theirs.dat").read_bytes()
    ours, theirs = (wfdb.rdheader(str(tmp_path / name)) for name in ("rec", "theirs"))
    assert ours.checksum == theirs.checksum
    assert ours.init_value == theirs.init_value


def test_a_sampling_frequency_that_is_no_whole_number_is_kept(tmp_path):
    path = write(tmp_path, np.zeros((10, 1), np.int16), fs_hz=257.03125)
    assert wfdb.rdheader(str(path)).fs == 257.03125


def test_nan_is_written_as_missing_and_infinity_is_refused(tmp_path):
    signal = np.array([[0.5], [np.nan], [-40.0]])
    write_signal(tmp_path / "rec", signal, fs_hz=100, leads=["I"])
    read = read_record(tmp_path / "rec")
    np.testing.assert_allclose(read.signal[:, 0], [0.5, np.nan, -32.767], rtol=1e-6)
    verify_checksums(tmp_path / "rec")
    for infinite in (np.inf, -np.inf):
        signal[1] = infinite
        with pytest.raises(DataError, match=r"expected samples in mV, got infinity; put NaN"):
            write_signal(tmp_path / "other", signal, fs_hz=100, leads=["I"])
    assert not (tmp_path / "other.hea").exists()


@pytest.mark.parametrize(
    ("name", "lead", "comment", "message"),
    [
        ("a b", "I", "", "expected a name without blanks"),
        ("a\nb", "I", "", "expected a name without blanks"),
        ("#a", "I", "", "does not begin with #"),
        ("~", "I", "", "expected a name without blanks"),
        ("rec", "I\nII", "", "lead names and comments of one line"),
        ("rec", " I", "", "neither are empty nor begin or end with a blank"),
        ("rec", "", "", "neither are empty"),
        ("rec", "I", "age: 5\nrec 9 9", "lead names and comments of one line"),
        ("rec", "I", "age: 5\rrec 9 9", "lead names and comments of one line"),
    ],
)
def test_names_that_would_break_the_header_are_refused(tmp_path, name, lead, comment, message):
    with pytest.raises(DataError, match=message):
        write_digital(
            tmp_path / name,
            np.zeros((5, 1), np.int16),
            fmt="16",
            fs_hz=100,
            leads=[lead],
            gain_per_mv=200,
            comments=[comment],
        )
    assert not list(tmp_path.iterdir())


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    with pytest.raises(DataError, match="format 212 holds -2048 to 2047, got 0 to 2048"):
        write(tmp_path, np.array([[0], [2048]], np.int16))
    with pytest.raises(DataError, match="expected samples of shape"):
        write(tmp_path, np.zeros((0, 2), np.int16))
    with pytest.raises(ConfigError, match="fmt is one of 16, 212, got '80'"):
        write(tmp_path, np.zeros((3, 2), np.int16), fmt="80")
    assert list(tmp_path.iterdir()) == []
