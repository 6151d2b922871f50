"""The study of a sweep: where it is kept, how it chooses, how much is left, and what is tried again."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Objective, Pruner, Sampler
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.sweep import SearchConfig, SweepConfig
from ecgrnn.sweeps.space import plain_space

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
BEAT = "beat"
"""User attribute of a trial: a number that its worker raises as long as it lives."""

_JOURNAL = "journal:"
_POSTGRESQL = ("postgresql", "postgres")
_POSTGRESQL_DRIVER = "postgresql+psycopg"
"""The driver of an address that names none: that of the extra ``postgresql``."""

_OPENING_TRIES = 5
_SQLITE_WAIT_S = 60
_OF_THE_MACHINE = (
    "run_dir",
    "threads",
    "data.root",
    "data.cache",
    "data.workers",
    "loader.workers",
    "loader.in_memory_mb",
    "logger",
    "trainer",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.enable_progress_bar",
)
"""Options that may differ between the machines that work on one study; of the logger, all may."""


def open_study(options: SweepConfig, words: Sequence[str]) -> optuna.Study:
    """Open or begin the study.

    Args:
        options: the sweep's options.
        words: the overrides that hold for every trial.

    Raises:
        ConfigError: when the storage cannot be opened, or the study was begun with other options.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    study = _open(options)
    definition = _definition(options, words)
    begun_with = study.user_attrs.get("definition")
    if begun_with is None:
        study.set_user_attr("definition", definition)
    elif begun_with != definition:
        different = [key for key in definition if begun_with.get(key) != definition[key]]
        raise ConfigError(
            f"study {study.study_name} was started with another {' and '.join(different)}: "
            f"{'; '.join(f'{key} {begun_with.get(key)}' for key in different)}. "
            "Give the same options to continue it, or another run_dir or study to start a new one"
        )
    return study


def study_name(options: SweepConfig) -> str:
    """Give the name of the study in its storage."""
    return options.study or options.given.groups.get("search", "study")


def next_trial(study: optuna.Study, search: SearchConfig) -> optuna.Trial:
    """Ask for a trial whose draw depends on the seed, its number and the trials known so far.

    The number is known only once the trial is there, and workers that begin together must not draw alike;
    Optuna draws when the first value is suggested, so the sampler is changed in between.
    """
    trial = study.ask()
    seed = int(np.random.SeedSequence([search.seed, trial.number]).generate_state(1)[0])
    study.sampler = _sampler(search, seed)
    return trial


def in_work(study: optuna.Study) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Give the finished and the running trials."""
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state in FINISHED]
    return finished, [trial for trial in trials if trial.state == TrialState.RUNNING]


def try_again(study: optuna.Study, lost: FrozenTrial, *, max_retries: int) -> bool:
    """Close a lost trial and queue its values anew; tell whether this worker was the one to do so."""
    try:
        study.tell(lost.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):
        return False  # another worker was faster, or the trial finished after all
    if may_try_again(lost, max_retries=max_retries):
        origin = {"retries": _retries(lost) + 1, "retry_of": lost.number}
        study.enqueue_trial(dict(lost.params), user_attrs=origin)
    return True


def may_try_again(lost: FrozenTrial, *, max_retries: int) -> bool:
    """Tell whether a trial's values were tried again less than ``max_retries`` times so far."""
    return _retries(lost) < max_retries


def _retries(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("retries", 0))


