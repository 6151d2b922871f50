import numpy as np
import pytest

from ecgrnn.signals.annotations import Waves, waves_of
from ecgrnn.tasks.delineation.labels import (
    UNKNOWN,
    WAVE_SCHEME,
    WaveRules,
    annotations_of_waves,
    labels_of_waves,
    waves_agreed_on,
    waves_of_labels,
)

NONE, P, QRS, T = range(4)
STEP_S = 0.008
RULES = WaveRules(shortest_ms=24.0, gap_ms=24.0)


def waves(*rows):
    onset, peak, offset, kind = zip(*rows, strict=True)
    return Waves(
        onset=np.array(onset), peak=np.array(peak), offset=np.array(offset), kind=np.array(kind, "<U3")
    )


def bumps(n_samples):
    return np.sin(np.arange(n_samples) / 7).astype(np.float32)


def test_a_step_has_the_label_of_the_wave_its_centre_lies_in():
    # 250 Hz, two samples a step: the centre of step k lies at sample 2 k + 0.5
    marked = waves((10, 12, 15, "P"), (20, 23, 26, "QRS"), (40, 50, 59, "T"))
    labels = labels_of_waves(marked, fs_hz=250, steps=40, step_s=STEP_S)
    assert labels[5] == P
    assert labels[4] == UNKNOWN
    assert labels[7] == P
    assert labels[8] == NONE
    assert list(labels[10:13]) == [QRS] * 3
    assert labels[13] == NONE
    assert list(labels[20:29]) == [T] * 9


def test_nothing_is_known_outside_the_annotated_stretch():
    labels = labels_of_waves(waves((40, 45, 50, "QRS")), fs_hz=250, steps=50, step_s=STEP_S)
    assert set(labels[:20]) == {UNKNOWN}
    assert set(labels[26:]) == {UNKNOWN}


def test_a_wave_without_an_onset_is_unknown_before_its_peak():
    marked = waves((10, 12, 15, "P"), (-1, 43, 46, "QRS"), (60, 70, 79, "T"))
    labels = labels_of_waves(marked, fs_hz=250, steps=50, step_s=STEP_S)
    assert set(labels[8:21]) == {UNKNOWN}
    assert labels[22] == QRS


def test_a_lead_without_marks_is_unknown():
    empty = Waves(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), np.zeros(0, "<U3"))
    assert set(labels_of_waves(empty, fs_hz=250, steps=9, step_s=STEP_S)) == {UNKNOWN}


