import numpy as np
import pytest

from ecgrnn.inference.page.annotated import Beats, Rhythms, Waves
from ecgrnn.inference.page.findings import conduction, ectopy, rate, rhythms
from ecgrnn.inference.page.findings.quality import joined, read_quality, without_beat
from ecgrnn.inference.page.findings.variability import normal_intervals, variability
from ecgrnn.signals.recording import Recording

NOTHING = np.zeros((0, 2))


def beats_of(labels: str, rr_s: float | list[float] = 0.8, start_s: float = 0.5) -> Beats:
    """Beats of classes, a word of letters, at equal or given intervals."""
    rr = np.full(len(labels) - 1, rr_s) if isinstance(rr_s, float) else np.array(rr_s)
    times = start_s + np.concatenate([[0.0], np.cumsum(rr)])
    return Beats(times, np.array(list(labels)), np.full(len(labels), 0.9))


def intervals_of(beats: Beats, unreadable=NOTHING) -> rate.Intervals:
    return rate.rr_intervals(beats.time_s, np.asarray(unreadable, np.float64).reshape(-1, 2))


def test_an_interval_across_a_stretch_that_was_not_read_is_not_used():
    times = np.array([1.0, 2.0, 3.0, 6.0, 7.0])
    found = rate.rr_intervals(times, np.array([[3.5, 5.0]]))
    assert found.rr_s.tolist() == [1.0, 1.0, 3.0, 1.0]
    assert found.usable.tolist() == [True, True, False, True]
    # a stretch that ends where an interval begins does not touch it
    assert rate.rr_intervals(times, np.array([[0.0, 2.0], [6.0, 6.5]])).usable.tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_the_rate_of_a_window_is_of_the_intervals_that_end_in_it():
    times = np.arange(0.0, 30.01, 0.5)
    times = times[(times <= 10.0) | (times >= 20.0)]
    found = rate.rr_intervals(times, np.array([[10.0, 20.0]]))
    rates = rate.window_rates(times, found, duration_s=35.0)
    assert rates[[0, 2]].tolist() == [120.0, 120.0]
    assert np.isnan(rates[1])
    assert len(rates) == 3  # the last five seconds are no window
    assert rate.mean_rate(found) == pytest.approx(120.0)


def test_slow_and_fast_stretches_are_those_beyond_the_bounds():
    rates = np.array([45.0, 48.0, np.nan, 70.0, 49.0, 50.0, 101.0])
    slow, fast = rate.bradycardia(rates), rate.tachycardia(rates)
    assert slow == rate.Stay(share=3 / 6, longest_s=20.0, start_s=0.0)
    assert fast == rate.Stay(share=1 / 6, longest_s=10.0, start_s=60.0)
    assert rate.slowest(rates) == rate.Extreme(45.0, 0.0)
    assert rate.fastest(rates) == rate.Extreme(101.0, 60.0)
    nowhere = np.full(3, np.nan)
    assert (
        rate.bradycardia(nowhere)
        is rate.fastest(nowhere)
        is rate.mean_rate(intervals_of(beats_of("N")))
        is None
    )


def test_pauses_are_longer_than_two_seconds_and_not_across_what_was_not_read():
    beats = beats_of("NNNNNN", [0.8, 2.5, 2.0, 3.0, 2.4])
    assert rate.pauses(intervals_of(beats)).tolist() == [3, 1, 4]
    assert rate.pauses(intervals_of(beats, [[7.0, 7.2]])).tolist() == [1, 4]


def test_sequences_of_ectopic_beats_are_told_apart_by_their_length():
    beats = beats_of("NVNVVNVVVNNSSVN")
    found = ectopy.runs(beats, intervals_of(beats), "V")
    assert [(one.first, one.last, one.n_ectopic) for one in found] == [
        (1, 1, 1),
        (3, 4, 2),
        (6, 8, 3),
        (13, 13, 1),
    ]
    assert [one.n_ectopic for one in ectopy.runs(beats, intervals_of(beats), "S")] == [2]
    assert ectopy.longest(found) == ectopy.fastest(found[2:]) == found[2]
    assert found[2].bpm == pytest.approx(75.0)
    assert found[0].bpm is None


