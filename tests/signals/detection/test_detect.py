import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import compare_beats, gross
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations
from ecgrnn.signals.annotations import read_annotations
from ecgrnn.signals.detection.detect import QrsDetector, detect_qrs
from ecgrnn.signals.formats.wfdb.record import read_record


def ecg(duration_s, *, fs_hz=360.0, seed=0, noise_mv=0.01, leads=2):
    """Narrow R waves with broad T waves at irregular intervals; the signal and the R peaks."""
    rng = np.random.default_rng(seed)
    peaks_s = np.cumsum(rng.uniform(0.6, 1.0, int(duration_s / 0.6)))
    peaks_s = peaks_s[peaks_s < duration_s - 0.5]
    time_s = np.arange(round(duration_s * fs_hz)) / fs_hz
    wave = np.zeros(len(time_s))
    for peak_s in peaks_s:
        near = slice(max(0, int((peak_s - 0.3) * fs_hz)), int((peak_s + 0.6) * fs_hz))
        t = time_s[near] - peak_s
        wave[near] += np.exp(-0.5 * (t / 0.012) ** 2) + 0.3 * np.exp(-0.5 * ((t - 0.28) / 0.05) ** 2)
    gains = np.array([1.0, -0.6, 0.4])[:leads]
    signal = wave[:, None] * gains + noise_mv * rng.standard_normal((len(wave), leads))
    return signal.astype(np.float32), np.rint(peaks_s * fs_hz).astype(np.int64)


def assert_same_beats(found, expected, *, within):
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() <= within


def in_chunks(signal, chunk, *, fs_hz):
    detector = QrsDetector(fs_hz=fs_hz, n_leads=signal.shape[1])
    pieces = [detector.push(signal[start : start + chunk]) for start in range(0, len(signal), chunk)]
    return np.concatenate([*pieces, detector.finish()])


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 250.0, 257.0, 360.0, 500.0, 1000.0])
def test_every_beat_is_found_at_its_r_peak_at_any_sampling_frequency(fs_hz):
    signal, peaks = ecg(40, fs_hz=fs_hz)
    assert_same_beats(detect_qrs(signal, fs_hz=fs_hz), peaks, within=0.005 * fs_hz + 1)


@pytest.mark.parametrize("leads", [1, 2, 3])
def test_any_number_of_leads_is_used(leads):
    signal, peaks = ecg(30, leads=leads)
    assert_same_beats(detect_qrs(signal, fs_hz=360.0), peaks, within=3)


@pytest.mark.parametrize("chunk_s", [0.4, 1.0, 7.3, 10.0, 119.0, 3600.0])
def test_a_stream_equals_the_whole_record_however_it_is_cut(chunk_s):
    signal, _ = ecg(400, noise_mv=0.15, seed=3)
    signal[50_000:52_000, 0] = np.nan
    signal[80_001:80_800] = np.nan
    assert np.array_equal(
        in_chunks(signal, round(chunk_s * 360), fs_hz=360.0), detect_qrs(signal, fs_hz=360.0)
    )


@pytest.mark.parametrize("n_samples", [0, 1, 2, 36, 359, 361, 1000, 2161])
@pytest.mark.parametrize("chunk", [7, 360, 10_000])
def test_short_signals_are_taken_in_any_chunks(n_samples, chunk):
    signal, _ = ecg(10)
    short = signal[:n_samples]
    found = detect_qrs(short, fs_hz=360.0)
    assert found.dtype == np.int64
    assert np.array_equal(found, in_chunks(short, chunk, fs_hz=360.0))
    assert ((found >= 0) & (found < max(n_samples, 1))).all()


def test_a_beat_comes_out_of_the_stream_within_nine_seconds():
    signal, peaks = ecg(60)
    detector = QrsDetector(fs_hz=360.0, n_leads=2)
    seen = 0
    for start in range(0, len(signal), 90):
        seen += len(detector.push(signal[start : start + 90]))
        assert seen >= np.count_nonzero(peaks < start + 90 - 9 * 360)
    assert seen > 0


def test_a_flat_signal_has_no_beats():
    assert len(detect_qrs(np.full((36_000, 2), 1.5, np.float32), fs_hz=360.0)) == 0


def test_a_signal_of_nothing_but_nan_has_no_beats():
    assert len(detect_qrs(np.full((36_000, 2), np.nan, np.float32), fs_hz=360.0)) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 0.7, 5.1])
