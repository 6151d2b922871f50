from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgrnn.errors import DataError
from ecgrnn.signals.annotations import (
    Annotations,
    beats_of,
    read_annotations,
    rhythms_of,
    waves_of,
    write_annotations,
)
from ecgrnn.signals.symbols import AAMI, BEAT_SYMBOLS, BXB, RHYTHMS

# P. de Chazal et al. 2004, without the four paced records
DS1 = [
    101,
    106,
    108,
    109,
    112,
    114,
    115,
    116,
    118,
    119,
    122,
    124,
    201,
    203,
    205,
    207,
    208,
    209,
    215,
    220,
    223,
    230,
]
DS2 = [
    100,
    103,
    105,
    111,
    113,
    117,
    121,
    123,
    200,
    202,
    210,
    212,
    213,
    214,
    219,
    221,
    222,
    228,
    231,
    232,
    233,
    234,
]


def annotations(marks, notes=None, fs_hz=360.0) -> Annotations:
    """Make annotations of (sample, symbol) pairs."""
    sample, symbol = zip(*marks, strict=True) if marks else ((), ())
    return Annotations(
        sample=np.array(sample, np.int64),
        symbol=np.array(symbol, "<U1"),
        subtype=np.zeros(len(sample), np.int64),
        aux_note=np.array(notes if notes is not None else [""] * len(sample), np.str_),
        fs_hz=fs_hz,
    )


def test_what_is_written_is_read_back_by_us_and_by_wfdb(tmp_path):
    rng = np.random.default_rng(1)
    written = Annotations(
        sample=np.cumsum(rng.integers(0, 5000, 300)),
        symbol=rng.choice(list("NLRVAF+~|(pt)"), 300),
        subtype=rng.integers(-128, 128, 300),
        aux_note=rng.choice(["", "(N", "(AFIB", "a note of odd length"], 300),
        fs_hz=360.0,
    )
    file = write_annotations(tmp_path / "rec", "ecg", written)
    assert [path.name for path in tmp_path.iterdir()] == [file.name] == ["rec.ecg"]
    read = read_annotations(tmp_path / "rec", "ecg", fs_hz=360.0)
    theirs = wfdb.rdann(str(tmp_path / "rec"), "ecg")
    np.testing.assert_array_equal(read.sample, written.sample)
    np.testing.assert_array_equal(theirs.sample, written.sample)
    assert read.symbol.tolist() == theirs.symbol == written.symbol.tolist()
    np.testing.assert_array_equal(read.subtype, written.subtype)
    assert read.aux_note.tolist() == written.aux_note.tolist()
    assert read.sample.dtype == read.subtype.dtype == np.int64


def test_no_annotations_at_all_are_written_and_read(tmp_path):
    write_annotations(tmp_path / "rec", "ecg", annotations([]))
    read = read_annotations(tmp_path / "rec", "ecg", fs_hz=360.0)
    assert len(read.sample) == len(beats_of(read, AAMI).sample) == len(rhythms_of(read, 10).start) == 0
    assert len(waves_of(read).peak) == 0


