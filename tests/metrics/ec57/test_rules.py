"""Each rule of the EC57 beat comparison on annotations written by hand: 1000 Hz, so that samples are ms."""

import numpy as np
import pytest
from marks_by_hand import FS_HZ, beats, compared, marks

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import COLUMNS, ROWS, compare_beats
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations, pair_beats, read_beats
from ecgrnn.metrics.ec57.text import line_text, shutdown_text


def counts(comparison) -> dict[str, int]:
    rows, columns = np.nonzero(comparison.matrix)
    return {ROWS[r] + COLUMNS[c]: int(comparison.matrix[r, c]) for r, c in zip(rows, columns, strict=True)}


def pairs(reference: list[int], test: list[int], window: int = 150) -> list[tuple[int, int]]:
    test_of, reference_of = pair_beats(np.array(reference), np.array(test), window=window)
    found = [(i, int(j)) for i, j in enumerate(test_of) if j >= 0]
    assert found == [(int(i), j) for j, i in enumerate(reference_of) if i >= 0]
    return found


# pairing


@pytest.mark.parametrize("moved", [-150, -149, 0, 150])
def test_beats_within_the_window_match(moved: int):
    assert counts(compared(beats(1000), beats(1000 + moved))) == {"Nn": 1}


@pytest.mark.parametrize("moved", [-151, 151])
def test_beats_beyond_the_window_are_a_missed_and_an_extra_beat(moved: int):
    assert counts(compared(beats(1000), beats(1000 + moved))) == {"No": 1, "On": 1}


def test_window_is_an_option():
    assert counts(compared(beats(1000), beats(1051), window_s=0.05)) == {"No": 1, "On": 1}
    assert counts(compared(beats(1000), beats(1051), window_s=0.051)) == {"Nn": 1}


def test_of_two_test_beats_the_nearer_one_matches():
    assert pairs([1000], [900, 1050]) == [(0, 1)]
    assert pairs([1000], [950, 1100]) == [(0, 0)]


def test_of_two_reference_beats_the_nearer_one_matches():
    assert pairs([1000, 1100], [1060]) == [(1, 0)]
    assert pairs([1000, 1100], [1040]) == [(0, 0)]


def test_a_tie_goes_to_the_later_beat():
    assert pairs([1000], [900, 1100]) == [(0, 1)]
    assert pairs([1000, 1100], [1050]) == [(1, 0)]


def test_a_beat_that_lost_its_nearest_partner_takes_the_next_one():
    # 1012 is nearer to 1010 than to 1020, but 1010 is already paired with 1009
    assert pairs([1010, 1020], [1009, 1012]) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_clustered_pairing_equals_reading_beat_by_beat(seed: int):
    rng = np.random.default_rng(seed)
    reference, test = (np.sort(rng.integers(0, 20_000, size=120)) for _ in range(2))
    assert pairs(reference.tolist(), test.tolist(), window=90) == literal(reference, test, window=90)


def literal(reference: np.ndarray, test: np.ndarray, *, window: int) -> list[tuple[int, int]]:
    """The rule as it is described: T and T' against t and t', from the first beat to the last."""
    far = 10**9
    R, T = [*reference.tolist(), far, far], [*test.tolist(), 3 * far, 3 * far]
    i = j = 0
    found = []
    while i < len(reference) and j < len(test):
        near, next_pair = abs(R[i] - T[j]), abs(R[i + 1] - T[j + 1])
        rival = abs(R[i] - T[j + 1]) if T[j] < R[i] else abs(R[i + 1] - T[j])
        if near <= window and (near < rival or next_pair < rival):
            found.append((i, j))
            i, j = i + 1, j + 1
        elif T[j] < R[i]:
            j += 1
        else:
            i += 1
    return found


def test_a_rival_that_has_a_nearer_partner_of_its_own_is_no_rival():
    # 128 is as near to 160 as to 96, but 185 is nearer to 160 than 128 is: both pair
    assert pairs([96, 160], [128, 185], window=37) == [(0, 0), (1, 1)]
    assert pairs([128, 185], [96, 160], window=37) == [(0, 0), (1, 1)]
    # 185 moved away: 128 is left for 160, and 96 is missed
    assert pairs([96, 160], [128, 193], window=37) == [(1, 0)]


