"""Records played back in another rhythm."""

import numpy as np
import pytest

from ecgrnn.signals.ectopy import replay
from ecgrnn.signals.ectopy_rhythm import Origin, draw_rhythm

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
    for rhythm in drawn:
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
    assert np.abs(played.signal[inside] - signal[inside]).max() < 0.06  # 0.004 mV of noise, and the levels


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