class Watch:
    """Finds trials whose worker is gone, by their beat alone: no two clocks are compared.

    Optuna's own heartbeat exists for SQL storages only and beats only inside ``study.optimize``.

    Args:
        grace_s: a beat that stands still for so long belongs to a lost worker.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._seen: dict[int, tuple[object, float]] = {}

    def lost(self, running: Sequence[FrozenTrial], *, now_s: float) -> list[FrozenTrial]:
        """Give the trials that showed no life for the grace period.

        Args:
            running: the trials of other workers.
            now_s: a clock of this process.
        """
        lost = []
        for trial in running:
            beat = trial.user_attrs.get(BEAT)
            before, since_s = self._seen.get(trial.number, (None, now_s))
            if trial.number not in self._seen or beat != before:
                self._seen[trial.number] = (beat, now_s)
            elif now_s - since_s > self._grace_s:
                lost.append(trial)
        return lost


def _open(options: SweepConfig) -> optuna.Study:
    """Open the study; two workers that begin together may both try to make its tables."""
    address = _address(options)
    for attempt in range(_OPENING_TRIES):
        try:
            return optuna.create_study(
                study_name=study_name(options),
                storage=_storage(address),
                directions=[
                    "maximize" if one is Objective.macro_f1 else "minimize"
                    for one in options.search.objectives
                ],
                pruner=_pruner(options),
                load_if_exists=True,
            )
        except Exception as error:  # each database has errors of its own
            if attempt == _OPENING_TRIES - 1:
                where = without_passwords(options.storage or options.run_dir)
                reason = without_passwords(str(error).splitlines()[0] if str(error) else repr(error))
                raise ConfigError(f"storage={where} cannot be opened: {reason}") from None
            time.sleep(0.5 * (attempt + 1))
    raise AssertionError("unreachable")


def _address(options: SweepConfig) -> str:
    """Give the address of the storage with a driver that is installed.

    Raises:
        ConfigError: it is no address of SQLAlchemy, or needs a driver that is not installed.
    """
    address = options.storage or f"sqlite:///{Path(options.run_dir) / 'study.db'}"
    if address.startswith(_JOURNAL):
        return address
    try:
        url = make_url(address)
        if url.drivername in _POSTGRESQL:
            url = url.set(drivername=_POSTGRESQL_DRIVER)
        url.get_dialect().import_dbapi()
    except ImportError as error:
        extra = " (pip install 'ecgrnn[postgresql]')" if url.drivername == _POSTGRESQL_DRIVER else ""
        raise ConfigError(
            f"storage={without_passwords(address)} needs the Python driver {error.name}, which is not "
            f"installed; install it{extra}"
        ) from error
    except ArgumentError as error:
        raise ConfigError(
            f"storage={without_passwords(address)} is neither journal:PATH nor a database URL such as "
            "postgresql://USER@HOST/NAME"
        ) from error
    return url.render_as_string(hide_password=False)


def _storage(address: str) -> BaseStorage:
    if address.startswith(_JOURNAL):
        return JournalStorage(JournalFileBackend(address.removeprefix(_JOURNAL)))
    patience = {"connect_args": {"timeout": _SQLITE_WAIT_S}} if address.startswith("sqlite") else {}
    return RDBStorage(address, engine_kwargs=patience)


def _sampler(search: SearchConfig, seed: int) -> optuna.samplers.BaseSampler:
    match search.sampler:
        case Sampler.tpe:
            return optuna.samplers.TPESampler(
                n_startup_trials=search.startup_trials, seed=seed, constant_liar=True
            )
        case Sampler.random:
            return optuna.samplers.RandomSampler(seed=seed)


def _pruner(options: SweepConfig) -> optuna.pruners.BasePruner:
    search = options.search
    match search.pruner:
        case Pruner.none:
            return optuna.pruners.NopPruner()
        case Pruner.median:
            return optuna.pruners.MedianPruner(
                n_startup_trials=search.pruner_startup_trials, n_warmup_steps=search.pruner_warmup_epochs
            )
        case Pruner.hyperband:
            longest = options.trainer.get("max_epochs")
            return optuna.pruners.HyperbandPruner(
                min_resource=max(1, search.pruner_warmup_epochs),
                max_resource=longest if isinstance(longest, int) and longest > 0 else "auto",
            )


def _definition(options: SweepConfig, words: Sequence[str]) -> Mapping[str, Any]:
    """Say what must stay the same for trials of one study to be comparable."""
    kept = [word.lstrip("+") for word in _without_folders(words)]
    return {
        "space": plain_space(options.search.space),
        "objectives": [one.value for one in options.search.objectives],
        "options": sorted(word for word in kept if not _is_of_the_machine(word.split("=")[0])),
    }


def _without_folders(words: Sequence[str]) -> Iterator[str]:
    """Leave out ``--config-dir`` and what follows it: the space that was found there is compared itself."""
    left = iter(words)
    for word in left:
        if word == "--config-dir":
            next(left)
        else:
            yield word


def _is_of_the_machine(name: str) -> bool:
    return name in _OF_THE_MACHINE or name.startswith("logger.")
