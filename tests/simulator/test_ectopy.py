"""Records played back in another rhythm."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import mannwhitneyu

from ecgrnn.simulator.ectopy import ReplayPlan, play, replay
from ecgrnn.simulator.ectopy_rhythm import Origin, draw_rhythm

FS_HZ = 125.0


def beating(n_beats: int, rr_s: float = 0.8):
    """Give a record of equal beats, P and QRS and T in two leads, and where they are."""
    time_s = 1.0 + rr_s * np.arange(n_beats)
    at = np.arange(round((time_s[-1] + 2) * FS_HZ)) / FS_HZ

    def wave(offset_s, width_s, height_mv):
        around = (at - time_s[0] - offset_s + rr_s / 2) % rr_s - rr_s / 2
        return height_mv * np.exp(-((around / width_s) ** 2) / 2)

    lead = wave(-0.16, 0.02, 0.15) + wave(0.0, 0.012, 1.0) + wave(0.28, 0.04, 0.3)
    return np.stack([lead, -0.5 * lead], axis=1).astype(np.float32), time_s


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_only_normal_beats_of_a_regular_rhythm_are_moved():
    rr_s = np.full(3000, 0.8)
    sinus = np.ones(3000, bool)
    sinus[1000:1100] = False
    rr_s[2000:2200] *= np.exp(rng().normal(0, 0.2, 200))  # irregular by itself
    drawn = [draw_rhythm(rr_s, sinus=sinus, rng=rng(seed)) for seed in range(5)]
    for rhythm in (*drawn, draw_rhythm(rr_s, sinus=sinus, rng=rng(), lasting=True)):
        for kept in (slice(999, 1101), slice(2020, 2180), slice(0, 5), slice(2995, 3000)):
            np.testing.assert_array_equal(rhythm.rr_s[kept], rr_s[kept])
            assert (rhythm.origin[kept] == Origin.AS_BEFORE).all()
    assert all((rhythm.origin == Origin.ECTOPIC).mean() > 0.1 for rhythm in drawn)


def test_ectopic_beats_come_early_and_a_pause_follows_where_they_end():
    rr_s = np.full(6000, 0.8)
    rhythm = draw_rhythm(rr_s, sinus=np.ones(6000, bool), rng=rng())
    ectopic = rhythm.origin == Origin.ECTOPIC
    assert rhythm.rr_s[ectopic].max() < 0.9 * 0.8
    runs = np.diff(np.flatnonzero(np.diff(ectopic.astype(int))))
    assert runs.max() > 20  # long tachycardias, too
    after = np.flatnonzero(ectopic[:-1] & ~ectopic[1:]) + 1
    assert np.mean(rhythm.rr_s[after] >= 0.95 * 0.8 - 1e-9) > 0.9


def lasting(n_beats: int, seed: int):
    return draw_rhythm(np.full(n_beats, 0.8), sinus=np.ones(n_beats, bool), rng=rng(seed), lasting=True)


def test_a_long_tachycardia_begins_at_once_and_is_regular():
    drawn = [lasting(3000, seed) for seed in range(20)]
    longest = 0
    for rhythm in drawn:
        ectopic = rhythm.origin == Origin.ECTOPIC
        edges = np.flatnonzero(np.diff(ectopic.astype(int), prepend=0, append=0)).reshape(-1, 2)
        for start, stop in edges[np.ptp(edges, axis=1) > 200]:
            longest = max(longest, int(stop - start))
            rr_s = rhythm.rr_s[start:stop]
            assert np.median(abs(np.log(rr_s / np.median(rr_s)))) < 0.07
            assert rr_s[0] < 0.85 * rhythm.rr_s[start - 1]
    assert longest > 400


def test_beats_of_another_focus_that_are_not_early_are_not_ectopic():
    drawn = [lasting(3000, seed) for seed in range(5)]
    rr_s = np.concatenate([rhythm.rr_s[rhythm.origin == Origin.WANDERING] for rhythm in drawn])
    assert len(rr_s) > 100
    assert rr_s.min() > 0.94 * 0.8


def test_ectopic_beats_of_one_focus_have_one_p_wave():
    signal, time_s = beating(100)
    early = np.arange(100) % 3 == 2
    new_s = time_s - 0.2 * early
    origin = np.where(early, Origin.ECTOPIC, Origin.AS_BEFORE).astype(np.int8)
    spread = []
    for focus in (np.zeros(100, np.int64), np.arange(100)):
        played = play(signal, ReplayPlan(time_s, new_s, origin, focus, seed=1), fs_hz=FS_HZ)
        at = np.round(new_s[early] * FS_HZ).astype(int)[1:]
        p = np.stack([played[i - 25 : i - 14, 0] for i in at])
        spread.append(np.abs(p - np.median(p, axis=0)).max(axis=1).mean())
    one, many = spread
    assert one < 0.3 * many


def test_short_intervals_are_not_ectopic_by_themselves():
    rhythm = draw_rhythm(np.full(6000, 0.8), sinus=np.ones(6000, bool), rng=rng())
    short = rhythm.rr_s < 0.85 * 0.8
    assert 0.1 < np.mean(rhythm.origin[short] != Origin.ECTOPIC) < 0.6


def test_a_record_without_a_normal_beat_is_joined_as_it_was_cut():
    signal, time_s = beating(60)
    played = replay(signal, time_s, fs_hz=FS_HZ, sinus=np.zeros(60, bool), rng=rng())
    np.testing.assert_allclose(played.time_s, time_s)
    assert not played.ectopic.any()
    inside = slice(round(time_s[0] * FS_HZ), round(time_s[-1] * FS_HZ))
    off = np.abs(played.signal[inside] - signal[inside])
    assert off[:-250].max() < 1e-5  # nothing is moved: it is the record
    assert off.max() < 0.02  # a slow level before the silence at the end


def test_an_ectopic_beat_has_its_qrs_at_its_new_time_and_another_p_wave():
    signal, time_s = beating(400)
    played = replay(signal, time_s, fs_hz=FS_HZ, sinus=np.ones(400, bool), rng=rng(1))
    at = np.round(played.time_s * FS_HZ).astype(int)
    for beat in np.flatnonzero(played.ectopic):
        around = played.signal[at[beat] - 6 : at[beat] + 7, 0]
        assert abs(int(np.argmax(around)) - 6) <= 1
    p = np.stack([played.signal[i - 25 : i - 14, 0] for i in at[5:-5]])
    ectopic = played.ectopic[5:-5]
    usual = np.median(p[~ectopic], axis=0)
    off = np.abs(p - usual).max(axis=1)
    assert np.median(off[ectopic]) > 3 * np.median(off[~ectopic])


def noisy(n_beats: int):
    """Give a record of equal beats in noise as a recorder's filters leave it, below some 30 Hz."""
    signal, time_s = beating(n_beats)
    noise = gaussian_filter1d(rng(9).normal(0, 0.02, signal.shape), 0.7, axis=0)
    return (signal + noise).astype(np.float32), time_s


