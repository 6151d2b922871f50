"""A training that is resumed: where from, on what data, and how a cluster is asked to start it again."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgrnn.commands.stages import say
from ecgrnn.data.splits.seen import split_digest
from ecgrnn.data.splits.split import SUBSETS
from ecgrnn.errors import ConfigError, Interrupted, some_of
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.commands import TrainConfig
from ecgrnn.tasks.checkpoint_file import read_checkpoint
from ecgrnn.training.checkpoint_io import remove_parts
from ecgrnn.training.interruption import WARNING
from ecgrnn.training.resume_point import LAST, was_stopped


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


def last_path(options: TrainConfig) -> Path:
    """Name the checkpoint that a run is resumed from."""
    return Path(str(options.resume)) / "checkpoints" / LAST


def last_checkpoint(options: TrainConfig) -> dict[str, Any] | None:
    """Give the checkpoint to continue from; None in a new run and in one stopped before its first checkpoint.

    Raises:
        CheckpointError: it is damaged, its weights are not finite, or it is no model.
    """
    if options.resume is None:
        return None
    path = last_path(options)
    remove_parts(path.parent)
    if not path.is_file():
        say("resume      there is no checkpoint yet, so training begins at its beginning")
        return None
    load_model(path)
    checkpoint = read_checkpoint(path)
    say(f"resume      {path}, after {checkpoint['global_step']:,} steps")
    return checkpoint


def stretches_trained(
    last: Mapping[str, Any] | None, facts: Mapping[str, Any], *, run_dir: Path
) -> list[dict[str, Any]]:
    """Give what each stretch of a training was trained on: all stretches must be trained on the same.

    The options may be equal to the letter while the split file, the records or the label scheme behind them
    are not: patients who were trained on could be tested on.

    Args:
        last: the checkpoint the training continues from; None for a new training.
        facts: what it would be trained on now.
        run_dir: the run folder.

    Raises:
        ConfigError: naming what differs.
    """
    here = {"from_step": 0, "split": split_digest(facts["split"]), "fingerprint": facts["fingerprint"]}
    if last is None:
        return [here]
    before = last["ecgrnn"]
    found = _difference(before, facts)
    if found:
        raise ConfigError(
            f"resume={run_dir} cannot continue: {found}. Restore what it was trained on, or begin a new run"
        )
    first = {**here, "fingerprint": before["fingerprint"]}
    return [*before.get("stretches", [first]), {**here, "from_step": int(last["global_step"])}]


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in what a training's data differ from those of its beginning; empty where in nothing."""
    if split_digest(before["split"]) != split_digest(now["split"]):
        return f"the split differs from the one it was trained on: {_moved(before['split'], now['split'])}"
    if before["fingerprint"] != now["fingerprint"]:
        kept, here = before.get("contents", {}), now["contents"]
        names = [name for name in here if name in kept and kept[name] != here[name]]
        which = f": {some_of(names)}" if names else ""
        return f"the files of its records (or their labels) changed since it was trained on them{which}"
    for name in ("scheme", "signal"):
        keys = [key for key, value in now[name].items() if value != before[name].get(key)]
        if keys:
            key = keys[0]
            return f"{name}.{key} was {before[name].get(key)!r:.60} and is {now[name][key]!r:.60} now"
    return ""


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the first records that are in another subset, or another patient's, than they were."""
    where = [
        {name: (subset, who) for subset in SUBSETS for name, who in one[subset].items()}
        for one in (before, now)
    ]
    said = []
    for name in sorted({*where[0], *where[1]}):
        old, new = (one.get(name, ("not in it", name)) for one in where)
        if old[0] != new[0]:
            said.append(f"{name} was {_in(old[0])} and is {_in(new[0])} now")
        elif old[1] != new[1]:
            said.append(f"{name} was of patient {old[1]} and is of {new[1]} now")
    return some_of(said, most=3) or "its named overlaps changed"


def _in(subset: str) -> str:
    return subset if subset not in SUBSETS else f"in {subset}"


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
