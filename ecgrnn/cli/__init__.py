"""The command line: command, options, run folder, work; from Python ``main(["predict", "record=..."])``."""

import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgrnn import __version__
from ecgrnn.cli import output
from ecgrnn.cli.help_text import command_help, shown
from ecgrnn.cli.jobs import do
from ecgrnn.data.ranks import rank_of
from ecgrnn.errors import ConfigError, EcgrnnError, Interrupted, did_you_mean, reason_of
from ecgrnn.options import commands, deploy, recordings, sweep
from ecgrnn.options.arguments import CommandLine, read_arguments
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.networks import NETWORKS
from ecgrnn.tasks import TASKS
from ecgrnn.training import run_folder as runs

if TYPE_CHECKING:
    from ecgrnn.cli.composing import Composer, Job

COMMANDS: dict[str, tuple[str, type]] = {
    "prepare": ("find or fetch a database and fill the cache for a training", commands.PrepareConfig),
    "train": ("train a network, then score it on held-out patients", commands.TrainConfig),
    "sweep": ("search options by many trials, scored on validation patients", sweep.SweepConfig),
    "evaluate": ("score a checkpoint on held-out records", commands.EvaluateConfig),
    "predict": ("annotate a recording, or many, with the models of the package", recordings.PredictConfig),
    "stream": ("annotate beats while the signal is still coming", recordings.StreamConfig),
    "models": ("list the models that come with the package", commands.ModelsConfig),
    "export": ("write a model as a file that other programs run", deploy.ExportConfig),
    "explain": ("show what the class of a beat leans on", deploy.ExplainConfig),
    "convert": ("write a recording of any supported format as a WFDB record", recordings.ConvertConfig),
    "score": ("score annotation files against reference annotations, by EC57", commands.ScoreConfig),
    "audit": ("prove that a checkpoint never saw its held-out patients", commands.AuditConfig),
    "inspect": ("show what a checkpoint holds and what it was trained on", commands.InspectConfig),
    "generate": ("write beats of a class with a generator", recordings.GenerateConfig),
    "verify": ("check that the written-out cells equal NumPy and torch.nn", commands.VerifyConfig),
}
# MKL may add up a matrix product in another order from run to run unless it is told not to, before its first
# product; on this branch of its code that costs nothing (512 x 512: 1.73 ms without, 1.77 ms with).
os.environ.setdefault("MKL_CBWR", "AUTO")
# torch asks for new memory at every step, and the system gives it page by page, 4 KB each, unless it is asked
# for huge ones (a 2-layer LSTM on 512 beats, forwards and backwards: 99 ms with, 114 ms without).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_EXIT_BAD_INPUT = 2
_EXIT_INTERRUPTED = 130
_SHARED = {"train", "evaluate"}
"""Commands that several processes work on together."""

_TURNS = threading.RLock()
"""Commands of several threads take turns: torch's random numbers and number of threads are the process's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status: 0 done, 2 bad input, 128 and the number of a signal.

    It may be called again and again, from several threads (commands take turns), and by a program that uses
    Hydra itself.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with _TURNS:
        try:
            with output.unfailing():
                return _status(words)
        finally:
            output.leave_quietly()


def _status(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())  # noqa: T201 - the help text is the program's output
        return 0
    if words[0] == "--version":
        print(f"ecgrnn {__version__}")  # noqa: T201
        return 0
    try:
        _check_command(words[0])
        return _run(words[0], words[1:])
    except Interrupted as stopped:
        name = signal.Signals(stopped.signal_number).name
        advice = f"; {stopped.advice}" if stopped.advice else ""
        return _complain(f"stopped by {name}{advice}", status=128 + stopped.signal_number)
    except KeyboardInterrupt:
        return _complain("interrupted", status=_EXIT_INTERRUPTED)
    except EcgrnnError as error:
        return _complain(str(error), error=error)
    except OSError as error:
        return _complain(f"{error.filename or Path.cwd()}: {reason_of(error)}", error=error)


def conf_folder() -> Path:
    """Give the folder of the YAML files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (summary, _) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m ecgrnn COMMAND [key=value ...]",
            "",
            "Train, evaluate and run recurrent neural networks on ECG recordings.",
            "",
            "commands:",
            *lines,
            "",
            "python -m ecgrnn COMMAND --help shows a command's groups and options.",
        ]
    )


def _check_command(word: str) -> None:
    if word not in COMMANDS:
        nearest = did_you_mean(word, COMMANDS, cutoff=0.5)
        raise ConfigError(f"unknown command '{word}'{nearest}; there are {', '.join(COMMANDS)}")


def _run(command: str, arguments: list[str]) -> int:
    line = read_arguments(arguments)
    if command == "train":
        line.overrides = runs.resumed_words(line.overrides, os.environ)
    with _folder_of_other_ranks(command) as words:
        line.overrides += words
        composer = _composer(command, line)
        if line.help or line.cfg:
            with _explained(composer, command):
                print(_shown_options(command, composer))  # noqa: T201 - what was asked for
            return 0
        with _explained(composer, command):
            jobs = composer.jobs()
            _check(jobs)
        return _work(command, line, jobs)


