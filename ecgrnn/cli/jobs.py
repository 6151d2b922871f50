"""One job of a command: its folder claimed, its options kept there, the command run, trouble explained."""

import errno
import gc
import importlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgrnn.data.ranks import rank_of
from ecgrnn.errors import EcgrnnError, reason_of
from ecgrnn.options.arguments import CommandLine
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.rules import given
from ecgrnn.options.sweep import Given
from ecgrnn.training import run_folder as runs

if TYPE_CHECKING:
    from ecgrnn.cli.composing import Job


def do(
    command: str, line: CommandLine, job: "Job", *, compose: Callable[[Sequence[str]], Any] | None = None
) -> Path | None:
    """Claim a folder for a job, keep its options there, and run the command.

    Args:
        command: the command.
        line: its arguments.
        job: the job.
        compose: makes the options of ``train``, for a command that asks for them; else None.

    Returns:
        The folder; None where the command writes none.
    """
    from ecgrnn.cli.composing import to_config

    composed, theirs = job.composed, sys.argv
    resumed = command == "train" and composed.resume is not None
    if "given" in composed:
        composed.given = Given(job.overrides, job.groups, line.config_dirs)
    run_dir, goes_on = (job.folder, True) if resumed else _taken_folder(job)
    if run_dir is not None:
        composed.run_dir = str(run_dir)
    # Lightning starts the other processes of a machine with the arguments it finds here.
    sys.argv = [theirs[0], command, *_words(line, job)]
    more = {} if compose is None else {"compose": compose}
    try:
        with _disk_trouble(command, run_dir), _held(command, run_dir):
            options = to_config(composed)
            if run_dir is not None and (resumed or not goes_on):
                _keep_options(command, line, job, run_dir, resumed=resumed)
            with given(runs.key_and_value(word)[0] for word in job.overrides):
                module_of(command).run(options, **more)
            if run_dir is not None and (resumed or not goes_on):
                runs.claimed(run_dir)
    except BaseException as error:
        if run_dir is not None and not goes_on:
            if isinstance(error, Exception):
                runs.leave_no_empty_run(run_dir)
            runs.let_go(run_dir)
        raise
    finally:
        sys.argv = theirs
    return run_dir


def _held(command: str, run_dir: Path | None) -> AbstractContextManager[None]:
    return runs.held(run_dir) if command == "train" and run_dir is not None else nullcontext()


def module_of(command: str) -> Any:
    """Import a command, for the first time without searching for cycles on the way.

    The imports make a million objects, all of which stay: to search them again and again takes a sixth of the
    time, and as long once more while the options are read and the data opened.
    """
    name = f"ecgrnn.commands.{command}"
    if name in sys.modules:
        return sys.modules[name]
    searching = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if searching:
            gc.enable()


def _keep_options(command: str, line: CommandLine, job: "Job", run_dir: Path, *, resumed: bool) -> None:
    """Write the resolved options into the run folder; a run that is resumed must have the same."""
    from ecgrnn.cli.composing import resolved, yaml_of

    options = resolved(job.composed)
    if not resumed:
        runs.check_same(run_dir, options)
    elif rank_of(os.environ) == 0:
        runs.check_resumed(run_dir, options)
    if resumed:
        options["resume"] = None
    runs.write_whole(run_dir / runs.OPTIONS, yaml_of(without_passwords(options)))
    if command == "train":
        runs.write_words(run_dir, _words(line, job))
    if command == "sweep":
        runs.claimed(run_dir)  # other workers join it


def _taken_folder(job: "Job") -> tuple[Path | None, bool]:
    """Give the run folder, now ours, and whether it is that of a sweep to go on with."""
    if job.folder is None:
        return None, False
    if job.dated:
        return runs.claim_near(job.folder), False
    return job.folder, runs.join(job.folder, shared="given" in job.composed)


def _words(line: CommandLine, job: "Job") -> list[str]:
    """Give what the command line said of one job."""
    return [*(f"--config-dir={folder}" for folder in line.config_dirs), *job.overrides]


@contextmanager
def _disk_trouble(command: str, run_dir: Path | None) -> Iterator[None]:
    """Say what the operating system refused, where, and how to continue."""
    try:
        yield
    except EcgrnnError as error:
        refused = isinstance(error.__cause__, OSError) and command == "train"
        way_on = _continue(run_dir) if refused else ""
        if not way_on:
            raise
        raise type(error)(f"{error}; {way_on}") from error
    except OSError as error:
        where = error.filename or run_dir or Path.cwd()
        raise EcgrnnError(f"{where}: {reason_of(error)}; {_way_on(command, run_dir, error)}") from error
    except MemoryError as error:
        raise EcgrnnError(f"not enough memory ({error or 'none is left'}); lower the sizes") from error


def _way_on(command: str, run_dir: Path | None, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None), None)
    first = "make room" if full else "see that the place is there and can be read and written"
    way_on = _continue(run_dir) if command == "train" else ""
    return f"{first}, then {way_on or 'run the command again'}"


def _continue(run_dir: Path | None) -> str:
    """Say how a training continues that has left more than its options; empty where there is none."""
    if run_dir is None or runs.is_bare(run_dir):
        return ""
    if (run_dir / "training.json").is_file():
        done = shlex.quote(str(run_dir / "checkpoints" / "last.ckpt"))
        return f"the training is done: score it with python -m ecgrnn evaluate checkpoint={done}"
    return f"continue with python -m ecgrnn train resume={shlex.quote(str(run_dir))}"
