import json

import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.detection.detect import detect_record
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.tasks.beats import prediction as annotate
from ecgrnn.tasks.beats.logits import beat_logits
from ecgrnn.tasks.beats.stretches import beat_stretches


@pytest.fixture(scope="module")
def run(command_line, small_data, tmp_path_factory):
    """Give the run folder of a small training of the default task."""
    run_dir = tmp_path_factory.mktemp("sequence") / "run"
    words = [
        "train",
        *small_data,
        "network.encoder.hidden_size=6",
        "network.sequence.hidden_size=8",
        "task.sequence_beats=16",
        "logger.tensorboard=false",
        "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false",
    ]
    assert command_line(*words, f"run_dir={run_dir}") == 0
    return run_dir


def test_training_ends_with_every_held_out_beat_scored(run):
    summary = json.loads((run / "summary.json").read_text())
    model = load_model(run / "checkpoints" / "best.ckpt")
    assert summary["beats"] == sum(model.trained.counts["test"].values())
    assert (run / "report.html").is_file()


def test_evaluating_gives_the_figures_of_the_end_of_training(run, command_line, small_data, tmp_path):
    where = [word for word in small_data if word.startswith(("data.root", "data.cache", "data.workers"))]
    checkpoint = f"checkpoint={run / 'checkpoints' / 'best.ckpt'}"
    assert command_line("evaluate", checkpoint, *where, f"run_dir={tmp_path / 'run'}") == 0
    assert (tmp_path / "run" / "records.csv").read_bytes() == (run / "records.csv").read_bytes()


def test_the_batch_size_changes_no_prediction(run, small_database, tmp_path):
    model = load_model(run / "checkpoints" / "best.ckpt")
    records = prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s004", "s006")],
        model.preprocessing,
        cache=tmp_path,
        workers=0,
        progress=lambda items, total: items,
    )
    view = model.view(annotator="atr")
    beats = view.dataset(records, training=False)
    whole = beat_logits(model.network, beats, batch_size=10_000)
    parts = beat_logits(model.network, beats, batch_size=16)
    assert whole.shape == (len(beats.table), 5)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=2e-6)


def test_a_record_is_read_in_stretches_and_gets_the_logits_of_the_whole(run, small_database, monkeypatch):
    model = load_model(run / "checkpoints" / "best.ckpt")
    path = small_database / "s004"
    record = read_record(path)
    sample = detect_record(path)
    seen = []

    def counted(*arguments, **options):
        for stretch in beat_stretches(*arguments, **options):
            seen.append(stretch)
            yield stretch

    monkeypatch.setattr(annotate, "beat_stretches", counted)
    found = annotate.beats_and_quality(model, read(path), sample, batch_size=64, stretch_s=7.0)[0].logits
    prepared = prepare_record(record, model.preprocessing)
    whole = annotate.classify_positions(model, prepared, sample, batch_size=64)
    assert seen
    np.testing.assert_allclose(found, whole, atol=1e-3)


def test_predict_annotates_every_beat(run, command_line, small_database, tmp_path):
    words = [f"checkpoint={run / 'checkpoints' / 'best.ckpt'}", f"record={small_database / 's001'}"]
    assert command_line("predict", *words, "annotator=atr", f"run_dir={tmp_path / 'p'}") == 0
    rows = (tmp_path / "p" / "s001.csv").read_text().splitlines()
    assert len(rows) > 50


def test_a_causal_task_refuses_to_read_backwards(command_line, small_data, tmp_path, capsys):
    assert command_line("train", *small_data, "task.causal=true", f"run_dir={tmp_path / 'c'}") == 2
    assert "network.sequence.bidirectional=false" in capsys.readouterr().err