def _check(jobs: "Sequence[Job]") -> None:
    """Refuse a bad value of any job before the first one is begun."""
    for job in jobs:
        try:
            to_config(job.composed)
        except ConfigError as error:
            if len(jobs) == 1:
                raise
            name = " ".join(job.overrides)
            raise ConfigError(f"{error} (in the job {name}; no job was started)") from error


@contextmanager
def _folder_of_other_ranks(command: str) -> Iterator[list[str]]:
    """Give all ranks but the first a run folder that nobody will see: the first alone leaves files."""
    if command not in _SHARED or rank_of(os.environ) == 0:
        yield []
        return
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory(prefix="ecgrnn-rank-") as folder:
        place = runs.quoted(folder)
        yield [f"run_dir={place}", f"hydra.run.dir={place}"]


def _composer(command: str, line: CommandLine) -> "Composer":
    from ecgrnn.cli.composing import Composer

    register_schemas()
    return Composer(command, COMMANDS[command][1], conf=conf_folder(), line=line)


@contextmanager
def _explained(composer: "Composer", command: str) -> Iterator[None]:
    """Put an error of Hydra's into one line."""
    from ecgrnn.cli.composing import explain

    try:
        yield
    except EcgrnnError:
        raise
    except Exception as error:
        explanation = explain(error, composer, command)
        if explanation is None:
            raise
        raise ConfigError(explanation) from error


def register_schemas() -> None:
    """Tell Hydra the config dataclasses, so that it refuses a wrong type or a misspelt key."""
    from ecgrnn.cli import composing

    tasks = {name: task.options_type for name, task in TASKS.items()}
    groups: dict[str, dict[str, type]] = {"network": dict(NETWORKS), "task": dict(tasks)}
    composing.register_schemas({command: schema for command, (_, schema) in COMMANDS.items()}, groups)


def to_config(composed: Any) -> Any:
    """Turn what Hydra composed into the command's dataclass, which checks its own rules.

    Raises:
        ConfigError: when an option breaks a rule.
    """
    from ecgrnn.cli import composing

    return composing.to_config(composed)


def _shown_options(command: str, composer: "Composer") -> str:
    """Give what ``--help`` or ``--cfg`` asked for."""
    from ecgrnn.cli.composing import part_of, without_hydra, yaml_of

    line, whole = composer.line, composer.whole()
    if line.help:
        options = without_hydra(whole, keep=lambda name: shown(command, name))
        folders = [conf_folder(), *map(Path, line.config_dirs)]
        return command_help(
            command,
            COMMANDS[command][0],
            folders=folders,
            chosen=composer.choices(),
            options=yaml_of(options),
        )
    part: Any = whole if line.cfg == "all" else whole.hydra if line.cfg == "hydra" else without_hydra(whole)
    return yaml_of(part_of(part, line.package) if line.package else part, resolve=line.resolve).rstrip()


def _work(command: str, line: CommandLine, jobs: "Sequence[Job]") -> int:
    """Do the jobs one after another; in a multirun one that fails costs no other, and all are listed."""
    compose = _train_composer(line) if command == "sweep" else None
    if not line.multirun:
        do(command, line, jobs[0], compose=compose)
        return 0
    ended: list[tuple[str, str]] = []
    failed = 0
    try:
        for job in jobs:
            try:
                ended.append((str(do(command, line, job, compose=compose)), " ".join(job.overrides)))
            except EcgrnnError as error:
                failed += 1
                if any(name in os.environ for name in runs.LAUNCHED):
                    raise  # the processes beside this one would wait for it
                _complain(str(error), error=error)
                ended.append(("failed", " ".join(job.overrides)))
    finally:
        for place, words in ended:  # what the jobs printed is far above
            print(f"{place}  {without_passwords(words)}")  # noqa: T201 - the end of a multirun
    if failed:
        raise EcgrnnError(f"{failed} of {len(jobs)} jobs failed; the reasons are above")
    return 0


def _train_composer(line: CommandLine) -> Callable[[Sequence[str]], Any]:
    """Make what composes the options of ``train`` inside another command, with its folders of YAML files."""

    def compose_train(overrides: Sequence[str]) -> Any:
        """Give the options that ``train`` would have.

        Raises:
            ConfigError: what ``train`` would say of these overrides.
        """
        own = CommandLine(overrides=list(overrides), config_dirs=line.config_dirs)
        composer = _composer("train", own)
        with _explained(composer, "train"):
            return to_config(composer.jobs()[0].composed)

    return compose_train


def _complain(message: str, *, status: int = _EXIT_BAD_INPUT, error: Exception | None = None) -> int:
    if error is not None and os.environ.get("ECGRNN_TRACEBACK") == "1":
        traceback.print_exception(error)
    text = without_passwords(" ".join(message.split()))
    rank = f"rank {rank_of(os.environ)}: " if rank_of(os.environ) else ""
    print(f"ecgrnn: {rank}{text}", file=sys.stderr)  # noqa: T201 - one line on stderr is the contract
    return status
