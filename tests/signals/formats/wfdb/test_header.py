from pathlib import Path

import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.header import read_header, record_files

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
    assert tuple(lead.gain for lead in header.stored) == (200.0, 200.0)  # a gain of 0 means 200
    assert tuple(lead.baseline for lead in header.stored) == (
        5,
        1024,
    )  # where none is given it is the ADC zero
    assert tuple(lead.checksum for lead in header.stored) == (-22131, 20052)
    assert tuple(lead.initial_value for lead in header.stored) == (995, 1011)
    assert header.comments == ("69 M",)


def test_defaults_of_a_short_header(tmp_path):
    header = header_of(tmp_path, "rec 1 128/1000(0) 500\nrec.mat 16x1:0+24\n")
    assert (header.fs_hz, header.leads, header.units) == (128.0, ("signal 0",), ("mV",))
    lead = header.stored[0]
    assert (lead.gain, lead.baseline, lead.checksum) == (200.0, 0, None)
    assert tuple(lead.byte_offset for lead in header.stored) == (24,)


def test_a_sample_count_that_is_not_given_comes_from_the_file(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(3 * 50))
    assert header_of(tmp_path, "rec 2 250\nrec.dat 212\nrec.dat 212\n").n_samples == 50


def test_a_sample_count_of_0_is_one_that_is_not_given(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(24 + 2 * 2 * 50))
    assert header_of(tmp_path, "rec 2 250 0\nrec.dat 16+24\nrec.dat 16+24\n").n_samples == 50
    assert header_of(tmp_path, "rec 1 250 0\nrec.dat 80\n").n_samples == 224
    with pytest.raises(DataError, match="does not say how many samples"):
        header_of(tmp_path, "rec 1 250 0\n~ 0\n")
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


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "cp1252"])
def test_a_header_is_read_in_utf_8_and_in_latin_1(tmp_path, encoding):
    text = "rec 1 360 10\nrec.dat 16 1(0)/µV 16 0 0 0 0 Ableitung ü\n# Patient: Müller\n"
    (tmp_path / "rec.hea").write_bytes(text.encode(encoding))
    header = read_header(tmp_path / "rec")
    assert (header.units, header.leads, header.comments) == (("µV",), ("Ableitung ü",), ("Patient: Müller",))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_header_in_another_encoding_is_refused_and_the_encoding_named(tmp_path, encoding):
    (tmp_path / "rec.hea").write_bytes(HEADER.encode(encoding))
    name = "UTF-32" if encoding == "utf-32" else "UTF-16"
    with pytest.raises(
        DataError, match=rf"rec\.hea is encoded in {name}; expected UTF-8 .*: save it as UTF-8"
    ):
        read_header(tmp_path / "rec")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("one 1 200 40", r"rec\.hea says 100 Hz, and its segment one has 200 Hz"),
        ("one 1 100 30", r"says 40 samples, and its segment one has 30 samples"),
        ("one 2 100 40", r"says 1 lead\(s\), and its segment one has 2 lead\(s\)"),
    ],
)
def test_a_segment_that_does_not_agree_with_its_record_is_refused(tmp_path, part, message):
    (tmp_path / "one.hea").write_text(f"{part}\n" + "one.dat 16 200/mV 16 0 0 0 0 II\n" * 2)
    with pytest.raises(DataError, match=message):
        header_of(tmp_path, "rec/2 1 100\n~ 20\none 40\n")


def test_a_segment_without_a_frequency_has_that_of_its_record(tmp_path):
    (tmp_path / "one.hea").write_text("one 1\none.dat 16 200/mV 16 0 0 0 0 II\n")
    assert header_of(tmp_path, "rec/1 1 100\none 40\n").fs_hz == 100


@pytest.mark.parametrize("record", ["ecg.edf", "ecg", "ECG.EDF"])
def test_an_edf_file_is_told_how_to_convert_it(tmp_path, record):
    (tmp_path / ("ECG.EDF" if record.isupper() else "ecg.edf")).write_bytes(b"0       ")
    with pytest.raises(
        DataError, match=r"(?i)ecg\.edf is an EDF file; expected a WFDB record .* convert record="
    ):
        read_header(tmp_path / record)


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
    with pytest.raises(DataError, match="only gaps"):
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
        assert [lead.gain for lead in ours.stored] == theirs.adc_gain
        assert [lead.baseline for lead in ours.stored] == theirs.baseline
        assert [lead.checksum for lead in ours.stored] == theirs.checksum
        assert [lead.initial_value for lead in ours.stored] == theirs.init_value
        assert list(ours.comments) == theirs.comments
