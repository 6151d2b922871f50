import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.windows import beat_table
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import beats_of
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.tasks.transcription.view import TranscriptView


@pytest.fixture(scope="module")
def records(small_database, tmp_path_factory):
    return prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s001", "s002")],
        PreprocessingConfig(),
        cache=tmp_path_factory.mktemp("strips"),
        workers=0,
        progress=lambda items, total: items,
    )


def test_strips_hold_every_beat_of_their_record_once_and_in_order(records):
    dataset = TranscriptView("atr", SCHEMES["aami"], strip_s=7.5).dataset(records, training=False)
    assert len(dataset) == 16
    for index, record in enumerate(records):
        read = dataset.symbols[dataset.record == index]
        true = beats_of(record.annotations("atr"), SCHEMES["aami"]).label
        assert read[read >= 0].tolist() == true.tolist()


def test_a_batch_holds_the_signal_of_its_strips(records):
    dataset = TranscriptView("atr", SCHEMES["aami"], strip_s=7.5).dataset(records, training=False)
    batch = dataset.__getitems__([9, 0])
    np.testing.assert_array_equal(batch.signal[0].numpy(), records[1].signal[1350:2700])
    assert batch.lengths.tolist() == [1350, 1350]


def test_a_record_shorter_than_a_strip_is_one_strip_of_its_own_length(records):
    dataset = TranscriptView("atr", SCHEMES["aami"], strip_s=90.0).dataset(records, training=False)
    batch = dataset.__getitems__([0, 1])
    assert batch.lengths.tolist() == [record.n_samples for record in records]
    assert batch.signal[:, records[0].n_samples :].abs().sum() == 0


def test_a_batch_maps_no_record_that_it_has_no_strip_of(records):
    dataset = TranscriptView("atr", SCHEMES["aami"], strip_s=7.5).dataset(records, training=False)
    dataset.records = [None, records[1]]
    batch = dataset.__getitems__([9, 8])
    np.testing.assert_array_equal(batch.signal[0].numpy(), records[1].signal[1350:2700])


def test_strips_hold_the_beats_that_a_look_at_every_beat_finds(records):
    scheme = SCHEMES["aami"]
    dataset = TranscriptView("atr", scheme, strip_s=2.5).dataset(records, training=True)
    table = beat_table(records, annotator="atr", scheme=scheme)
    for index, start, symbols in zip(dataset.record, dataset.start, dataset.symbols, strict=True):
        inside = (table.record == index) & (table.sample >= start) & (table.sample < start + dataset.width)
        np.testing.assert_array_equal(symbols[symbols >= 0], table.label[inside])
