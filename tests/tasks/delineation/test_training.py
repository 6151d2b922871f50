import csv
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgrnn.signals.annotations import Waves
from ecgrnn.simulator.simulate import write_database
from ecgrnn.tasks.delineation.report import delineation_report
from ecgrnn.tasks.delineation.strips import wave_strip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delineation")
    write_database(folder / "n8-12s-seed0", n_patients=8, duration_s=12.0)
    return [
        f"data.root={folder}",
        "data.n_patients=8",
        "data.duration_s=12",
        "data.workers=0",
        f"data.cache={folder / 'cache'}",
    ]


@pytest.fixture(scope="module")
def delineator(data, command_line, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("delineator") / "run"
    words = [
        "train",
        *data,
        "task=delineate",
        "data.annotator=pqt",
        "preprocessing.n_leads=2",
        "network.encoder.frame_s=0.064",
        "network.encoder.hidden_size=16",
        "network.encoder.num_layers=1",
        "loader.batch_size=2",
        "optimizer.learning_rate=0.02",
        "logger.tensorboard=false",
        "trainer.max_epochs=16",
        "trainer.enable_progress_bar=false",
        f"run_dir={run_dir}",
    ]
    assert command_line(*words) == 0
    return run_dir


def summary_of(run_dir: Path) -> dict:
    return json.loads((run_dir / "summary.json").read_text())


def test_a_delineator_learns_to_find_qrs_complexes(delineator):
    found = summary_of(delineator)["fiducials"]["QRS onset"]
    assert found["support"] > 20
    assert found["f1"] > 0.5


def test_text_of_records_cannot_become_markup_in_the_report(delineator, spoil, assert_escaped):
    none = Waves(*(np.zeros(0, np.int64),) * 3, kind=np.zeros(0, "U3"))
    signal = np.zeros(50, np.float32)
    lead = wave_strip(signal, fs_hz=100.0, name=spoil("II"), reference=none, found=none, marks_fs_hz=100.0)
    pictures = {spoil("The best record, s001: mean F1"): [lead]}
    assert_escaped(delineation_report(spoil(summary_of(delineator)), pictures, title=spoil("title")))


def test_the_report_shows_the_best_and_the_worst_record(delineator):
    report = (delineator / "report.html").read_text()
    found = summary_of(delineator)
    for name in ("The best record", "The worst record", "QRS onset"):
        assert name in report
    assert "The middle record" not in report  # there are two, and each is shown once
    assert report.count('<svg class="waves"') == 2 * 2  # two records of two leads
    interval = found["intervals"]["QRS onset"]
    assert interval["estimate"] == pytest.approx(found["fiducials"]["QRS onset"]["f1"])
    assert interval["patients"] == 2
    assert interval["bca"] is interval["percentile"] is None  # too few patients
    assert "fewer than 20" in found["interval_note"]


def test_a_delineation_leaves_what_every_task_leaves(delineator):
    audit = json.loads((delineator / "audit.json").read_text())
    assert all(check["passed"] for check in audit["checks"])
    assert summary_of(delineator)["audit"] == audit
    report = (delineator / "report.html").read_text()
    for words in ("no patient is in two subsets", 'href="#subsets"', "<caption>", "Provenance"):
        assert words in report
    assert "QRS onset" in (delineator / "MODEL_CARD.md").read_text()


def test_evaluate_gives_the_figures_of_the_end_of_training(delineator, data, command_line, tmp_path):
    checkpoint = delineator / "checkpoints" / "best.ckpt"
    again = tmp_path / "again"
    # data= stays out: the checkpoint's own held-out records, at the place they were trained from
    assert command_line("evaluate", f"checkpoint={checkpoint}", data[-1], f"run_dir={again}") == 0
    assert summary_of(again)["fiducials"] == summary_of(delineator)["fiducials"]
    assert (again / "records.csv").read_bytes() == (delineator / "records.csv").read_bytes()


def test_predict_writes_wave_annotations_of_every_lead(delineator, data, command_line, tmp_path):
    record = Path(data[0].partition("=")[2]) / "n8-12s-seed0" / "s001"
    checkpoint = delineator / "checkpoints" / "best.ckpt"
    words = ["predict", f"checkpoint={checkpoint}", f"record={record}", f"run_dir={tmp_path / 'out'}"]
    assert command_line(*words) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "s001.csv").read_text().splitlines()))
    assert {row["wave"] for row in rows} >= {"QRS"}
    for lead, extension in (("MLII", "mlii"), ("V1", "v1")):
        marks = wfdb.rdann(str(tmp_path / "out" / "s001"), extension)
        own = [row for row in rows if row["lead"] == lead]
        assert marks.symbol.count("(") == marks.symbol.count(")") == len(own)
        onsets = marks.sample[np.array(marks.symbol) == "("]
        assert [int(row["onset"]) for row in own] == onsets.tolist()