def test_an_older_file_is_replaced(tmp_path):
    write_annotations(tmp_path / "rec", "ecg", annotations([(5, "N"), (9, "V")]))
    write_annotations(tmp_path / "rec", "ecg", annotations([(7, "V")]))
    assert read_annotations(tmp_path / "rec", "ecg", fs_hz=360.0).sample.tolist() == [7]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (annotations([(-5, "N")]), "from sample 0 on in the order of time"),
        (annotations([(5, "N"), (3, "N")]), "from sample 0 on in the order of time"),
        (annotations([(5, "&")]), "no code for .'&'"),
        (annotations([(5, "N")], ["x" * 256]), "notes of up to 255 characters"),
        (annotations([(5, "N")], ["心"]), "characters of Latin-1"),
        (replace(annotations([(5, "N")]), subtype=np.array([128])), "subtypes of -128 to 127"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        write_annotations(tmp_path / "rec", "ecg", wrong)
    assert not list(tmp_path.iterdir())


def test_a_folder_where_the_file_should_be_is_an_error(tmp_path):
    (tmp_path / "rec.ecg").mkdir()
    with pytest.raises(DataError, match=r"rec\.ecg cannot be written"):
        write_annotations(tmp_path / "rec", "ecg", annotations([(5, "N")]))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("gap", [1022, 1023, 1024, 65_535, 65_536, 2**31 - 1])
def test_gaps_of_any_length_come_back(tmp_path, gap):
    write_annotations(tmp_path / "rec", "ecg", annotations([(0, "N"), (gap, "V")]))
    assert wfdb.rdann(str(tmp_path / "rec"), "ecg").sample.tolist() == [0, gap]
    assert read_annotations(tmp_path / "rec", "ecg", fs_hz=360.0).sample.tolist() == [0, gap]


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_annotations(tmp_path / "nowhere" / "rec", "ecg", annotations([(5, "N")]))


@pytest.mark.parametrize("annotator", ["../atr", "", "a/b", "a.b"])
def test_an_annotator_that_is_none_is_refused(tmp_path, annotator):
    with pytest.raises(DataError, match="is not the name of an annotator"):
        read_annotations(tmp_path / "rec", annotator, fs_hz=360.0)


def test_a_missing_file_names_the_annotators_that_are_there(tmp_path):
    for suffix in ("hea", "dat", "atr", "qrs"):
        (tmp_path / f"rec.{suffix}").touch()
    (tmp_path / "rec2.other").touch()
    with pytest.raises(DataError, match=r"rec\.ecg is missing\); annotators that are there: atr, qrs"):
        read_annotations(tmp_path / "rec", "ecg", fs_hz=360.0)


def test_the_symbol_that_would_end_a_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no code for \[' '\]"):
        write_annotations(tmp_path / "rec", "atr", annotations([(5, "N"), (99, " "), (100, "V")]))
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_record_of_frames_says_what_it_counts(tmp_path):
    marks = annotations([(5, "N"), (399, "V")], fs_hz=400.0)
    write_annotations(tmp_path / "rec", "ecg", marks, frame_hz=100.0)
    for frame_hz in (None, 100.0):
        read = read_annotations(tmp_path / "rec", "ecg", fs_hz=400.0, frame_hz=frame_hz)
        assert read.sample.tolist() == [5, 399]
    theirs = wfdb.rdann(str(tmp_path / "rec"), "ecg")
    assert (theirs.fs, theirs.sample.tolist(), theirs.symbol) == (400, [5, 399], ["N", "V"])


def test_a_file_that_does_not_say_what_it_counts_counts_frames(tmp_path):
    write_annotations(tmp_path / "rec", "atr", annotations([(5, "N"), (99, "V")]))
    read = read_annotations(tmp_path / "rec", "atr", fs_hz=400.0, frame_hz=100.0)
    assert (read.sample.tolist(), read.fs_hz) == ([20, 396], 400.0)


def word(code: int, number: int) -> bytes:
    return (code << 10 | number).to_bytes(2, "little")


def skip(interval: int) -> bytes:
    value = interval & 0xFFFFFFFF
    return word(59, 0) + (value >> 16).to_bytes(2, "little") + (value & 0xFFFF).to_bytes(2, "little")


def write_words(folder: Path, *words: bytes) -> Path:
    (folder / "rec.atr").write_bytes(b"".join(words) + b"\0\0")
    return folder / "rec"


def test_every_kind_of_word_is_understood(tmp_path):
    path = write_words(
        tmp_path,
        word(1, 10),
        word(61, 3),  # subtype of the first beat
        word(62, 1),  # channel
        word(60, 2),  # num
        skip(100_000),
        skip(-5),
        word(28, 7),
        word(63, 3) + b"(N\0\0",
        word(5, 1023),
        word(61, 0x3FF),  # -1 in its lower 8 bits
        word(63, 2) + b"\0\xec",  # a text with the bytes of a SKIP
        word(0, 1000),  # time without an annotation
        word(8, 1),
    )
    read = read_annotations(path, "atr", fs_hz=360.0)
    assert read.sample.tolist() == [10, 100_012, 101_035, 102_036]
    assert read.symbol.tolist() == ["N", "+", "V", "A"]
    assert read.subtype.tolist() == [3, 0, -1, 0]
    assert read.aux_note.tolist() == ["", "(N", "\0ì", ""]


@pytest.mark.parametrize("interval", [-20, -11])
def test_an_annotation_before_the_record_begins_is_an_error(tmp_path, interval):
    path = write_words(tmp_path, skip(interval), word(1, 10))
    with pytest.raises(DataError, match=f"begins at sample {interval + 10}"):
        read_annotations(path, "atr", fs_hz=360.0)


def test_annotations_that_are_not_in_order_are_an_error(tmp_path):
    path = write_words(tmp_path, word(1, 10), word(1, 10), skip(-6), word(1, 0))
    with pytest.raises(DataError, match="annotation 1 lies at sample 20, the next at 14"):
        read_annotations(path, "atr", fs_hz=360.0)


@pytest.mark.parametrize(
    "content", [b"", b"\x01", word(1, 10), word(1, 10) + skip(5)[:4], word(63, 200) + b"(N" + b"\0\0"]
)
def test_a_file_that_is_cut_short_is_an_error(tmp_path, content):
    (tmp_path / "rec.atr").write_bytes(content)
    with pytest.raises(DataError, match=r"rec\.atr"):
        read_annotations(tmp_path / "rec", "atr", fs_hz=360.0)


def test_a_code_without_a_symbol_is_an_error(tmp_path):
    with pytest.raises(DataError, match="code 17, which has no symbol"):
        read_annotations(write_words(tmp_path, word(17, 10)), "atr", fs_hz=360.0)


def test_codes_that_are_free_to_use_are_kept_under_a_name_that_no_scheme_knows(tmp_path):
    path = write_words(tmp_path, word(1, 10), word(42, 10), word(49, 5), word(5, 5))
    read = read_annotations(path, "atr", fs_hz=360.0)
    assert read.symbol.tolist() == ["N", "[42]", "[49]", "V"]
    assert beats_of(read, AAMI).sample.tolist() == [10, 30]


@pytest.mark.parametrize("early", [word(61, 1), word(63, 2) + b"ab"])
@pytest.mark.parametrize("after", [b"", word(1, 10) + word(5, 10)])
def test_a_subtype_or_a_note_of_no_annotation_is_an_error(tmp_path, early, after):
    with pytest.raises(DataError, match=r"rec\.atr is damaged: expected an annotation before its first"):
        read_annotations(write_words(tmp_path, early, after), "atr", fs_hz=360.0)


def note(text: bytes) -> bytes:
    return word(22, 0) + word(63, len(text)) + text + b"\0" * (len(text) % 2)


def test_a_file_may_state_its_time_resolution_and_codes_of_its_own(tmp_path):
    described = (
        note(b"## time resolution: 360"),
        note(b"## annotation type definitions"),
        note(b"42 Z a symbol of its own"),
        note(b"## end of definitions"),
    )
    path = write_words(tmp_path, *described, word(42, 10))
    read = read_annotations(path, "atr", fs_hz=360.0)
    assert (read.sample.tolist(), read.symbol.tolist()) == ([10], ["Z"])
    with pytest.raises(DataError, match="counts at 360 Hz, its record is sampled at 250 Hz"):
        read_annotations(path, "atr", fs_hz=250.0)


def test_a_note_at_the_first_sample_is_kept(tmp_path):
    read = read_annotations(write_words(tmp_path, note(b"hello"), word(1, 9)), "atr", fs_hz=360.0)
    assert read.symbol.tolist() == ['"', "N"]
    assert read.aux_note.tolist() == ["hello", ""]


def test_annotations_of_unequal_length_are_refused():
    with pytest.raises(DataError, match="as many"):
        Annotations(np.zeros(2, np.int64), np.array(["N"]), np.zeros(2, np.int64), np.array(["", ""]), 360.0)


def test_beats_are_what_the_scheme_has_a_class_for():
    beats = beats_of(annotations([(1, "+"), (5, "N"), (9, "e"), (12, "~"), (20, "V"), (30, "/")]), AAMI)
    assert beats.sample.tolist() == [5, 9, 20, 30]
    assert beats.symbol.tolist() == ["N", "e", "V", "/"]
    assert beats.label.tolist() == [0, 0, 2, 4]
    assert beats.label.dtype == np.int8
    assert beats_of(annotations([(9, "e")]), BXB).label.tolist() == [1]


def test_rhythms_last_to_the_next_change_or_to_the_end():
    marks = [(18, "+"), (40, "N"), (100, "+"), (150, "+"), (200, "+"), (300, '"')]
    rhythms = rhythms_of(annotations(marks, ["(N", "", "(AFIB", "(AFIB", "(N", "(VT"]), 1000)
    assert rhythms.start.tolist() == [18, 100, 200]
    assert rhythms.stop.tolist() == [100, 200, 1000]
    assert rhythms.name.tolist() == ["N", "AFIB", "N"]


def test_waves_without_an_onset_or_an_offset_say_so():
    marks = [(1, "("), (3, "p"), (5, ")"), (7, "N"), (9, ")"), (11, "("), (13, "t"), (15, "("), (17, "V")]
    waves = waves_of(annotations(marks))
    assert waves.kind.tolist() == ["P", "QRS", "T", "QRS"]
    assert waves.onset.tolist() == [1, -1, 11, 15]
    assert waves.peak.tolist() == [3, 7, 13, 17]
    assert waves.offset.tolist() == [5, 9, -1, -1]


def mitdb_annotations(folder: Path, name: str) -> Annotations:
    return read_annotations(folder / name, "atr", fs_hz=360.0)


@pytest.mark.parametrize(
    ("names", "counts"), [(DS1, [45_866, 944, 3_788, 415, 8]), (DS2, [44_259, 1_837, 3_221, 388, 7])]
)
def test_the_class_counts_of_mitdb_are_those_of_the_literature(real_database, names, counts):
    labels = [beats_of(mitdb_annotations(real_database("mitdb"), str(name)), AAMI).label for name in names]
    assert np.bincount(np.concatenate(labels)).tolist() == counts


def test_mitdb_has_109494_beats_and_only_known_rhythms(real_database):
    folder = real_database("mitdb")
    beats, rhythms = 0, Counter()
    for file in folder.glob("*.atr"):
        marked = mitdb_annotations(folder, file.stem)
        beats += int(np.isin(marked.symbol, list(BEAT_SYMBOLS)).sum())
        found = rhythms_of(marked, 650_000)
        assert (found.stop > found.start).all()
        rhythms.update(found.name.tolist())
    assert beats == 109_494
    assert set(rhythms) <= set(RHYTHMS)
    assert rhythms["AFIB"] == 107


def test_the_waves_of_ludb_are_in_order_and_nearly_all_complete(real_database):
    waves, without_onset, without_offset = Counter(), Counter(), Counter()
    for record in range(1, 201):
        path = real_database("ludb") / "data" / str(record)
        found = waves_of(read_annotations(path, "v2", fs_hz=500.0))
        assert (found.onset < found.peak).all()
        assert ((found.peak < found.offset) | (found.offset < 0)).all()
        waves.update(found.kind.tolist())
        without_onset.update(found.kind[found.onset < 0].tolist())
        without_offset.update(found.kind[found.offset < 0].tolist())
    assert waves == {"P": 1397, "QRS": 1830, "T": 1620}
    assert without_onset == {"P": 1, "QRS": 13, "T": 3}
    assert without_offset == {"P": 1, "QRS": 5, "T": 3}


@pytest.mark.parametrize(
    ("database", "pattern", "files"), [("mitdb", "*.atr", 48), ("ludb", "data/*7.[ivaf]*", 240)]
)
def test_real_annotations_equal_what_wfdb_reads(real_database, database, pattern, files):
    there = sorted(real_database(database).glob(pattern))
    assert len(there) == files
    for file in there[:: 8 if database == "mitdb" else 10]:
        ours = read_annotations(file.with_suffix(""), file.suffix[1:], fs_hz=360.0)
        theirs = wfdb.rdann(str(file.with_suffix("")), file.suffix[1:])
        np.testing.assert_array_equal(ours.sample, theirs.sample)
        np.testing.assert_array_equal(ours.subtype, theirs.subtype)
        assert ours.symbol.tolist() == theirs.symbol
        assert ours.aux_note.tolist() == [text.rstrip("\0") for text in theirs.aux_note]
