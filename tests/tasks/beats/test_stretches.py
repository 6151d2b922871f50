import numpy as np
import pytest

from ecgrnn.data.beats import BeatDataset
from ecgrnn.data.windows import table_of_positions
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.rhythm_context import rhythm_names
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.tasks.beats.sequences import BeatSequenceView
from ecgrnn.tasks.beats.stretches import _Buffer, beat_stretches

BEFORE_S, AFTER_S = 0.35, 0.45
N_SAMPLES = 40_001


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Give a record of two leads of noise, format 16, 111 s at 360 Hz."""
    folder = tmp_path_factory.mktemp("record")
    digital = np.random.default_rng(0).normal(0, 300, (N_SAMPLES, 2)).astype("<i2")
    (folder / "rec.dat").write_bytes(digital.tobytes())
    lines = [f"rec.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in ("I", "II")]
    (folder / "rec.hea").write_text("\n".join([f"rec 2 360 {N_SAMPLES}", *lines]) + "\n")
    return folder / "rec"


def windows(record, table) -> np.ndarray:
    dataset = BeatDataset([record], table, before_s=BEFORE_S, after_s=AFTER_S)
    return dataset.__getitems__(range(len(dataset))).signal.numpy()


def positions(kind: str) -> np.ndarray:
    if kind == "regular":
        return np.arange(0, N_SAMPLES, 290)
    if kind == "paused":  # no beat for several stretches
        return np.array([5, 300, 700, 30_000, 30_100, N_SAMPLES - 1])
    return np.array([N_SAMPLES // 2])


@pytest.mark.parametrize("kind", ["regular", "paused", "one beat"])
@pytest.mark.parametrize("context", [0, 3])
def test_windows_and_features_of_all_stretches_are_those_of_the_whole_record(path, kind, context):
    sample = positions(kind)
    config = PreprocessingConfig()
    prepared = prepare_record(read_record(path), config)
    table = table_of_positions([prepared], [sample])
    wanted = windows(prepared, table)
    at = 0
    for part in beat_stretches(read(path), config, sample, reach_s=AFTER_S, context=context, stretch_s=10.0):
        first = at - part.scored.start
        found = windows(part.record, part.table)
        np.testing.assert_allclose(found, wanted[first : first + len(found)], atol=2e-4)
        np.testing.assert_array_equal(part.table.source_sample, sample[first : first + len(found)])
        np.testing.assert_array_equal(part.table.features, table.features[first : first + len(found)])
        assert part.scored.start >= min(context, at)
        assert context == 0 or first % context == 0
        at += part.scored.stop - part.scored.start
        assert len(part.table) - part.scored.stop == min(context, len(sample) - at)
    assert at == len(sample)


def test_a_stretch_holds_no_more_of_the_signal_than_it_needs(path):
    sample = positions("regular")
    parts = list(beat_stretches(read(path), PreprocessingConfig(), sample, reach_s=AFTER_S, stretch_s=10.0))
    assert len(parts) >= 11
    assert max(len(part.record.signal) for part in parts) <= (10 + 4) * 180


@pytest.fixture(scope="module")
def long_path(tmp_path_factory):
    """Give a record of one lead of noise, 80 minutes at 100 Hz."""
    folder = tmp_path_factory.mktemp("long")
    np.random.default_rng(1).normal(0, 300, 480_000).astype("<i2").tofile(folder / "long.dat")
    (folder / "long.hea").write_text("long 1 100 480000\nlong.dat 16 1000/mV 16 0 0 0 0 I\n")
    return folder / "long"


@pytest.mark.parametrize(
    ("length", "causal", "long_range"),
    [(24, False, False), (24, True, False), (64, False, False), (64, True, False), (64, False, True)],
)
def test_beats_in_sequence_get_the_sequences_and_features_of_the_whole_record(
    long_path, length, causal, long_range
):
    rng = np.random.default_rng(2)
    sample = np.cumsum(rng.integers(50, 130, 5_000))
    sample = sample[sample < 480_000]
    view = BeatSequenceView(
        "atr", SCHEMES["aami"], 0.4, 0.496, length, causal, in_memory_mb=1024.0, long_range=long_range
    )
    config = PreprocessingConfig(fs_hz=100.0, n_leads=1)
    prepared = prepare_record(read_record(long_path), config)
    whole = sequences_of(view.windows([prepared], table_of_positions([prepared], [sample])))
    scored = 0
    stretches = beat_stretches(
        read(long_path), config, sample, reach_s=0.496, context=view.context, stretch_s=600.0
    )
    parts = list(stretches)
    for part in parts:
        origin = scored - part.scored.start
        found = sequences_of(view.windows([part.record], part.table))
        for beat in range(part.scored.start, part.scored.stop):
            start, signal, features = found[beat]
            wanted_start, wanted_signal, wanted_features = whole[origin + beat]
            assert start + origin == wanted_start
            n_rhythm = len(rhythm_names(causal=causal, long_range=long_range))
            np.testing.assert_array_equal(features[:, :n_rhythm], wanted_features[:, :n_rhythm])
            np.testing.assert_allclose(features, wanted_features, atol=2e-2)
            np.testing.assert_allclose(signal, wanted_signal, atol=5e-3)  # of the height of a beat of noise
        scored += part.scored.stop - part.scored.start
    assert scored == len(sample)
    assert len(parts) >= 4


def sequences_of(dataset) -> dict[int, tuple]:
    """Give for each beat the sequence in which it is classified: its first beat, signal and features."""
    found = {}
    for row in range(len(dataset)):
        batch = dataset.__getitems__([row])
        first = int(dataset.sequences.start[row])
        for beat in batch.index[0][batch.index[0] >= 0].tolist():
            found[beat] = (first, batch.signal[0].numpy(), batch.features[0].numpy())
    return found


def test_behind_the_last_beat_nothing_is_kept(path, monkeypatch):
    kept = []
    appended = _Buffer.append

    def append(self, stretch):
        appended(self, stretch)
        kept.append(len(self.record.signal))

    monkeypatch.setattr(_Buffer, "append", append)
    sample = np.arange(200, 4000, 290)
    list(
        beat_stretches(read(path), PreprocessingConfig(), sample, reach_s=AFTER_S, context=3, stretch_s=10.0)
    )
    assert len(kept) == 12
    assert max(kept) <= 2 * max(kept[-3:])