def test_what_was_not_read_ends_a_run():
    beats = beats_of("NVVVVN")
    middle = (beats.time_s[2] + beats.time_s[3]) / 2
    found = ectopy.runs(beats, intervals_of(beats, [[middle, middle + 0.1]]), "V")
    assert [one.n_ectopic for one in found] == [2, 2]


@pytest.mark.parametrize(
    ("labels", "bigeminy", "trigeminy"),
    [
        ("NVNVNVN", [3], []),
        ("NVNVNN", [], []),  # two are no bigeminy
        ("NVNVNVNNVNNVNNVN", [3], [4]),
        ("NNVNNVNNVNN", [], [3]),
        ("NVSVNVNN", [], []),  # what lies between must be normal
        ("VVNVVNVVN", [], []),
    ],
)
def test_bigeminy_and_trigeminy_are_three_cycles_at_least(labels, bigeminy, trigeminy):
    beats = beats_of(labels)
    intervals = intervals_of(beats)
    assert [one.n_ectopic for one in ectopy.bigeminy(beats, intervals, "V")] == bigeminy
    assert [one.n_ectopic for one in ectopy.trigeminy(beats, intervals, "V")] == trigeminy


def rhythms_of(*parts: tuple[float, float, str]) -> Rhythms:
    start, stop, label = zip(*parts, strict=True)
    return Rhythms(np.array(start), np.array(stop), np.array(label), np.full(len(parts), 0.8))


def test_neighbouring_stretches_of_one_rhythm_are_one_episode():
    found = rhythms.episodes(
        rhythms_of(
            (0.0, 30.0, "N"), (30.0, 60.0, "A"), (60.0, 90.0, "A"), (90.0, 110.0, "~"), (110.0, 120.0, "A")
        )
    )
    assert [(one.start_s, one.stop_s, one.label) for one in found] == [
        (0.0, 30.0, "N"),
        (30.0, 90.0, "A"),
        (90.0, 110.0, "~"),
        (110.0, 120.0, "A"),
    ]
    assert rhythms.burden(found) == pytest.approx(70.0 / 100.0)  # what is too noisy counts neither way
    assert [one.duration_s for one in rhythms.of_rhythm(found, shortest_s=30.0)] == [60.0]
    assert rhythms.burden(rhythms.episodes(rhythms_of((0.0, 30.0, "~")))) is None


def test_variability_of_a_known_rhythm():
    n = 2000
    times = [0.0]
    for _ in range(n):
        t = times[-1]
        times.append(t + 0.8 + 0.03 * np.sin(2 * np.pi * 0.1 * t) + 0.015 * np.sin(2 * np.pi * 0.25 * t))
    beats = Beats(np.array(times), np.full(n + 1, "N"), np.full(n + 1, np.nan))
    found = variability(beats.time_s, normal_intervals(beats, intervals_of(beats), NOTHING))
    assert found.mean_nn_ms == pytest.approx(800.0, abs=2.0)
    assert found.sdnn_ms == pytest.approx(1000 * np.sqrt((0.03**2 + 0.015**2) / 2), rel=0.03)
    # a sine of amplitude A has the variance A^2 / 2
    assert found.lf_ms2 == pytest.approx(30.0**2 / 2, rel=0.1)
    assert found.hf_ms2 == pytest.approx(15.0**2 / 2, rel=0.1)
    assert found.lf_hf == pytest.approx(4.0, rel=0.1)
    assert found.n_segments == 5
    assert found.sdann_ms is None  # no hour


def test_successive_differences_by_hand():
    rr = np.tile([0.80, 0.90, 0.86], 150)
    times = np.concatenate([[0.0], np.cumsum(rr)])
    found = variability(times, np.ones(len(rr), np.bool_))
    steps = np.array([100.0, -40.0, -60.0])
    assert found.rmssd_ms == pytest.approx(np.sqrt((steps**2).mean()), rel=0.01)
    assert found.pnn50 == pytest.approx(2 / 3, abs=0.01)
    assert found.sdnn_ms == pytest.approx(1000 * rr.std(ddof=1))


