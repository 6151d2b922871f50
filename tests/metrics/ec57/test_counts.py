"""Statistics, texts and JSON that are made of EC57 counts."""

import json

import numpy as np
import pytest
from marks_by_hand import FS_HZ, beats, compared, marks

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import (
    COLUMNS,
    ROWS,
    average,
    gross,
    line_counts,
    matrix_statistics,
    pooled_matrix,
    share,
)
from ecgrnn.metrics.ec57.scores import RecordToScore, score_records
from ecgrnn.metrics.ec57.text import line_text, matrix_text, sumstats_text


def numbered() -> np.ndarray:
    """A matrix whose cells are different powers of two, so that a sum tells which cells are in it."""
    matrix = np.zeros((7, 7), dtype=np.int64)
    free = [(r, c) for r in range(7) for c in range(7) if r < 5 or c < 5]
    for power, (r, c) in enumerate(free):
        matrix[r, c] = 2**power
    return matrix


def added(names: str) -> int:
    return sum(int(numbered()[ROWS.index(name[0]), COLUMNS.index(name[1])]) for name in names.split())


@pytest.mark.parametrize(
    ("statistic", "hits", "others"),
    [
        ("veb_sensitivity", "Vv", "Vn Vs Vf Vq Vo Vx"),
        ("veb_positive_predictivity", "Vv", "Nv Sv Ov Xv"),
        ("sveb_sensitivity", "Ss", "Sn Sv Sf Sq So Sx"),
        ("sveb_positive_predictivity", "Ss", "Ns Vs Fs Os Xs"),
        ("veb_false_alarms", "Nv Sv", "Nn Ns Nf Nq Sn Ss Sf Sq Fn Fs Ff Fq Qn Qs Qf Qq"),
        ("sveb_false_alarms", "Ns Vs Fs", "Nn Nv Nf Nq Vn Vv Vf Vq Fn Fv Ff Fq Qn Qv Qf Qq"),
    ],
)
def test_statistics_count_exactly_these_cells(statistic: str, hits: str, others: str):
    ratio = matrix_statistics(numbered())[statistic]
    assert (ratio.hits, ratio.total) == (added(hits), added(hits) + added(others))


def test_fusion_called_ventricular_and_unclassifiable_called_supraventricular_are_left_out():
    matrix = np.zeros((7, 7), dtype=np.int64)
    for cell in ("Fv", "Qv", "Qs"):
        matrix[ROWS.index(cell[0]), COLUMNS.index(cell[1])] = 5
    statistics = matrix_statistics(matrix)
    assert statistics["veb_positive_predictivity"].total == 0
    assert statistics["sveb_positive_predictivity"].total == 0


def test_line_counts_every_beat_exactly_once():
    assert sum(line_counts(numbered()).values()) == numbered().sum()


def test_share_of_many_matrices_equals_the_statistics_of_each():
    many = np.random.default_rng(0).integers(0, 9, size=(4, 7, 7))
    expected = [matrix_statistics(m)["sveb_positive_predictivity"].percent / 100 for m in many]
    np.testing.assert_allclose(share(many, "sveb_positive_predictivity"), expected)
    assert np.isnan(share(np.zeros((7, 7), dtype=np.int64), "veb_sensitivity"))


def test_gross_weighs_beats_and_average_weighs_records():
    good = compared(beats(*range(1000, 11_000, 1000)), beats(*range(1000, 11_000, 1000)))
    bad = compared(beats(1000, 2000), beats(1000))
    assert gross([good, bad])["qrs_sensitivity"] == (11, 12)
    assert average([good, bad])["qrs_sensitivity"] == pytest.approx(75.0)
    assert np.isnan(average([good, bad])["veb_sensitivity"])


def test_gross_leaves_out_fusion_called_supraventricular_and_the_pooled_matrix_does_not():
    reference = marks((1000, "A"), (2000, "F"))
    c = compared(reference, beats(1000, 2000, symbol="A"))
    assert gross([c])["sveb_positive_predictivity"] == (1, 1)
    assert matrix_statistics(pooled_matrix([c]))["sveb_positive_predictivity"] == (1, 2)


# texts and scores


def scores():
    reference = marks((1000, "N"), (2000, "V"), (3000, "N"))
    records = [RecordToScore(name, reference, beats(1000, 2000, 3010), FS_HZ, 10.0) for name in "ab"]
    return score_records(records, test_annotator="new", start_s=0.0)


def test_scores_print_only_what_there_is_to_report():
    assert sorted(scores().texts()) == ["line.txt", "matrix.txt", "shutdown.txt", "sumstats.txt"]


def test_line_report_has_one_header_and_one_line_for_each_record():
    text = line_text(scores().beats)
    assert [line.split()[0] for line in text.splitlines()] == ["Record", "a", "b"]


def test_matrix_report_names_the_annotators():
    text = matrix_text(scores().beats, reference_annotator="atr", test_annotator="new")
    assert text.count("Reference annotator: atr") == text.count("Test annotator: new") == 2


def test_sumstats_report_adds_the_records_up():
    lines = sumstats_text(scores().beats).splitlines()
    assert lines[4].split()[:4] == ["Sum", "4", "0", "2"]
    assert lines[7] == "Total QRS complexes: 6  Total VEBs: 2  Total SVEBs: 0"
    assert lines[-1] == "Summary of results from 2 records"


def test_score_as_json_has_every_cell_and_no_nan():
    score = json.loads(json.dumps(scores().to_dict(), allow_nan=False))
    assert score["records"]["a"]["matrix"]["V"]["n"] == 1
    assert sum(len(row) for row in score["records"]["a"]["matrix"].values()) == 5 * 7 + 2 * 5
    assert score["gross"]["sveb_sensitivity"] == {"hits": 0, "total": 0, "percent": None}
    assert score["records"]["b"]["rr_error"]["intervals"] == 2


def test_a_record_twice_and_no_record_are_refused():
    record = RecordToScore("100", beats(1000), beats(1000), FS_HZ)
    with pytest.raises(DataError, match="record 100 is given twice"):
        score_records([record, record])
    with pytest.raises(DataError, match="no record"):
        score_records([])
