import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.annotations import Annotations, beats_of, read_annotations, write_annotations
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.reference import merge_beats, read_reference, reference_notes
from ecgrnn.signals.symbols import AAMI


def annotations(marks, fs_hz=360.0) -> Annotations:
    """Make annotations of (sample, symbol) pairs."""
    sample, symbol = zip(*marks, strict=True)
    n = len(sample)
    return Annotations(np.array(sample), np.array(symbol, "<U1"), np.arange(n), np.full(n, "", "<U9"), fs_hz)


def pairs(marks: Annotations) -> list[tuple[int, str]]:
    return list(zip(marks.sample.tolist(), marks.symbol.tolist(), strict=True))


@pytest.mark.parametrize(
    ("marks", "kept"),
    [
        ([(100, "N"), (100, "N"), (400, "V")], [(100, "N"), (400, "V")]),
        ([(100, "N"), (103, "N"), (400, "N")], [(100, "N"), (400, "N")]),
        ([(100, "N"), (103, "V")], [(103, "V")]),  # an expert who marked an ectopic beat beside a detector's
        ([(100, "V"), (103, "N")], [(100, "V")]),
        ([(100, "V"), (103, "S")], [(100, "V")]),  # of two kinds of ectopic beats the first
        ([(100, "Q"), (103, "N")], [(103, "N")]),
        ([(100, "N"), (103, "Q")], [(100, "N")]),
        ([(100, "N"), (100, "N"), (100, "A")], [(100, "A")]),
        ([(100, "N"), (171, "N"), (172, "N")], [(100, "N"), (172, "N")]),  # 0.2 s are 72 samples
        ([(100, "N"), (172, "N"), (244, "N")], [(100, "N"), (172, "N"), (244, "N")]),
        # What is no beat stays where it is, at one place with a beat or with others.
        ([(100, "+"), (100, "N"), (100, "N"), (100, "+")], [(100, "+"), (100, "N"), (100, "+")]),
        ([(98, "("), (100, "N"), (102, ")"), (102, "~")], [(98, "("), (100, "N"), (102, ")"), (102, "~")]),
        ([(100, "!"), (110, "!"), (120, "x")], [(100, "!"), (110, "!"), (120, "x")]),
    ],
)
def test_beats_closer_than_the_refractory_period_are_one(marks, kept):
    given = annotations(marks)
    merged = merge_beats(given)
    assert pairs(merged) == kept
    assert set(zip(merged.sample, merged.subtype, strict=True)) <= set(
        zip(given.sample, given.subtype, strict=True)
    )
    assert pairs(merge_beats(merged)) == kept


def test_merging_leaves_no_two_beats_too_close():
    rng = np.random.default_rng(0)
    sample = np.sort(rng.integers(0, 100_000, 3000))
    given = annotations([(at, rng.choice(list("NVQAF+~"))) for at in sample.tolist()], fs_hz=250.0)
    merged = merge_beats(given)
    beats = beats_of(merged, AAMI).sample
    assert (np.diff(beats) >= 50).all()
    others = [pair for pair in pairs(given) if pair[1] in "+~"]
    assert [pair for pair in pairs(merged) if pair[1] in "+~"] == others


@pytest.mark.parametrize("late", [[1000], [1000, 1005], [1400, 1500]])
def test_a_few_annotations_past_the_end_are_left_out_and_counted(tmp_path, late):
    early = [(at, "N") for at in range(0, 1000, 10)]
    write_annotations(tmp_path / "rec", "atr", annotations([*early, *((at, "N") for at in late)], fs_hz=10.0))
    wanted = {1000: 1, 1005: 2}
    if max(late) > 1050:
        with pytest.raises(DataError, match=r"rec\.atr: 2 of 102 annotations lie outside .* belong together"):
            read_reference(tmp_path / "rec", "atr", fs_hz=10.0, n_samples=1000)
        return
    reference = read_reference(tmp_path / "rec", "atr", fs_hz=10.0, n_samples=1000)
    assert (reference.outside, reference.merged) == (wanted[late[-1]], 0)
    assert pairs(reference.annotations) == early


def test_annotations_of_a_longer_record_are_refused(tmp_path):
    marks = annotations([(at, "N") for at in range(0, 2000, 100)], fs_hz=360.0)
    write_annotations(tmp_path / "rec", "atr", marks)
    with pytest.raises(
        DataError, match=r"4 of 20 annotations lie outside .* 1600 samples, the furthest at sample 1900"
    ):
        read_reference(tmp_path / "rec", "atr", fs_hz=360.0, n_samples=1600)


def test_the_only_annotation_too_many_of_a_short_strip_is_left_out(tmp_path):
    write_annotations(tmp_path / "rec", "atr", annotations([(50, "N"), (400, "N"), (720, "N")]))
    reference = read_reference(tmp_path / "rec", "atr", fs_hz=360.0, n_samples=720)
    assert (pairs(reference.annotations), reference.outside) == ([(50, "N"), (400, "N")], 1)


def test_numbers_are_said_in_plain_words():
    assert reference_notes(0, 0) == []
    assert reference_notes(1, 1) == [
        "1 beat closer than 0.2 s to another one merged with it",
        "1 annotation outside the record left out",
    ]


@pytest.mark.parametrize(("database", "pattern"), [("mitdb", "*.atr"), ("ludb", "data/*.ii")])
def test_nothing_is_merged_or_left_out_of_databases_that_are_right(real_database, database, pattern):
    for file in sorted(real_database(database).glob(pattern)):
        header = read_header(file.with_suffix(""))
        found = read_reference(
            file.with_suffix(""), file.suffix[1:], fs_hz=header.fs_hz, n_samples=header.n_samples
        )
        assert (found.merged, found.outside) == (0, 0)
        raw = read_annotations(file.with_suffix(""), file.suffix[1:], fs_hz=header.fs_hz)
        np.testing.assert_array_equal(found.annotations.sample, raw.sample)
