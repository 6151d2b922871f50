import csv
import json

import numpy as np
import pytest
import wfdb

from ecgrnn.tasks.generation.scoring import ClassFit, generation_report


@pytest.fixture(scope="module")
def generator(small_data, command_line, tmp_path_factory):
    """The run folder of a generator trained on a minute of 8 simulated patients."""
    run_dir = tmp_path_factory.mktemp("generator") / "run"
    words = [
        "train",
        *small_data,
        "task=generate",
        "network.encoder.hidden_size=32",
        "loader.batch_size=32",
        "optimizer.learning_rate=0.02",
        "logger.tensorboard=false",
        "trainer.max_epochs=15",
        "trainer.enable_progress_bar=false",
        f"run_dir={run_dir}",
    ]
    assert command_line(*words) == 0
    return run_dir


def test_a_generator_learns_the_beats_it_reads_and_is_scored_on_held_out_patients(generator):
    with (generator / "csv" / "metrics.csv").open() as file:
        losses = [float(row["training/loss"]) for row in csv.DictReader(file) if row["training/loss"]]
    assert losses[-1] < losses[0] - 1  # nats a sample
    found = json.loads((generator / "summary.json").read_text())["classes"]["N"]
    assert found["beats"] > 50
    assert found["explained"] < 1
    assert found["mean_beat_rmse_mv"] <= found["rmse_mv"]
    assert "Class N" in (generator / "report.html").read_text()


def test_text_of_records_cannot_become_markup_in_the_report(generator, spoil, assert_escaped):
    summary = spoil(json.loads((generator / "summary.json").read_text()))
    quartiles, time_s = np.zeros((3, 5, 1)), np.arange(5.0)
    fit = ClassFit(spoil("N"), {}, written=np.ones((5, 1)), quartiles=quartiles, time_s=time_s)
    assert_escaped(generation_report(summary, [fit], leads=[spoil("II")], title=spoil("title")))


def test_evaluate_gives_the_figures_of_the_end_of_the_training(generator, small_data, command_line, tmp_path):
    words = [f"checkpoint={generator / 'checkpoints' / 'best.ckpt'}", small_data[-1]]
    assert command_line("evaluate", *words, f"run_dir={tmp_path / 'again'}") == 0
    one, other = (
        json.loads((run / "summary.json").read_text())["classes"] for run in (generator, tmp_path / "again")
    )
    assert one == other


def test_generate_writes_a_record_that_other_software_reads(generator, command_line, tmp_path):
    checkpoint = generator / "checkpoints" / "best.ckpt"
    words = ["generate", f"checkpoint={checkpoint}", "beat=V", "n=4", "rr_s=0.8", "spread=1"]
    assert command_line(*words, f"run_dir={tmp_path / 'one'}") == 0
    assert command_line(*words, f"run_dir={tmp_path / 'same'}") == 0
    assert command_line(*words, "seed=1", f"run_dir={tmp_path / 'other'}") == 0
    one, same, other = (
        wfdb.rdrecord(str(tmp_path / run / "V_generated")) for run in ("one", "same", "other")
    )
    assert one.p_signal.shape == (4 * 144, 2)  # 0.8 s at 180 Hz
    assert np.array_equal(one.p_signal, same.p_signal)
    assert not np.array_equal(one.p_signal, other.p_signal)
    marks = wfdb.rdann(str(tmp_path / "one" / "V_generated"), "atr")
    assert marks.symbol == ["V"] * 4
    assert np.diff(marks.sample).tolist() == [144] * 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["beat=X"], "knows no class X"),
        (["beat=N", "rr_s=0.3"], "rr_s must be at least the 0.7"),
    ],
)
def test_generate_says_in_one_line_what_it_cannot_write(
    generator, command_line, tmp_path, capsys, words, complaint
):
    checkpoint = generator / "checkpoints" / "best.ckpt"
    assert command_line("generate", f"checkpoint={checkpoint}", *words, f"run_dir={tmp_path / 'x'}") == 2
    complained = capsys.readouterr().err
    assert complaint in complained
    assert complained.count("\n") == 1


def test_a_beat_classifier_generates_nothing_and_a_generator_reads_no_recording(
    trained, generator, small_database, command_line, tmp_path, capsys
):
    classifier, ours = (run / "checkpoints" / "best.ckpt" for run in (trained, generator))
    assert command_line("generate", f"checkpoint={classifier}", f"run_dir={tmp_path / 'a'}") == 2
    assert "generate needs a checkpoint of task=generate" in capsys.readouterr().err
    record = small_database / "s001"
    words = [f"checkpoint={ours}", f"record={record}", f"run_dir={tmp_path / 'b'}"]
    assert command_line("predict", *words) == 2
    assert "reads no recording" in capsys.readouterr().err
