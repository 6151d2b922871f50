"""A training that is resumed: where from, and how a cluster is asked to start it again."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgrnn.commands.stages import say
from ecgrnn.errors import ConfigError, Interrupted
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.commands import TrainConfig
from ecgrnn.tasks.checkpoint_file import read_checkpoint
from ecgrnn.training.checkpoint_io import remove_parts
from ecgrnn.training.claim_mark import is_unfinished
from ecgrnn.training.continued import Last
from ecgrnn.training.interruption import WARNING
from ecgrnn.training.resume_point import LAST, seconds_trained, was_stopped


def last_checkpoint(options: TrainConfig) -> Last | None:
    """Give the checkpoint to continue from; None in a new run and in one stopped before its first checkpoint.

    Raises:
        CheckpointError: it is damaged, its weights are not finite, or it is no model.
        ConfigError: the run has come to its end, and is not to train longer.
    """
    if options.resume is None:
        return None
    path = Path(options.resume) / "checkpoints" / LAST
    results = Path(options.resume) / ("summary.json" if options.evaluate_test else "training.json")
    remove_parts(path.parent)
    if not path.is_file() and not results.is_file():
        say("resume      there is no checkpoint yet, so training starts from the beginning")
        return None
    model, checkpoint = load_model(path), read_checkpoint(path)
    if results.is_file() and not is_unfinished(Path(options.resume)):  # it may have been killed between files
        _refuse_finished(options, checkpoint, results=results.name)
    say(f"resume      {path}, after {checkpoint['global_step']:,} steps")
    return Last(path, model.trained, int(checkpoint["global_step"]), seconds_trained(checkpoint))


def _refuse_finished(options: TrainConfig, last: Mapping[str, Any], *, results: str) -> None:
    """Refuse to go on with a run that has its results, but for one that is to train longer."""
    done = int(last["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
    if was_stopped(last):
        raise ConfigError(
            f"resume={options.resume} is finished: early_stopping_patience or trainer.max_time ended it "
            f"after {done} epochs, and its results are in {results}; start a new run to train longer"
        )
    if int(options.trainer.get("max_epochs") or 0) <= done:
        raise ConfigError(
            f"resume={options.resume} is finished: its results are in {results}; start a new run, or give "
            "a higher trainer.max_epochs where its schedule allows that"
        )


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
