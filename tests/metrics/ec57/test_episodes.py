"""Each rule of the EC57 episode comparison on rhythm marks written by hand, at 1000 Hz."""

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.episodes import compare_episodes, gross_episodes
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations
from ecgrnn.metrics.ec57.scores import RecordToScore, score_records
from ecgrnn.metrics.ec57.text import episode_line_text, episode_matrix_text

FS_HZ = 1000.0


def rhythm(*items: tuple[int, str]) -> ScoredAnnotations:
    """Rhythm marks from (sample, text); a text of one bracket is a flutter mark."""
    return ScoredAnnotations(
        sample=np.array([sample for sample, _ in items], dtype=np.int64),
        symbol=[text if text in ("[", "]") else "+" for _, text in items],
        subtype=np.zeros(len(items), dtype=np.int64),
        aux_note=["" if text in ("[", "]") else text for _, text in items],
    )


def compared(reference: ScoredAnnotations, test: ScoredAnnotations, **options):
    return compare_episodes(reference, test, fs_hz=FS_HZ, **{"start_s": 0.0, "stop_s": 100.0, **options})


def test_episodes_end_with_any_other_rhythm():
    c = compared(rhythm((1000, "(AFIB"), (5000, "(VT"), (6000, "(AFIB"), (9000, "(N")), rhythm((0, "(N")))
    assert c.reference.tolist() == [[1000, 5000], [6000, 9000]]
    assert c.test.tolist() == []
    assert c.statistics["episode_sensitivity"] == (0, 2)
    assert np.isnan(c.statistics["episode_positive_predictivity"].percent)


def test_a_repeated_mark_begins_no_new_episode():
    c = compared(rhythm((1000, "(AFIB"), (2000, "(AFIB"), (3000, "(N")), rhythm((0, "(N")))
    assert c.reference.tolist() == [[1000, 3000]]


def test_an_open_episode_lasts_to_the_stop():
    assert compared(rhythm((1000, "(AFIB")), rhythm()).reference.tolist() == [[1000, 100_000]]


def test_without_a_stop_the_last_reference_annotation_is_the_end():
    reference = rhythm((1000, "(AFIB"), (7000, "(N"))
    c = compared(reference, rhythm((2000, "(AFIB")), stop_s=None)
    assert c.test.tolist() == [[2000, 7000]]


def test_an_episode_across_the_start_counts_with_what_follows():
    both = rhythm((1000, "(AFIB"), (9000, "(N"))
    assert compared(both, both, start_s=5.0).reference.tolist() == [[5000, 9000]]
    assert compared(both, both, start_s=9.0).reference.tolist() == []


def test_any_overlap_is_a_hit_and_touching_is_none():
    reference = rhythm((1000, "(AFIB"), (5000, "(N"))
    overlapping = compared(reference, rhythm((4999, "(AFIB"), (8000, "(N")))
    touching = compared(reference, rhythm((5000, "(AFIB"), (8000, "(N")))
    assert (overlapping.found, overlapping.right, overlapping.overlap) == (1, 1, 1)
    assert (touching.found, touching.right, touching.overlap) == (0, 0, 0)


def test_one_long_test_episode_finds_two_and_is_right_once():
    reference = rhythm((1000, "(AFIB"), (2000, "(N"), (4000, "(AFIB"), (6000, "(N"))
    c = compared(reference, rhythm((0, "(AFIB"), (10_000, "(N")))
    assert c.statistics == {
        "episode_sensitivity": (2, 2),
        "episode_positive_predictivity": (1, 1),
        "duration_sensitivity": (3000, 3000),
        "duration_positive_predictivity": (3000, 10_000),
    }


def test_atrial_flutter_called_fibrillation_is_wrong():
    c = compared(rhythm((1000, "(AFL"), (5000, "(N")), rhythm((1000, "(AFIB"), (5000, "(N")))
    assert c.statistics["episode_positive_predictivity"] == (0, 1)


def test_texts_may_end_in_the_zero_byte_of_the_file_format():
    assert len(compared(rhythm((1000, "(AFIB\0"), (2000, "(N\0")), rhythm()).reference) == 1


def test_ventricular_flutter_is_compared_by_its_brackets_alone():
    reference = rhythm((1000, "["), (1500, "(AFIB"), (5000, "]"))
    c = compared(reference, rhythm((2000, "["), (6000, "]")), kind="VF")
    assert (c.reference.tolist(), c.overlap) == ([[1000, 5000]], 3000)
    assert episode_line_text({"1": c}).startswith("(VF detection)\n")


def test_line_report_shows_counts_shares_and_durations():
    c = compared(rhythm((1000, "(AFIB"), (4000, "(N")), rhythm((2000, "(AFIB"), (4000, "(N")))
    line = episode_line_text({"9": c}).splitlines()[-1]
    assert " ".join(line.split()) == "9 1 0 1 0 100 100 67 100 0:03.000 0:02.000"


def test_a_share_of_nothing_is_printed_as_a_dash():
    c = compared(rhythm((1000, "(AFIB"), (4000, "(N")), rhythm())
    assert episode_line_text({"9": c}).splitlines()[-1].split()[5:9] == ["0", "-", "0", "-"]
    assert "predictivity:   -  (0/0)" in episode_matrix_text(
        {"9": c}, reference_annotator="atr", test_annotator="new"
    )


def test_gross_adds_hits_and_totals():
    one = compared(rhythm((1000, "(AFIB"), (4000, "(N")), rhythm((2000, "(AFIB"), (4000, "(N")))
    none = compared(rhythm((1000, "(AFIB"), (2000, "(N")), rhythm())
    assert gross_episodes([one, none])["duration_sensitivity"] == (2000, 4000)
    assert gross_episodes([]) == {}


def test_gross_over_sampling_frequencies_is_refused():
    both = rhythm((1000, "(AFIB"), (2000, "(N"))
    slow = compare_episodes(both, both, fs_hz=250.0, start_s=0.0)
    with pytest.raises(DataError, match="score each sampling frequency separately"):
        gross_episodes([compared(both, both), slow])


def test_an_annotator_of_rhythms_has_missed_the_episodes_of_a_record_that_it_does_not_mark():
    marked, bare = rhythm((0, "(N"), (1000, "(AFIB"), (9000, "(N")), rhythm()
    pairs = {"found": (marked, marked), "missed": (marked, bare), "unknown": (bare, marked)}
    records = [RecordToScore(name, *pair, FS_HZ, 20.0) for name, pair in pairs.items()]
    scores = score_records(records, start_s=0.0)
    assert (list(scores.af), list(scores.vf)) == (["found", "missed"], [])
    assert gross_episodes(list(scores.af.values()))["episode_sensitivity"] == (1, 2)
    assert {"rhythm-af.line.txt", "rhythm-af.matrix.txt"} <= set(scores.texts())


def test_an_annotator_of_beats_alone_is_not_scored_by_rhythms():
    marked, bare = rhythm((0, "(N"), (1000, "(AFIB"), (9000, "(N")), rhythm()
    scores = score_records([RecordToScore("1", marked, bare, FS_HZ, 20.0)], start_s=0.0)
    assert not scores.af
    assert not any(name.startswith("rhythm") for name in scores.texts())


def test_an_unknown_kind_is_refused():
    with pytest.raises(DataError, match="'ST' are not known"):
        compared(rhythm(), rhythm(), kind="ST")
