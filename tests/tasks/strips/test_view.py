import os

import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.kept_arrays import read_kept
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.formats.wfdb.writer import write_digital
from ecgrnn.tasks.strips.schemes import RHYTHM_SCHEME
from ecgrnn.tasks.strips.view import StripView

VIEW = StripView(scheme=RHYTHM_SCHEME, strip_features=True, several=False, in_memory_mb=0.0)


@pytest.fixture
def records(tmp_path):
    """Give a prepared strip with a label and one without."""
    digital = np.random.default_rng(0).integers(-500, 500, (3000, 1)).astype(np.int16)
    write_digital(tmp_path / "A1", digital, fmt="16", fs_hz=300.0, leads=("ECG",), gain_per_mv=1000.0)
    return prepare_records(
        [
            RecordSource(name, tmp_path / "A1", name, (), labels)
            for name, labels in (("A1", ("N",)), ("A2", ()))
        ],
        PreprocessingConfig(fs_hz=150.0, n_leads=1),
        cache=tmp_path / "cache",
        workers=0,
        progress=lambda items, total: items,
    )


def features_beside(record):
    return [path for path in record.folder.iterdir() if "strip-features" in path.name]


def test_features_are_kept_as_the_umask_says(records):
    before = os.umask(0o027)
    try:
        made = VIEW.dataset(records, training=False).features
    finally:
        os.umask(before)
    (kept,) = features_beside(records[0])
    assert kept.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(read_kept(kept, key=records[0].digest)["features"], made[0])


def test_features_that_cannot_be_kept_are_given_all_the_same(records, monkeypatch):
    def full(path, content):
        with path.open("wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    wanted = VIEW.unlabelled(records[:1]).features
    monkeypatch.setattr("ecgrnn.data.kept_arrays.Path.write_bytes", full)
    np.testing.assert_array_equal(VIEW.dataset(records, training=False).features, wanted)
    assert features_beside(records[0]) == []


def test_a_side_without_a_labelled_strip_is_named(records):
    with pytest.raises(
        ConfigError, match=r"none of the 1 records .*\(A2\) has a label of scheme .* such as N"
    ):
        VIEW.dataset(records[1:], training=True)
