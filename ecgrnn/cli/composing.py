"""From arguments to the options of each job, by Hydra; which is known here and in `yaml_text` alone.

Hydra composes and does no more: it starts no job, makes no folder and stays initialised only while it
composes, so that a program that uses Hydra itself, a notebook, and several threads can call the command line.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from ecgrnn.cli.yaml_text import text_source
from ecgrnn.errors import ConfigError, did_you_mean
from ecgrnn.options.arguments import (
    PATHS,
    CommandLine,
    as_typed,
    expanded,
    options_of,
    quoted,
)
from ecgrnn.options.rules import finite

ALIKE = 0.5
"""How alike a mistyped argument and the right one must be."""

_OF_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
"""Options of Hydra's own that a person may set: where runs are."""

_LOCK = threading.RLock()


@dataclass(frozen=True)
class Job:
    """The options of one job.

    Attributes:
        composed: the options, without Hydra's own.
        folder: the run folder; None where the command writes nothing.
        dated: whether the folder is named by date and time, so that another may take its place.
        overrides: what the command line said of this job, as Hydra reads it.
        groups: config group to the file chosen.
    """

    composed: DictConfig
    folder: Path | None
    dated: bool
    overrides: list[str]
    groups: dict[str, str]


class Composer:
    """Composes the options of a command.

    Args:
        command: the command.
        schema: the dataclass of its options.
        conf: folder of the YAML files.
        line: its arguments.
    """

    def __init__(self, command: str, schema: type, *, conf: Path, line: CommandLine) -> None:
        self.command, self.conf, self.line = command, conf, line
        self.options = options_of(schema)
        folders = [conf, *map(Path, line.config_dirs)]
        self.groups = {name for folder in folders for name in _groups(folder)}
        self._overrides = [
            as_typed(word, self.options, groups=self.groups, multirun=line.multirun)
            for word in line.overrides
        ]
        for word in self._overrides:
            _check_hydra(word)

    def jobs(self) -> list[Job]:
        """Compose every job: one, or with ``--multirun`` one per combination of values."""
        with self._hydra():
            if not self.line.multirun:
                return [self._job(self._overrides)]
            combinations = _combinations(self._overrides)
            return [self._job(words, number=number) for number, words in enumerate(combinations)]

    def whole(self) -> DictConfig:
        """Compose the options with those of Hydra, interpolations as they are."""
        with self._hydra():
            return self._compose(self._overrides)

    def choices(self) -> dict[str, str | None]:
        """Give the groups that the command uses, each with the file it takes by default."""
        with self._hydra():
            chosen = self._compose([]).hydra.runtime.choices
        return {str(group): choice for group, choice in chosen.items() if not str(group).startswith("hydra/")}

    def _job(self, overrides: list[str], *, number: int | None = None) -> Job:
        cfg = self._compose(overrides)
        chosen: Any = cfg.hydra.runtime.choices
        folder, dated = _folder(cfg, number, overrides=overrides)
        groups = {str(group): str(choice) for group, choice in chosen.items() if choice}
        composed = without_hydra(cfg)
        _expand(composed)
        return Job(
            composed=composed,
            folder=folder,
            dated=dated,
            overrides=[word for word in overrides if not _name(word).startswith("hydra")],
            groups={group: choice for group, choice in groups.items() if not group.startswith("hydra")},
        )

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        words = [f"++{word}" if word.startswith("trainer.") else word for word in overrides]
        if self.line.config_dirs:
            folders = ",".join(quoted(f"file://{folder}") for folder in self.line.config_dirs)
            words.append(f"hydra.searchpath=[{folders}]")
        cfg = compose(self.command, overrides=words, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        return cfg

    @contextmanager
    def _hydra(self) -> Iterator[None]:
        """Initialise Hydra inside, and leave it afterwards as another program, or nobody, had it."""
        with _LOCK:
            theirs, their_config = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
            Plugins.instance()  # finds the sources of YAML files
            sources = SourcesRegistry.instance().types
            plain = sources["file"]
            GlobalHydra.instance().clear()
            sources["file"] = text_source(self.options)
            try:
                with initialize_config_dir(str(self.conf), job_name=self.command, version_base="1.3"):
                    yield
            finally:
                sources["file"] = plain
                GlobalHydra.instance().hydra = theirs
                HydraConfig.instance().cfg = their_config


def register_schemas(commands: Mapping[str, type], groups: Mapping[str, Mapping[str, type]]) -> None:
    """Tell Hydra the config dataclasses, so that it refuses a wrong type or a misspelt key."""
    store = ConfigStore.instance()
    for command, schema in commands.items():
        store.store(name=f"{command}_schema", node=schema)
    for group, schemas in groups.items():
        for name, schema in schemas.items():
            store.store(group=group, name=f"{name}_schema", node=schema)


def to_config(composed: DictConfig) -> Any:
    """Turn what Hydra composed into the command's dataclass, which checks its own rules.

    Raises:
        ConfigError: when an option breaks a rule.
    """
    try:
        options = OmegaConf.to_object(composed)
    except Exception as error:
        # OmegaConf wraps what __post_init__ raises; the rule's own text is the cause.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ConfigError):
            cause = cause.__cause__
        raise (cause or error) from None
    finite(options)
    return options


def resolved(composed: DictConfig) -> dict[str, Any]:
    """Give the options as plain data, interpolations resolved."""
    plain: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    return dict(plain)


def yaml_of(options: Any, *, resolve: bool = False) -> str:
    """Write options as YAML."""
    return OmegaConf.to_yaml(
        options if isinstance(options, DictConfig) else OmegaConf.create(options), resolve=resolve
    )


def without_hydra(cfg: DictConfig, *, keep: Callable[[str], bool] = lambda name: True) -> DictConfig:
    """Give the options without Hydra's own, and at the top only those to keep."""
    composed = cfg.copy()
    with open_dict(composed):
        for name in list(composed):
            if name == "hydra" or not keep(str(name)):
                del composed[name]
    return composed


def part_of(composed: DictConfig, name: str) -> Any:
    """Give the part of the options under a dotted name.

    Raises:
        ConfigError: there is none.
    """
    part = OmegaConf.select(composed, name)
    if part is None:
        raise ConfigError(f"--package={name}: there is no such part of the options")
    return part


def explain(error: Exception, composer: Composer | None, command: str) -> str | None:
    """Put an error of Hydra's into one line, or give None for another one."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for link in chain:
        if isinstance(link, ConfigError):
            return str(link)
        if isinstance(link, MissingConfigException):
            return _explain_missing(link)
    for link in chain:
        if isinstance(link, OmegaConfBaseException) and link.full_key:
            return _explain_option(link, composer, command)
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.lstrip("+").partition("=")
        return (
            f"{key}={value}: the value cannot be read; write text between quotes of its own, "
            f'"{key}={quoted(value)}"'
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(str(error).split())
    return None


def _explain_missing(error: MissingConfigException) -> str:
    wanted = str(error.missing_cfg_file)
    group, _, choice = wanted.rpartition("/")
    choices = sorted(name for name in error.options or () if not name.endswith("_schema"))
    if not group:
        return " ".join(str(error).split())
    known = f"there are {', '.join(choices)}" if choices else f"conf/{group} has none"
    several = "; several need --multirun" if "," in choice else ""
    return f"unknown choice {group}={choice}{did_you_mean(choice, choices, cutoff=ALIKE)}; {known}{several}"


def _explain_option(error: OmegaConfBaseException, composer: Composer | None, command: str) -> str:
    key, text = str(error.full_key), str(error)
    first_line = text.splitlines()[0].strip()
    if "not in struct" in text or "not in '" in text:
        nearest = did_you_mean(key, composer.options if composer else (), cutoff=ALIKE)
        return f"unknown option '{key}'{nearest} (see {command} --help)"
    text = first_line if first_line[:3] == "Key" else f"{first_line[0].lower()}{first_line[1:]}"
    return f"{key}: {text}"


def _check_hydra(word: str) -> None:
    name = _name(word)
    if (name == "hydra" or name.startswith(("hydra.", "hydra/"))) and name not in _OF_FOLDERS:
        raise ConfigError(
            f"{name} has no effect here; of Hydra's own options there are {', '.join(_OF_FOLDERS)}, "
            "and --config-dir for more YAML files"
        )


def _name(word: str) -> str:
    return word.partition("=")[0].lstrip("+~").partition("@")[0]


def _groups(folder: Path) -> Iterator[str]:
    """Name the config groups of a folder: its subfolders."""
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir())


def _combinations(overrides: Sequence[str]) -> list[list[str]]:
    """Give the overrides of every job; the last of those that name one option counts."""
    read: list[Override] = OverridesParser.create(
        config_loader=GlobalHydra.instance().config_loader()
    ).parse_overrides(list(overrides))
    values: dict[str, list[str]] = {}
    for one in read:
        key = one.get_key_element()
        if one.is_sweep_override() and not one.is_discrete_sweep():
            raise ConfigError(f"{one.input_line}: --multirun takes values separated by commas")
        several = list(one.sweep_string_iterator()) if one.is_sweep_override() else None
        if several is None:
            values[key] = [str(one.input_line)]
        else:
            values[key] = [f"{key}={value}" for value in several]
    return [list(words) for words in itertools.product(*values.values())]


def _folder(cfg: DictConfig, number: int | None, *, overrides: Sequence[str]) -> tuple[Path | None, bool]:
    """Give the run folder of a job, and whether it is named by date."""
    if cfg.run_dir is None:
        return None, False
    with read_write(cfg.hydra):
        cfg.hydra.job.num = number or 0
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    named = any(_name(word) in _OF_FOLDERS for word in overrides)
    if number is None:
        folder = Path(expanded(str(cfg.hydra.run.dir)))
    else:
        folder = Path(expanded(str(cfg.hydra.sweep.dir))) / str(cfg.hydra.sweep.subdir)
    return folder, "${now:" in str(plain["run_dir"]) and not named


def _expand(composed: DictConfig) -> None:
    """Put the home folder in the place of ``~`` wherever a path may begin with it."""
    for name in PATHS:
        value = OmegaConf.select(composed, name)
        if isinstance(value, str) and expanded(value) != value:
            OmegaConf.update(composed, name, expanded(value))
