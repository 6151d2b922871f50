"""Kill commands at random moments, give the same command again, and compare with one that nobody disturbed.

    python scripts/kill.py [--folder NEW] [--prepare 50] [--train 50] [--evaluate 20] [--predict 20]
        [--sweep 20] [--full 5] [--seed 0]

Records are simulated and networks tiny, so that a run takes seconds. Each command is a process that was
forked from one with the program loaded already, so that the kill (SIGKILL) meets the work and not the start;
those of a sweep start their trials as they always do. After each kill every file that is not hidden must be
whole; then the same command runs to its end, and what it leaves must be what the undisturbed command left:
weights, annotations, tables, pages and the cache byte for byte, but for seconds and paths.

With --full each command also meets a disk that is full: no file may become longer than a length drawn at
random (RLIMIT_FSIZE). It must end with status 2 and a line, and the same command must do its work where there
is room.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ecgrnn.cli import main as command_line
from ecgrnn.commands import evaluate, predict, prepare, sweep, train  # noqa: F401 - loaded before the forks

sys.path.insert(0, str(Path(__file__).resolve().parent / "robustness"))
from left_behind import cache_of, half_file, hidden, run_of, study_of

DATA = ("data=synthetic", "data.n_patients=5", "data.duration_s=30", "data.workers=0")
TRAIN = (
    *(
        "task=beats",
        *DATA,
        "network.encoder.hidden_size=4",
        "network.encoder.num_layers=1",
        "network.head_size=4",
    ),
    *("loader.batch_size=16", "logger.tensorboard=false", "trainer.max_epochs=3", "checkpoint_every_steps=2"),
    *("trainer.enable_progress_bar=false", "trainer.enable_model_summary=false"),
)
SEARCH = "space:\n  optimizer.learning_rate: {choices: [0.001]}\nobjectives: [macro_f1]\npruner: none\n"


@dataclass
class Tally:
    """What came of the kills of one command."""

    killed: int = 0
    over: int = 0
    full: int = 0
    faults: list[str] = field(default_factory=list)
    left: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A command under test.

    Attributes:
        words: makes its words, given the folder that it works in.
        result: reads what it left, in a form that is equal where it should be.
    """

    words: Callable[[Path], list[str]]
    result: Callable[[Path], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a new folder to work in; a temporary one if not given")
    parser.add_argument("--seed", type=int, default=0)
    usual = {"prepare": 50, "train": 50, "evaluate": 20, "predict": 20, "sweep": 20}
    parser.add_argument("--full", type=int, default=5, help="runs of each command on a full disk")
    for command, kills in usual.items():
        parser.add_argument(f"--{command}", type=int, default=kills, help="kills")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    home = Path(options.folder or tempfile.mkdtemp(prefix="kill-"))
    rng = random.Random(options.seed)
    tallies = {}
    try:
        trials = laid_out(home)
        for command, trial in trials.items():
            kills = getattr(options, command)
            tallies[command] = tally(command, trial, home, kills=kills, full=options.full, rng=rng)
    finally:
        if options.folder is None:
            shutil.rmtree(home, ignore_errors=True)
    head = ["command", "killed", "over before", "disk full", "faults", "halves left", "s, undisturbed"]
    rows = [
        [command, one.killed, one.over, one.full, len(one.faults), one.left, f"{one.seconds:.1f}"]
        for command, one in tallies.items()
    ]
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(map(str, cells))} |")
    for command, one in tallies.items():
        print("".join(f"{command}: {fault}\n" for fault in one.faults), end="")
    return 1 if any(one.faults for one in tallies.values()) else 0


def laid_out(home: Path) -> dict[str, Trial]:
    """Make the records, a cache and a trained network, and describe the commands."""
    ready = home / "ready"
    ready.mkdir(parents=True)
    place = [f"data.root={ready / 'data'}", f"data.cache={ready / 'cache'}"]
    status, _ = finished(["train", *TRAIN, *place, f"run_dir={ready / 'run'}"], ready / "log")
    if status:
        raise SystemExit((ready / "log").read_text())
    checkpoint = ready / "run" / "checkpoints" / "best.ckpt"
    ward = ready / "data" / "n5-30s-seed0"
    (home / "conf" / "search").mkdir(parents=True)
    (home / "conf" / "search" / "two.yaml").write_text(SEARCH)
    quick = [word for word in TRAIN if "max_epochs" not in word]

    return {
        "prepare": Trial(
            lambda folder: ["prepare", *DATA, "task=beats", f"data.root={folder / 'data'}",
                            f"data.cache={folder / 'cache'}", f"run_dir={folder / 'run'}"],
            lambda folder: cache_of(folder / "cache"),
        ),
        "train": Trial(
            lambda folder: ["train", *TRAIN, *place, f"run_dir={folder / 'run'}"], run_of
        ),
        "evaluate": Trial(
            lambda folder: ["evaluate", f"checkpoint={checkpoint}", *place, "resamples=50",
                            f"run_dir={folder / 'run'}"],
            run_of,
        ),
        "predict": Trial(
            lambda folder: ["predict", "checkpoint=beats_tiny", f"record={ward}", "workers=1",
                            f"run_dir={folder / 'run'}"],
            run_of,
        ),
        "sweep": Trial(
            lambda folder: ["sweep", "search=two", "n_trials=2", f"--config-dir={home / 'conf'}", *quick,
                            "trainer.max_epochs=1", *place, f"run_dir={folder / 'run'}"],
            study_of,
        ),
    }  # fmt: skip


