import time
import tracemalloc

import numpy as np
import pytest

from ecgrnn.families.answers import Answers, worth
from ecgrnn.families.evidence import Evidence, reduced
from ecgrnn.families.families import families_of
from ecgrnn.families.grouping import group
from ecgrnn.families.head import fit_head
from ecgrnn.signals.recording import Recording

CLASSES = tuple("NSVFQ")


def three_shapes(n_beats: int = 300, *, seed: int = 0) -> tuple[Evidence, np.ndarray]:
    """Give the evidence of beats of three shapes: sure N, sure V, and some that the network is unsure of."""
    rng = np.random.default_rng(seed)
    shape = rng.choice(3, n_beats, p=[0.6, 0.3, 0.1])
    represented = rng.normal(0, 0.05, (n_beats, 40)) + 3 * np.eye(40)[shape]
    logits = np.array([[6, 0, 0, 0, -3], [0, 0, 6, 0, -3], [1.2, 0, 1.4, 0, -3]])[shape]
    evidence = Evidence(
        100 * np.arange(1, n_beats + 1),
        100.0,
        (logits + rng.normal(0, 0.1, logits.shape)).astype(np.float32),
        reduced(represented.astype(np.float32), represented[:, ::2].astype(np.float16)),
        CLASSES,
    )
    return evidence, shape


def test_beats_of_one_shape_are_of_one_family_and_the_unsure_ones_come_first():
    evidence, shape = three_shapes()
    found = group(evidence, most=3)
    assert set(shape[found.of_beat == 0]) == {2}
    assert len(set(zip(found.of_beat.tolist(), shape.tolist(), strict=True))) == 3
    assert found.n.tolist() == np.bincount(found.of_beat).tolist()
    assert (np.diff(found.gain) <= 0).all()
    unsure = 1 - evidence.probabilities[shape == 2].mean(axis=0).max()
    assert found.gain[0] == pytest.approx(unsure * (shape == 2).sum(), rel=0.05)
    assert (np.diff(found.settled) >= 0).all()
    assert found.settled[-1] == pytest.approx(1)
    assert (shape[found.middle] == [set(shape[found.of_beat == k]).pop() for k in range(3)]).all()


def test_a_long_recording_has_its_rare_beats_in_a_family_of_their_own():
    evidence, shape = three_shapes(6000)
    rare = np.flatnonzero(shape == 2)[:7]
    kept = np.sort(np.concatenate([np.flatnonzero(shape != 2), rare]))
    some = Evidence(
        evidence.sample[kept], 100.0, evidence.logits[kept], evidence.components[kept], evidence.classes
    )
    found = group(some)
    of_rare = found.of_beat[np.isin(kept, rare)]
    assert len(some) > 4096
    assert not np.isin(found.of_beat[~np.isin(kept, rare)], of_rare).any()
    np.testing.assert_array_equal(group(some).of_beat, found.of_beat)


def test_an_answer_is_followed_by_like_beats_and_leaves_others_as_they_were():
    evidence, shape = three_shapes()
    found = group(evidence, most=3)
    like = evidence.points[shape == 2]
    head = fit_head(like[:1], evidence.logits[shape == 2][:1], np.array([1]))
    after = head.logits(evidence.points, evidence.logits)
    assert (after[shape == 2].argmax(axis=1) == 1).all()
    np.testing.assert_allclose(after[shape != 2], evidence.logits[shape != 2], atol=0.2)
    nothing = fit_head(found.centre[:0], found.logits[:0], np.zeros(0, np.int64))
    np.testing.assert_array_equal(nothing.logits(evidence.points, evidence.logits), evidence.logits)


def test_what_a_family_is_worth_falls_with_answers_about_it_and_about_like_ones():
    evidence, shape = three_shapes()
    found = group(evidence, most=30)
    before = worth(evidence, found, Answers())
    assert before[0] == pytest.approx(found.gain[0])
    after = worth(evidence, found, Answers({0: "V"}))
    assert after[0] == 0
    like = shape[found.middle] == 2
    assert like[0]
    assert like.sum() > 1
    assert (after[like] < before[like] / 3).all()
    np.testing.assert_allclose(after[~like], before[~like], rtol=0.05)
    mixed = worth(evidence, found, Answers({0: "mixed"}))
    np.testing.assert_allclose(mixed, before)


def test_a_family_has_the_mean_of_its_beats_as_its_template():
    evidence, _ = three_shapes(80)
    time = np.arange(9000)
    signal = np.stack([np.sin(time), np.cos(time / 3)], axis=1).astype(np.float32)
    signal[300:330, 1] = np.nan
    found = families_of(Recording(signal, fs=100, leads=["II", "V1"]), evidence)
    assert (found.leads, found.before, found.templates.shape[1:]) == (("II", "V1"), 25, (70, 2))
    for family, templates in enumerate(found.templates):
        at = evidence.sample[found.of_beat == family]
        beats = signal[at[:, None] + np.arange(-25, 45)]
        beats = beats - np.median(beats, axis=1, keepdims=True)
        np.testing.assert_allclose(templates, np.nanmean(beats, axis=0), atol=1e-5)
        np.testing.assert_allclose(found.spread[family], np.nanstd(beats, axis=0), atol=1e-4)
        of = np.flatnonzero(found.of_beat == family)
        assert set(found.nearest[family]) | set(found.members[family]) <= set(of)
        assert not set(found.nearest[family]) & set(found.farthest[family])
        assert found.columns["middle"][family] == evidence.sample[found.nearest[family][0]]


def test_the_digest_changes_with_positions_and_not_with_the_call():
    evidence, _ = three_shapes(60)
    recording = Recording(np.zeros((7000, 1)), fs=100)
    first, again = (families_of(recording, evidence).positions for _ in range(2))
    assert first == again
    assert len(first) == 16
    moved = Evidence(evidence.sample + 1, 100.0, evidence.logits, evidence.components, evidence.classes)
    assert families_of(recording, moved).positions != first


def test_few_beats_have_few_families_and_none_have_none():
    evidence, _ = three_shapes(12)
    recording = Recording(np.zeros((7000, 1)), fs=100)
    assert len(families_of(recording, evidence).columns["n"]) <= 2
    one = Evidence(evidence.sample[:1], 100.0, evidence.logits[:1], evidence.components[:1], CLASSES)
    single = families_of(recording, one)
    assert single.columns["n"].tolist() == [1]
    assert np.isnan(single.columns["rr_before_s"]).all()
    none = Evidence(evidence.sample[:0], 100.0, evidence.logits[:0], evidence.components[:0], CLASSES)
    assert families_of(recording, none) is None


def test_a_day_of_beats_fits_in_little_memory():
    rng = np.random.default_rng(0)
    sample = np.arange(1, 100_001) * 80
    tracemalloc.start()
    evidence = Evidence(
        sample,
        100.0,
        rng.normal(0, 3, (len(sample), 5)).astype(np.float32),
        rng.normal(0, 1, (len(sample), 16)).astype(np.float32),
        CLASSES,
    )
    began = time.process_time()
    found = group(evidence)
    assert time.process_time() - began < 10
    assert tracemalloc.get_traced_memory()[1] < 500e6
    tracemalloc.stop()
    assert len(found.n) == 60
    assert found.n.sum() == 100_000