@pytest.mark.parametrize("column", [0, 1])
def test_a_lead_without_a_signal_is_as_if_it_were_not_there(bad, column):
    signal, peaks = ecg(60, noise_mv=0.05)
    signal[:, column] = bad
    found = detect_qrs(signal, fs_hz=360.0)
    assert_same_beats(found, peaks, within=6)
    np.testing.assert_array_equal(found, detect_qrs(signal[:, [1 - column]], fs_hz=360.0))


def test_seven_flat_leads_do_not_silence_one():
    signal, _ = ecg(60, noise_mv=0.05, leads=1)
    flat = np.zeros((len(signal), 7), np.float32)
    found = detect_qrs(np.concatenate([flat, signal], axis=1), fs_hz=360.0)
    np.testing.assert_array_equal(found, detect_qrs(signal, fs_hz=360.0))


@pytest.mark.parametrize("column", [0, 1])
def test_a_lead_that_becomes_flat_costs_no_beat(column):
    signal, peaks = ecg(120, noise_mv=0.05)
    signal[21_600:, column] = signal[21_600, column]
    found = detect_qrs(signal, fs_hz=360.0)
    assert np.isin(peaks, (found[:, None] + np.arange(-6, 7)).ravel()).sum() >= len(peaks) - 1
    later = detect_qrs(signal[:, [1 - column]], fs_hz=360.0)
    # By one sample: the templates that beats are laid over were learned in another lead, or at other places.
    np.testing.assert_allclose(found[found > 22_000], later[later > 22_000], atol=1, rtol=0)


def test_a_gap_in_one_lead_leaves_the_beats_to_the_other():
    signal, peaks = ecg(120, noise_mv=0.02)
    for peak in peaks[20:60]:
        signal[peak - 60 : peak + 60, 0] = np.nan
    assert_same_beats(detect_qrs(signal, fs_hz=360.0), peaks, within=6)


@pytest.mark.parametrize("behind_s", [0.0, 0.03])
@pytest.mark.parametrize("leads", [[0], [0, 1]])
@pytest.mark.parametrize("missing_s", [0.0028, 0.02])
def test_a_short_gap_in_every_beat_costs_no_beat(behind_s, leads, missing_s):
    signal, peaks = ecg(60)
    for peak in peaks + round(behind_s * 360):
        signal[peak : peak + round(missing_s * 360), leads] = np.nan
    found = detect_qrs(signal, fs_hz=360.0)
    assert_same_beats(found, peaks, within=8)
    for chunk in (53, 353):
        np.testing.assert_array_equal(in_chunks(signal, chunk, fs_hz=360.0), found)


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("spike_mv", [3.0, -3.0, 10.0])
def test_pacing_spikes_are_no_beats(fs_hz, spike_mv):
    signal, peaks = ecg(60, fs_hz=fs_hz)
    for peak in peaks:
        first = peak - round(0.16 * fs_hz)
        signal[first : first + int(0.003 * fs_hz) + 1] += np.float32(spike_mv)
    assert_same_beats(detect_qrs(signal, fs_hz=fs_hz), peaks, within=0.005 * fs_hz + 1)


def test_beats_are_marked_in_the_preferred_lead_while_it_has_a_signal():
    signal, _ = ecg(60, leads=1)
    later = np.roll(signal, 12, axis=0)
    both = np.concatenate([signal, later], axis=1)
    first, second = (detect_qrs(both, fs_hz=360.0, marked=order) for order in ([0, 1], [1, 0]))
    assert_same_beats(first + 12, second, within=1)
    both[10_800:14_400, 1] = np.nan
    mixed = detect_qrs(both, fs_hz=360.0, marked=[1, 0])
    in_gap = (mixed > 11_000) & (mixed < 14_200)
    assert_same_beats(mixed[in_gap], first[(first > 11_000) & (first < 14_200)], within=1)
    assert_same_beats(mixed[mixed < 10_000], second[second < 10_000], within=1)


def test_a_gap_costs_the_beats_in_it_and_adds_none():
    signal, peaks = ecg(60)
    signal[7200:10_800] = np.nan
    signal[10_800:] += 2.0
    outside = peaks[(peaks < 7200 - 60) | (peaks > 10_800 + 60)]
    found = detect_qrs(signal, fs_hz=360.0)
    assert np.isin(outside, (found[:, None] + np.arange(-3, 4)).ravel()).all()
    assert ((found < 7200) | (found >= 10_800)).all()
    assert len(found) <= len(peaks)


