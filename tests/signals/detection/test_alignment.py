import numpy as np
import pytest

from ecgrnn.signals.detection import alignment
from ecgrnn.signals.detection.alignment import Aligner, half_width
from ecgrnn.signals.detection.detect import QrsDetector, detect_qrs

FS_HZ = 360.0
RATE_HZ = 120.0


def wave(at_s, width_s, size=1.0, *, duration_s):
    time_s = np.arange(round(duration_s * FS_HZ)) / FS_HZ
    waves = np.asarray(size) * np.exp(-0.5 * ((time_s[:, None] - np.asarray(at_s)) / width_s) ** 2)
    return waves.sum(axis=1)


def wavering_beats(*, polarity=1.0, width_s=0.016, gap_s=0.05, seed=0):
    """Wide complexes of one shape, of which now the wave up and now the one down is the larger."""
    rng = np.random.default_rng(seed)
    at_s = 1.0 + 0.8 * np.arange(150) + rng.uniform(-0.05, 0.05, 150)
    up, down = 1.0 + rng.uniform(-0.25, 0.25, (2, 150))
    signal = wave(at_s, width_s, up, duration_s=123) - wave(at_s + gap_s, width_s, down, duration_s=123)
    signal += 0.02 * rng.standard_normal(len(signal))
    return (polarity * signal[:, None]).astype(np.float32), at_s * FS_HZ


@pytest.mark.parametrize("polarity", [1.0, -1.0])
@pytest.mark.parametrize(("width_s", "gap_s"), [(0.012, 0.04), (0.016, 0.05), (0.022, 0.065)])
def test_alike_beats_are_marked_at_one_place_whichever_wave_is_larger(polarity, width_s, gap_s):
    signal, at = wavering_beats(polarity=polarity, width_s=width_s, gap_s=gap_s)
    found = detect_qrs(signal, fs_hz=FS_HZ)
    assert len(found) == len(at)
    difference_ms = (found - at) / FS_HZ * 1e3
    assert np.std(difference_ms) < 3
    assert np.ptp(difference_ms) < 15


def test_without_alignment_these_marks_jump(monkeypatch):
    monkeypatch.setattr(alignment, "ALIKE", 1.0)
    signal, at = wavering_beats()
    assert np.std(detect_qrs(signal, fs_hz=FS_HZ) - at) / FS_HZ > 0.006


def test_a_second_shape_has_a_place_of_its_own():
    rng = np.random.default_rng(4)
    at_s = 1.0 + 0.8 * np.arange(120)
    wide = rng.random(120) < 0.3
    signal = wave(at_s[~wide], 0.012, duration_s=100)
    up, down = 1.0 + rng.uniform(-0.2, 0.2, (2, wide.sum()))
    signal -= wave(at_s[wide], 0.022, up, duration_s=100)
    signal += wave(at_s[wide] + 0.07, 0.022, down, duration_s=100)
    signal += 0.02 * rng.standard_normal(len(signal))
    difference_ms = (detect_qrs(signal[:, None].astype(np.float32), fs_hz=FS_HZ) / FS_HZ - at_s) * 1e3
    assert np.std(difference_ms[~wide]) < 3
    assert np.std(difference_ms[wide]) < 4


def test_marks_of_aligned_beats_do_not_depend_on_how_the_stream_is_cut():
    signal, _ = wavering_beats(seed=3)
    signal[9000:9400] = np.random.default_rng(0).standard_normal((400, 1))
    whole = detect_qrs(signal, fs_hz=FS_HZ)
    detector = QrsDetector(fs_hz=FS_HZ, n_leads=1)
    parts = [detector.push(signal[start : start + 777]) for start in range(0, len(signal), 777)]
    np.testing.assert_array_equal(np.concatenate([*parts, detector.finish()]), whole)


def test_the_mark_moves_with_the_beat_between_samples():
    reach = half_width(RATE_HZ)
    time = np.arange(-reach, reach + 1)
    aligner = Aligner(rate_hz=RATE_HZ)
    assert aligner.align(0, np.exp(-((time / 2.5) ** 2)), 0.0) == 0.0
    for shift in (-3.3, -0.4, 0.25, 0.5, 4.75):
        moved = aligner.align(0, np.exp(-(((time - shift) / 2.5) ** 2)), shift)
        assert moved == pytest.approx(shift, abs=0.1)


def test_a_mark_stays_within_reach_of_the_peak_and_the_state_is_bounded():
    rng = np.random.default_rng(2)
    aligner, reach = Aligner(rate_hz=RATE_HZ), half_width(RATE_HZ)
    most = alignment.MOST_S * RATE_HZ + 1
    for _ in range(300):
        around = np.convolve(rng.standard_normal(2 * reach + 9), np.hanning(9), "valid")
        mark = float(rng.uniform(-7, 7))
        assert abs(aligner.align(0, around[: 2 * reach + 1], mark)) <= most
    shapes = aligner._of_lead[0]
    assert len(shapes._template) == len(shapes._votes) == alignment.SHAPES


def test_silence_is_marked_where_it_would_be_by_itself():
    aligner = Aligner(rate_hz=RATE_HZ)
    silence = np.zeros(2 * half_width(RATE_HZ) + 1)
    assert [aligner.align(0, silence, mark) for mark in (1.0, -2.0, 3.5)] == [1.0, -2.0, 3.5]


def test_marks_are_rising_where_beats_are_as_close_as_they_may_be():
    rng = np.random.default_rng(8)
    at_s = 1.0 + np.cumsum(rng.choice([0.21, 0.3, 0.8], 200))
    signal = wave(at_s, 0.016, duration_s=at_s[-1] + 1) - wave(at_s + 0.05, 0.016, duration_s=at_s[-1] + 1)
    signal += 0.3 * rng.standard_normal(len(signal))
    found = detect_qrs(signal[:, None].astype(np.float32), fs_hz=FS_HZ)
    assert (np.diff(found) > 0).all()


def test_two_shapes_of_one_beat_that_disagree_about_its_mark_become_one():
    reach = half_width(RATE_HZ)
    time = np.arange(-reach, reach + 1)
    beat = np.exp(-(((time + 3) / 2.0) ** 2)) - np.exp(-(((time - 3) / 2.0) ** 2))
    aligner = Aligner(rate_hz=RATE_HZ)
    aligner.align(0, beat, -3.0)
    shapes = aligner._of_lead[0]
    shapes._begin(beat, 3.0)  # as a beat in noise might have begun it
    marks = [aligner.align(0, beat, wanted) for wanted in (3.0, -3.0, 3.0, -3.0)]
    assert len(shapes._votes) == 1
    assert np.ptp(marks) < 0.2
