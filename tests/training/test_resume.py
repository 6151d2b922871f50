import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from ecgrnn.commands.resume import last_checkpoint
from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.training.seeds import StepSeeds

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 3  # of BATCHES batches of 8 sequences
BATCHES = 6


@pytest.fixture(scope="module")
def words(small_data):
    """A training with augmentation, dropout, averaged weights, a schedule, and many checkpoints."""
    return [
        "train",
        *small_data,
        "network.encoder.hidden_size=4",
        "network.sequence.hidden_size=6",
        "task.sequence_beats=16",
        "optimizer.average_decay=0.9",
        "loader.batch_size=8",
        "logger.tensorboard=false",
        "trainer.enable_progress_bar=false",
        f"trainer.max_epochs={EPOCHS}",
        "checkpoint_every_steps=2",
        "evaluate_test=false",
    ]


@pytest.fixture(scope="module")
def uninterrupted(words, command_line, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    assert command_line(*words, f"run_dir={run_dir}") == 0
    return run_dir


@pytest.fixture(scope="module")
def killed(words, tmp_path_factory):
    """Give the folders of two runs: one killed within an epoch, one while it wrote a checkpoint."""
    folder = tmp_path_factory.mktemp("killed")
    finished = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert finished.stdout.splitlines().count("-9") == 2, finished.stdout + finished.stderr
    return folder


KILLED = """
import os, signal, sys, warnings
import torch
from ecgrnn.cli import main
from ecgrnn.commands import train
from ecgrnn.training import checkpoint_io, seeds

warnings.simplefilter("ignore")
folder, *words = sys.argv[1:]

def kill_within_an_epoch():
    seed = seeds.StepSeeds.on_train_batch_start
    def killing(self, trainer, module, batch, batch_idx):
        if trainer.global_step == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        seed(self, trainer, module, batch, batch_idx)
    seeds.StepSeeds.on_train_batch_start = killing

def kill_while_writing():
    save = torch.save
    def half(content, file):
        save(content, file)
        if content["global_step"] == 10:
            file.flush()
            os.truncate(file.name, os.path.getsize(file.name) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    checkpoint_io.torch.save = half

for name, hook in (("epoch", kill_within_an_epoch), ("writing", kill_while_writing)):
    child = os.fork()
    if not child:
        hook()
        os._exit(main([*words, f"run_dir={folder}/{name}"]))
    print(-os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
"""


def content(run_dir, name="last.ckpt") -> dict:
    return torch.load(run_dir / "checkpoints" / name, weights_only=True)


def assert_same(one, other):
    """Compare checkpoints bit by bit: weights, optimiser and schedule."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def assert_same_run(run_dir, whole):
    parts = ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers")
    for name in ("last.ckpt", "best.ckpt"):
        for part in (*parts, "epoch", "global_step"):
            assert_same(content(run_dir, name)[part], content(whole, name)[part])
    figures = [json.loads((run / "training.json").read_text()) for run in (run_dir, whole)]
    assert all(figures[0][key] == figures[1][key] for key in ("best", "best_epoch", "parameters"))
    assert rows(run_dir) == rows(whole)


def rows(run_dir) -> list[dict]:
    with (run_dir / "csv" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_trainings_here_have_as_many_batches_as_their_tests_count_on(uninterrupted):
    assert content(uninterrupted)["global_step"] == EPOCHS * BATCHES


@pytest.mark.parametrize("name", ["epoch", "writing"])
def test_a_killed_run_goes_on_to_the_same_bits(name, killed, uninterrupted, command_line, capsys):
    run_dir = killed / name
    before = content(run_dir)
    # Two batches are lost at most, and a checkpoint that was half written is not there under its name.
    assert (before["epoch"], before["global_step"]) == (1, 8)
    parts = list((run_dir / "checkpoints").glob(".*.part"))
    assert len(parts) == (name == "writing")
    assert command_line("train", f"resume={run_dir}") == 0
    assert f"{run_dir}/checkpoints/last.ckpt, after 8 steps" in capsys.readouterr().out
    assert not list((run_dir / "checkpoints").glob(".*.part"))
    assert_same_run(run_dir, uninterrupted)


@pytest.mark.parametrize(
    ("number", "at", "steps"),
    [(signal.SIGTERM, (1, 2), 9), (signal.SIGINT, (0, 0), 1)],
    ids=["SIGTERM within", "SIGINT at the first batch"],
)
def test_a_signal_saves_and_says_how_to_go_on(
    number, at, steps, words, uninterrupted, command_line, tmp_path, monkeypatch, capsys
):
    before = signal.getsignal(number)
    signal_at(monkeypatch, number, at)
    run_dir, before = tmp_path / "run", signal.getsignal(number)
    assert command_line(*words, f"run_dir={run_dir}") == 128 + number
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"ecgrnn: stopped by {number.name}; go on with: python -m ecgrnn train resume={run_dir}"
    assert signal.getsignal(number) is before
    assert content(run_dir)["global_step"] == steps
    if number is signal.SIGTERM:
        monkeypatch.undo()
        moved = tmp_path / "elsewhere"
        shutil.move(run_dir, moved)
        assert command_line("train", f"resume={moved}") == 0
        assert_same_run(moved, uninterrupted)


def signal_at(monkeypatch, number, at):
    seed = StepSeeds.on_train_batch_start

    def signalling(self, trainer, module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == at:
            os.kill(os.getpid(), number)
        seed(self, trainer, module, batch, batch_idx)

    monkeypatch.setattr(StepSeeds, "on_train_batch_start", signalling)


def test_a_job_warned_by_slurm_is_requeued_and_resumes_by_itself(
    words, uninterrupted, command_line, tmp_path, monkeypatch
):
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    command = [*words, f"run_dir={tmp_path / 'run'}"]
    with monkeypatch.context() as patched:
        signal_at(patched, signal.SIGUSR1, (1, BATCHES - 1))  # validation comes first, then the end
        assert command_line(*command) == 128 + signal.SIGUSR1
    assert content(tmp_path / "run")["global_step"] == 2 * BATCHES
    assert asked.read_text() == "requeue 77\n"
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert command_line(*command) == 0
    assert_same_run(tmp_path / "run", uninterrupted)


def test_a_run_that_was_stopped_while_it_was_judged_keeps_its_metrics_and_its_time(
    uninterrupted, command_line, tmp_path
):
    run_dir = tmp_path / "run"
    shutil.copytree(uninterrupted, run_dir)
    (run_dir / "training.json").unlink()
    last = content(run_dir)
    assert 0 < last["ecgrnn_resume"]["seconds"] < json.loads(figures_of(uninterrupted))["fit_seconds"] + 1
    last["ecgrnn_resume"]["seconds"] = 5000.0
    torch.save(last, run_dir / "checkpoints" / "last.ckpt")
    assert command_line("train", f"resume={run_dir}") == 0
    assert_same_run(run_dir, uninterrupted)
    assert 5000 < json.loads(figures_of(run_dir))["fit_seconds"] < 5600
    assert not list(run_dir.glob("metrics.*"))


def figures_of(run_dir) -> str:
    return (run_dir / "training.json").read_text()


def test_a_run_that_stopped_by_itself_is_finished_whatever_epochs_are_left(uninterrupted, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(uninterrupted, run_dir)
    longer = TrainConfig(resume=str(run_dir), evaluate_test=False, trainer={"max_epochs": EPOCHS + 6})
    last_checkpoint(longer)
    last = content(run_dir)
    last["ecgrnn_resume"]["should_stop"] = True
    torch.save(last, run_dir / "checkpoints" / "last.ckpt")
    with pytest.raises(ConfigError, match=f"trainer.max_time ended it after {EPOCHS} epochs"):
        last_checkpoint(longer)


def test_what_would_make_another_run_of_it_is_refused(uninterrupted, command_line, tmp_path, capsys):
    for run_dir, typed, wanted in (
        (uninterrupted, "seed=3", "seed=0"),
        (uninterrupted, "trainer.max_epochs=9", "optimizer.schedule=constant"),
        (uninterrupted, "logger.csv=true", "is finished"),
        (uninterrupted, "trainer.max_time={hours: 1}", "trainer.max_time"),
        (tmp_path, "seed=0", "there is no run in it"),
    ):
        capsys.readouterr()
        assert command_line("train", f"resume={run_dir}", typed) == 2
        said = capsys.readouterr().err
        assert wanted in said
        assert said.count("\n") == 1
    assert command_line("train", f"run_dir={uninterrupted}") == 2
    assert f"continue it with resume={uninterrupted}" in capsys.readouterr().err
    assert yaml.safe_load((uninterrupted / "config.yaml").read_text())["seed"] == 0