def tally(command: str, trial: Trial, home: Path, *, kills: int, full: int, rng: random.Random) -> Tally:
    """Kill a command again and again, then let it meet a full disk."""
    one = Tally()
    if not kills:
        return one
    folder = home / command  # always the same one, since paths are part of some results
    folder.mkdir()
    status, one.seconds = finished(trial.words(folder), folder / "log")
    if status:
        raise SystemExit(f"{command} fails undisturbed: {(folder / 'log').read_text()[-2000:]}")
    whole = trial.result(folder)
    longest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    for number in range(kills + full):
        folder.mkdir()
        fault, what = "", ""
        if number < kills:
            at_s = rng.uniform(0.0, one.seconds)
            was_killed = killed(trial.words(folder), folder / "log", at_s=at_s)
            one.killed, one.over = one.killed + was_killed, one.over + (not was_killed)
            what = f"kill {number} after {at_s:.2f} s"
        else:
            room = round(2 ** rng.uniform(6, np.log2(longest)))
            status, _ = finished(trial.words(folder), folder / "log", room=room)
            one.full += status != 0
            what = f"files of at most {room} bytes"
            if status not in {0, 2} or "Traceback" in (folder / "log").read_text():
                fault = f"exit status {status}: {(folder / 'log').read_text()[-300:]}"
        fault = fault or half_file(folder) or _again(command, trial, folder, whole)
        if fault:
            one.faults.append(f"{what}: {fault}")
            shutil.copytree(folder, home / f"{command}-fault-{number}")
        one.left += len(hidden(folder))
        shutil.rmtree(folder)
        print(f"{command} {number + 1}: {what}: {fault or 'right'}", file=sys.stderr, flush=True)
    return one


def _again(command: str, trial: Trial, folder: Path, whole: object) -> str:
    """Give the same command again; say what is wrong with what it leaves, if anything is."""
    done = command != "prepare" and (folder / "run").is_dir() and not (folder / "run" / ".claimed").exists()
    ended = done and command != "sweep" and (folder / "run" / "config.yaml").is_file()
    if not ended:  # a run that ended well refuses to be overwritten
        status, _ = finished(trial.words(folder), folder / "again.log")
        if status and not (command == "prepare" and _is_done(folder)):
            return f"exit status {status}: {(folder / 'again.log').read_text()[-400:]}"
    found = trial.result(folder)
    return half_file(folder) or ("" if found == whole else f"another result: {_difference(whole, found)}")


def _is_done(folder: Path) -> bool:
    return (folder / "run" / "config.yaml").is_file() and not (folder / "run" / ".claimed").exists()


def _difference(whole: object, found: object) -> str:
    if isinstance(whole, dict) and isinstance(found, dict):
        return ", ".join(sorted(name for name in {*whole, *found} if whole.get(name) != found.get(name)))[
            :300
        ]
    return f"{whole} became {found}"[:300]


def _begun(words: Sequence[str], log: Path, *, room: int | None = None) -> int:
    """Fork a process that runs a command and prints into a file; none may be longer than ``room``."""
    sys.stdout.flush()
    sys.stderr.flush()
    number = os.fork()
    if number:
        return number
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        os._exit(command_line(list(words)))
    except BaseException as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(99)


def finished(words: Sequence[str], log: Path, *, room: int | None = None) -> tuple[int, float]:
    """Run a command to its end; give its exit status, and the seconds that it took."""
    begun = time.monotonic()
    _, status = os.waitpid(_begun(words, log, room=room), 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - begun


def killed(words: Sequence[str], log: Path, *, at_s: float) -> bool:
    """Kill a command at a moment; tell whether it was still running."""
    number = _begun(words, log)
    end = time.monotonic() + at_s
    while time.monotonic() < end:
        if os.waitpid(number, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    raise SystemExit(main())
