"""The simulated records: reproducible, true to their own annotations, and no easy prey."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.simulator.rhythm_model import MAYER_HZ, TACHOGRAM_HZ, RhythmProfile, tachogram
from ecgrnn.simulator.simulate import (
    SimulatedRecord,
    simulate_record,
    write_database,
    write_record,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

CLASS_OF = {"N": 0, "L": 0, "R": 0, "S": 1, "V": 2, "F": 3}


@pytest.fixture(scope="module")
def patients() -> list[SimulatedRecord]:
    return [simulate_record(patient, seed=0, duration_s=150) for patient in range(1, 41)]


def read(reader, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reader(*arguments, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        write_database(tmp_path / name, n_patients=2, seed=seed, duration_s=10)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one")["s001.dat"] != contents(tmp_path / "other")["s001.dat"]


def test_a_patient_does_not_depend_on_how_many_there_are(tmp_path):
    write_database(tmp_path / "few", n_patients=2, duration_s=10)
    write_database(tmp_path / "many", n_patients=12, duration_s=10)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert all(few[name] == many[name] for name in few if name != "RECORDS")
    assert many["s001.dat"] != many["s011.dat"]


def test_the_global_random_state_is_neither_used_nor_changed():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = simulate_record(5, seed=0, duration_s=10)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(one.signal, simulate_record(5, seed=0, duration_s=10).signal)


@pytest.mark.parametrize("fmt", ["212", "16"])
def test_written_records_read_back(tmp_path, fmt):
    record = simulate_record(8, seed=0, duration_s=60)
    write_record(record, tmp_path, fmt=fmt)
    path = str(tmp_path / "s008")
    signal = read(wfdb.rdrecord, path)
    beats = read(wfdb.rdann, path, "atr")
    assert (signal.fs, signal.fmt, signal.adc_gain) == (360, [fmt] * 2, [200.0] * 2)
    assert (signal.sig_name, signal.units) == (["MLII", "V1"], ["mV", "mV"])
    assert signal.p_signal == pytest.approx(record.signal, abs=0.5 / 200 + 1e-6)
    assert any("s008" in comment for comment in signal.comments)
    assert any("synthetic" in comment for comment in signal.comments)
    is_beat = np.array(beats.symbol) != "+"
    assert np.array_equal(beats.sample[is_beat], record.beat_samples)
    assert tuple(np.array(beats.symbol)[is_beat]) == record.beat_symbols
    assert np.array_equal(beats.sample[~is_beat], record.rhythm_samples)
    assert tuple(np.array(beats.aux_note)[~is_beat]) == record.rhythm_notes


def test_wave_marks_read_back_as_triples(tmp_path):
    record = simulate_record(1, seed=0, duration_s=30)
    write_record(record, tmp_path)
    marks = read(wfdb.rdann, str(tmp_path / "s001"), "pqt")
    assert set(marks.symbol[0::3]) == {"("}
    assert set(marks.symbol[2::3]) == {")"}
    assert tuple(marks.symbol[1::3]) == record.wave_kinds
    assert np.array_equal(marks.sample[0::3], record.wave_onsets)
    assert np.array_equal(marks.sample[2::3], record.wave_offsets)


def test_waves_are_ordered_and_of_plausible_length(patients):
    for record in patients:
        marks = np.stack([record.wave_onsets, record.wave_peaks, record.wave_offsets], axis=1)
        assert np.all(np.diff(marks.ravel()) >= 0), record.patient
        length_ms = 1000 * (marks[:, 2] - marks[:, 0]) / record.fs_hz
        kinds = np.array(record.wave_kinds)
        assert 70 <= np.median(length_ms[kinds == "N"]) <= 200, record.patient
        assert 90 <= np.median(length_ms[kinds == "t"]) <= 320, record.patient
        if record.kind != "atrial fibrillation":
            assert 60 <= np.median(length_ms[kinds == "p"]) <= 140, record.patient


def test_every_beat_inside_has_a_qrs_mark_at_its_sample(patients):
    for record in patients:
        qrs = record.wave_peaks[np.array(record.wave_kinds) == "N"]
        inner = record.beat_samples[
            (record.beat_samples > 60) & (record.beat_samples < len(record.signal) - 60)
        ]
        distance = np.abs(qrs[None, :] - inner[:, None]).min(axis=1)
        assert distance.max() <= 0.03 * record.fs_hz, record.patient


def test_the_mean_beat_peaks_where_the_annotations_say(patients):
    reach = 40
    for record in patients:
        is_normal = np.isin(record.beat_symbols, ["N", "L", "R"])
        at = record.beat_samples[is_normal]
        at = at[(at > reach) & (at < len(record.signal) - reach)]
        mean = np.mean([record.signal[i - reach : i + reach + 1] for i in at], axis=0)
        size = np.linalg.norm(mean - np.median(mean, axis=0), axis=1)
        assert abs(int(size.argmax()) - reach) <= 0.06 * record.fs_hz, record.patient


def test_signals_are_finite_float32_within_the_range_of_format_212(patients):
    for record in patients:
        assert record.signal.dtype == np.float32
        assert record.signal.shape == (54_000, 2)
        assert np.abs(record.signal).max() < 2047 / 200
        assert np.all(np.diff(record.beat_samples) > 0.25 * record.fs_hz)


def test_classes_have_the_promised_prevalence_and_are_spread_over_patients(patients):
    counts = np.array([np.bincount([CLASS_OF[s] for s in r.beat_symbols], minlength=4) for r in patients])
    share = counts.sum(axis=0) / counts.sum()
    assert share == pytest.approx([0.83, 0.07, 0.075, 0.02], abs=0.02)
    assert np.all((counts > 0).sum(axis=0) >= 24)
    for fold in range(4):  # any ten patients or so see every class
        assert np.all(counts[fold * 10 : fold * 10 + 10].sum(axis=0) >= 10)
        assert np.all(counts[fold::4].sum(axis=0) >= 10)


def test_rhythms_of_every_kind_occur(patients):
    notes = Counter(note for record in patients for note in record.rhythm_notes)
    assert set(notes) == {"(N", "(SBR", "(AFIB", "(SVTA", "(VT", "(B"}
    assert all(record.rhythm_samples[0] == 0 for record in patients)
    assert all(np.all(np.diff(record.rhythm_samples) > 0) for record in patients)
    assert {symbol for record in patients for symbol in record.beat_symbols} == set("NLRSVF")


def test_atrial_fibrillation_has_irregular_beats_without_p_waves(patients):
    for record in patients:
        if record.kind == "atrial fibrillation":
            rr_s = np.diff(record.beat_samples) / record.fs_hz
            assert "p" not in record.wave_kinds
            assert rr_s.std() / rr_s.mean() > 0.15


def test_ventricular_beats_are_wider_than_normal_ones_but_not_than_bundle_branch_block(patients):
    width_ms: dict[str, list[float]] = {}
    for record in patients:
        for onset, peak, offset, kind in zip(
            record.wave_onsets, record.wave_peaks, record.wave_offsets, record.wave_kinds, strict=True
        ):
            if kind == "N":
                beat = int(np.abs(record.beat_samples - peak).argmin())
                width_ms.setdefault(record.beat_symbols[beat], []).append(
                    1000 * (offset - onset) / record.fs_hz
                )
    assert np.median(width_ms["N"]) < 110
    assert np.median(width_ms["V"]) > 130
    assert np.median(width_ms["L"]) > 115
    assert np.median(width_ms["R"]) > 115


def test_rr_features_alone_do_not_solve_it(patients):
    """A linear classifier, trained on 20 patients, tested on the other 20 (best of three weightings)."""
    groups = [rr_features(record) for record in patients]
    x, y = (np.concatenate(parts) for parts in zip(*groups[:20], strict=True))
    x_test, y_test = (np.concatenate(parts) for parts in zip(*groups[20:], strict=True))
    mean, sd = x.mean(axis=0), x.std(axis=0)
    scores = [linear_classifier((x - mean) / sd, y, (x_test - mean) / sd, power=p) for p in (0.0, 0.5, 1.0)]
    f1 = max((class_f1(y_test, predicted) for predicted in scores), key=np.mean)
    print(f"RR-only F1 of N, S, V, F: {np.round(f1, 3)}, macro {f1.mean():.3f}")
    assert f1.mean() < 0.75
    assert f1.mean() > 0.25  # and it is not noise: timing does tell something
    assert f1[1:3].max() < 0.85


def rr_features(record: SimulatedRecord) -> tuple[np.ndarray, np.ndarray]:
    rr = np.diff(record.beat_samples) / record.fs_hz
    before, after = rr[:-1], rr[1:]
    usual = np.median(rr)
    local = np.convolve(np.pad(before, 5, mode="edge"), np.ones(11) / 11, mode="valid")
    last = np.concatenate([before[:1], before[:-1]])
    features = [before, after, before / usual, after / usual, before / local, after / local, before / last]
    x = np.stack([*features, before / after, np.log(before / local), (before + after) / usual], axis=1)
    return x, np.array([CLASS_OF[symbol] for symbol in record.beat_symbols[1:-1]])


def linear_classifier(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, *, power: float) -> np.ndarray:
    """Softmax regression by gradient descent with momentum; ``power`` 0 is unweighted, 1 is balanced."""
    x = np.column_stack([x, np.ones(len(x))])
    target = np.eye(4)[y]
    weight = (len(y) / np.bincount(y, minlength=4)[y]) ** power
    weight /= weight.sum()
    W, step = np.zeros((x.shape[1], 4)), np.zeros((x.shape[1], 4))
    for _ in range(300):
        z = x @ W
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        step = 0.9 * step - 0.5 * (x.T @ ((p - target) * weight[:, None]))
        W += step
    return np.argmax(np.column_stack([x_test, np.ones(len(x_test))]) @ W, axis=1)


def class_f1(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    hits = np.array([np.sum((truth == k) & (predicted == k)) for k in range(4)])
    total = np.bincount(truth, minlength=4) + np.bincount(predicted, minlength=4)
    return 2 * hits / np.maximum(total, 1)


def test_the_tachogram_has_a_mayer_and_a_respiratory_peak_and_the_given_moments():
    profile = RhythmProfile("N", 0.8, 0.04, 0.7, 0.25, False, 0, 0, 0, 0, 0, 0, 0, 0, 0.8, 0.7, 1)
    series = tachogram(1800, profile, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(series - series.mean())) ** 2
    f = np.fft.rfftfreq(series.size, 1 / TACHOGRAM_HZ)
    mayer, breathing = (power[np.abs(f - peak) < 0.04].sum() for peak in (MAYER_HZ, 0.25))
    assert mayer / breathing == pytest.approx(0.7, rel=0.1)
    assert mayer + breathing > 0.97 * power.sum()
    assert (series.mean(), series.std()) == pytest.approx((0.8, 0.04), rel=0.02)


def test_another_sampling_frequency_gives_the_same_beats_in_time():
    coarse, fine = (simulate_record(3, seed=1, duration_s=60, fs_hz=fs) for fs in (128.0, 500.0))
    assert fine.beat_symbols == coarse.beat_symbols
    assert coarse.beat_samples / 128 == pytest.approx(fine.beat_samples / 500, abs=0.5 / 128 + 0.5 / 500)
    assert len(coarse.signal) == 60 * 128


def test_a_database_holds_its_list_and_leaves_nothing_beside(tmp_path):
    seen = []
    names = write_database(
        tmp_path / "deep" / "db", n_patients=3, duration_s=10, progress=lambda it: seen_by(it, seen)
    )
    assert names == ["s001", "s002", "s003"]
    assert (tmp_path / "deep" / "db" / "RECORDS").read_text() == "s001\ns002\ns003\n"
    assert seen == [1, 2, 3]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["db"]


def seen_by(items, seen):
    for item in items:
        seen.append(item)
        yield item


def test_an_interrupted_database_leaves_nothing(tmp_path):
    def interrupt(patients):
        yield next(iter(patients))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_database(tmp_path / "db", n_patients=3, duration_s=10, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_not_written_to(tmp_path):
    with pytest.raises(DataError, match="exists already"):
        write_database(tmp_path, n_patients=1, duration_s=10)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        write_database(tmp_path / "file" / "db", n_patients=1, duration_s=10)
    with pytest.raises(DataError, match="not a folder"):
        write_record(simulate_record(1, seed=0, duration_s=10), tmp_path / "absent")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"patient": 0}, "patient"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"fs_hz": 20.0}, "fs_hz"),
        ({"fs_hz": float("inf")}, "fs_hz"),
    ],
)
def test_nonsensical_arguments_are_named(options, named):
    arguments = {"patient": 1, "seed": 0, "duration_s": 10.0, **options}
    with pytest.raises(ConfigError, match=named):
        simulate_record(arguments.pop("patient"), **arguments)


def test_an_unknown_format_and_no_patients_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="fmt"):
        write_database(tmp_path / "db", fmt="80")
    with pytest.raises(ConfigError, match="n_patients"):
        write_database(tmp_path / "db", n_patients=0)
    assert list(tmp_path.iterdir()) == []
