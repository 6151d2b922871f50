"""Command ``sweep``: search options by many trials, each a training scored on validation patients."""

import dataclasses
import os
import shlex
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from ecgrnn.commands.idle import check_training
from ecgrnn.commands.stages import tell
from ecgrnn.errors import ConfigError, Interrupted
from ecgrnn.options.choices import Objective
from ecgrnn.options.commands import MONITOR, TrainConfig
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.spec import to_plain
from ecgrnn.options.sweep import SweepConfig
from ecgrnn.reports.files import write_csv, write_text
from ecgrnn.reports.sweep_page import SweepShown, sweep_page
from ecgrnn.tasks import TASKS, task_of
from ecgrnn.training.interruption import SIGNALS
from ecgrnn.training.run_folder import OPTIONS, key_and_value
from ecgrnn.training.trainer_values import check_course, check_trainer_keys

_COPIED_GROUPS = ("data", "preprocessing", "network", "optimizer", "loader", "trainer", "logger", "task")
_NOT_OF_A_TRIAL = {"run_dir", "resume", "evaluate_test"}


Compose = Callable[[Sequence[str]], TrainConfig]
"""Makes the options of ``train`` from overrides, as the command line would."""


def run(options: SweepConfig, *, compose: Compose | None = None) -> None:
    """Work on a study until it has the wanted number of finished trials; begins it or continues it.

    Args:
        options: the sweep's options.
        compose: makes the options of ``train``, to try every option's extreme values before any trial begins;
            None tries none.
    """
    try:
        from ecgrnn.sweeps import record
        from ecgrnn.sweeps.space import check_space
        from ecgrnn.sweeps.study import open_study
        from ecgrnn.sweeps.worker import Worker
    except ImportError as error:
        raise ConfigError("sweep needs Optuna: pip install 'ecgrnn[optuna]'") from error
    check_space(options.search.space, train_options(options))
    check_trainer_keys(dict.fromkeys(_trainer_keys(options)))
    check_course(options)
    task = task_of(options.task)
    check_training(options, task)
    _check_objectives(options, task.monitor[0])
    _check_folder(options)
    words = trial_words(options)
    _check_words(options)
    if compose is not None:
        check_values(options, compose)
    study = open_study(options, words)
    rows = record.trial_rows(study, options)
    tell(f"study       {study.study_name}, {record.finished(rows)} of {options.n_trials} trials finished")
    worker = Worker(study, options, words=words, devices=_devices(options.trainer), say=tell)
    stop = _stopping(options.run_dir)
    heard = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        worker.run()
    except BaseException:
        with suppress(Exception):  # the study itself may be what cannot be reached
            write_sweep(study, options)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    write_sweep(study, options)


def write_sweep(study: Any, options: SweepConfig) -> None:
    """Write what the study found so far: the table, the best as experiments, and the page."""
    from ecgrnn.sweeps import record
    from ecgrnn.sweeps.space import plain_space

    run_dir = Path(options.run_dir)
    rows, best = record.trial_rows(study, options), record.best_trials(study)
    write_csv(run_dir / "trials.csv", rows)
    names = ["best", *(f"best_{trial.number:04d}" for trial in best[1:])]
    for old in (run_dir / "conf" / "experiment").glob("best_*.yaml"):
        if old.stem not in names:
            old.unlink()  # a later trial is better in every objective
    for name, trial in zip(names, best, strict=False):
        write_text(run_dir / "conf" / "experiment" / f"{name}.yaml", record.experiment(study, trial, options))
    copy_groups(options.given.config_dirs, run_dir / "conf")
    command = f"python -m ecgrnn train --config-dir {shlex.quote(str(run_dir / 'conf'))} experiment=best"
    shown = SweepShown(
        study=study.study_name,
        wanted=options.n_trials,
        objectives=[one.value for one in options.search.objectives],
        space=plain_space(options.search.space),
        rows=rows,
        importances=record.importances(study),
        best=[(trial.number, record.overrides(trial)) for trial in best],
        command=command,
    )
    write_text(run_dir / "sweep.html", sweep_page(shown))
    if best:
        tell(f"best        trial {best[0].number}: {' '.join(record.overrides(best[0]))}")
        tell(f"train it    {command}")
    tell(f"page        {run_dir / 'sweep.html'}")


