import numpy as np
import pytest

from ecgrnn.signals.detection.detect import QrsDetector, detect_qrs
from ecgrnn.signals.detection.fiducial import UsualWave

FS_HZ = 360.0


def wave(at_s, width_s, *, duration_s):
    time_s = np.arange(round(duration_s * FS_HZ)) / FS_HZ
    return np.exp(-0.5 * ((time_s[:, None] - np.asarray(at_s)) / width_s) ** 2).sum(axis=1)


def wide_beats(*, seed=0, noise_mv=0.05):
    """Complexes 0.14 s wide whose wave up is hardly taller than the one down; signal and the peaks up."""
    up_s = 1.0 + 0.8 * np.arange(200) + np.random.default_rng(seed).uniform(-0.05, 0.05, 200)
    signal = wave(up_s, 0.014, duration_s=163) - 0.95 * wave(up_s + 0.045, 0.014, duration_s=163)
    signal += noise_mv * np.random.default_rng(seed + 1).standard_normal(len(signal))
    return signal[:, None].astype(np.float32), up_s * FS_HZ


def test_the_mark_of_a_wide_complex_does_not_jump_between_its_waves():
    signal, up = wide_beats()
    difference = detect_qrs(signal, fs_hz=FS_HZ) - up
    assert np.std(difference) / FS_HZ < 0.003
    assert np.abs(difference - np.median(difference)).max() / FS_HZ < 0.012


def test_other_leads_do_not_move_the_mark():
    signal, _ = wide_beats(noise_mv=0.01)
    other = np.roll(signal, 18, axis=0) + np.float32(0.2) * np.random.default_rng(7).standard_normal(
        signal.shape
    ).astype(np.float32)
    alone = detect_qrs(signal, fs_hz=FS_HZ)
    beside = detect_qrs(np.concatenate([signal, other], axis=1), fs_hz=FS_HZ)
    assert np.array_equal(alone, beside)


def test_a_wide_beat_of_the_other_polarity_is_marked_at_its_own_main_wave():
    at_s = 1.0 + 0.8 * np.arange(60)
    early = at_s[10::10]
    usual = np.setdiff1d(at_s, early)
    signal = wave(usual, 0.012, duration_s=50) - 0.2 * wave(usual + 0.03, 0.012, duration_s=50)
    signal += 0.8 * wave(early - 0.02, 0.016, duration_s=50) - wave(early + 0.03, 0.016, duration_s=50)
    found = detect_qrs(signal[:, None].astype(np.float32), fs_hz=FS_HZ) / FS_HZ
    for at in usual:
        assert np.abs(found - at).min() < 0.006
    for at in early:
        assert np.abs(found - (at + 0.03)).min() < 0.012


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0])
def test_the_mark_lies_between_the_samples_of_the_working_rate(fs_hz):
    rng = np.random.default_rng(3)
    at_s = 1.0 + np.cumsum(rng.uniform(0.7, 0.9, 60))
    time_s = np.arange(round(60 * fs_hz)) / fs_hz
    signal = np.exp(-0.5 * ((time_s[:, None] - at_s) / 0.012) ** 2).sum(axis=1)
    found = detect_qrs(signal[:, None].astype(np.float32), fs_hz=fs_hz)
    expected = at_s[at_s < 58] * fs_hz
    assert np.abs(found[: len(expected)] - expected).max() <= 1.0


@pytest.mark.parametrize("chunk", [1, 90, 360, 5000])
def test_marks_of_a_stream_equal_those_of_the_whole_record(chunk):
    signal, _ = wide_beats(seed=5, noise_mv=0.15)
    signal = np.concatenate([signal, -np.roll(signal, 9, axis=0)], axis=1)[
        : 360 * (12 if chunk == 1 else 150)
    ]
    signal[3000:3600, 0] = 0.3
    signal[2000:2003] = np.nan
    detector = QrsDetector(fs_hz=FS_HZ, n_leads=2)
    pieces = [detector.push(signal[start : start + chunk]) for start in range(0, len(signal), chunk)]
    streamed = np.concatenate([*pieces, detector.finish()])
    assert np.array_equal(streamed, detect_qrs(signal, fs_hz=FS_HZ))


def test_the_usual_wave_changes_only_when_the_other_is_clearly_larger():
    usual = UsualWave()
    assert {usual.choose(0, 1.0, 1, 0.9, 2) for _ in range(20)} == {1}
    assert {usual.choose(0, 1.0, 1, 1.2, 2) for _ in range(20)} == {1}
    assert [usual.choose(0, 1.0, 1, 1.5, 2) for _ in range(20)] == [2] * 20
    assert usual.choose(0, 1.0, 1, 1.0, 2) == 2
    assert usual.choose(1, 1.0, 1, 0.5, 2) == 1