def test_the_means_of_five_minutes_vary_by_sdann():
    rr = np.concatenate([np.full(300, 1.0 if k % 2 else 0.9) for k in range(24)])
    times = np.concatenate([[0.0], np.cumsum(rr)])
    found = variability(times, np.ones(len(rr), np.bool_))
    assert found.sdann_ms == pytest.approx(50.0, rel=0.5)
    assert found.sdann_ms < found.sdnn_ms


def test_intervals_of_ectopic_beats_of_af_and_of_other_lengths_are_not_normal():
    beats = beats_of("NNVNNNN", [0.8, 0.5, 1.1, 0.8, 2.2, 0.8], start_s=0.0)
    intervals = intervals_of(beats)
    assert normal_intervals(beats, intervals, NOTHING).tolist() == [True, False, False, True, False, True]
    in_af = np.array([[0.0, 3.0]])
    assert normal_intervals(beats, intervals, in_af).tolist() == [False, False, False, False, False, True]


def test_too_little_has_no_variability():
    found = variability(np.arange(100) * 0.8, np.ones(99, np.bool_))
    assert found.sdnn_ms is found.rmssd_ms is found.lf_hf is None
    assert found.total_s == pytest.approx(79.2)


def waves_at(q: list[float], lead: str = "II") -> Waves:
    """P, QRS and T around QRS onsets: PR 160 ms, QRS 90 ms, QT 400 ms."""
    kinds = ["P"] * len(q) + ["QRS"] * len(q) + ["T"] * len(q)
    at = np.array(q)
    onset = np.concatenate([at - 0.16, at, at + 0.22])
    offset = np.concatenate([at - 0.06, at + 0.09, at + 0.40])
    return Waves(np.full(len(kinds), lead), np.array(kinds), onset, offset)


def test_intervals_within_beats_are_medians_over_normal_beats():
    q = [1.0, 2.0, 3.0, 4.0, 5.0]
    (found,) = conduction.conduction(waves_at(q), None, NOTHING)
    assert found.n_beats == 5
    assert found.pr_ms == pytest.approx(160.0)
    assert found.qrs_ms == pytest.approx(90.0)
    # RR is 1 s
    assert [found.qt_ms, found.qtc_bazett_ms, found.qtc_fridericia_ms] == pytest.approx([400.0] * 3)
    beats = Beats(np.array(q) + 0.04, np.array(list("NNVVN")), np.full(5, 0.9))
    (normal,) = conduction.conduction(waves_at(q), beats, NOTHING)
    assert normal.n_beats == 3


def test_there_is_no_pr_in_atrial_fibrillation():
    q = np.arange(1.0, 9.0).tolist()
    (partly,) = conduction.conduction(waves_at(q), None, np.array([[0.0, 4.5]]))
    (wholly,) = conduction.conduction(waves_at(q), None, np.array([[0.0, 6.5]]))
    assert partly.pr_ms == pytest.approx(160.0)
    assert wholly.pr_ms is None  # two beats are left
    assert wholly.qt_ms == pytest.approx(400.0)


def test_corrections_of_qt_at_another_rate():
    q = np.arange(1.0, 6.0, 0.64).tolist()
    (found,) = conduction.conduction(waves_at(q), None, NOTHING)
    assert found.qtc_bazett_ms == pytest.approx(400.0 / 0.8)
    assert found.qtc_fridericia_ms == pytest.approx(400.0 / 0.64 ** (1 / 3))


def test_a_wave_of_another_beat_is_not_taken():
    q = [1.0, 2.0, 3.0, 4.0]
    whole = waves_at(q)
    qrs_only = whole.kind == "QRS"
    bare = Waves(
        whole.lead[qrs_only], whole.kind[qrs_only], whole.onset_s[qrs_only], whole.offset_s[qrs_only]
    )
    (found,) = conduction.conduction(bare, None, NOTHING)
    assert found.pr_ms is found.qt_ms is found.qtc_bazett_ms is None
    assert found.qrs_ms == pytest.approx(90.0)
    onset = np.where(whole.kind == "P", np.nan, whole.onset_s)  # P without an onset
    (without_p,) = conduction.conduction(Waves(whole.lead, whole.kind, onset, whole.offset_s), None, NOTHING)
    assert without_p.pr_ms is None


