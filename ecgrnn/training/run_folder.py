"""The run folder: claimed by one run, left by one that failed early, gone on in by one that is resumed."""

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from ecgrnn.errors import ConfigError
from ecgrnn.options.arguments import expanded
from ecgrnn.options.arguments import key_and_value as key_and_value
from ecgrnn.options.arguments import quoted as quoted
from ecgrnn.options.credentials import HIDDEN, without_passwords
from ecgrnn.options.spec import flat
from ecgrnn.training.claim_mark import MARK, is_unfinished, remove_mark, set_mark
from ecgrnn.training.claim_mark import let_go as let_go

OPTIONS = "config.yaml"
"""The resolved options of a run."""

WORDS = "overrides.yaml"
"""The words the options were composed from, as they were typed."""

LAUNCHED = ("RANK", "SLURM_PROCID")
"""What torchrun and srun write for each of several processes that they start."""

_JOIN_TRIES, _JOIN_S = 20, 0.1
"""How often, and s between: a worker of a sweep is behind its first files within a fraction of a second."""

_MAY_CHANGE = (
    "run_dir",
    "resume",
    "evaluate_test",
    "checkpoint_every_steps",
    "checkpoint_every_s",
    "data.root",
    "data.cache",
    "data.workers",
    "loader.workers",
    "loader.in_memory_mb",
    "loader.evaluation_batch_size",
    "logger.",
    "trainer.enable_progress_bar",
    "trainer.profiler",
)
"""Options that say where and how, not what; a name that ends in a dot stands for its whole group."""


class FolderTakenError(ConfigError):
    """The run folder is that of another run."""


