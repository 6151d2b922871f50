from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.errors import DataError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.simulator.simulate import write_database
from ecgrnn.tasks.delineation.labels import UNKNOWN, WAVE_SCHEME, labels_of_waves
from ecgrnn.tasks.delineation.view import WaveView, common_leads

VIEW = WaveView(annotator="pqt", step_s=0.008)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    names = write_database(folder / "db", n_patients=2, duration_s=20.0)
    sources = [RecordSource(name, folder / "db" / name, name, ("pqt",)) for name in names]
    config = PreprocessingConfig(fs_hz=250.0)
    return prepare_records(
        sources, config, cache=folder / "cache", workers=1, progress=lambda items, total: items
    )


def test_every_record_is_an_item_with_a_label_for_every_step_of_every_lead(records):
    dataset = VIEW.dataset(records, training=True)
    batch = dataset.__getitems__(range(len(dataset)))
    assert len(dataset) == 2
    assert batch.signal.shape == (2, 5000, 2)
    assert batch.labels.shape == (2, 2, 2500)
    assert set(batch.labels.unique().tolist()) <= {UNKNOWN, 0, 1, 2, 3}


def test_a_batch_is_padded_to_its_own_longest_record(tmp_path):
    names = [write_database(tmp_path / f"{s}", n_patients=1, duration_s=s)[0] for s in (12.0, 20.0)]
    sources = [
        RecordSource(f"r{s}", tmp_path / f"{s}" / name, name, ("pqt",))
        for s, name in zip((12.0, 20.0), names, strict=True)
    ]
    config = PreprocessingConfig(fs_hz=250.0)
    short, long = prepare_records(
        sources, config, cache=tmp_path / "cache", workers=1, progress=lambda items, total: items
    )
    dataset = VIEW.dataset([short, long], training=True)
    assert dataset[0].signal.shape == (1, 3000, 2)
    both = dataset.__getitems__([0, 1])
    assert (both.signal.shape, both.lengths.tolist()) == ((2, 5000, 2), [3000, 5000])
    assert both.labels.dtype == torch.int64
    for lead, name in enumerate(short.leads):
        wanted = labels_of_waves(VIEW.reference(short, name), fs_hz=360.0, steps=2500, step_s=0.008)
        np.testing.assert_array_equal(both.labels[0, lead], wanted)
        np.testing.assert_array_equal(dataset[0].labels[0, lead], wanted[:1500])


def test_the_signal_of_an_item_is_its_record(records):
    dataset = VIEW.dataset(records, training=False)
    np.testing.assert_array_equal(dataset[1].signal[0].numpy(), records[1].signal)


def test_labels_lie_on_the_waves(records):
    dataset = VIEW.dataset(records, training=False)
    waves = VIEW.reference(records[0], records[0].leads[1])
    qrs = np.flatnonzero(waves.kind == "QRS")
    steps = np.floor((waves.peak[qrs] / 360.0) / VIEW.step_s).astype(int)
    labels = dataset[0].labels[0, 1].numpy()[steps]
    assert np.mean(labels == WAVE_SCHEME.classes.index("QRS")) > 0.95


def test_records_with_different_numbers_of_leads_are_refused_with_the_way_out(records):
    with pytest.raises(DataError, match="set preprocessing"):
        common_leads([records[0], SimpleNamespace(name="odd", leads=("MLII",))])


def test_counts_are_the_waves_of_all_leads(records):
    counts = VIEW.counts(records)
    kinds = VIEW.reference(records[0], records[0].leads[0]).kind
    assert counts[records[0].name][2] == 2 * np.sum(kinds == "QRS")
