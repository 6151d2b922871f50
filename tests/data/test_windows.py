from dataclasses import dataclass

import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.windows import beat_counts, beat_table, gather_windows, table_of_positions
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.rr_intervals import RR_FEATURES, rr_features
from ecgrnn.signals.symbols import SCHEMES

AAMI = SCHEMES["aami"]


@dataclass(frozen=True)
class Prepared:
    """A record in memory."""

    signal: np.ndarray
    fs_hz: float
    leads: tuple[str, ...] = ("I", "II")
    source_fs_hz: float = 360.0

    @property
    def n_samples(self) -> int:
        return len(self.signal)


def naive_windows(signals, record, start, width):
    windows = np.zeros((len(record), width, signals[0].shape[1]), np.float32)
    for row, (which, first) in enumerate(zip(record, start, strict=True)):
        for offset in range(width):
            if 0 <= first + offset < len(signals[which]):
                windows[row, offset] = signals[which][first + offset]
    return windows


@pytest.fixture(scope="module")
def cached(small_database, tmp_path_factory):
    names = ("s002", "s001", "s005")
    return prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in names],
        PreprocessingConfig(),
        cache=tmp_path_factory.mktemp("windows"),
        workers=0,
        progress=lambda items, total: items,
    )


def test_gathering_equals_a_loop_over_windows():
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=(length, 2)).astype(np.float32) for length in (50, 7, 31)]
    record = rng.integers(0, 3, size=200)
    start = rng.integers(-20, 60, size=200)
    got = gather_windows(signals, record, start, width=12)
    np.testing.assert_array_equal(got, naive_windows(signals, record, start, 12))
    assert got.dtype == np.float32


def test_a_window_is_zero_beyond_its_record():
    signal = np.ones((10, 1), np.float32)
    starts = np.array([-3, 8, -20, 30])
    windows = gather_windows([signal], np.zeros(4, np.int64), starts, width=5)[..., 0]
    np.testing.assert_array_equal(windows, [[0, 0, 0, 1, 1], [1, 1, 0, 0, 0], [0] * 5, [0] * 5])


def test_gathering_nothing_gives_no_windows():
    none = np.zeros(0, np.int64)
    assert gather_windows([np.ones((10, 2), np.float32)], none, none, width=5).shape == (0, 5, 2)


def test_gathering_does_not_write_to_the_signal():
    signal = np.arange(20, dtype=np.float32).reshape(10, 2)
    signal.flags.writeable = False
    gather_windows([signal], np.zeros(2, np.int64), np.array([-2, 7]), width=6)
    np.testing.assert_array_equal(signal.ravel(), np.arange(20))


def test_a_table_lists_every_beat_of_the_scheme_by_record_and_time(cached, small_database):
    table = beat_table(cached, annotator="atr", scheme=AAMI)
    for index, record in enumerate(cached):
        read = read_annotations(small_database / record.name, "atr", fs_hz=360.0)
        wanted = [
            (at, AAMI.index(symbol))
            for at, symbol in zip(read.sample.tolist(), read.symbol.tolist(), strict=True)
            if symbol in AAMI.symbols
        ]
        rows = table.record == index
        got = list(zip(table.source_sample[rows].tolist(), table.label[rows].tolist(), strict=True))
        assert got == wanted
    assert (np.diff(table.record) >= 0).all()


def test_rhythm_changes_are_no_beats(cached):
    table = beat_table(cached, annotator="atr", scheme=AAMI)
    symbols = sum(len(record.annotations("atr").symbol) for record in cached)
    assert len(table) < symbols
    assert (table.label >= 0).all()


def test_counts_are_those_of_the_table(cached):
    table = beat_table(cached, annotator="atr", scheme=AAMI)
    counts = beat_counts(cached, annotator="atr", scheme=AAMI)
    assert list(counts) == ["s002", "s001", "s005"]
    for index, record in enumerate(cached):
        labels = table.label[table.record == index]
        np.testing.assert_array_equal(counts[record.name], [(labels == at).sum() for at in range(5)])


def test_features_of_a_table_are_those_of_each_record_alone(cached):
    table = beat_table(cached, annotator="atr", scheme=AAMI)
    for index, record in enumerate(cached):
        beats = beats_of(record.annotations("atr"), AAMI)
        wanted = rr_features(beats.sample, fs_hz=record.source_fs_hz)
        np.testing.assert_array_equal(table.features[table.record == index], wanted)


def test_positions_are_rounded_and_not_truncated_when_the_frequency_changes():
    prepared = Prepared(np.zeros((2500, 2), np.float32), fs_hz=250.0)
    source = np.array([7, 10, 11, 360, 719], np.int64)  # 4.86, 6.94, 7.64, 250, 499.3 at 250 Hz
    table = table_of_positions([prepared], [source])
    np.testing.assert_array_equal(table.sample, [5, 7, 8, 250, 499])
    np.testing.assert_array_equal(table.source_sample, source)
    assert table.label.tolist() == [-1] * 5


def test_rounding_moves_no_beat_by_more_than_half_a_sample():
    prepared = Prepared(np.zeros((180_000, 2), np.float32), fs_hz=180.0)
    source = np.sort(np.random.default_rng(0).integers(0, 359_000, 500))
    table = table_of_positions([prepared], [source])
    error_s = table.sample / 180.0 - source / 360.0
    assert np.abs(error_s).max() <= 0.5 / 180.0 + 1e-12
    assert abs(error_s.mean()) < 0.25 / 180.0 + 1e-3


def test_the_last_beat_stays_inside_the_signal():
    prepared = Prepared(np.zeros((5, 2), np.float32), fs_hz=180.0)
    assert table_of_positions([prepared], [np.array([9], np.int64)]).sample.tolist() == [4]


def test_a_table_of_no_records_is_empty():
    table = beat_table([], annotator="atr", scheme=AAMI)
    assert len(table) == 0
    assert table.features.shape == (0, len(RR_FEATURES))