def test_evaluate_takes_level_and_draws_as_they_are_given(delineator, data, command_line, tmp_path):
    checkpoint = delineator / "checkpoints" / "best.ckpt"
    words = [
        f"checkpoint={checkpoint}",
        data[-1],
        "level=0.8",
        "resamples=200",
        f"run_dir={tmp_path / 'run'}",
    ]
    assert command_line("evaluate", *words) == 0
    found = summary_of(tmp_path / "run")
    assert found["resampling"] == {"unit": "patient", "resamples": 200, "level": 0.8, "seed": 0}
    assert "80 % interval of F1" in (tmp_path / "run" / "report.html").read_text()


def test_another_database_is_read_with_its_own_annotator(delineator, data, command_line, tmp_path):
    other = tmp_path / "n4-12s-seed7"
    write_database(other, n_patients=4, duration_s=12.0, seed=7)
    for marks in other.glob("*.pqt"):
        marks.rename(marks.with_suffix(".waves"))
    (tmp_path / "split.yaml").write_text("train: [s001]\nvalidation: [s002]\ntest: [s003, s004]\n")
    words = [
        f"checkpoint={delineator / 'checkpoints' / 'best.ckpt'}",
        "data=folder",
        f"data.root={other}",
        f"data.split={tmp_path / 'split.yaml'}",
        "data.annotator=waves",
        f"data.cache={tmp_path / 'cache'}",
        f"run_dir={tmp_path / 'run'}",
    ]
    assert command_line("evaluate", *words) == 0
    assert summary_of(tmp_path / "run")["record_names"] == ["s003", "s004"]
    assert summary_of(tmp_path / "run")["fiducials"]["QRS onset"]["support"] > 10


@pytest.mark.parametrize("head", ["crf", "feedback"])
def test_every_head_trains_from_the_command_line(head, data, command_line, tmp_path):
    words = [
        "train",
        *data,
        "task=delineate",
        "data.annotator=pqt",
        "preprocessing.n_leads=2",
        f"network.head={head}",
        "network.encoder.frame_s=0.064",
        "task.step_s=0.032",
        "network.encoder.hidden_size=4",
        "network.encoder.num_layers=1",
        "loader.batch_size=8",
        "logger.tensorboard=false",
        "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false",
        f"run_dir={tmp_path / 'run'}",
    ]
    assert command_line(*words) == 0
    assert summary_of(tmp_path / "run")["fiducials"]["T offset"]["support"] > 0


def test_a_frame_that_is_no_multiple_of_the_step_is_refused(data, command_line, tmp_path, capsys):
    words = ["train", *data, "task=delineate", "data.annotator=pqt", "preprocessing.n_leads=2"]
    assert command_line(*words, "network.encoder.frame_s=0.02", f"run_dir={tmp_path / 'run'}") == 2
    assert "must be a multiple of task.step_s" in capsys.readouterr().err


def test_a_network_of_another_form_is_refused(data, command_line, tmp_path, capsys):
    words = ["train", *data, "network=labeller", f"run_dir={tmp_path / 'run'}"]
    assert command_line(*words) == 2
    assert "does not fit task=beat_sequence" in capsys.readouterr().err


def test_labels_that_would_drift_against_the_signal_are_refused(data, command_line, tmp_path, capsys):
    words = ["train", *data, "task=delineate", "data.annotator=pqt", "preprocessing.n_leads=2"]
    assert command_line(*words, "preprocessing.fs_hz=360", f"run_dir={tmp_path / 'run'}") == 2
    assert "task.step_s=0.008 is 2.88 samples at 360 Hz" in capsys.readouterr().err
