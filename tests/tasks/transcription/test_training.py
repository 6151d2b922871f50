import csv
import json

import numpy as np
import pytest
import wfdb

from ecgrnn.tasks.transcription.report import transcription_report


@pytest.fixture(scope="module")
def translator(small_data, command_line, tmp_path_factory):
    """The run folder of a translator trained for moments on strips of 3 s."""
    run_dir = tmp_path_factory.mktemp("translator") / "run"
    words = [
        "train",
        *small_data,
        "task=transcribe",
        "task.strip_s=3",
        "network.encoder.hidden_size=16",
        "network.decoder_size=32",
        "loader.batch_size=16",
        "optimizer.learning_rate=0.02",
        "logger.tensorboard=false",
        "trainer.max_epochs=12",
        "trainer.enable_progress_bar=false",
        f"run_dir={run_dir}",
    ]
    assert command_line(*words) == 0
    return run_dir


def summary_of(run_dir):
    return json.loads((run_dir / "summary.json").read_text())


def test_a_translator_learns_how_many_beats_a_strip_has(translator):
    found = summary_of(translator)
    assert found["symbols"] > 50
    assert found["strips"] == 20 * found["records"]
    assert found["token_error_rate"] < 0.5  # silence scores 1
    interval = found["intervals"]["token_error_rate"]
    assert interval["estimate"] == pytest.approx(found["token_error_rate"])
    assert interval["bca"] is interval["percentile"] is None  # of two patients


def test_a_transcription_leaves_what_every_task_leaves(translator):
    report = (translator / "report.html").read_text()
    for words in ("token error rate", "no patient is in two subsets", 'href="#subsets"', "Provenance"):
        assert words in report
    assert json.loads((translator / "audit.json").read_text()) == summary_of(translator)["audit"]
    assert "token error rate" in (translator / "MODEL_CARD.md").read_text()


def test_text_of_records_cannot_become_markup_in_the_report(translator, spoil, assert_escaped):
    summary = summary_of(translator)
    records = [spoil({"record": "s004", "patient": "p"}) | summary]
    assert_escaped(transcription_report(spoil(summary), records, title=spoil("title")))


def test_evaluate_gives_the_figures_of_the_end_of_training_again(
    translator, small_data, command_line, tmp_path
):
    words = [f"checkpoint={translator / 'checkpoints' / 'best.ckpt'}", small_data[-1]]
    assert command_line("evaluate", *words, f"run_dir={tmp_path / 'again'}") == 0
    assert (tmp_path / "again" / "records.csv").read_bytes() == (translator / "records.csv").read_bytes()


def test_predict_writes_the_beats_of_every_strip(translator, small_database, command_line, tmp_path):
    checkpoint = translator / "checkpoints" / "best.ckpt"
    words = [f"checkpoint={checkpoint}", f"record={small_database / 's001'}", f"run_dir={tmp_path / 'out'}"]
    assert command_line("predict", *words) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "s001.csv").read_text().splitlines()))
    assert [float(row["start_s"]) for row in rows] == [3.0 * k for k in range(20)]
    symbols = np.array(wfdb.rdann(str(small_database / "s001"), "atr").symbol)
    n_true = int((symbols != "+").sum())
    n_read = sum(len(row["beats"].split()) for row in rows)
    assert n_read == pytest.approx(n_true, rel=0.5)
