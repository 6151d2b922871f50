import dataclasses

import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.windows import beat_table, table_of_positions
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.tasks.beats import detected_copies as copies_module
from ecgrnn.tasks.beats.detected_copies import detected_copies, matched
from ecgrnn.tasks.beats.noise import Disturbance, disturbed, plan_disturbances
from ecgrnn.tasks.beats.options import BeatSequenceConfig
from ecgrnn.tasks.beats.sequences import BeatSequenceView

AAMI = SCHEMES["aami"]
Q = AAMI.classes.index("Q")


@pytest.fixture(scope="module")
def cached(small_database, tmp_path_factory):
    return prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s001", "s002")],
        PreprocessingConfig(fs_hz=125.0),
        cache=tmp_path_factory.mktemp("detected"),
        workers=0,
        progress=lambda items, total: items,
    )


def view(**changes) -> BeatSequenceView:
    options = {"annotator": "atr", "scheme": AAMI, "before_s": 0.4, "after_s": 0.496, "sequence_beats": 16}
    return BeatSequenceView(**{**options, "causal": False, "in_memory_mb": 1024.0, **changes})


def copied(cached, monkeypatch, *plan, scheme=AAMI):
    """Copies with one plan for all records."""
    monkeypatch.setattr(copies_module, "plan_disturbances", lambda duration_s, *, rng: plan)
    table = beat_table(cached, annotator="atr", scheme=scheme)
    rng = np.random.default_rng(0)
    return table, *detected_copies(cached, table, annotator="atr", scheme=scheme, rng=rng)


def test_detected_beats_have_the_class_of_the_reference_beat_beside_them(cached, monkeypatch):
    table, copies, beats = copied(cached, monkeypatch)
    assert len(copies) == len(cached)
    assert len(beats) > 0.9 * len(table)
    for k in range(len(copies)):
        reference, found = table.record == k, beats.record == k
        at, label = table.source_sample[reference], table.label[reference]
        near = np.abs(beats.source_sample[found][:, None] - at).argmin(axis=1)
        distance_s = np.abs(beats.source_sample[found] - at[near]) / cached[k].source_fs_hz
        given = beats.label[found]
        assert (given[distance_s < 0.1] == label[near][distance_s < 0.1]).all()
        assert (given[distance_s > 0.16] == Q).all()
    assert (np.abs(beats.sample - np.round(beats.source_sample * 125.0 / cached[0].source_fs_hz)) <= 1).all()


def test_what_is_found_in_a_lost_stretch_is_no_beat(cached, monkeypatch):
    lost = Disturbance(10.0, 30.0, "white", 0.0, lost=True)
    _, _, beats = copied(cached, monkeypatch, lost)
    time_s = beats.source_sample / cached[0].source_fs_hz
    inside = (time_s > 10.2) & (time_s < 29.8)
    assert inside.sum() > 10
    assert set(beats.label[inside]) == {Q}
    others = dataclasses.replace(AAMI, classes=("N", "S", "V"), symbols={"N": "N", "S": "S", "V": "V"})
    _, _, beats = copied(cached, monkeypatch, lost, scheme=others)
    time_s = beats.source_sample / cached[0].source_fs_hz
    assert set(beats.label[(time_s > 10.2) & (time_s < 29.8)]) == {-1}


def test_what_is_found_near_flutter_is_not_learned_from(cached):
    flutter = Annotations(
        sample=np.array([round(20 * cached[0].source_fs_hz)]),
        symbol=np.array(["!"]),
        subtype=np.zeros(1, np.int64),
        aux_note=np.array([""]),
        fs_hz=cached[0].source_fs_hz,
    )
    table = table_of_positions([], [])
    found = copies_module._labels(
        np.array([1000, round(19.5 * flutter.fs_hz), round(40 * flutter.fs_hz)]),
        table,
        np.arange(len(table)),
        copy=copies_module.DisturbedCopy(cached[0], (), 0),
        scheme=AAMI,
        notes=flutter,
    )
    assert found.tolist() == [Q, -1, Q]