def check_values(options: SweepConfig, compose: Compose) -> None:
    """Compose a training with each choice, or lowest and highest value, of every option that is searched.

    Raises:
        ConfigError: naming the value that ``train`` would refuse.
    """
    from ecgrnn.sweeps.space import extremes, words_of

    for name, values in options.search.space.items():
        for value in extremes(values):
            (word,) = words_of({name: value})
            try:
                check_course(compose([*_given_to_trials(options), word]))
            except ConfigError as error:
                raise ConfigError(f"search.space: a trial with {word} would fail: {error}") from error


def copy_groups(config_dirs: Sequence[str], conf: Path) -> None:
    """Copy the user's own files of config groups beside the best recipe, which names them.

    Hydra takes one ``--config-dir``, and the printed command needs it for the recipe.
    """
    for folder in map(Path, config_dirs):
        if folder.resolve() == conf.resolve():
            continue
        for group in _COPIED_GROUPS:
            for source in sorted((folder / group).rglob("*.yaml")):
                copy = conf / source.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)


def trial_words(options: SweepConfig) -> list[str]:
    """Give the words of the command line that are for every trial, and not for the sweep."""
    folders = [word for folder in options.given.config_dirs for word in ("--config-dir", folder)]
    return folders + _given_to_trials(options)


def train_options(options: SweepConfig) -> dict[str, Any]:
    """Give the options of ``train`` alone, as plain data."""
    plain = to_plain(options)
    return {name: plain[name] for name in _train_fields()}


def _given_to_trials(options: SweepConfig) -> list[str]:
    own = {field.name for field in dataclasses.fields(SweepConfig)} - _train_fields()
    return [word for word in options.given.words if _top(word) not in own | _NOT_OF_A_TRIAL]


def _check_folder(options: SweepConfig) -> None:
    """Refuse to put a second study into the folder of a first, whose tables would be lost.

    Raises:
        ConfigError: the folder was begun with another search file, study or storage.
    """
    path = Path(options.run_dir) / OPTIONS
    if not path.is_file():
        return
    begun: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = begun["given"]["groups"]
    pairs = {
        "search": (groups.get("search"), options.given.groups.get("search")),
        "study": (begun["study"], options.study),
        "storage": (begun["storage"], without_passwords(options.storage)),
    }
    for name, (before, now) in pairs.items():
        if before != now:
            old, new = before or "null", now or "null"
            raise ConfigError(
                f"run_dir={options.run_dir} has a sweep with {name}={old}, and now it is {new}; "
                f"give {name}={old} to continue it, or another run_dir to start a new one"
            )


def _check_words(options: SweepConfig) -> None:
    """Refuse a word for what is searched: the trial's own value would silently take its place.

    Raises:
        ConfigError: naming the option.
    """
    for word in options.given.words:
        name, _ = key_and_value(word)
        if name in options.search.space:
            raise ConfigError(
                f"{name} is searched, so {word.lstrip('+~')} would change nothing; leave it out, or take "
                "a file of conf/search that does not name it"
            )


def _check_objectives(options: SweepConfig, monitor: str) -> None:
    if Objective.macro_f1 in options.search.objectives and monitor != MONITOR:
        others = ", ".join(name for name, task in TASKS.items() if task.monitor[0] == MONITOR)
        raise ConfigError(
            f"search.objectives names macro_f1, but this task chooses its best epoch by {monitor}; take a "
            f"task with {MONITOR} ({others})"
        )


def _trainer_keys(options: SweepConfig) -> list[str]:
    return [name.split(".")[1] for name in options.search.space if name.startswith("trainer.")]


def _train_fields() -> set[str]:
    return {field.name for field in dataclasses.fields(TrainConfig)}


def _top(word: str) -> str:
    return key_and_value(word)[0].split(".")[0]


def _devices(trainer: dict[str, Any]) -> list[str]:
    """Name the accelerators to deal out; none where trials train on the CPU."""
    if trainer.get("accelerator") not in {"gpu", "cuda", "auto"}:
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(k) for k in range(torch.cuda.device_count())]


def _stopping(run_dir: str) -> Callable[[int, FrameType | None], None]:
    """Make what is done at a signal: the worker gives back its trials, and the user learns how to go on."""

    def stop(number: int, frame: FrameType | None) -> None:
        """Leave the worker's loop."""
        raise Interrupted(number, f"to continue, repeat the command with run_dir={shlex.quote(run_dir)}")

    return stop