@pytest.mark.parametrize(("fs_hz", "window_s", "window"), [(150, 0.15, 23), (250, 0.05, 13), (350, 0.15, 53)])
def test_a_window_of_half_a_sample_is_rounded_up(fs_hz: float, window_s: float, window: int):
    for moved, found in ((window, {"Nn": 1}), (window + 1, {"No": 1, "On": 1})):
        options = {"fs_hz": fs_hz, "start_s": 0.0, "window_s": window_s}
        assert counts(compare_beats(beats(1000), beats(1000 + moved), **options)) == found


def drawn(rng: np.random.Generator) -> tuple[ScoredAnnotations, ScoredAnnotations]:
    """Beats with missed, extra, moved and mislabelled ones, many close together; flutter or shutdown."""
    sample = 500 + np.cumsum(rng.integers(180, 1200, size=60))
    items = [(int(s), str(rng.choice(list("NSVFQ")))) for s in sample]
    moved = [(s + int(rng.integers(-90, 91)), c if rng.random() < 0.8 else "N") for s, c in items]
    test = [beat for beat in moved if rng.random() < 0.9]
    test += [(s + int(rng.integers(1, 170)), "V") for s, _ in items if rng.random() < 0.1]
    begins, ends = sorted(rng.integers(0, int(sample[-1]), size=2).tolist())
    extra = [(begins, "~", -1), (ends, "~", 0)] if rng.random() < 0.5 else [(begins, "["), (ends, "]")]
    return marks(*items), marks(*sorted([*test, *extra]))


@pytest.mark.parametrize("seed", range(30))
def test_every_beat_of_the_test_period_is_counted_exactly_once(seed: int):
    reference, test = drawn(np.random.default_rng(seed))
    for R, T in ((reference, test), (test, reference)):
        c = compared(R, T, start_s=10.0)
        streams = [read_beats(a, window=150) for a in (R, T)]
        expected = [int((s.sample >= 10_000).sum()) for s in streams]
        paired = c.pairs[(c.pairs >= 0).all(axis=1)]
        assert c.matrix[:5].sum() == expected[0]
        assert np.all(np.diff(paired, axis=0) > 0)
        distance = np.asarray(R.sample)[paired[:, 0]] - np.asarray(T.sample)[paired[:, 1]]
        assert np.all(np.abs(distance) <= 150)
        # a pair across the start counts with its reference beat, and beats in the reference's flutter do not
        flutter = streams[0].flutter
        hidden = sum(int(((streams[1].sample >= a) & (streams[1].sample <= b)).sum()) for a, b in flutter)
        assert expected[1] - hidden - 1 <= c.matrix[:, :5].sum() <= expected[1] + 1


def test_comparison_lists_every_pair_in_order_of_time():
    reference = marks((10, "+"), (1000, "N"), (2000, "V"), (3000, "N"))
    test = marks((1005, "N"), (1500, "V"), (2990, "A"))
    c = compared(reference, test)
    assert c.pairs.tolist() == [[1, 0], [-1, 1], [2, -1], [3, 2]]
    assert [ROWS[r] + COLUMNS[k] for r, k in zip(c.rows, c.columns, strict=True)] == ["Nn", "Ov", "Vo", "Ns"]


def test_inputs_are_not_written_to():
    reference, test = beats(1000, 2000), beats(1010, 2500)
    for array in (reference.sample, reference.subtype, test.sample, test.subtype):
        array.setflags(write=False)
    compared(reference, test)


# classes


@pytest.mark.parametrize(
    ("symbols", "name"), [("NLRB", "N"), ("AaJSejn", "S"), ("VEr", "V"), ("F", "F"), ("/fQ", "Q")]
)
def test_symbols_are_grouped_as_bxb_groups_them(symbols: str, name: str):
    for symbol in symbols:
        assert counts(compared(beats(1000, symbol=symbol), beats(1000, symbol=symbol))) == {
            name + name.lower(): 1
        }


def test_other_marks_are_no_beats():
    others = marks(*((1000 + k, s) for k, s in enumerate("+|~!st*D=x^pu`'()@\"")))
    assert compared(others, others).matrix.sum() == 0


# test period


def test_the_first_five_minutes_are_skipped_by_default():
    both = beats(299_999, 300_000, 301_000)
    assert counts(compare_beats(both, both, fs_hz=FS_HZ)) == {"Nn": 2}


def test_the_stop_is_not_part_of_the_test_period():
    both = beats(1000, 2000, 3000)
    assert counts(compared(both, both, stop_s=2.0)) == {"Nn": 1}


