from types import SimpleNamespace

import numpy as np
import pytest

from ecgrnn.config import PreprocessingConfig
from ecgrnn.datasets.cache import RecordSource, prepare_records
from ecgrnn.datasets.waves import WaveView, common_leads
from ecgrnn.errors import DataError
from ecgrnn.signals.simulate import write_database
from ecgrnn.signals.waves import UNKNOWN, WAVE_SCHEME

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
