import dataclasses

import numpy as np
import pytest

from ecgrnn.metrics.delineation import (
    FIDUCIALS,
    record_waves,
    score_fiducial,
    score_record,
    score_waves,
    sum_scores,
)
from ecgrnn.signals.annotations import Waves

WHOLE = (0.0, 10_000.0)


def score(reference, test, **options):
    arrays = np.array(reference, np.int64), np.array(test, np.int64)
    return score_fiducial(*arrays, fs_hz=500.0, **{"stretch": WHOLE, **options})


def test_marks_within_the_tolerance_are_found_and_the_edge_belongs_to_it():
    assert score([1000], [1075]).found == 1  # 150 ms
    assert score([1000], [1076]).found == 0
    assert score([1000], [1076]).extra == 1
    assert score([1000], [925]).found == 1


def test_a_mark_is_found_only_once():
    found = score([1000], [1000, 1010])
    assert (found.found, found.missed, found.extra) == (1, 0, 1)


def test_the_nearest_pair_goes_together():
    found = score([1000, 1040], [1030])
    assert found.found == 1
    assert found.errors_ms.tolist() == [-20.0]
    assert found.missed == 1


def test_errors_are_test_minus_reference_in_ms():
    found = score([1000, 2000], [1004, 1999])
    assert sorted(found.errors_ms.tolist()) == [-2.0, 8.0]
    assert found.mean_ms == pytest.approx(3.0)
    assert found.sd_ms == pytest.approx(np.std([8, -2], ddof=1))


def test_a_mark_where_nobody_looked_is_no_error():
    found = score([1000], [1000, 3000], stretch=(900.0, 2000.0))
    assert found.extra == 0
    assert score([1000], [1000, 1900], stretch=(900.0, 2000.0)).extra == 1


def test_a_mark_just_outside_the_stretch_still_finds_the_first_reference():
    assert score([1000], [990], stretch=(1000.0, 2000.0)).found == 1


def test_an_unmarked_onset_does_not_count():
    found = score([-1, 1000], [1000])
    assert (found.found, found.missed) == (1, 0)


def test_an_onset_found_where_a_wave_has_none_marked_is_no_error():
    peaks = np.array([1030], np.int64)
    assert score([-1, 2000], [1000, 2000]).extra == 1
    found = score([-1, 2000], [1000, 2000], unmarked=peaks)
    assert (found.found, found.missed, found.extra) == (1, 0, 0)
    assert score([-1, 2000], [900, 1000], unmarked=peaks).extra == 1  # 260 ms before the peak


def test_the_waves_of_a_lead_say_which_marks_nobody_set():
    reference, test = lead(1000, 1400), lead(1000, 1400, 1800)
    onsets_unset = dataclasses.replace(reference, onset=np.array([-1, 1400]))
    scores = score_waves(onsets_unset, test, fs_hz=500.0)
    assert (scores["QRS", "onset"].found, scores["QRS", "onset"].extra) == (1, 0)
    assert (scores["QRS", "offset"].found, scores["QRS", "offset"].extra) == (2, 0)


def test_ratios_follow_from_the_counts():
    found = score([1000, 2000, 3000, 4000], [1000, 2000, 3000, 6000, 7000])
    assert found.sensitivity == pytest.approx(3 / 4)
    assert found.positive_predictivity == pytest.approx(3 / 5)
    assert found.f1 == pytest.approx(2 * 3 / 9)


def test_nothing_to_find_gives_no_ratio():
    assert np.isnan(score([], []).f1)


def test_scores_of_leads_add_up_by_kind_of_wave():
    reference = Waves(
        onset=np.array([100, 300]),
        peak=np.array([110, 310]),
        offset=np.array([120, 340]),
        kind=np.array(["P", "QRS"]),
    )
    moved = Waves(
        onset=np.array([101, 300]),
        peak=np.array([110, 310]),
        offset=np.array([120, 342]),
        kind=np.array(["P", "T"]),
    )
    one = score_waves(reference, moved, fs_hz=500.0)
    both = sum_scores([one, one])
    assert set(both) == set(FIDUCIALS)
    assert both["P", "onset"].found == 2
    assert both["P", "onset"].errors_ms.tolist() == [2.0, 2.0]
    assert both["QRS", "onset"].missed == 2
    assert both["T", "onset"].extra == 2


def lead(*onsets):
    onset = np.array(onsets, np.int64)
    return Waves(onset=onset, peak=onset + 20, offset=onset + 40, kind=np.full(len(onset), "QRS"))


def test_the_mark_of_a_record_is_the_median_of_what_at_least_half_of_its_leads_show():
    leads = [lead(1000, 1400), lead(1004, 1408), lead(990), lead(1001, 3000)]
    found = record_waves(leads, fs_hz=500.0)
    assert found["QRS", "onset"].tolist() == [1000, 1404]  # 1000.5 rounds to the even; 3000 is one lead's
    assert found["P", "onset"].tolist() == []


def test_the_marks_of_a_record_are_scored_as_those_of_a_lead():
    reference, test = [lead(1000, 1400)] * 3, [lead(1010, 1400), lead(1010, 1400), lead(1060)]
    score = score_record(reference, test, fs_hz=500.0)["QRS", "onset"]
    assert (score.found, score.missed, score.extra) == (2, 0, 0)
    assert score.errors_ms.tolist() == [0.0, 20.0]


def test_a_record_counts_leads_and_not_marks():
    p_wave = dataclasses.replace(lead(1000, 1040), kind=np.full(2, "P"))  # 80 ms apart
    leads = [p_wave] * 3 + [lead()] * 9
    assert record_waves(leads, fs_hz=500.0)["P", "onset"].tolist() == []
    assert record_waves([p_wave] * 6 + [lead()] * 6, fs_hz=500.0)["P", "onset"].tolist() == [1000]


def test_of_several_marks_of_one_lead_the_nearest_to_the_median_counts():
    leads = [lead(1000), lead(1004), lead(1002, 1045)]
    assert record_waves(leads, fs_hz=500.0)["QRS", "onset"].tolist() == [1002]


def test_a_mark_of_a_record_that_was_left_unset_in_most_leads_is_no_error():
    unset = dataclasses.replace(lead(1000, 1400), onset=np.array([-1, 1400]))
    reference, test = [unset] * 8 + [lead(1000, 1400)] * 4, [lead(1000, 1400)] * 12
    scores = score_record(reference, test, fs_hz=500.0)
    onset, offset = scores["QRS", "onset"], scores["QRS", "offset"]
    assert (onset.found, onset.missed, onset.extra) == (1, 0, 0)
    assert (offset.found, offset.missed, offset.extra) == (2, 0, 0)


def test_a_wave_of_a_record_that_few_leads_show_is_an_error_where_it_is_found():
    reference = [lead(200, 1400)] * 12
    reference[:2] = [dataclasses.replace(lead(200, 1000, 1400), onset=np.array([200, -1, 1400]))] * 2
    test = [lead(200, 1000, 1400)] * 12
    assert score_record(reference, test, fs_hz=500.0)["QRS", "onset"].extra == 1


def test_f1_without_a_reference_mark_is_undefined():
    assert np.isnan(score([], [100]).f1)
    assert score([100], []).f1 == 0