@pytest.mark.parametrize("fs_hz", [250.0, 500.0])
def test_waves_survive_the_way_through_labels_to_half_a_step(fs_hz):
    rng = np.random.default_rng(0)
    edges = np.cumsum(rng.integers(30, 60, 30)) * round(fs_hz / 250)
    marked = waves(
        *[(edges[i], edges[i] + 5, edges[i + 1], ("P", "QRS", "T")[i // 2 % 3]) for i in range(0, 28, 2)]
    )
    steps = int(edges[-1] / fs_hz / STEP_S) + 2
    labels = labels_of_waves(marked, fs_hz=fs_hz, steps=steps, step_s=STEP_S)
    found = waves_of_labels(labels, bumps(int(edges[-1]) + 99), step_s=STEP_S, fs_hz=fs_hz, rules=RULES)
    assert list(found.kind) == list(marked.kind)
    half_a_step = STEP_S * fs_hz / 2 + 1
    assert np.abs(found.onset - marked.onset).max() <= half_a_step
    assert np.abs(found.offset - marked.offset).max() <= half_a_step
    # no bias: half of the marks come out early, half late
    assert abs(np.mean(found.onset - marked.onset)) < half_a_step / 2


def test_short_runs_are_dropped_and_small_gaps_closed():
    labels = np.array([NONE] * 5 + [T] * 4 + [NONE] * 2 + [T] * 3 + [NONE] * 6 + [P] * 2 + [NONE] * 4)
    found = waves_of_labels(labels, bumps(60), step_s=STEP_S, fs_hz=250, rules=RULES)
    assert list(found.kind) == ["T"]
    assert found.onset[0] == 10
    assert found.offset[0] == 28


def test_a_gap_of_the_limit_stays_open():
    labels = np.array([NONE] * 5 + [T] * 4 + [NONE] * 3 + [T] * 3 + [NONE] * 6)
    found = waves_of_labels(labels, bumps(60), step_s=STEP_S, fs_hz=250, rules=RULES)
    assert list(found.kind) == ["T", "T"]


def test_a_peak_lies_where_the_lead_leaves_the_line_between_its_ends():
    signal = np.zeros(100, np.float32)
    signal[40:61] = -np.hanning(21)
    signal += np.linspace(0, 3, 100, dtype=np.float32)
    labels = np.array([NONE] * 20 + [QRS] * 10 + [NONE] * 20)
    found = waves_of_labels(labels, signal, step_s=STEP_S, fs_hz=250, rules=RULES)
    assert found.peak[0] == 50


def test_no_label_gives_no_wave():
    found = waves_of_labels(np.zeros(9, int), bumps(18), step_s=STEP_S, fs_hz=250, rules=RULES)
    assert len(found.peak) == 0


def test_annotations_give_the_waves_back():
    marked = waves((10, 12, 15, "P"), (20, 23, 26, "QRS"), (40, 50, 59, "T"))
    annotations = annotations_of_waves(marked, fs_hz=250)
    assert list(annotations.symbol) == ["(", "p", ")", "(", "N", ")", "(", "t", ")"]
    back = waves_of(annotations)
    for name in ("onset", "peak", "offset", "kind"):
        assert list(getattr(back, name)) == list(getattr(marked, name))


def test_no_waves_give_no_annotations():
    none = waves_of_labels(np.zeros(9, int), bumps(18), step_s=STEP_S, fs_hz=250, rules=RULES)
    assert len(annotations_of_waves(none, fs_hz=250).sample) == 0


def test_the_scheme_knows_the_marks_of_ludb():
    assert [WAVE_SCHEME.classes[WAVE_SCHEME.index(symbol)] for symbol in "pNt"] == ["P", "QRS", "T"]


def test_a_wave_that_too_few_leads_show_is_dropped():
    p, late, qrs = (10, 15, 20, "P"), (18, 25, 30, "P"), (40, 45, 50, "QRS")
    leads = [waves(p, qrs), waves(qrs), waves(late, qrs), waves((41, 45, 49, "T"))]
    kept = [found.kind.tolist() for found in waves_agreed_on(leads, share=0.5)]
    assert kept == [["P", "QRS"], ["QRS"], ["P", "QRS"], []]
    assert [len(found.peak) for found in waves_agreed_on(leads, share=0)] == [2, 1, 2, 1]
    assert [found.kind.tolist() for found in waves_agreed_on(leads, share=0.75)] == [["QRS"]] * 3 + [[]]


def labels_by_masks(marked, *, fs_hz, steps, step_s):
    """Label steps as the rules say, looking at every step for every wave."""
    labels = np.full(steps, UNKNOWN)
    centre = (np.arange(steps) + 0.5) * step_s * fs_hz - 0.5
    first = np.where(marked.onset >= 0, marked.onset, marked.peak)
    last = np.where(marked.offset >= 0, marked.offset, marked.peak)
    labels[(centre >= first.min()) & (centre <= last.max())] = NONE
    for k, kind in enumerate(marked.kind):
        if marked.onset[k] < 0:
            labels[(centre > (last[k - 1] if k else -1)) & (centre < first[k])] = UNKNOWN
        if marked.offset[k] < 0:
            labels[(centre > last[k]) & (centre < (first[k + 1] if k + 1 < len(first) else np.inf))] = UNKNOWN
        inside = (centre >= first[k]) & (centre <= last[k])
        labels[inside] = {"P": P, "QRS": QRS, "T": T}.get(str(kind), NONE)
    return labels


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_those_of_a_look_at_every_step_for_every_wave(seed):
    rng = np.random.default_rng(seed)
    peak = np.sort(rng.choice(5000, 60, replace=False))
    marked = Waves(
        onset=np.where(rng.random(60) < 0.2, -1, np.maximum(peak - rng.integers(0, 30, 60), 0)),
        peak=peak,
        offset=np.where(rng.random(60) < 0.2, -1, np.minimum(peak + rng.integers(0, 30, 60), 4999)),
        kind=rng.choice(["P", "QRS", "T", "U"], 60),
    )
    for fs_hz, step_s in ((500.0, 0.008), (360.0, 0.01), (250.0, 0.004)):
        facts = {"fs_hz": fs_hz, "steps": int(5000 / fs_hz / step_s), "step_s": step_s}
        np.testing.assert_array_equal(labels_of_waves(marked, **facts), labels_by_masks(marked, **facts))


def test_a_u_wave_is_none_of_the_classes():
    marked = waves((10, 12, 15, "T"), (20, 23, 26, "U"), (40, 50, 59, "P"))
    labels = labels_of_waves(marked, fs_hz=250.0, steps=30, step_s=STEP_S)
    assert set(labels[8:20].tolist()) == {NONE}