def test_artefacts_in_one_lead_do_not_add_beats():
    signal, peaks = ecg(120)
    rng = np.random.default_rng(1)
    for start in rng.integers(10_000, 30_000, 25):
        signal[start : start + 150, 1] += 4.0
    found = detect_qrs(signal, fs_hz=360.0)
    assert np.isin(peaks, (found[:, None] + np.arange(-20, 21)).ravel()).mean() > 0.98
    assert len(found) <= len(peaks) + 2


def test_the_result_does_not_depend_on_offset_or_on_polarity():
    signal, _ = ecg(60)
    found = detect_qrs(signal, fs_hz=360.0)
    assert_same_beats(detect_qrs(2.0 - signal, fs_hz=360.0), found, within=1)


def test_a_pause_is_not_filled_with_beats():
    signal, _ = ecg(60, noise_mv=0.004)
    pause = slice(10_800, 10_800 + 4 * 360)
    signal[pause] = 0.004 * np.random.default_rng(5).standard_normal((4 * 360, 2))
    found = detect_qrs(signal, fs_hz=360.0)
    assert not ((found > pause.start + 60) & (found < pause.stop - 60)).any()


def test_the_input_is_not_written_to():
    signal, _ = ecg(30)
    signal[2000:2100] = np.nan
    signal.setflags(write=False)
    assert len(detect_qrs(signal, fs_hz=360.0)) > 20


def test_the_state_does_not_grow_with_the_stream():
    signal, _ = ecg(60)
    detector = QrsDetector(fs_hz=360.0, n_leads=2)
    held = []
    tracemalloc.start()
    for _ in range(30):
        detector.push(signal)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(held[15:]) < 1.1 * max(held[5:15])


@pytest.mark.parametrize("shape", [(100,), (100, 0), (2, 100, 1)])
def test_an_array_that_is_no_signal_is_refused(shape):
    with pytest.raises(DataError, match="lead"):
        detect_qrs(np.zeros(shape, np.float32), fs_hz=360.0)


def test_a_chunk_with_other_leads_is_refused():
    with pytest.raises(DataError, match=r"2 lead\(s\).*\(100, 3\)"):
        QrsDetector(fs_hz=360.0, n_leads=2).push(np.zeros((100, 3), np.float32))


@pytest.mark.parametrize("fs_hz", [50.0, 0.0, -360.0, float("nan"), float("inf")])
def test_a_sampling_frequency_too_low_for_the_band_is_refused(fs_hz):
    with pytest.raises(DataError, match="at least 60 Hz"):
        detect_qrs(np.zeros((100, 1), np.float32), fs_hz=fs_hz)


def test_detection_imports_no_torch():
    code = "import sys, json, ecgrnn.signals.detection.detect; print(json.dumps('torch' in sys.modules))"
    assert (
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        is False
    )


def test_ec57_sensitivity_and_predictivity_reach_99_8_over_mitdb(real_database):
    comparisons = []
    for header in sorted(real_database("mitdb").glob("*.hea")):
        path = header.with_suffix("")
        record = read_record(path)
        found = detect_qrs(record.signal, fs_hz=record.fs_hz)
        none = np.zeros(len(found), np.int64)
        test = ScoredAnnotations(found, ["N"] * len(found), none, [""] * len(found))
        comparisons.append(
            compare_beats(read_annotations(path, "atr", fs_hz=record.fs_hz), test, fs_hz=record.fs_hz)
        )
    assert len(comparisons) == 48
    statistics = gross(comparisons)
    assert statistics["qrs_sensitivity"].percent >= 99.8
    assert statistics["qrs_positive_predictivity"].percent >= 99.8


def test_a_missing_sample_at_each_r_of_record_100_costs_no_beat(real_database):
    path = real_database("mitdb") / "100"
    record = read_record(path, stop=300 * 360)
    beats = read_annotations(path, "atr", fs_hz=360.0).sample[1:]
    signal = record.signal.copy()
    beats = beats[beats < len(signal) - 60]
    signal[beats] = np.nan
    assert_same_beats(detect_qrs(signal, fs_hz=360.0), beats, within=10)


@pytest.mark.parametrize("name", ["203", "105"])
def test_a_flat_lead_beside_a_real_one_is_as_if_it_were_not_there(name, real_database):
    record = read_record(real_database("mitdb") / name, n_leads=1)
    beside = np.concatenate([record.signal, np.zeros_like(record.signal)], axis=1)
    np.testing.assert_array_equal(detect_qrs(beside, fs_hz=360.0), detect_qrs(record.signal, fs_hz=360.0))
