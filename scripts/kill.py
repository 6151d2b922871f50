"""Kill commands at random moments, give the same command again, and compare with one that nobody disturbed.

    python scripts/kill.py [--folder NEW] [--prepare 50] [--train 50] [--evaluate 20] [--predict 20]
        [--sweep 20] [--seed 0]

Records are simulated and networks tiny, so that a run takes seconds. Each command is a process that was
forked from one with the program loaded already, so that the kill (SIGKILL) meets the work and not the start;
those of a sweep start their trials as they always do. After each kill every file that is not hidden must be
whole; then the same command runs to its end, and what it leaves must be what the undisturbed command left:
weights, annotations, tables, pages and the cache byte for byte, but for seconds and paths.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import re
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
from ecgrnn.signals.annotations import read_annotations
from ecgrnn.signals.formats import read
from ecgrnn.tasks.checkpoint_file import read_plain, weight_digests

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
_SECONDS = re.compile(rb'("[a-z_]*seconds[a-z_]*": )(\{[^}]*\}|[\d.e-]+)|\d+(\.\d+)? s\b|\d+:\d\d(:\d\d)?')


@dataclass
class Tally:
    """What came of the kills of one command."""

    killed: int = 0
    over: int = 0
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
            tallies[command] = tally(command, trial, home, kills=getattr(options, command), rng=rng)
    finally:
        if options.folder is None:
            shutil.rmtree(home, ignore_errors=True)
    print("| command | killed | over before the kill | faults | halves left behind | s, undisturbed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for command, one in tallies.items():
        print(
            f"| {command} | {one.killed} | {one.over} | {len(one.faults)} | {one.left} | {one.seconds:.1f} |"
        )
    for command, one in tallies.items():
        print("\n".join(f"{command}: {fault}" for fault in one.faults))
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


def tally(command: str, trial: Trial, home: Path, *, kills: int, rng: random.Random) -> Tally:
    """Kill a command again and again."""
    one = Tally()
    if not kills:
        return one
    folder = home / command  # always the same one, since paths are part of some results
    folder.mkdir()
    status, one.seconds = finished(trial.words(folder), folder / "log")
    if status:
        raise SystemExit(f"{command} fails undisturbed: {(folder / 'log').read_text()[-2000:]}")
    whole = trial.result(folder)
    shutil.rmtree(folder)
    for number in range(kills):
        folder.mkdir()
        at_s = rng.uniform(0.0, one.seconds)
        if killed(trial.words(folder), folder / "log", at_s=at_s):
            one.killed += 1
        else:
            one.over += 1
        fault = half_file(folder) or _again(command, trial, folder, whole)
        if fault:
            one.faults.append(f"kill {number} after {at_s:.2f} s: {fault}")
            shutil.copytree(folder, home / f"{command}-fault-{number}")
        one.left += len(hidden(folder))
        shutil.rmtree(folder)
        print(f"{command} {number + 1}/{kills}: {fault or 'right'}", file=sys.stderr, flush=True)
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


def _begun(words: Sequence[str], log: Path) -> int:
    """Fork a process that runs a command; what it prints goes into a file."""
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
        os._exit(command_line(list(words)))
    except BaseException as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(99)


def finished(words: Sequence[str], log: Path) -> tuple[int, float]:
    """Run a command to its end; give its exit status, and the seconds that it took."""
    begun = time.monotonic()
    _, status = os.waitpid(_begun(words, log), 0)
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


# --- what is left -------------------------------------------------------------------------------------------


def hidden(folder: Path) -> list[Path]:
    """List what was to be renamed and was not."""
    return [path for path in folder.rglob(".*") if path.name != ".claimed"]


def half_file(folder: Path) -> str:
    """Name a file that is not hidden and not whole; empty where there is none."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if not path.is_file() or any(part.startswith(".") for part in inside) or "trials" in inside:
            continue
        try:
            _read_whole(path)
        except Exception as error:
            return f"{path.relative_to(folder)} is no whole file: {error!r}"
    return ""


def _read_whole(path: Path) -> None:
    match path.suffix:
        case ".json":
            json.loads(path.read_text())
        case ".jsonl":
            lines = path.read_text()
            if not lines.endswith("\n") or not [json.loads(line) for line in lines.splitlines()]:
                raise ValueError("no whole line")
        case ".csv" if path.parent.name != "csv":  # a training appends its figures to csv/metrics.csv
            text = path.read_text()
            if text and (
                not text.endswith("\n") or len({len(row) for row in csv.reader(text.splitlines())}) > 1
            ):
                raise ValueError("no whole row")
        case ".html":
            if not path.read_text().rstrip().endswith("</html>"):
                raise ValueError("no end")
        case ".ckpt":
            read_plain(path)
        case ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)
        case ".hea":
            read(path).stretch()
        case ".ecg" | ".atr":
            read_annotations(path.with_suffix(""), path.suffix[1:], fs_hz=360.0)


def cache_of(folder: Path) -> dict[str, str]:
    """Hash the files of a cache; of the facts, all but the times of the sources."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            content = path.read_bytes()
            if path.name == "facts.json":
                facts = json.loads(content)["facts"]
                content = json.dumps([facts["record"], facts["sums"]], sort_keys=True).encode()
            name = re.sub("-[0-9a-f]{16}", "", str(path.relative_to(folder)))
            found[name] = hashlib.blake2b(content, digest_size=12).hexdigest()
    return found


def run_of(folder: Path) -> dict[str, object]:
    """Hash what a run left: weights of checkpoints, and files without seconds and paths."""
    run = folder / "run"
    found: dict[str, object] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(run).parts):
            continue
        if path.suffix == ".ckpt":
            found[name] = weight_digests(read_plain(path)["state_dict"])
        elif path.parent.name != "csv" and path.name not in {"overrides.yaml", "config.yaml"}:
            content = path.read_bytes().replace(str(folder).encode(), b"")
            found[name] = hashlib.blake2b(_SECONDS.sub(rb"\1", content), digest_size=12).hexdigest()
    return found


def study_of(folder: Path) -> object:
    """Give the figures of the finished trials of a study by what was tried."""
    with (folder / "run" / "trials.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == "complete"]
    return {"finished": len(rows), "figures": {row["macro_f1"] for row in rows}}


if __name__ == "__main__":
    raise SystemExit(main())
