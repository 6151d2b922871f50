"""Corrections by a person: the file of the page, an edited annotation file, in Python and by ``predict``."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.errors import ConfigError, DataError
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.corrections.reading import COLUMNS
from ecgrnn.signals.annotations import Annotations, read_annotations, write_annotations
from ecgrnn.signals.formats import read

_OF_EACH = ("sample", "symbol", "subtype", "aux_note")
AT = "2026-11-28T10:21:33Z"


@pytest.fixture(scope="module")
def recording(small_database):
    return read(small_database / "s003")


@pytest.fixture(scope="module")
def result(recording):
    return annotate(recording, models="beats")


@pytest.fixture
def saved(result, tmp_path):
    """Write answers as the page does; ``changes`` replaces values of the first row."""

    def save(answers, **changes):
        families, rows = result.beat_families, []
        for kind, one, answer in answers:
            sample = families.columns["middle"][one] if kind == "family" else result.beats["sample"][one]
            family = one if kind == "family" else families.of_beat[one]
            rows.append(["s003", families.positions, kind, family, sample, answer, "A. Reader", AT])
        for name, value in changes.items():
            rows[0][COLUMNS.index(name)] = value
        file = tmp_path / "corrections.csv"
        with file.open("w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
        return file

    return save


def test_answers_set_families_and_beats_and_the_last_one_counts(result, saved):
    families = result.beat_families
    mine = np.flatnonzero(families.of_beat == 1)
    answers = [("family", 0, "V"), ("family", 0, "S"), ("family", 1, "F"), ("beat", mine[0], "Q")]
    found = result.correct(saved(answers))
    classes = found.beats["class"].to_numpy()
    assert set(classes[families.of_beat == 0]) == {"S"}
    assert set(classes[mine[1:]]) == {"F"}
    assert classes[mine[0]] == "Q"
    source = found.beats["source"].to_numpy()
    assert set(source[families.of_beat == 0]) == {"family"}
    assert source[mine[0]] == "beat"
    rest = ~np.isin(families.of_beat, [0, 1])
    assert set(source[rest]) <= {"network", "followed"}
    changed = classes != result.beats["class"].to_numpy()
    assert ((source == "followed") == (changed & rest)).all()
    np.testing.assert_allclose(found.beats.filter(like="p_").sum(axis=1), 1, atol=1e-6)
    told = found.corrected
    assert (told.by, told.at, told.n_answers) == ("A. Reader", AT, 3)
    assert told.n_seen == int((~rest).sum())
    assert told.n_followed == int((source == "followed").sum())
    asked = found.families.set_index("family")
    assert asked["gain"][[0, 1]].tolist() == [0, 0]
    assert (np.diff(found.families["gain"]) <= 1e-6).all()
    assert asked["n"].sort_index().tolist() == result.families["n"].tolist()
    middle = found.beats["sample"][found.beat_families.nearest[0][0]]
    assert middle == found.families["middle"][0]
    assert found.beat_families.positions == families.positions
    assert "source" not in result.beats  # the first result stays as it was


def test_noise_is_no_beat_any_more_and_mixed_changes_nothing(result, saved, tmp_path):
    families = result.beat_families
    found = result.correct(saved([("family", 0, "noise"), ("family", 1, "mixed")]))
    gone = result.beats["sample"][families.of_beat == 0].tolist()
    assert not set(gone) & set(found.beats["sample"])
    assert len(found.beats) == len(result.beats) - len(gone)
    assert set(found.beats["source"]) == {"network"}
    (file,) = found.to_wfdb(tmp_path / "out")
    marks = read_annotations(file.with_suffix(""), "ecg", fs_hz=360.0)
    assert marks.sample[marks.symbol == "|"].tolist() == gone
    assert marks.symbol[0] == '"'
    assert "A. Reader" in marks.aux_note[0]
    kept = found.beat_families
    row = {int(family): row for row, family in enumerate(kept.columns["family"])}
    assert (kept.of_beat[kept.nearest[row[1]]] == 1).all()
    assert found.beats["sample"][kept.nearest[row[1]][0]] == kept.columns["middle"][row[1]]
    assert not len(kept.members[row[0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"record": "s004"}, "line 2: these corrections are of record 's004', and this is s003"),
        ({"positions": "0123456789abcdef"}, "about other beats of s003"),
        ({"sample": 5}, "no family 0 with its middle at 5"),
        ({"family": 99}, "no family 99"),
        ({"family": "-1"}, "family is a whole number"),
        ({"answer": "W"}, "answer is one of N, S, V, F, Q, noise, mixed; this is 'W'"),
        ({"kind": "strip"}, "kind is family or beat"),
    ],
)
def test_a_file_of_another_record_or_with_another_answer_is_refused(result, saved, changes, message):
    with pytest.raises(DataError, match=message):
        result.correct(saved([("family", 0, "V")], **changes))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the column record"),
        (b"record,positions,kind\ns003,1,family\n", "lacks the column family"),
        (",".join(COLUMNS).encode(), "holds no answer"),
        (",".join(COLUMNS).encode() + b"\ns003,1\n", "line 2: expected 8 values"),
        (b"\xff\xfe\x00", "cannot be read as a table"),
    ],
)
def test_a_damaged_file_is_one_clear_line(result, tmp_path, content, message):
    file = tmp_path / "corrections.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        result.correct(file)


def test_an_annotation_file_that_was_edited_elsewhere_is_read_as_corrections(result, tmp_path):
    (file,) = result.to_wfdb(tmp_path)
    marks = read_annotations(tmp_path / "s003", "ecg", fs_hz=360.0)
    assert result.correct(file).corrected.n_answers == 0
    of_beats = marks.symbol != "+"
    symbol, sample = marks.symbol[of_beats], marks.sample[of_beats]
    marks = replace(marks, **{name: getattr(marks, name)[of_beats] for name in _OF_EACH})
    kept = np.delete(np.arange(len(sample)), 20)
    symbol[10] = "F"
    sample[30] += 3  # a mark moved a little is the same beat
    between = int(sample[:2].mean())
    order = np.argsort(np.append(sample[kept], between), kind="stable")
    edited = Annotations(
        np.append(sample[kept], between)[order],
        np.append(symbol[kept], "E")[order],
        np.zeros(len(order), np.int64),
        np.full(len(order), ""),
        360.0,
    )
    write_annotations(tmp_path / "s003", "edited", edited)
    found = result.correct(tmp_path / "s003.edited")
    assert found.corrected.n_answers == 3
    beats = found.beats.set_index("sample")
    assert (beats["class"][marks.sample[10]], beats["source"][marks.sample[10]]) == ("F", "beat")
    assert (beats["class"][between], beats["source"][between]) == ("V", "added")
    assert marks.sample[20] not in beats.index
    assert marks.sample[30] in beats.index
    assert (np.diff(found.beats["sample"]) > 0).all()

    write_annotations(tmp_path / "s004", "ecg", marks)
    with pytest.raises(DataError, match="is of record 's004', and this is s003"):
        result.correct(tmp_path / "s004.ecg")
    write_annotations(tmp_path / "s003", "other", replace(edited, sample=edited.sample + 90))
    with pytest.raises(DataError, match="it is of another record, or of other positions"):
        result.correct(tmp_path / "s003.other")


def test_answers_are_given_in_python_once(result):
    found = result.correct({0: "V"}, by="me")
    assert set(found.beats["class"][result.beat_families.of_beat == 0]) == {"V"}
    assert found.corrected.by == "me"
    with pytest.raises(ConfigError, match="corrected already"):
        found.correct({1: "N"})
    with pytest.raises(ConfigError, match="family 0 is answered 'X'; expected one of N, S, V, F, Q, noise"):
        result.correct({0: "X"})
    with pytest.raises(ConfigError, match="there is no family 900"):
        result.correct({900: "V"})


def test_predict_corrects_into_a_new_folder_and_never_over_what_is_there(small_database, tmp_path, capsys):
    first, corrected = tmp_path / "first", tmp_path / "corrected"
    words = ["predict", f"record={small_database / 's003'}"]
    assert main([*words, f"run_dir={first}"]) == 0
    before = (first / "s003.ecg").read_bytes()
    family = next(csv.DictReader((first / "s003_families.csv").read_text().splitlines()))
    positions = annotate(read(small_database / "s003"), models="beats").beat_families.positions
    file = tmp_path / "corrections.csv"
    row = f"s003,{positions},family,0,{family['middle']},F,A. Reader,{AT}"
    file.write_text(f"{','.join(COLUMNS)}\n{row}\n")
    assert main([*words, f"corrections={file}", f"run_dir={corrected}"]) == 0
    assert f"corrected by A. Reader, {AT}: 1 answers set" in capsys.readouterr().out
    rows = list(csv.DictReader((corrected / "s003_beats.csv").read_text().splitlines()))
    assert sum(row["source"] == "family" for row in rows) == int(family["n"])
    assert {row["class"] for row in rows if row["source"] == "family"} == {"F"}
    assert (corrected / "s003_corrections.csv").read_bytes() == file.read_bytes()

    assert main([*words, f"corrections={file}", f"run_dir={first}"]) == 2
    assert "no run is ever overwritten" in capsys.readouterr().err
    assert (first / "s003.ecg").read_bytes() == before
    assert (
        main([*words[:1], f"record={small_database}", f"corrections={file}", f"run_dir={tmp_path / 'n'}"])
        == 2
    )
    assert "is of one recording" in capsys.readouterr().err
    file.write_text(f"{','.join(COLUMNS)}\n{row.replace('s003', 's001')}\n")
    assert main([*words, f"corrections={file}", f"run_dir={tmp_path / 'n'}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list((tmp_path / "n").glob("s003*"))