@pytest.mark.parametrize("causal", [False, True])
def test_the_delay_of_one_sided_filters_is_taken_off(cached, monkeypatch, causal):
    _, _, usual = copied(cached, monkeypatch)
    detect = copies_module.detect_qrs
    monkeypatch.setattr(copies_module, "detect_qrs", lambda *args, **options: detect(*args, **options) + 4)
    table = beat_table(cached, annotator="atr", scheme=AAMI)
    rng = np.random.default_rng(0)
    options = {"annotator": "atr", "scheme": AAMI, "rng": rng, "causal": causal}
    _, late = detected_copies(cached, table, **options)
    moved_s = np.median(late.source_sample - usual.source_sample) / cached[0].source_fs_hz
    assert moved_s == pytest.approx(0.0 if causal else 0.032, abs=0.012)


def test_the_shares_of_sequences_are_those_of_the_options(cached):
    plain = view().dataset(cached, training=True)
    half = view(detected_beats=0.5).dataset(cached, training=True)
    assert len(half.records) == 2 * len(cached)
    of = half.table.record[half.sequences.start]
    recorded, detected = (of < len(cached)).sum(), (of >= len(cached)).sum()
    assert abs(recorded - len(plain) / 2) <= 1
    assert 0.3 < detected / (recorded + detected) < 0.7
    # every second sequence of half their length: each recorded stretch comes once
    assert (np.diff(half.sequences.start[of < len(cached)]) > 8).mean() > 0.5
    both = view(detected_beats=0.5, simulated_ectopy=0.3).dataset(cached, training=True)
    of = both.table.record[both.sequences.start]
    ectopic = (of >= len(cached)) & (of < 2 * len(cached))
    assert ectopic.mean() == pytest.approx(0.3, abs=0.1)
    assert view(detected_beats=0.5).simulates
    assert sum(both.counts(5)) > 0


def test_copies_are_of_training_only_and_the_same_for_a_seed(cached):
    assert len(view(detected_beats=0.5).dataset(cached, training=False).records) == len(cached)
    one, two = (view(detected_beats=0.5, seed=3).dataset(cached, training=True) for _ in range(2))
    np.testing.assert_array_equal(one.table.sample, two.table.sample)
    np.testing.assert_array_equal(one.table.features, two.table.features)
    other = view(detected_beats=0.5, seed=4).dataset(cached, training=True)
    assert other.table.sample.tolist() != one.table.sample.tolist()


def test_simulated_copies_do_not_depend_on_detected_ones(cached):
    without = view(simulated_ectopy=0.3, seed=1).dataset(cached, training=True).table
    beside = view(simulated_ectopy=0.3, detected_beats=0.4, seed=1).dataset(cached, training=True).table
    np.testing.assert_array_equal(without.sample, beside.sample[: len(without)])
    np.testing.assert_array_equal(without.label, beside.label[: len(without)])


def test_noise_has_the_power_that_the_plan_says():
    signal = np.sin(np.arange(125 * 60) / 5)[:, None].repeat(2, axis=1).astype(np.float32)
    for kind in ("white", "muscle", "motion", "mixed"):
        plan = [Disturbance(10.0, 50.0, kind, 6.0)]
        changed = disturbed(signal, plan, seed=0, fs_hz=125.0)
        noise = (changed - signal)[1250:6250]
        assert 10 * np.log10(signal.var() / noise.var()) == pytest.approx(6.0, abs=0.5)
        np.testing.assert_array_equal(changed[:1250], signal[:1250])
        assert abs(np.corrcoef(noise.T)[0, 1]) < 0.3
    flat = disturbed(signal, [Disturbance(1.0, 2.0, "white", 0.0, lost=True, flat=True)], seed=0, fs_hz=125.0)
    assert (flat[125:250] == 0).all()
    assert signal[125:250].any()


def test_plans_lie_inside_the_record():
    for seed in range(20):
        for duration_s in (5.0, 60.0, 1800.0):
            plan = plan_disturbances(duration_s, rng=np.random.default_rng(seed))
            assert all(0 <= one.start_s <= one.stop_s <= duration_s for one in plan)
            assert plan[-1].lost


def test_a_share_of_one_is_refused():
    with pytest.raises(ConfigError, match="detected_beats"):
        BeatSequenceConfig(detected_beats=1.0)


def test_matching_is_mutual_and_bounded():
    nothing = np.zeros(0, np.int64)
    assert matched(np.array([5, 9]), nothing, within=9).tolist() == [-1, -1]
    assert matched(nothing, np.array([5]), within=9).tolist() == []
    assert matched(np.array([100, 110]), np.array([106]), within=20).tolist() == [-1, 0]
    assert matched(np.array([100]), np.array([130]), within=20).tolist() == [-1]
