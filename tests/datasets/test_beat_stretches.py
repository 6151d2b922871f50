import numpy as np
import pytest

from ecgrnn.config import PreprocessingConfig
from ecgrnn.datasets.beat_stretches import beat_stretches
from ecgrnn.datasets.beats import BeatDataset
from ecgrnn.datasets.windows import table_of_positions
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.record import read_record

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
    for part in beat_stretches(path, config, sample, reach_s=AFTER_S, context=context, stretch_s=10.0):
        first = at - part.judged.start
        found = windows(part.record, part.table)
        np.testing.assert_allclose(found, wanted[first : first + len(found)], atol=2e-4)
        np.testing.assert_array_equal(part.table.source_sample, sample[first : first + len(found)])
        np.testing.assert_array_equal(part.table.features, table.features[first : first + len(found)])
        assert part.judged.start == min(context, at)
        at += part.judged.stop - part.judged.start
        assert len(part.table) - part.judged.stop == min(context, len(sample) - at)
    assert at == len(sample)


def test_a_stretch_holds_no_more_of_the_signal_than_it_needs(path):
    sample = positions("regular")
    parts = list(beat_stretches(path, PreprocessingConfig(), sample, reach_s=AFTER_S, stretch_s=10.0))
    assert len(parts) >= 11
    assert max(len(part.record.signal) for part in parts) <= (10 + 4) * 180
