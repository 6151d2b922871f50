from pathlib import Path

import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.header import read_header, record_files

HEADER = """rec 2 360 1000
rec.dat 212 200(5)/uV 11 1024 995 -22131 0 MLII
rec.dat 212 0 11 1024 1011 20052 0 lead of two words
# 69 M
"""


def header_of(folder: Path, text: str, name: str = "rec"):
    (folder / f"{name}.hea").write_text(text)
    return read_header(folder / name)


def test_every_field_of_a_header_is_read(tmp_path):
    header = header_of(tmp_path, HEADER)
    assert (header.name, header.fs_hz, header.n_samples) == ("rec", 360.0, 1000)
    assert header.leads == ("MLII", "lead of two words")
    assert header.units == ("uV", "mV")
    assert header.gains == (200.0, 200.0)  # a gain of 0 means 200
    assert header.baselines == (5, 1024)  # where none is given it is the ADC zero
    assert header.checksums == (-22131, 20052)
    assert header.initial_values == (995, 1011)
    assert header.comments == ("69 M",)


def test_defaults_of_a_short_header(tmp_path):
    header = header_of(tmp_path, "rec 1 128/1000(0) 500\nrec.mat 16x1:0+24\n")
    assert (header.fs_hz, header.leads, header.units) == (128.0, ("signal 0",), ("mV",))
    assert (header.gains, header.baselines, header.checksums) == ((200.0,), (0,), (None,))
    assert header.byte_offsets == (24,)


def test_a_sample_count_that_is_not_given_comes_from_the_file(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(3 * 50))
    assert header_of(tmp_path, "rec 2 250\nrec.dat 212\nrec.dat 212\n").n_samples == 50


def test_a_sample_count_of_0_is_one_that_is_not_given(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(24 + 2 * 2 * 50))
    assert header_of(tmp_path, "rec 2 250 0\nrec.dat 16+24\nrec.dat 16+24\n").n_samples == 50
    with pytest.raises(DataError, match="does not say how many samples"):
        header_of(tmp_path, "rec 1 250 0\nrec.dat 80\n")
    (tmp_path / "rec.dat").write_bytes(b"")
    assert header_of(tmp_path, "rec 1 250 0\nrec.dat 80\n").n_samples == 0


def test_the_layout_of_a_record_of_segments_has_no_samples_of_its_own(tmp_path):
    (tmp_path / "layout.hea").write_text("layout 1 250 0\n~ 0 200/mV 0 0 0 0 0 II\n")
    (tmp_path / "one.hea").write_text("one 1 250 40\none.dat 16 200/mV 16 0 0 0 0 II\n")
    header = header_of(tmp_path, "rec/2 1 250 0\nlayout 0\none 40\n")
    assert (header.leads, header.n_samples) == (("II",), 40)


def test_the_samples_of_segments_are_summed_and_may_not_be_fewer_than_the_record_says(tmp_path):
    (tmp_path / "one.hea").write_text("one 1 250 40\none.dat 16 200/mV 16 0 0 0 0 II\n")
    assert header_of(tmp_path, "rec/2 1 250\none 40\n~ 20\n").n_samples == 60
    with pytest.raises(DataError, match=r"says 100 samples, and its segments have 60 together"):
        header_of(tmp_path, "rec/2 1 250 100\none 40\n~ 20\n")


def test_the_files_of_a_record_of_segments_are_those_of_every_segment(tmp_path):
    (tmp_path / "layout.hea").write_text("layout 1 250 0\n~ 0 200/mV 0 0 0 0 0 II\n")
    for name in ("one", "two"):
        (tmp_path / f"{name}.hea").write_text(f"{name} 1 250 40\n{name}.dat 16 200/mV 16 0 0 0 0 II\n")
    (tmp_path / "rec.hea").write_text("rec/5 1 250 130\nlayout 0\none 40\n~ 10\ntwo 40\none 40\n")
    files = ["rec.hea", "layout.hea", "one.hea", "two.hea", "one.dat", "two.dat"]
    assert record_files(tmp_path / "rec") == [tmp_path / name for name in files]
    assert record_files(tmp_path / "one") == [tmp_path / "one.hea", tmp_path / "one.dat"]


