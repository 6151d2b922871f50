import numpy as np
import pytest

from ecgrnn.signals.rhythm_context import (
    REACH_BEATS,
    rhythm_context,
    rhythm_names,
    running_quantiles,
)
from ecgrnn.signals.template import BeatTemplates, beat_templates, slow_templates
from ecgrnn.tasks.beats.shape import SHAPES, beat_shapes

FS_HZ = 360.0


def positions(rr_s):
    return np.cumsum(np.round(np.asarray(rr_s) * FS_HZ)).astype(np.int64)


def column(features, name, *, causal=False):
    return features[:, rhythm_names(causal=causal).index(name)]


def each(usual):
    """Give every beat a beat template of its own."""
    return BeatTemplates(usual, np.arange(len(usual)))


@pytest.mark.parametrize("causal", [False, True])
def test_running_quantiles_equal_those_of_each_window(causal):
    values = np.random.default_rng(0).normal(size=57)
    found = running_quantiles(values, 10, (0.25, 0.9), causal=causal)
    padded = np.concatenate([np.full(10, values[0]), values]) if causal else np.pad(values, 5, mode="reflect")
    for at in range(57):
        np.testing.assert_allclose(found[:, at], np.quantile(padded[at : at + 11], (0.25, 0.9)))


def test_a_premature_beat_stands_out_and_its_pause_is_compensated():
    rr = np.full(400, 0.8)
    rr[200], rr[201] = 0.5, 1.1
    features = rhythm_context(positions(rr), fs_hz=FS_HZ, causal=False)
    assert column(features, "before_near")[200] == pytest.approx(np.log(0.5 / 0.8), abs=0.01)
    assert column(features, "after_near")[200] == pytest.approx(np.log(1.1 / 0.8), abs=0.01)
    assert column(features, "pause")[200] == pytest.approx(0.0, abs=0.01)
    assert np.abs(column(features, "before_near")[:195]).max() < 0.01


def test_in_a_long_run_the_far_upper_quantile_remembers_the_normal_rhythm():
    rr = np.concatenate([np.full(200, 0.8), np.full(60, 0.5), np.full(200, 0.8)])
    features = rhythm_context(positions(rr), fs_hz=FS_HZ, causal=False)
    assert abs(column(features, "before_near")[230]) < 0.01
    assert column(features, "before_far_upper")[230] == pytest.approx(np.log(0.5 / 0.8), abs=0.01)


def test_a_causal_context_is_unmoved_by_the_future():
    rr = np.random.default_rng(1).uniform(0.4, 1.2, 500)
    whole = rhythm_context(positions(rr), fs_hz=FS_HZ, causal=True)
    part = rhythm_context(positions(rr[:300]), fs_hz=FS_HZ, causal=True)
    np.testing.assert_array_equal(whole[:300], part)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_short_records_have_finite_rhythms(count, causal):
    features = rhythm_context(positions(np.full(count, 0.8)), fs_hz=FS_HZ, causal=causal)
    assert features.shape == (count, len(rhythm_names(causal=causal)))
    assert np.isfinite(features).all()


def test_the_usual_beat_of_a_bigeminy_is_the_one_in_time():
    beats = np.zeros((200, 30, 1), np.float32)
    beats[::2] = 1.0
    beats[1::2] = -3.0
    rr = np.where(np.arange(200) % 2, 0.5, 1.1)
    np.testing.assert_array_equal(beat_templates(beats, rr, causal=False).around(), np.ones_like(beats))


def test_a_causal_usual_beat_is_unmoved_by_the_future():
    rng = np.random.default_rng(2)
    beats, rr = rng.normal(size=(90, 8, 2)).astype(np.float32), rng.uniform(0.5, 1.2, 90)
    whole = beat_templates(beats, rr, causal=True).around()
    part = beat_templates(beats[:50], rr[:50], causal=True).around()
    np.testing.assert_array_equal(whole[:50], part)


def test_the_usual_beat_itself_is_like_itself_and_a_beat_without_p_is_not():
    time = np.arange(112) - 50
    p, qrs = 0.2 * np.exp(-0.5 * ((time + 22) / 3) ** 2), np.exp(-0.5 * (time / 2) ** 2)
    usual = np.tile(p + qrs, (3, 1)).astype(np.float32)
    beats = usual.copy()
    beats[1] = qrs
    shapes = beat_shapes(beats, each(usual), before=50, fs_hz=125.0)
    like_p, like_qrs = SHAPES.index("likeness_p"), SHAPES.index("likeness_qrs")
    assert shapes[0, like_p] > 0.99
    assert shapes[1, like_p] < 0.2
    assert shapes[:, like_qrs].min() > 0.99
    assert shapes[1, SHAPES.index("size_p")] < -0.5


def test_a_wide_qrs_is_wider_by_number():
    time = np.arange(112) - 50
    narrow, wide = (np.exp(-0.5 * (time / width) ** 2).astype(np.float32)[np.newaxis] for width in (2, 6))
    shapes = beat_shapes(wide, each(narrow), before=50, fs_hz=125.0)
    same = beat_shapes(narrow, each(narrow), before=50, fs_hz=125.0)
    assert same[0, SHAPES.index("width_qrs")] == pytest.approx(0.0, abs=1e-6)
    assert abs(shapes[0, SHAPES.index("residual_qrs")]) > abs(same[0, SHAPES.index("residual_qrs")]) - 3
    assert shapes[0, SHAPES.index("likeness_qrs")] < 0.95


