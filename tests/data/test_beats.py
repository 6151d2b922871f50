import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ecgrnn.data.beats import BeatView
from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.datamodule import whole
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.symbols import SCHEMES


@pytest.fixture(scope="module")
def cached(small_database, tmp_path_factory):
    return prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s001", "s002")],
        PreprocessingConfig(),
        cache=tmp_path_factory.mktemp("beats"),
        workers=0,
        progress=lambda items, total: items,
    )


def view(in_memory_mb: float = 1024.0) -> BeatView:
    return BeatView(
        annotator="atr", scheme=SCHEMES["aami"], before_s=0.35, after_s=0.45, in_memory_mb=in_memory_mb
    )


def assert_same(one, other):
    for field in dataclasses.fields(one):
        torch.testing.assert_close(getattr(one, field.name), getattr(other, field.name), rtol=0, atol=0)


def test_windows_in_memory_equal_mapped_ones(cached):
    held = view().dataset(cached, training=True)
    mapped = view(in_memory_mb=0.0).dataset(cached, training=True)
    assert held._windows is not None
    assert mapped._windows is None
    rows = np.random.default_rng(0).permutation(len(held)).tolist()
    assert_same(held.__getitems__(rows), mapped.__getitems__(rows))


def test_the_memory_limit_is_the_size_of_all_windows(cached):
    size_mb = len(view().dataset(cached, training=False)) * 144 * 2 * 4 / 1e6
    assert view(in_memory_mb=size_mb * 1.001).dataset(cached, training=False)._windows is not None
    assert view(in_memory_mb=size_mb * 0.999).dataset(cached, training=False)._windows is None


@pytest.mark.parametrize("in_memory_mb", [0.0, 1024.0])
def test_a_batch_of_indices_equals_its_single_items(cached, in_memory_mb):
    dataset = view(in_memory_mb).dataset(cached, training=False)
    rows = [5, 0, len(dataset) - 1, 5]
    batch = dataset.__getitems__(rows)
    for at, row in enumerate(rows):
        one = dataset[row]
        assert len(one) == 1
        for field in dataclasses.fields(batch):
            torch.testing.assert_close(
                getattr(batch, field.name)[at : at + 1], getattr(one, field.name), rtol=0, atol=0
            )


def test_an_item_is_the_signal_around_its_beat(cached):
    dataset = view().dataset(cached, training=False)
    row = len(dataset) // 2
    at, record = dataset.table.sample[row], cached[dataset.table.record[row]]
    item = dataset[row]
    wanted = record.signal[at - 63 : at + 81]  # 0.35 s and 0.45 s at 180 Hz
    np.testing.assert_array_equal(item.signal[0].numpy(), wanted)
    assert item.lengths.tolist() == [144]
    assert item.label.tolist() == [dataset.table.label[row]]
    assert item.index.tolist() == [row]


def test_what_a_batch_is_written_into_changes_no_later_batch(cached):
    dataset = view().dataset(cached, training=True)
    before = dataset[3].signal.clone()
    dataset[3].signal.fill_(7.0)
    dataset[3].features.fill_(7.0)
    dataset[3].label.fill_(4)
    torch.testing.assert_close(dataset[3].signal, before, rtol=0, atol=0)
    assert dataset[3].label.item() == dataset.table.label[3]


def test_a_loader_serves_whole_batches_and_every_beat_once(cached):
    beats = view()
    dataset = beats.dataset(cached, training=False)
    loader = DataLoader(dataset, batch_size=32, collate_fn=whole)
    batches = list(loader)
    assert [len(batch) for batch in batches[:-1]] == [32] * (len(batches) - 1)
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(len(dataset)))


def test_records_of_different_frequencies_are_refused(cached):
    odd = dataclasses.replace(cached[1], fs_hz=250.0)
    with pytest.raises(ConfigError, match=r"180.*250.*preprocessing\.fs_hz"):
        view().dataset([cached[0], odd], training=False)


def test_no_records_are_refused():
    with pytest.raises(ConfigError, match="none"):
        view().dataset([], training=False)
