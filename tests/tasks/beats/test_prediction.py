import csv
import warnings

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.detection.detect import detect_qrs, detect_record
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import write_annotated
from ecgrnn.tasks.beats.prediction import annotate_recording, beats_and_quality, classify_positions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained / "checkpoints" / "best.ckpt")


def annotated(model, path, *, out, **options):
    """Annotate a record on disk and write what was found; give its table and what the user is told."""
    recording = read(path)
    found = annotate_recording(model, recording, **options)
    return found, "\n".join(write_annotated(found, recording, out=out))


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def reference(model, path):
    return beats_of(read_annotations(path, "atr", fs_hz=360.0), model.scheme)


def test_annotations_are_read_by_wfdb_and_equal_the_table(model, small_database, tmp_path):
    found, said = annotated(model, small_database / "s003", out=tmp_path, annotator="atr")
    read = wfdb.rdann(str(tmp_path / "s003"), "ecg")
    rows = rows_of(tmp_path / "s003.csv")
    assert read.sample.tolist() == [int(row["sample"]) for row in rows] == found.columns["sample"].tolist()
    assert read.symbol == [row["class"] for row in rows] == found.columns["class"].tolist()
    assert f"beats          {len(rows)}, positions from atr" in said
    assert f"annotations    {tmp_path / 's003.ecg'}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s003.csv", "s003.ecg"]


def test_with_an_annotator_every_reference_beat_is_annotated_in_its_place(model, small_database, tmp_path):
    annotated(model, small_database / "s003", out=tmp_path, annotator="atr")
    wanted = reference(model, small_database / "s003").sample
    np.testing.assert_array_equal(wfdb.rdann(str(tmp_path / "s003"), "ecg").sample, wanted)


def test_the_table_has_the_time_and_the_probability_of_every_class(model, small_database, tmp_path):
    annotated(model, small_database / "s003", out=tmp_path, annotator="atr")
    rows = rows_of(tmp_path / "s003.csv")
    assert list(rows[0]) == ["sample", "time_s", "class", *(f"p_{name}" for name in model.scheme.classes)]
    for row in rows:
        chances = {name: float(row[f"p_{name}"]) for name in model.scheme.classes}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert chances[row["class"]] == max(chances.values())
        assert float(row["time_s"]) == pytest.approx(int(row["sample"]) / 360, abs=1e-4)


def test_without_an_annotator_the_beats_are_detected(model, small_database, tmp_path):
    _, said = annotated(model, small_database / "s003", out=tmp_path, extension="qrs")
    assert "positions from the built-in QRS detector" in said
    found = wfdb.rdann(str(tmp_path / "s003"), "qrs").sample
    beats = reference(model, small_database / "s003").sample
    distance = np.abs(beats[:, np.newaxis] - found).min(axis=1)
    assert (distance <= 0.15 * 360).mean() > 0.9


def test_the_batch_size_changes_no_annotation(model, small_database, tmp_path):
    tables = []
    for batch_size in (1, 7, 1024):
        out = tmp_path / str(batch_size)
        out.mkdir()
        annotated(model, small_database / "s003", out=out, annotator="atr", batch_size=batch_size)
        tables.append(rows_of(out / "s003.csv"))
    for table in tables[:-1]:
        assert [row["class"] for row in table] == [row["class"] for row in tables[-1]]
        for one, other in zip(table, tables[-1], strict=True):
            assert float(one["p_N"]) == pytest.approx(float(other["p_N"]), abs=2e-6)


def test_a_record_read_in_stretches_gets_the_annotations_of_the_whole(model, small_database):
    path = small_database / "s003"
    record = read_record(path)
    sample = detect_record(path, stretch_s=7.0)
    np.testing.assert_array_equal(sample, detect_qrs(record.signal, fs_hz=record.fs_hz))
    prepared = prepare_record(record, model.preprocessing)
    whole = classify_positions(model, prepared, sample, batch_size=1024)
    streamed = beats_and_quality(model, read(path), sample, batch_size=1024, stretch_s=7.0)[0].logits
    np.testing.assert_allclose(streamed, whole, atol=1e-3)
    np.testing.assert_array_equal(streamed.argmax(axis=1), whole.argmax(axis=1))


def test_a_record_without_beats_is_refused(model, small_database, tmp_path):
    wfdb.wrsamp(
        "flat",
        fs=360,
        units=["mV", "mV"],
        sig_name=["I", "II"],
        p_signal=np.zeros((7200, 2)),
        fmt=["16", "16"],
        adc_gain=[200, 200],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    with pytest.raises(DataError, match="flat: no beat was found"):
        annotated(model, tmp_path / "flat", out=tmp_path)
    assert not list(tmp_path.glob("*.ecg"))


def test_an_array_of_the_same_signal_gets_the_annotations_of_the_record(model, small_database):
    recording = read(small_database / "s003")
    array = Recording(recording.signal, fs=360, leads=recording.leads)
    found, wanted = (annotate_recording(model, one).columns for one in (array, recording))
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
    with pytest.raises(DataError, match=r"annotator=atr is an annotation file .* was read from no file"):
        annotate_recording(model, array, annotator="atr")