def test_the_t_wave_of_the_next_beat_is_not_taken():
    q = np.arange(1.0, 5.0, 0.5)
    ends = q[1::2] + 0.2  # every other beat has a T wave
    kind = np.array(["QRS"] * len(q) + ["T"] * len(ends))
    onset, offset = np.concatenate([q, ends - 0.1]), np.concatenate([q + 0.09, ends])
    (found,) = conduction.conduction(Waves(np.full(len(kind), "I"), kind, onset, offset), None, NOTHING)
    assert found.qt_ms == pytest.approx(200.0)


def test_over_leads_is_the_median_of_those_that_have_it():
    one = conduction.Conduction("I", 5, 150.0, 90.0, None, None, None)
    two = conduction.Conduction("II", 7, 170.0, 100.0, 400.0, 410.0, 420.0)
    found = conduction.over_leads([one, two])
    assert (found.pr_ms, found.qt_ms, found.n_beats) == (160.0, 400.0, 7)
    assert conduction.over_leads([]) is None


def ecg(seconds: float, fs_hz: float = 250.0, leads: int = 2) -> np.ndarray:
    """A signal that looks like none of the faults."""
    t = np.arange(round(seconds * fs_hz)) / fs_hz
    return np.stack([np.sin(2 * np.pi * (1.0 + k) * t) for k in range(leads)], axis=1).astype(np.float32)


def test_each_fault_of_a_lead_is_found_where_it_is():
    signal = ecg(40.0)
    signal[500:1000, 0] = np.nan
    signal[2000:3000, 1] = 0.3
    signal[4000:5000, 0] = 5.0
    signal[4000:4250, 1] = np.nan
    found = read_quality(Recording(signal, fs=250.0))
    assert np.flatnonzero(found.missing[:, 0]).tolist() == [1]
    assert np.flatnonzero(found.flat[:, 1]).tolist() == [4, 5]
    assert np.flatnonzero(found.saturated[:, 0]).tolist() == [8, 9]
    assert not found.flat[:, 0].any()
    assert found.unreadable_s.tolist() == [[16.0, 18.0]]  # where both leads fail


def test_a_quiet_signal_is_not_saturated_and_a_clipped_one_is():
    signal = ecg(20.0, leads=1)
    signal[signal < 0] = 0.0  # long at its lowest, but in the middle of any range
    assert not read_quality(Recording(signal, fs=250.0)).bad.any()
    loud = np.clip(6.0 * ecg(20.0, leads=1), -5.0, 5.0)
    assert read_quality(Recording(loud, fs=250.0)).saturated.all()


def test_quality_does_not_depend_on_how_it_is_read(monkeypatch):
    signal = ecg(61.0)
    signal[3000:4000] = np.nan
    whole = read_quality(Recording(signal, fs=250.0))
    monkeypatch.setattr("ecgrnn.inference.page.findings.quality._AT_ONCE", 4)
    parts = read_quality(Recording(signal, fs=250.0))
    assert np.array_equal(whole.bad, parts.bad)
    assert np.array_equal(whole.span_mv, parts.span_mv)


def test_ten_seconds_without_a_beat_are_named():
    assert without_beat(np.array([1.0, 2.0, 13.0]), duration_s=30.0).tolist() == [[2.0, 13.0], [13.0, 30.0]]
    assert without_beat(np.zeros(0), duration_s=9.0).tolist() == []
    assert without_beat(np.zeros(0), duration_s=11.0).tolist() == [[0.0, 11.0]]


def test_stretches_within_others_are_joined():
    assert joined(np.array([[0.0, 10.0], [2.0, 3.0], [9.0, 12.0]]), NOTHING).tolist() == [[0.0, 12.0]]
    assert joined(NOTHING).tolist() == []