@pytest.mark.parametrize(
    "fs_hz", [100, 120, 125, 128, 150, 180, 200, 240, 250, 256, 257, 300, 360, 500, 512, 1000]
)
def test_a_moved_p_wave_is_found_at_any_sampling_frequency_in_the_shortest_window(fs_hz):
    before = round(0.38 * fs_hz)
    time = (np.arange(2 * before) - before) / fs_hz
    usual, moved = (0.2 * np.exp(-0.5 * ((time + at) / 0.02) ** 2)[np.newaxis] for at in (0.18, 0.148))
    shapes = beat_shapes(
        moved.astype(np.float32), each(usual.astype(np.float32)), before=before, fs_hz=float(fs_hz)
    )
    assert shapes[0, SHAPES.index("likeness_p_moved")] > 0.98
    assert shapes[0, SHAPES.index("likeness_p")] < 0.6


def test_at_125_hz_a_moved_region_lies_where_each_of_its_ends_rounds_to():
    rng = np.random.default_rng(3)
    beats, usual = rng.normal(size=(2, 5, 100)).astype(np.float32)
    shapes = beat_shapes(beats, each(usual), before=48, fs_hz=125.0)
    best = np.max(
        [
            [
                np.corrcoef(beat[13 + lag : 39 + lag], one[13:39])[0, 1]
                for beat, one in zip(beats, usual, strict=True)
            ]
            for lag in (-6, -4, -2, 0, 2, 4, 6)
        ],
        axis=0,
    )
    np.testing.assert_allclose(shapes[:, SHAPES.index("likeness_p_moved")], best, atol=1e-5)


def test_usual_beats_are_the_medians_of_their_neighbours_that_come_in_time():
    rng = np.random.default_rng(4)
    beats, rr = rng.normal(size=(150, 2, 7)).astype(np.float32), rng.uniform(0.6, 1.2, 150)
    usual = beat_templates(beats, rr, causal=False)
    assert usual.shape.shape == (10, 2, 7)
    assert np.bincount(usual.of).tolist() == [16] * 9 + [6]
    in_time = rr[:128] > 0.9 * np.median(rr[:128])
    np.testing.assert_allclose(usual.shape[0], np.median(beats[:128][in_time], axis=0), rtol=1e-6)
    in_time = rr[22:] > 0.9 * np.median(rr[22:])
    np.testing.assert_allclose(usual.around()[-1], np.median(beats[22:][in_time], axis=0), rtol=1e-6)


def test_beats_that_share_a_usual_beat_are_compared_as_if_each_had_its_own():
    rng = np.random.default_rng(5)
    beats, usual = rng.normal(size=(6, 112)).astype(np.float32), rng.normal(size=(2, 112)).astype(np.float32)
    of = np.array([0, 0, 0, 1, 1, 1])
    shared = beat_shapes(beats, BeatTemplates(usual, of), before=50, fs_hz=125.0)
    np.testing.assert_array_equal(shared, beat_shapes(beats, each(usual[of]), before=50, fs_hz=125.0))


@pytest.mark.parametrize("causal", [False, True])
def test_the_rhythm_of_the_first_beats_does_not_depend_on_how_much_follows(causal):
    rr = np.concatenate([np.full(700, 0.8), np.full(700, 0.5)])
    rr += np.random.default_rng(3).uniform(-0.1, 0.1, len(rr))
    sample = positions(rr)
    whole = rhythm_context(sample, fs_hz=FS_HZ, causal=causal)
    part = rhythm_context(sample[:600], fs_hz=FS_HZ, causal=causal)
    np.testing.assert_array_equal(whole[: 600 - REACH_BEATS], part[: 600 - REACH_BEATS])


@pytest.mark.parametrize("causal", [False, True])
def test_a_long_tachycardia_is_seen_against_the_rhythm_it_began_from(causal):
    rr = np.concatenate([np.full(700, 0.8), np.full(900, 0.4), np.full(700, 0.8)])
    names = rhythm_names(causal=causal, long_range=True)
    features = rhythm_context(positions(rr), fs_hz=FS_HZ, causal=causal, long_range=True)
    assert features.shape == (len(rr), len(names))
    inside = features[1200]
    assert inside[names.index("before_far_upper")] == pytest.approx(0, abs=0.05)
    assert inside[names.index("before_long_upper")] == pytest.approx(np.log(0.5), abs=0.05)
    known = rhythm_names(causal=causal)
    np.testing.assert_array_equal(
        features[:, : len(known)], rhythm_context(positions(rr), fs_hz=FS_HZ, causal=causal)
    )


@pytest.mark.parametrize("causal", [False, True])
def test_the_slow_template_has_no_beat_of_a_long_tachycardia(causal):
    rr = np.concatenate([np.full(500, 0.8), np.full(900, 0.4), np.full(500, 0.8)])
    beats = np.repeat(np.where(rr < 0.6, 2.0, 1.0)[:, None], 5, axis=1).astype(np.float32)
    usual = beat_templates(beats, rr, causal=causal)
    slow = BeatTemplates(slow_templates(beats, rr, causal=causal), usual.of)
    assert slow.shape.shape == usual.shape.shape
    assert usual.around()[900, 0] == 2.0
    assert (slow.around() == 1.0).all()
