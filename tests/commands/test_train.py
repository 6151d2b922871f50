"""What ``train`` promises around the training itself: nobody in two subsets, what is scored, what is said."""

import json
import shutil

import pytest
import yaml

from ecgrnn.cli import main
from ecgrnn.simulator.simulate import write_database


@pytest.fixture(scope="module")
def quiet(command_line, small_training, tmp_path_factory):
    """A training that scores nobody and tells TensorBoard: its run folder."""
    run_dir = tmp_path_factory.mktemp("quiet") / "run"
    words = [word for word in small_training if not word.startswith("logger.")]
    assert command_line(*words, "evaluate_test=false", "logger.pictures=false", f"run_dir={run_dir}") == 0
    return run_dir


def test_without_evaluate_test_nobody_is_scored(quiet):
    assert (quiet / "training.json").is_file()
    assert (quiet / "checkpoints" / "best.ckpt").is_file()
    for name in ("summary.json", "report.html", "records.csv", "annotations", "audit.json"):
        assert not (quiet / name).exists()


def test_tensorboard_has_the_options_with_the_figures_of_the_end(quiet):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(quiet / "tensorboard"))
    events.Reload()
    training = json.loads((quiet / "training.json").read_text())
    (final,) = events.Scalars("final/validation_macro_f1")
    assert final.value == pytest.approx(training["best"])
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_one_recording_under_two_names_is_not_trained_and_tested_on(small_training, tmp_path, capsys):
    folder = tmp_path / "ward"
    write_database(folder, n_patients=5, seed=1, duration_s=30.0)
    (folder / "RECORDS").unlink()  # it does not name the second one
    for suffix in (".hea", ".dat", ".atr"):
        shutil.copy(folder / f"s001{suffix}", folder / f"t001{suffix}")
    header = folder / "t001.hea"
    header.write_text(header.read_text().replace("s001", "t001"))
    split = {"train": ["s001", "s002"], "validation": ["s003"], "test": ["s004", "t001"]}
    (folder / "split.yaml").write_text(yaml.safe_dump(split))
    own = [word for word in small_training if not word.startswith(("data.root", "data.n_", "data.dur"))]
    words = ["data=folder", f"data.root={folder}", f"data.split={folder / 'split.yaml'}"]
    assert main([*own, *words, "task.macro_f1_classes=[N]", f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr()
    assert "hold the same signal" in said.err
    assert not (tmp_path / "run").exists()


def test_the_records_that_are_open_are_scored(small_training, command_line, tmp_path, monkeypatch):
    def again(*arguments, **options):
        raise AssertionError("opened again")

    monkeypatch.setattr("ecgrnn.evaluation.held_out.open_collection", again)
    assert command_line(*small_training, f"run_dir={tmp_path / 'run'}") == 0
    assert (tmp_path / "run" / "summary.json").is_file()


def test_the_end_prints_the_figures_of_the_summary(command_line, trained, tmp_path, capsys):
    checkpoint = trained / "checkpoints" / "best.ckpt"
    words = [f"checkpoint={checkpoint}", "resamples=200", f"run_dir={tmp_path / 'run'}"]
    assert command_line("evaluate", *words) == 0
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    for name, score in summary["classes"].items():
        (row,) = [line for line in lines if line.startswith(f"{name} ") and line.split()[0] == name][:1]
        cells = row.split()
        assert cells[1:3] == [str(score["support"]), str(score["patients"])]
        for cell, key in zip(cells[3:6], ("sensitivity", "positive_predictivity", "f1"), strict=True):
            assert (
                cell == "-"
                if score[key] is None
                else float(cell) == pytest.approx(100 * score[key], abs=0.01)
            )
    table = lines[lines.index("at the reference's beats:") :]
    assert all(line.isascii() for line in table)
    assert all(len(line) <= 80 for line in table if not line.startswith(("results", "report", "took")))