def test_a_pair_across_the_start_counts_with_its_reference_beat():
    assert counts(compared(beats(5010), beats(4990), start_s=5.0)) == {"Nn": 1}
    assert counts(compared(beats(4990), beats(5010), start_s=5.0)) == {}


def test_extra_and_missed_beats_at_the_ends_count():
    assert counts(compared(beats(1000, 2000), beats(0, 1000, 2000, 9000))) == {"Nn": 2, "On": 2}
    assert counts(compared(beats(0, 1000, 2000, 9000), beats(1000, 2000))) == {"Nn": 2, "No": 2}


def test_an_empty_annotator_misses_everything_or_finds_nothing_right():
    assert counts(compared(beats(1000, 2000), beats())) == {"No": 2}
    assert counts(compared(beats(), beats(1000, 2000))) == {"On": 2}
    assert counts(compared(beats(), beats())) == {}


# ventricular flutter


def test_test_beats_inside_the_references_flutter_do_not_count():
    reference = marks((1000, "N"), (2000, "["), (5000, "]"), (6000, "N"))
    test = beats(1000, 1999, 2000, 3000, 5000, 5001, 6000)
    assert counts(compared(reference, test)) == {"Nn": 2, "On": 2}


def test_reference_beats_inside_the_tests_flutter_are_missed():
    test = marks((1000, "N"), (1500, "["), (2000, "N"), (3000, "N"), (4500, "]"), (5000, "N"))
    assert counts(compared(beats(1000, 2000, 3000, 4000, 5000), test)) == {"Nn": 2, "No": 3}


def test_flutter_without_end_lasts_to_the_end_of_the_record():
    test = marks((1000, "N"), (1500, "["), (2000, "N"), (3000, "N"))
    assert counts(compared(beats(1000, 2000, 3000), test)) == {"Nn": 1, "No": 2}


def test_a_flutter_mark_inside_flutter_and_an_end_outside_mean_nothing():
    stream = read_beats(
        marks((1, "]"), (10, "["), (20, "["), (25, "N"), (30, "]"), (35, "N"), (40, "]")), window=5
    )
    assert stream.flutter.tolist() == [[10, 30]]
    assert stream.sample.tolist() == [35]


# shutdown


def test_beats_missed_during_shutdown_are_counted_apart():
    test = marks((1000, "N"), (1500, "~", -1), (3500, "~", 0), (4000, "N"))
    c = compared(beats(1000, 2000, 3000, 4000, 5000), test)
    assert counts(c) == {"Nn": 2, "Nx": 2, "No": 1}
    assert c.shutdown_s == 2.0


def test_extra_beats_where_the_reference_is_unreadable_are_counted_apart():
    reference = marks((1000, "N"), (1500, "~", -1), (3500, "~", 0), (4000, "N"))
    c = compared(reference, marks((1000, "N"), (2000, "V"), (4000, "N"), (4600, "N")))
    assert counts(c) == {"Nn": 2, "Xv": 1, "On": 1}
    assert c.shutdown_s == 0.0


@pytest.mark.parametrize("subtype", [0x30, 0x31, 0x3F, -1])
def test_both_shutdown_bits_shut_down(subtype: int):
    test = marks((1000, "~", subtype), (3000, "~", 0))
    assert counts(compared(beats(2000), test)) == {"Nx": 1}


@pytest.mark.parametrize("subtype", [0, 1, 3, 0x10, 0x20])
def test_other_noise_marks_do_not_shut_down(subtype: int):
    test = marks((1000, "~", subtype), (3000, "~", 0))
    assert counts(compared(beats(2000), test)) == {"No": 1}


def test_a_single_shutdown_mark_reaches_from_the_beat_before_to_the_beat_behind():
    test = marks((1000, "N"), (2500, "~", -1), (4000, "N"))
    assert read_beats(test, window=150).shutdown.tolist() == [[1150, 3850]]


def test_a_shutdown_with_beats_in_it_ends_a_window_before_the_first_of_them():
    test = marks((1000, "N"), (2500, "~", -1), (4000, "N"), (5000, "N"), (5500, "~", 0), (6000, "N"))
    assert read_beats(test, window=150).shutdown.tolist() == [[1150, 3850]]
    c = compared(beats(1000, 2000, 4000, 4500, 5000, 6000), test)
    assert counts(c) == {"Nn": 4, "Nx": 1, "No": 1}
    assert c.shutdown_s == 2.7


