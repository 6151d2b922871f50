import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ecgrnn.inference.checkpoint import load_model
from ecgrnn.tasks.classification import ClassificationModule

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def words(small_training):
    return [word for word in small_training if "max_epochs" not in word] + ["trainer.max_epochs=3"]


def poisoned_in(epoch: int, monkeypatch, *, step: str = "training_step") -> None:
    """Make a step of an epoch read one NaN, as a damaged recording or a step too long would."""
    before = getattr(ClassificationModule, step)

    def poisoned(self, batch):
        if self.current_epoch == epoch:
            batch.features[0] = torch.nan
        return before(self, batch)

    monkeypatch.setattr(ClassificationModule, step, poisoned)


@pytest.mark.parametrize("step", ["training_step", "validation_step"])
def test_a_training_that_diverges_ends_with_2_and_names_what_is_good(
    step, words, command_line, tmp_path, monkeypatch, capsys
):
    poisoned_in(1, monkeypatch, step=step)
    run_dir = tmp_path / "run"
    assert command_line(*words, f"run_dir={run_dir}") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    what = "loss" if step == "training_step" else "validation loss"
    assert f"the {what} is not finite (nan) in epoch 1" in said
    assert "Lower optimizer.learning_rate=0.003" in said
    assert str(run_dir / "checkpoints" / "best.ckpt") in said
    for name in ("best", "last"):
        path = run_dir / "checkpoints" / f"{name}.ckpt"
        assert torch.load(path, weights_only=True)["epoch"] == 0
        load_model(path)
    assert not (run_dir / "training.json").exists()
    assert not (run_dir / "summary.json").exists()


def test_a_training_that_diverges_at_once_leaves_no_checkpoint(words, command_line, tmp_path, capsys):
    run_dir = tmp_path / "run"
    assert command_line(*words, "optimizer.learning_rate=1e30", f"run_dir={run_dir}") == 2
    assert "No checkpoint was written before that" in capsys.readouterr().err
    assert not list(run_dir.rglob("*.ckpt"))


def test_early_stopping_does_not_turn_a_nan_into_a_success(words, command_line, tmp_path, monkeypatch):
    poisoned_in(1, monkeypatch)
    assert command_line(*words, "early_stopping_patience=1", f"run_dir={tmp_path / 'run'}") == 2


ONE_RANK_DIVERGES = """
import sys, torch
from ecgrnn.cli import main
from ecgrnn.data.ranks import rank
from ecgrnn.tasks.classification import ClassificationModule
before = ClassificationModule.training_step
def poisoned(self, batch):
    if rank() == 1 and self.global_step == 1:
        batch.features[0] = torch.nan
    return before(self, batch)
ClassificationModule.training_step = poisoned
sys.exit(main(sys.argv[1:]))
"""


TWO_RANKS = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--nproc-per-node=2",
    "--no-python",
    sys.executable,
]


def test_all_ranks_stop_together_where_one_has_read_a_nan(words, tmp_path):
    finished = subprocess.run(
        [*TWO_RANKS, "-c", ONE_RANK_DIVERGES, *words, "trainer=ddp_cpu", f"run_dir={tmp_path / 'run'}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode != 0
    assert finished.stderr.count("the loss is not finite (nan) in epoch 0, step 1") == 2


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_nan_at_scoring_is_noticed_before_anything_is_written(
    command, trained, small_data, small_database, command_line, tmp_path, monkeypatch, capsys
):
    """The weights are finite, and what they make of a signal is not."""
    checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    for name in ("network.head.1.weight", "network.head.4.weight"):
        checkpoint["state_dict"][name].fill_(3e38)
    del checkpoint["ecgrnn_weight_digests"]
    path = tmp_path / "huge.ckpt"
    torch.save(checkpoint, path)
    words = [command, f"checkpoint={path}", f"run_dir={tmp_path / 'run'}"]
    if command == "predict":
        words.append(f"record={small_database / 's001'}")
    else:
        words += [word for word in small_data if word.startswith(("data.root", "data.cache", "data.workers"))]
    assert command_line(*words) == 2
    assert "numbers that are not finite for the beats of" in capsys.readouterr().err
    left = {file.name for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert left <= {"config.yaml", "overrides.yaml"}


def test_a_trial_that_diverges_fails(words, tmp_path):
    from ecgrnn.sweeps.process import TrialProcess

    trial = TrialProcess(
        [*words[1:], "optimizer.learning_rate=1e30", "evaluate_test=false", "logger.csv=true"],
        tmp_path / "trial",
        environment={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while (ended := trial.ended()) is None:
        time.sleep(0.2)
    assert ended.figures is None
    assert "is not finite" in ended.said
