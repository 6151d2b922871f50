import dataclasses
import weakref

import numpy as np
import pytest
import torch

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.windows import beat_table
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.simulator import ectopy
from ecgrnn.tasks.beats import ectopic_copies
from ecgrnn.tasks.beats import sequences as beat_sequences
from ecgrnn.tasks.beats.cut import cut_sequences
from ecgrnn.tasks.beats.sequences import BeatSequenceView


@pytest.fixture(scope="module")
def cached(small_database, tmp_path_factory):
    return prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s001", "s002")],
        PreprocessingConfig(fs_hz=125.0),
        cache=tmp_path_factory.mktemp("sequences"),
        workers=0,
        progress=lambda items, total: items,
    )


def view(**changes) -> BeatSequenceView:
    options = {
        "annotator": "atr",
        "scheme": SCHEMES["aami"],
        "before_s": 0.4,
        "after_s": 0.496,
        "sequence_beats": 16,
        "causal": False,
        "in_memory_mb": 1024.0,
    }
    return BeatSequenceView(**{**options, **changes})


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("count", [1, 5, 15, 16, 17, 24, 31, 100])
def test_every_beat_is_classified_once_with_context(count, causal):
    rows = cut_sequences(np.array([count, 7]), length=16, training=False, causal=causal)
    kept = np.concatenate([np.arange(*pair) for pair in zip(rows.keep_start, rows.keep_stop, strict=True)])
    assert kept.tolist() == list(range(count + 7))
    assert (rows.start <= rows.keep_start).all()
    assert (rows.keep_stop <= rows.stop).all()
    assert (rows.stop - rows.start <= 16).all()
    assert ((rows.stop <= count) | (rows.start >= count)).all()  # none across the end of a record
    if not causal:
        inner = (rows.keep_start > 0) & (rows.keep_start != count)
        assert (rows.keep_start - rows.start)[inner].min(initial=16) >= 4


def test_in_training_every_beat_of_a_sequence_counts():
    rows = cut_sequences(np.array([100]), length=16, training=True, causal=False)
    np.testing.assert_array_equal(rows.start, rows.keep_start)
    np.testing.assert_array_equal(rows.stop, rows.keep_stop)
    seen = np.concatenate([np.arange(*pair) for pair in zip(rows.start, rows.stop, strict=True)])
    assert set(seen.tolist()) == set(range(100))


def test_a_batch_serves_each_beat_of_the_table_with_its_label(cached):
    dataset = view().dataset(cached, training=False)
    batch = dataset.__getitems__(range(len(dataset)))
    index, label = batch.index[batch.index >= 0], batch.label[batch.index >= 0]
    assert sorted(index.tolist()) == list(range(len(dataset.table)))
    np.testing.assert_array_equal(label.numpy(), dataset.table.label[index.numpy()])
    assert batch.signal.shape == (len(dataset), 16, 2, 112, 2)
    assert torch.isfinite(batch.signal).all()


def test_a_batch_equals_its_single_items_but_for_padding(cached):
    dataset = view().dataset(cached, training=True)
    batch = dataset.__getitems__([3, 0])
    one = dataset[0]
    for field in dataclasses.fields(batch):
        torch.testing.assert_close(getattr(batch, field.name)[1:], getattr(one, field.name), rtol=0, atol=0)


def test_mapped_beats_equal_those_in_memory(cached):
    held, mapped = (view(in_memory_mb=size).dataset(cached, training=False) for size in (1024.0, 0.0))
    assert isinstance(mapped._beats.base, np.memmap)
    rows = list(range(len(held)))
    torch.testing.assert_close(held.__getitems__(rows).signal, mapped.__getitems__(rows).signal)


def test_what_a_batch_is_written_into_changes_no_later_batch(cached):
    dataset = view().dataset(cached, training=True)
    before = dataset[1].signal.clone()
    dataset[1].signal.fill_(7.0)
    dataset[1].features.fill_(7.0)
    torch.testing.assert_close(dataset[1].signal, before)


def test_the_usual_qrs_has_height_one(cached):
    dataset = view().dataset(cached, training=False)
    usual = dataset[1].signal[0, :, 0, :, 1]
    assert torch.allclose(usual.amax(-1) - usual.amin(-1), torch.ones(len(usual)), atol=0.35)


def test_simulated_ectopy_is_a_share_of_the_training_sequences_and_of_nothing_else(cached):
    plain = view().dataset(cached, training=True)
    dataset = view(simulated_ectopy=0.3).dataset(cached, training=True)
    n_simulated = len(dataset) - len(plain)
    assert n_simulated / len(dataset) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(dataset.sequences.start[: len(plain)], plain.sequences.start)
    np.testing.assert_array_equal(dataset.table.label[: len(plain.table)], plain.table.label)
    for same in (view(simulated_ectopy=0.3).dataset(cached, training=False), plain):
        assert len(same.table) == len(plain.table)


