"""The options of ``sweep``: what is searched, how trials are chosen and scored, where the study is kept."""

from dataclasses import dataclass, field
from typing import Any

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Objective, Pruner, Sampler
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.rules import at_least


@dataclass
class RangeConfig:
    """The values an option may take: either ``choices``, or ``low`` and ``high``.

    Attributes:
        choices: the values; names of files, where the option is a group.
        low: smallest value; if all numbers are whole, so are the values.
        high: largest value, included.
        log: search the logarithm evenly, for values whose ratio matters.
        step: distance between neighbouring values, counted from ``low``.
    """

    choices: list[Any] | None = None
    low: Any = None
    high: Any = None
    log: bool = False
    step: Any = None

    def __post_init__(self) -> None:
        ends = [self.low, self.high]
        if self.choices is not None:
            if not self.choices or ends != [None, None] or self.log or self.step is not None:
                raise ConfigError(
                    f"search.space: choices={self.choices} must list values, and excludes "
                    "low, high, log and step"
                )
            return
        if not all(_is_number(end) for end in ends) or not self.low < self.high:
            raise ConfigError(
                "search.space: give choices, or numbers with low below high; "
                f"low is {self.low} and high {self.high}"
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise ConfigError(f"search.space: log=true needs low above 0 and no step; low is {self.low}")
        if self.step is not None and not (_is_number(self.step) and self.step > 0):
            raise ConfigError(f"search.space: step must be a number above 0; it is {self.step}")

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(end, int) for end in (self.low, self.high, self.step or 1))


@dataclass
class SearchConfig:
    """What is searched, and how.

    Attributes:
        space: options of ``train``, each with the values it may take.
        objectives: what is optimised: one objective, or several, which gives a Pareto front.
        sampler: how the values of the next trial are chosen.
        startup_trials: random trials before the sampler is used.
        pruner: which trials are stopped early, by ``validation/macro_f1`` after each epoch.
        pruner_startup_trials: finished trials before any is stopped (median).
        pruner_warmup_epochs: epochs of a trial before it may be stopped.
        seed: seed of the choices; a trial's choice depends on it and on the trial's number.
    """

    space: dict[str, RangeConfig] = field(default_factory=dict)
    objectives: list[Objective] = field(default_factory=lambda: [Objective.macro_f1])
    sampler: Sampler = Sampler.tpe
    startup_trials: int = 10
    pruner: Pruner = Pruner.median
    pruner_startup_trials: int = 5
    pruner_warmup_epochs: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ConfigError("search.objectives must name one objective, or several different ones")
        if len(self.objectives) > 1 and self.pruner is not Pruner.none:
            raise ConfigError(
                f"search.pruner={self.pruner} supports one objective, but search.objectives lists "
                f"{len(self.objectives)}; set search.pruner=none"
            )
        at_least("search", "startup_trials", self.startup_trials, 1)
        at_least("search", "pruner_startup_trials", self.pruner_startup_trials, 0)
        at_least("search", "pruner_warmup_epochs", self.pruner_warmup_epochs, 0)
        at_least("search", "seed", self.seed, 0)


@dataclass
class Given:
    """What the command line gave; the command line itself fills it in.

    Attributes:
        words: the overrides, one by one.
        groups: config group to the file chosen.
        config_dirs: folders with more files, given with ``--config-dir``.
    """

    words: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    config_dirs: list[str] = field(default_factory=list)


@dataclass
class SweepConfig(TrainConfig):
    """Options of ``sweep``: those of ``train``, which hold for every trial, and its own.

    Attributes:
        search: what is searched, and how.
        n_trials: finished trials of the study, in total.
        jobs: trials that this worker runs at the same time.
        storage: where the study is kept: a database URL, or ``journal:PATH``; null is ``study.db``
            in the run folder.
        study: name of the study in its storage; null takes the name of the search file.
        grace_s: a trial without a heartbeat for this long is tried again.
        max_retries: how often a lost trial is tried again.
        max_failures: failed trials in a row after which the worker stops.
        given: filled in by the command line.
    """

    run_dir: str = "runs/sweep"
    search: SearchConfig = field(default_factory=SearchConfig)
    n_trials: int = 20
    jobs: int = 1
    storage: str | None = None
    study: str | None = None
    grace_s: float = 60.0
    max_retries: int = 3
    max_failures: int = 3
    given: Given = field(default_factory=Given)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume is not None:
            raise ConfigError(
                "resume= applies to train only. To continue a sweep, repeat its command with "
                f"run_dir={self.resume}"
            )
        if not self.search.space:
            raise ConfigError("search.space names no option; take a file of conf/search with search=NAME")
        at_least("", "n_trials", self.n_trials, 1)
        at_least("", "jobs", self.jobs, 1)
        at_least("", "grace_s", self.grace_s, 1)
        at_least("", "max_retries", self.max_retries, 0)
        at_least("", "max_failures", self.max_failures, 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
