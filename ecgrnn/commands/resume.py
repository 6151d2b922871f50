"""A training that goes on: where from, and how a cluster is asked to start it again."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgrnn.command_config import TrainConfig
from ecgrnn.commands.stages import say
from ecgrnn.errors import ConfigError, Interrupted
from ecgrnn.inference.checkpoint import read_checkpoint
from ecgrnn.training.checkpoint_io import remove_parts
from ecgrnn.training.interruption import WARNING
from ecgrnn.training.resume_point import LAST, seconds_trained, was_stopped


def refuse_finished(options: TrainConfig) -> None:
    """Refuse to go on with a run that has come to its end, but for one that is to train longer.

    Raises:
        ConfigError: when there is nothing left to do.
    """
    results = "summary.json" if options.evaluate_test else "training.json"
    if options.resume is None or not (Path(options.resume) / results).is_file():
        return
    last = read_checkpoint(Path(options.resume) / "checkpoints" / LAST)
    if was_stopped(last):
        raise ConfigError(
            f"resume={options.resume} is finished: early_stopping_patience or trainer.max_time ended it "
            f"after {_epochs_done(last)} epochs, and its results are in {results}; begin a new run to train "
            "longer"
        )
    if int(options.trainer.get("max_epochs") or 0) <= _epochs_done(last):
        raise ConfigError(
            f"resume={options.resume} is finished: its results are in {results}; begin a new run, or give "
            "a higher trainer.max_epochs where its schedule allows that"
        )


def resume_point(options: TrainConfig) -> tuple[Path | None, float]:
    """Give the checkpoint to go on from, and the seconds that training took up to there.

    There is none, and 0 s, in a new run and in one that was stopped before its first checkpoint.
    """
    if options.resume is None:
        return None, 0.0
    folder = Path(options.resume) / "checkpoints"
    remove_parts(folder)
    if not (folder / LAST).is_file():
        say("resume      there is no checkpoint yet, so training begins at its beginning")
        return None, 0.0
    checkpoint = read_checkpoint(folder / LAST)
    say(f"resume      {folder / LAST}, after {checkpoint['global_step']:,} steps")
    return folder / LAST, seconds_trained(checkpoint)


def requeue(stopped: Interrupted, environment: Mapping[str, str]) -> None:
    """Put a SLURM job that was warned of its time limit back into the queue; one process asks."""
    job = environment.get("SLURM_JOB_ID")
    first = environment.get("SLURM_PROCID", "0") == "0"
    if WARNING is None or stopped.signal_number != WARNING or job is None or not first:
        return
    program = shutil.which("scontrol")
    if program is None:
        say(f"requeue     there is no scontrol on this machine, so job {job} is not put back into the queue")
        return
    if "SLURM_ARRAY_JOB_ID" in environment:
        job = f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    asked = subprocess.run([program, "requeue", job], capture_output=True, text=True, check=False)
    outcome = "is back in the queue" if asked.returncode == 0 else f"was refused: {asked.stderr.strip()}"
    say(f"requeue     job {job} {outcome}")


def _epochs_done(checkpoint: Mapping[str, Any]) -> int:
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