@pytest.mark.parametrize("file", ["../rec.dat", "/etc/passwd", "a/../../b.dat", "..\\rec.dat", "C:rec.dat"])
def test_a_signal_file_outside_the_folder_is_refused(tmp_path, file):
    with pytest.raises(DataError, match="outside its own folder"):
        header_of(tmp_path, f"rec 1 360 10\n{file} 16 200\n")


def test_a_segment_outside_the_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="outside its own folder"):
        header_of(tmp_path, "rec/1 1 360 10\n../secret 10\n")


def test_a_segment_that_has_segments_is_refused(tmp_path):
    with pytest.raises(DataError, match="segment that has segments itself"):
        header_of(tmp_path, "rec/1 1 360 10\nrec 10\n")  # itself, even


def test_a_record_of_nothing_but_gaps_is_refused(tmp_path):
    with pytest.raises(DataError, match="gaps alone"):
        header_of(tmp_path, "rec/1 1 360 10\n~ 10\n")


@pytest.mark.parametrize(
    "text",
    [
        "rec\n",
        "rec two 360 10\n",
        "rec 1 fast 10\nrec.dat 16\n",
        "rec 1 -360 10\nrec.dat 16\n",
        "rec 1 nan 10\nrec.dat 16\n",
        "rec 1 360 -10\nrec.dat 16\n",
        "rec 1 360 10\nrec.dat sixteen\n",
        "rec 1 360 10\nrec.dat 16 many\n",
        "rec 1 360 10\nrec.dat 16 200 x y z\n",
        "rec/1 1 360 10\nseg ten\n",
    ],
)
def test_a_header_that_cannot_be_parsed_names_the_file_and_the_line(tmp_path, text):
    with pytest.raises(DataError, match=r"rec\.hea cannot be parsed: expected .*, got"):
        header_of(tmp_path, text)


def test_an_empty_header_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"rec\.hea is empty"):
        header_of(tmp_path, "# nothing but a comment\n")


def test_a_header_that_is_cut_short_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected 2 leads, it has 1"):
        header_of(tmp_path, "\n".join(HEADER.splitlines()[:2]))


def test_a_header_without_leads_is_refused(tmp_path):
    with pytest.raises(DataError, match="without leads"):
        header_of(tmp_path, "rec 0 360 10\n")


def test_a_missing_record_names_the_nearest_one_that_is_there(tmp_path):
    for name in ("100", "101", "patient7"):
        (tmp_path / f"{name}.hea").write_text(HEADER)
    with pytest.raises(DataError, match="records that are there: 100, 101, patient7; did you mean patient7"):
        read_header(tmp_path / "patient")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_header(tmp_path / "nowhere" / "100")


def test_a_path_with_a_suffix_is_told_from_a_record(tmp_path):
    (tmp_path / "rec.hea").write_text(HEADER)
    with pytest.raises(DataError, match="give the record without a suffix"):
        read_header(tmp_path / "rec.dat")


@pytest.mark.parametrize(("database", "pattern"), [("mitdb", "*.hea"), ("ludb", "data/1*.hea")])
def test_headers_equal_those_that_wfdb_reads(real_database, database, pattern):
    import wfdb

    for file in sorted(real_database(database).glob(pattern))[:50]:
        ours, theirs = read_header(file.with_suffix("")), wfdb.rdheader(str(file.with_suffix("")))
        assert (ours.name, ours.fs_hz, ours.n_samples) == (theirs.record_name, theirs.fs, theirs.sig_len)
        assert list(ours.leads) == theirs.sig_name
        assert list(ours.units) == theirs.units
        assert list(ours.gains) == theirs.adc_gain
        assert list(ours.baselines) == theirs.baseline
        assert list(ours.checksums) == theirs.checksum
        assert list(ours.initial_values) == theirs.init_value
        assert list(ours.comments) == theirs.comments
