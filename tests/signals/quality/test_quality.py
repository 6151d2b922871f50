import numpy as np
import pytest

from ecgrnn.metrics.ec57.counts import compare_beats
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations, read_beats
from ecgrnn.signals.filters.zero_phase import filter_signal
from ecgrnn.signals.quality import stretches
from ecgrnn.signals.quality.index import beat_quality, quality_numbers
from ecgrnn.signals.quality.marks import marked_beats
from ecgrnn.signals.quality.stretches import (
    LEAST_QUALITY,
    mean_quality,
    noisy_stretches,
    silent_stretches,
    unreadable_stretches,
)
from ecgrnn.signals.recording import Recording

FS = 125.0


def heart(n_beats=120, *, seed=0, noise_mv=0.02, spread_s=0.03):
    """Give two leads of beats with P, QRS and T waves, some early and wide, and the beats' samples."""
    rng = np.random.default_rng(seed)
    sample = np.cumsum(np.rint(rng.normal(0.8, spread_s, n_beats).clip(0.4) * FS).astype(int)) + 50
    t = np.arange(sample[-1] + 100)
    signal = rng.normal(0, noise_mv, (len(t), 2))
    for k, at in enumerate(sample):
        wide = 4.0 if k % 9 == 4 else 1.0
        for height, after, width in (
            (0.1, -0.16, 0.02),
            (1.2 / wide**0.3, 0, 0.012 * wide),
            (0.3, 0.25, 0.05),
        ):
            signal[:, :] += (
                height * np.exp(-0.5 * ((t - at - after * FS) / (width * FS)) ** 2)[:, None] * [1, -0.7]
            )
    return signal.astype(np.float32), sample


def motion(n, *, seed=1):
    """Give noise of the band of electrode motion, as large as the heart's own complexes."""
    white = np.random.default_rng(seed).normal(0, 1, (n, 2)).astype(np.float32)
    slow = filter_signal(white, fs_hz=FS, to_hz=FS, highpass_hz=1.0, lowpass_hz=8.0, notch_hz=None)
    return 0.8 * slow / slow.std()


def test_beats_are_clear_and_noise_is_not():
    signal, sample = heart()
    noise = motion(len(signal))
    peaks = np.flatnonzero((noise[1:-1, 0] > noise[:-2, 0]) & (noise[1:-1, 0] > noise[2:, 0])) + 1
    peaks = peaks[noise[peaks, 0] > 0.5]
    of_beats = mean_quality(sample / FS, beat_quality(signal, sample, fs_hz=FS))
    of_noise = mean_quality(peaks / FS, beat_quality(noise, peaks, fs_hz=FS))
    assert of_beats.min() > LEAST_QUALITY + 1
    assert of_noise.max() < LEAST_QUALITY - 1


def test_fibrillation_and_frequent_wide_beats_can_be_read():
    signal, sample = heart(seed=2, spread_s=0.16)
    assert mean_quality(sample / FS, beat_quality(signal, sample, fs_hz=FS)).min() > LEAST_QUALITY


def test_a_beat_s_numbers_depend_on_its_neighbours_alone():
    signal, sample = heart(300)
    whole = quality_numbers(signal, sample, fs_hz=FS)
    part = slice(sample[100] - 200, sample[160] + 200)
    found = quality_numbers(signal[part], sample[100:161] - part.start, fs_hz=FS)
    np.testing.assert_allclose(found[10:-10], whole[110:151], atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_beats_have_a_quality_each(n):
    signal, sample = heart(20)
    quality = beat_quality(signal, sample[:n], fs_hz=FS)
    assert quality.shape == (n,)
    assert (quality > LEAST_QUALITY).all()


def test_noise_is_one_stretch_to_half_way_to_the_beats_beside_it(monkeypatch):
    monkeypatch.setattr(stretches, "WINDOW_S", 5.0)
    sample = np.arange(100, 10_100, 100)
    quality = np.full(100, 3.0)
    quality[40:60] = -1.0
    quality[10] = -1.0  # one beat that is unlike the others
    assert noisy_stretches(sample, quality, fs_hz=100.0, n_samples=10_200).tolist() == [[4050, 6050]]


def test_between_two_stretches_of_noise_nothing_short_is_read(monkeypatch):
    monkeypatch.setattr(stretches, "WINDOW_S", 5.0)
    sample = np.arange(100, 10_100, 100)
    quality = np.full(100, 11.0)
    for noise in (slice(20, 40), slice(44, 60), slice(80, 90)):
        quality[noise] = -9.0
    recording = Recording(np.zeros((10_200, 1), np.float32), fs=100.0)
    found = unreadable_stretches(recording, sample, quality).tolist()
    assert found == [[2050, 6050], [8050, 9050]]


def test_missing_and_flat_signal_is_unreadable_and_a_pause_is_not():
    signal, sample = heart(60, noise_mv=0.01)
    gone, kept = slice(sample[20] + 60, sample[30] - 60), np.r_[sample[:21], sample[30:]]
    for value in (np.nan, 0.25):
        with_gap = signal.copy()
        with_gap[gone] = value
        ((start, stop),) = silent_stretches(Recording(with_gap, fs=FS), kept).tolist()
        assert 0 <= start - gone.start <= FS
        assert 0 <= gone.stop - stop <= FS
    with_gap = signal.copy()
    with_gap[gone, 0] = 0.25  # the other lead goes on
    assert not len(silent_stretches(Recording(with_gap, fs=FS), kept))
    assert not len(unreadable_stretches(Recording(signal, fs=FS), kept, np.full(len(kept), 3.0)))


def test_what_is_unreadable_shuts_ec57_scoring_down_and_nothing_else():
    sample = np.arange(360, 36_000, 300)
    symbol = np.full(len(sample), "N")
    reference = ScoredAnnotations(sample, symbol, np.zeros(len(sample), int), [""] * len(sample))
    stretch = np.array([[9_900, 18_100]])
    kept = (sample < 9_900) | (sample >= 18_100)
    marks = marked_beats(symbol[kept], sample[kept], stretch, fs_hz=360.0)
    assert read_beats(marks, window=54).shutdown.tolist() == [[9_900, 18_099]]
    scored = compare_beats(reference, marks, fs_hz=360.0, start_s=0.0).statistics
    assert scored["qrs_sensitivity"].hits == scored["qrs_positive_predictivity"].total == kept.sum()
    assert scored["qrs_sensitivity"].total == len(sample)  # beats in a shutdown are missed
