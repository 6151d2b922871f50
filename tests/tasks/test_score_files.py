import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.scores import score_records
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.symbols import AAMI, BXB
from ecgrnn.tasks.score_files import in_scheme, read_pairs, write_scores

FS_HZ = 100.0


def write(folder, record, annotator, symbols, *, every=80, aux=()):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{record}.hea").write_text(f"{record} 1 {FS_HZ:g} 6000\n{record}.dat 16 200 16 0 0 0 0 I\n")
    sample = np.arange(1, len(symbols) + 1) * every
    notes = np.array([dict(aux).get(k, "") for k in range(len(symbols))], dtype=np.str_)
    annotations = Annotations(sample, np.array(list(symbols)), np.zeros(len(symbols), np.int64), notes, FS_HZ)
    write_annotations(folder / record, annotator, annotations)


def test_both_annotators_are_read_from_their_own_folders(tmp_path):
    write(tmp_path / "a", "100", "atr", "NNVN")
    write(tmp_path / "b", "100", "ecg", "NNNN")
    (pair,) = read_pairs(tmp_path / "a", tmp_path / "b", annotators=("atr", "ecg"), records=["100"])
    scores = score_records([pair], start_s=0.0)
    assert pair.duration_s == 60.0
    assert scores.beats["100"].matrix[2, 0] == 1


def test_without_records_all_that_both_have_annotated_are_read(tmp_path):
    for name in ("101", "100", "102"):
        write(tmp_path / "a", name, "atr", "NN")
    write(tmp_path / "b", "101", "ecg", "NN")
    write(tmp_path / "b", "100", "ecg", "NN")
    pairs = read_pairs(tmp_path / "a", tmp_path / "b", annotators=("atr", "ecg"))
    assert [pair.name for pair in pairs] == ["100", "101"]


def test_escape_beats_are_normal_in_aami_and_supraventricular_in_bxb(tmp_path):
    write(tmp_path / "a", "100", "atr", "NejA")
    write(tmp_path / "a", "100", "ecg", "NNNS")
    pairs = read_pairs(tmp_path / "a", tmp_path / "a", annotators=("atr", "ecg"), records=["100"])
    by = {
        scheme.name: score_records(in_scheme(pairs, scheme), start_s=0.0).beats["100"].matrix
        for scheme in (AAMI, BXB)
    }
    assert by["aami"][0, 0] == 3
    assert by["bxb"][1, 0] == 2
    assert by["aami"][1, 1] == by["bxb"][1, 1] == 1


def test_reports_and_counts_are_written(tmp_path):
    write(tmp_path / "a", "100", "atr", "+NNN+N", aux={0: "(AFIB", 4: "(N"})
    pairs = read_pairs(tmp_path / "a", tmp_path / "a", annotators=("atr", "atr"), records=["100"])
    names = write_scores(tmp_path / "out", score_records(pairs, start_s=0.0))
    assert {"line.txt", "shutdown.txt", "matrix.txt", "sumstats.txt", "rhythm-af.line.txt"} <= set(names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)


@pytest.mark.parametrize("name", ["../100", "/etc/100", "", "a//b"])
def test_a_record_that_leaves_its_folder_is_refused(tmp_path, name):
    write(tmp_path / "a", "100", "atr", "NN")
    with pytest.raises(DataError, match="records"):
        read_pairs(tmp_path / "a", tmp_path / "a", annotators=("atr", "atr"), records=[name])


def test_a_period_behind_the_end_of_a_record_is_refused(tmp_path):
    write(tmp_path / "a", "100", "atr", "NN")
    with pytest.raises(DataError, match=r"record 100 lasts 60 s.*set start_s=0"):
        read_pairs(tmp_path / "a", tmp_path / "a", annotators=("atr", "atr"), records=["100"], start_s=300)


def test_annotators_without_a_common_record_are_refused(tmp_path):
    write(tmp_path / "a", "100", "atr", "NN")
    with pytest.raises(DataError, match="no record has both"):
        read_pairs(tmp_path / "a", tmp_path / "a", annotators=("atr", "ecg"))
    with pytest.raises(DataError, match="not a folder"):
        read_pairs(tmp_path / "none", tmp_path / "a", annotators=("atr", "ecg"))