def test_simulated_ectopy_makes_normal_beats_supraventricular_and_keeps_all_others(cached):
    datasets = [view(simulated_ectopy=0.5, seed=seed).dataset(cached, training=True) for seed in range(5)]
    real, simulated = np.concatenate([np.split(one.table.label, 2) for one in datasets], axis=1)
    changed = real != simulated
    assert changed.any()
    classes = SCHEMES["aami"].classes
    assert set(real[changed]) == {classes.index("N")}
    assert set(simulated[changed]) == {classes.index("S")}


def test_simulated_ectopy_is_a_function_of_the_seed(cached):
    def served(seed):
        dataset = view(simulated_ectopy=0.3, seed=seed).dataset(cached, training=True)
        return dataset.__getitems__([len(dataset) - 1]).signal

    torch.testing.assert_close(served(1), served(1), rtol=0, atol=0)
    assert not torch.equal(served(1), served(2))


def test_copies_are_listed_without_being_made_and_are_the_same_each_time_they_are_read(cached, monkeypatch):
    table = beat_table(cached, annotator="atr", scheme=SCHEMES["aami"])
    with monkeypatch.context() as patch:
        patch.setattr(ectopic_copies, "play", None)  # not called
        copies, beats = ectopic_copies.ectopic_copies(
            cached, table, scheme=SCHEMES["aami"], rng=np.random.default_rng(0)
        )
    assert len(beats) == len(table)
    for copy in copies:
        first = copy.signal
        assert first.shape == (copy.n_samples, 2)
        assert copy.signal is not first  # nothing is held
        np.testing.assert_array_equal(copy.signal, first)


def test_a_dataset_makes_one_copy_at_a_time_and_keeps_none(cached, monkeypatch):
    made = []

    def play(*arguments, **options):
        signal = ectopy.play(*arguments, **options)
        assert all(earlier() is None for earlier in made)
        made.append(weakref.ref(signal))
        return signal

    monkeypatch.setattr(ectopic_copies, "play", play)
    dataset = view(simulated_ectopy=0.3).dataset(cached, training=True)
    assert len(made) == len(cached)
    assert all(earlier() is None for earlier in made)
    dataset.__getitems__(range(len(dataset)))
    assert len(made) == len(cached)


def test_simulated_ectopy_needs_classes_of_normal_and_supraventricular_beats(cached):
    scheme = dataclasses.replace(SCHEMES["aami"], classes=("N", "A", "V", "F", "Q"))
    with pytest.raises(ConfigError, match=r"task\.simulated_ectopy needs a scheme with classes N and S"):
        view(simulated_ectopy=0.3, scheme=dataclasses.replace(scheme, symbols={"N": "N"})).dataset(
            cached, training=True
        )


@pytest.mark.parametrize("causal", [False, True])
def test_usual_beats_and_features_are_kept_for_the_next_start(cached, causal, monkeypatch):
    first = view(causal=causal).dataset(cached, training=True)
    other = view(causal=causal, before_s=0.42).dataset(cached, training=True)
    again = view(causal=causal).dataset(cached, training=True)
    monkeypatch.setattr(beat_sequences, "beat_templates", None)  # not called any more
    kept = view(causal=causal).dataset(cached, training=False)
    for dataset in (again, kept):
        np.testing.assert_array_equal(dataset._beats, first._beats)
        np.testing.assert_array_equal(dataset.table.features, first.table.features)
    assert other._beats.shape != first._beats.shape
    with pytest.raises(TypeError, match="not callable"):
        view(causal=not causal).dataset(cached, training=True)


def test_other_positions_have_other_features(cached):
    first = view().dataset(cached, training=True)
    moved = [dataclasses.replace(record) for record in cached]
    annotations = {record.name: record.annotations("atr") for record in cached}
    for record in moved:
        shifted = dataclasses.replace(annotations[record.name], sample=annotations[record.name].sample + 30)
        object.__setattr__(record, "annotations", lambda annotator, found=shifted: found)
    second = view().dataset(moved, training=True)
    assert len(second.table) == len(first.table)
    assert np.abs(second.table.features - first.table.features).max() > 0.1


def test_usual_beats_and_features_are_computed_in_the_way_that_is_counted(cached):
    """Where this fails because the features are meant to be others, count ``_WAY`` up and set new numbers."""
    dataset = view().dataset(cached[:1], training=False)
    assert beat_sequences._WAY == 2
    digest = np.abs(dataset.table.features).mean(), np.abs(dataset._beats).mean()
    assert digest == pytest.approx((0.42349, 0.07732), rel=1e-3)


def test_classes_are_counted_as_the_loss_meets_them(cached):
    plain = view().dataset(cached, training=True)
    for dataset in (plain, view(simulated_ectopy=0.4).dataset(cached, training=True)):
        labels = torch.cat([dataset.__getitems__([k]).label.flatten() for k in range(len(dataset))])
        wanted = torch.bincount(labels[labels >= 0], minlength=5)
        assert dataset.counts(5) == wanted.tolist()
    assert sum(dataset.counts(5)) > sum(plain.counts(5))
    assert dataset.counts(5)[1] > plain.counts(5)[1]