def claim(run_dir: Path) -> None:
    """Make sure that the run folder is there, empty and ours, so that no run overwrites another.

    It may also hold a run that was killed or failed: the same command ends it, see `check_same`.

    Raises:
        FolderTakenError: the folder holds something else, or another run is at work in it.
        ConfigError: nothing can be written into it.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        try:
            unfinished = set_mark(run_dir)
        except FileExistsError:
            raise FolderTakenError(
                f"run_dir={run_dir} was taken by another run, which is at work there; name a new one "
                f"(if none is running there, remove {run_dir / MARK})"
            ) from None
        if not unfinished and len(list(run_dir.iterdir())) > 1:
            remove_mark(run_dir)
            go_on = f", or continue it with resume={run_dir}" if (run_dir / WORDS).is_file() else ""
            raise FolderTakenError(
                f"run_dir={run_dir} is not empty, and no run is ever overwritten; name a new one{go_on}"
            )
    except OSError as error:
        raise ConfigError(f"run_dir={run_dir} cannot be written ({error.strerror}); name another") from error


def claim_near(run_dir: Path) -> Path:
    """Claim a folder that nobody named: of runs that began in the same second, the later ones get a number.

    Raises:
        ConfigError: nothing can be written there.
    """
    for number in count(2):
        try:
            claim(run_dir)
            return run_dir
        except FolderTakenError:
            run_dir = run_dir.with_name(f"{run_dir.name.partition('_')[0]}_{number}")
    raise AssertionError("unreachable")


def join(run_dir: Path, *, shared: bool) -> bool:
    """Claim a run folder, or tell that it is that of a sweep to work on, which another worker may just begin.

    Raises:
        ConfigError: when the folder holds something else, or nothing can be written into it.
    """
    for left in range(_JOIN_TRIES - 1, -1, -1):
        if shared and _is_sweep(run_dir):
            return True
        try:
            claim(run_dir)
            return False
        except ConfigError:
            # Its options appear whole, maybe between these two questions: so in this order.
            beginning = shared and run_dir.is_dir() and (_being_begun(run_dir) or _is_sweep(run_dir))
            if not left or not beginning:
                raise
            time.sleep(_JOIN_S)
    raise AssertionError("unreachable")


def claimed(run_dir: Path) -> None:
    """Take the mark of a claim away: a run has ended well, or several work in the folder from now on."""
    remove_mark(run_dir)


def check_same(run_dir: Path, options: Mapping[str, Any]) -> None:
    """Make sure that a run that was broken off is begun again as what it was, and clear away its halves.

    Raises:
        FolderTakenError: naming an option that says something else now, or the training is to be continued.
    """
    begun = not is_bare(run_dir) and (run_dir / OPTIONS).is_file()
    if begun and (found := _first_change(run_dir, options)) is not None:
        name, old, new = found
        raise FolderTakenError(
            f"run_dir={run_dir} holds an unfinished run with {name}={old}, and now it is {new}; repeat "
            "its own command to finish it, or name another run_dir"
        )
    if begun and any((run_dir / "checkpoints").glob("*.ckpt")):
        raise FolderTakenError(
            f"run_dir={run_dir} holds an unfinished training; continue it with resume={run_dir}, or "
            "name another run_dir"
        )
    for part in run_dir.rglob(".*"):
        if _HALF.fullmatch(part.name):
            shutil.rmtree(part) if part.is_dir() else part.unlink()


_HALF = re.compile(r"\..+-[0-9a-f]{32}(\.part)?|\..+\.[a-z0-9_]{8}")
"""Files and folders that were to be renamed when they were whole."""


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Hold a folder while a training writes into it; the system lets go of it with the process.

    Raises:
        ConfigError: another training holds it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nothing like it there
        yield
        return
    try:
        folder = os.open(run_dir, os.O_RDONLY)
    except PermissionError:  # a system that opens no folders
        yield
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise ConfigError(
            f"a training is still running in {run_dir}; wait for its end, or stop it, before it is resumed"
        ) from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(folder)


def is_bare(run_dir: Path) -> bool:
    """Tell whether a run has left nothing but its options, or not even its folder."""
    return not run_dir.is_dir() or {path.name for path in run_dir.iterdir()} <= {OPTIONS, WORDS, MARK}


def leave_no_empty_run(run_dir: Path) -> None:
    """Remove the folder of a job that failed before it wrote anything but its options."""
    if not run_dir.is_dir() or not is_bare(run_dir):
        return
    for name in (OPTIONS, WORDS, MARK):
        (run_dir / name).unlink(missing_ok=True)
    run_dir.rmdir()


def write_words(run_dir: Path, words: Sequence[str]) -> None:
    """Keep the words a run was started with, but for those that name its folder, without any password."""
    kept = [word for word in words if key_and_value(word)[0] not in {"run_dir", "resume"}]
    write_whole(run_dir / WORDS, yaml.safe_dump(without_passwords(kept)))


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place, then move it there; several processes may do so at once."""
    beside = _beside(path)
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def resumed_words(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Put the words of the run that is to be resumed before those that were typed now.

    The same command again continues a training that was killed. A job that SLURM has put back into its queue
    starts with the words of the first time, too: it is resumed where ``run_dir=`` names a folder with a
    run in it.

    Raises:
        ConfigError: when there is no run in the folder, or ``run_dir`` names another one.
    """
    given = dict(key_and_value(word) for word in words)
    again = environment.get("SLURM_RESTART_COUNT", "0") != "0"
    folder = given.get("resume")
    if folder in (None, "", "null") and "run_dir" in given:
        named = _path(given["run_dir"])
        alone = not any(name in environment for name in LAUNCHED)  # other machines cannot tell who is gone
        if (named / WORDS).is_file() and (again or (alone and is_unfinished(named))):
            folder = given["run_dir"]
    if folder in (None, "", "null"):
        return list(words)
    run_dir = _path(str(folder))
    other = _path(given.get("run_dir", str(folder)))
    if other.resolve() != run_dir.resolve():
        raise ConfigError(
            f"resume={run_dir} continues in its own folder, and run_dir={other} names another one; leave "
            "run_dir out"
        )
    before = [word for word in _words_of(run_dir) if key_and_value(word)[0] not in given]
    for word in before:
        if HIDDEN in word and (name := key_and_value(word)[0]):
            raise ConfigError(
                f"resume={run_dir} was started with a password in {name}, which is never stored; give "
                f"{name}= again, or permanently as {name}='${{oc.env:NAME}}' with the address in a variable "
                "NAME"
            )
    typed = [word for word in words if key_and_value(word)[0] not in {"run_dir", "resume"}]
    return [*before, *typed, f"run_dir={quoted(str(run_dir))}", f"resume={quoted(str(run_dir))}"]


def check_resumed(run_dir: Path, options: Mapping[str, Any]) -> None:
    """Make sure that a run goes on as what it was.

    ``trainer.max_epochs`` may grow where no schedule knows the end: a cosine has come down to 0 there, and
    what was planned for fewer epochs cannot become the run that was planned for more.

    Raises:
        ConfigError: naming an option that says something else now.
    """
    if (found := _first_change(run_dir, options)) is not None:
        name, old, new = found
        hint = "; it may grow only with optimizer.schedule=constant and warmup_fraction=0"
        raise ConfigError(
            f"resume={run_dir} was started with {name}={old}, and now it is {new}; leave it as it was, or "
            f"start a new run{hint if name == 'trainer.max_epochs' else ''}"
        )


def _first_change(run_dir: Path, options: Mapping[str, Any]) -> tuple[str, object, object] | None:
    """Give the first option that a run began with and that says something else now, with both values."""
    before, now = flat(_yaml(run_dir / OPTIONS)), flat(options)
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if without_passwords(old) == without_passwords(new) or any(
            name == free or name.startswith(_group(free)) for free in _MAY_CHANGE
        ):
            continue
        if name == "trainer.max_epochs" and _may_grow(before, now):
            continue
        return name, old, new
    return None


def _is_sweep(run_dir: Path) -> bool:
    """Tell whether a run folder is that of a sweep, which several workers share and which can go on."""
    try:
        return "\nsearch:" in (run_dir / OPTIONS).read_text(encoding="utf-8")
    except OSError:
        return False


def _being_begun(run_dir: Path) -> bool:
    """Tell whether a folder holds no more than what a run writes before its options are there."""
    return all(path.name.startswith(".") for path in run_dir.iterdir())


def _may_grow(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    steady = before.get("optimizer.schedule") == "constant" and before.get("optimizer.warmup_fraction") == 0
    # Labels that are fed back turn from true to found ones over the whole training, too.
    steady = steady and before.get("network.head") != "feedback"
    return steady and (now.get("trainer.max_epochs") or 0) > (before.get("trainer.max_epochs") or 0)


def _beside(path: Path) -> Path:
    """Name a file that no other process writes."""
    return path.with_name(f".{path.name}-{uuid.uuid4().hex}")


def _path(text: str) -> Path:
    return Path(expanded(text))


def _group(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _words_of(run_dir: Path) -> list[str]:
    if not (run_dir / WORDS).is_file() or not (run_dir / OPTIONS).is_file():
        raise ConfigError(
            f"resume={run_dir}: there is no run in it that can be continued; give the folder of a training, "
            f"which holds {OPTIONS} and {WORDS}"
        )
    words = _yaml(run_dir / WORDS)
    if not isinstance(words, list):
        raise ConfigError(f"{run_dir / WORDS} is damaged: expected a list of options; start a new run")
    return [str(word) for word in words]


def _yaml(path: Path) -> Any:
    """Read a file that a run has written.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is damaged ({error}); start a new run") from error