def test_a_mark_between_beats_nearer_than_two_windows_shuts_nothing_down_but_breaks_the_interval():
    test = marks((1000, "N"), (1100, "~", -1), (1200, "N"), (2200, "N"))
    assert read_beats(test, window=150).shutdown.tolist() == []
    assert read_beats(test, window=150).whole.tolist() == [False, False, True]


def test_noise_marks_inside_flutter_do_not_shut_down():
    test = marks((1000, "["), (1500, "~", -1), (3500, "~", 0), (4000, "]"))
    c = compared(beats(2000), test)
    assert (counts(c), c.shutdown_s) == ({"No": 1}, 0.0)


def test_shutdown_time_is_that_within_the_test_period():
    test = marks((1000, "~", -1), (3000, "~", 0), (5000, "~", -1), (9000, "~", 0))
    assert compared(beats(500), test, start_s=2.0, stop_s=6.0).shutdown_s == 2.0


def test_shutdown_report_shows_lost_beats_their_share_and_the_time():
    test = marks((1000, "~", -1), (3000, "~", 0), (4000, "N"))
    reference = marks((2000, "N"), (2500, "V"), (4000, "N"))
    line = shutdown_text({"7": compared(reference, test)}).splitlines()[-1]
    assert " ".join(line.split()) == "7 1 0 1 0 0 66.67 50.00 - 100.00 - 2 seconds 2 0 1 0 0"


# RR error


def test_rr_error_is_the_root_mean_square_of_interval_differences():
    c = compared(beats(1000, 2000, 3000), beats(1000, 2010, 2990))
    assert (c.rr_error_sum_ms2, c.rr_error_count) == (10**2 + 20**2, 2)
    assert c.rr_error_ms == pytest.approx(np.sqrt(250.0))


def test_rr_error_is_in_ms_at_any_sampling_frequency():
    c = compare_beats(beats(250, 500), beats(250, 501), fs_hz=250.0, start_s=0.0)
    assert c.rr_error_ms == pytest.approx(4.0)


def test_a_missed_beat_is_seen_at_itself_and_at_the_beat_behind_it():
    c = compared(beats(1000, 1400, 2000), beats(1000, 2000))
    # 400 against 1000 and 600 against 1000
    assert (c.rr_error_sum_ms2, c.rr_error_count) == (600**2 + 400**2, 2)


def test_an_extra_beat_is_seen_at_itself_and_at_the_beat_behind_it():
    c = compared(beats(1000, 2000), beats(1000, 1400, 2000))
    assert (c.rr_error_sum_ms2, c.rr_error_count) == (600**2 + 400**2, 2)


def test_the_first_interval_may_begin_before_the_test_period():
    c = compared(beats(4000, 5000), beats(4000, 5030), start_s=5.0)
    assert (c.rr_error_sum_ms2, c.rr_error_count) == (900, 1)


def test_intervals_across_flutter_or_shutdown_are_not_compared():
    whole = beats(1000, 2000, 3000, 4000)
    broken = marks((1000, "N"), (2000, "N"), (2400, "~", -1), (2600, "~", 0), (3000, "N"), (4000, "N"))
    flutter = marks((1000, "N"), (2000, "N"), (2400, "["), (2600, "]"), (3000, "N"), (4000, "N"))
    for reference, test in ((whole, broken), (broken, whole), (whole, flutter), (flutter, whole)):
        assert compared(reference, test).rr_error_count == 2


def test_no_common_interval_is_no_rr_error():
    c = compared(beats(1000), beats(1000))
    assert np.isnan(c.rr_error_ms)
    assert line_text({"1": c}).splitlines()[-1].endswith(" -")


def test_annotations_out_of_order_are_refused():
    with pytest.raises(DataError, match="annotation 1 at sample 500 follows sample 1000"):
        compared(beats(1000, 500), beats(1000))


def test_arrays_of_different_lengths_are_refused():
    broken = ScoredAnnotations(np.array([1, 2]), ["N"], np.array([0, 0]), ["", ""])
    with pytest.raises(DataError, match="2, 1 and 2 items"):
        compared(broken, beats(1))


@pytest.mark.parametrize("options", [{"start_s": -1.0}, {"stop_s": 0.0}, {"window_s": -0.1}])
def test_impossible_times_are_refused(options: dict[str, float]):
    with pytest.raises(DataError, match="expected fs_hz > 0"):
        compared(beats(1000), beats(1000), **options)