def area(one: np.ndarray, other: np.ndarray) -> float:
    return float(mannwhitneyu(one, other).statistic / (len(one) * len(other)))


def test_an_ectopic_beat_has_no_mark_of_the_cut():
    """One number told simulated S beats from others: the largest second difference where the P wave ends."""
    signal, time_s = noisy(1500)
    played = replay(signal, time_s, fs_hz=FS_HZ, sinus=np.ones(1500, bool), rng=rng(2))
    at = np.round(played.time_s * FS_HZ).astype(int)[5:-5]
    ectopic = played.ectopic[5:-5]
    for before_s in (0.3, 0.09, 0.07, 0.05):
        near = at[:, None] - round(before_s * FS_HZ) + np.arange(-2, 3)
        bend = np.abs(np.diff(played.signal[near, 0], n=2, axis=1)).max(axis=1)
        assert area(bend[ectopic], bend[~ectopic]) == pytest.approx(0.5, abs=0.07)


def roughness(signal: np.ndarray, at: np.ndarray, first_s: float, last_s: float) -> np.ndarray:
    """Give the spread of the fourth differences, noise above all, in a window around each of some samples."""
    window = at[:, None] + np.arange(round(first_s * FS_HZ), round(last_s * FS_HZ))
    return np.diff(signal[window, 0], n=4, axis=1).std(axis=1)


@pytest.mark.parametrize("place_s", [(-0.3, -0.08), (0.15, 0.45), (-0.45, -0.3)])
def test_a_copy_is_as_noisy_as_its_record_before_and_behind_a_beat_and_in_pauses(place_s):
    signal, time_s = noisy(1500)
    played = replay(signal, time_s, fs_hz=FS_HZ, sinus=np.ones(1500, bool), rng=rng(3))
    was = roughness(signal, np.round(time_s * FS_HZ).astype(int)[5:-5], *place_s)
    new_at = np.round(played.time_s * FS_HZ).astype(int)[5:-5]
    rr_s = np.diff(played.time_s)[4:-5]
    for chosen in (rr_s > 0.9, rr_s > 0.7, played.ectopic[5:-5] & (rr_s > 0.5)):
        found = roughness(played.signal, new_at[chosen], *place_s)
        assert np.median(found) == pytest.approx(np.median(was), rel=0.12)


def test_the_same_seed_plays_the_same_record():
    signal, time_s = beating(200)
    first, again, other = (
        replay(signal, time_s, fs_hz=FS_HZ, sinus=np.ones(200, bool), rng=rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.signal, again.signal)
    assert not np.array_equal(first.time_s, other.time_s)


@pytest.mark.parametrize("n_beats", [1, 2, 9, 11, 30])
def test_short_records_are_played_back(n_beats):
    signal, time_s = beating(n_beats)
    played = replay(signal, time_s, fs_hz=FS_HZ, sinus=np.ones(n_beats, bool), rng=rng())
    assert played.time_s.shape == (n_beats,)
    assert len(played.signal) > played.time_s[-1] * FS_HZ
    assert np.isfinite(played.signal).all()
