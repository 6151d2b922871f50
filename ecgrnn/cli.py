"""The command line: first word, Hydra, typed config, command; the only file that knows Hydra."""

import gc
import importlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgrnn import (
    __version__,
    command_config,
    config,
    form_config,
    network_config,
    runs,
    strip_config,
    sweep_config,
)
from ecgrnn.credentials import without_passwords
from ecgrnn.errors import ConfigError, EcgrnnError, Interrupted, did_you_mean
from ecgrnn.option_rules import given
from ecgrnn.ranks import rank_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

COMMANDS: dict[str, tuple[str, type]] = {
    "prepare": ("find or fetch a database and fill the cache for a training", command_config.PrepareConfig),
    "train": ("train a network, then score it on held-out patients", command_config.TrainConfig),
    "sweep": ("search options by many trials, judged on validation patients", sweep_config.SweepConfig),
    "evaluate": ("score a checkpoint on held-out records", command_config.EvaluateConfig),
    "predict": ("annotate a recording with a checkpoint", command_config.PredictConfig),
    "score": ("score any annotation files against reference ones, by EC57", command_config.ScoreConfig),
    "audit": ("prove that a checkpoint never saw its held-out patients", command_config.AuditConfig),
    "inspect": ("show what a checkpoint holds and what it was trained on", command_config.InspectConfig),
    "generate": ("write beats of a class with a generator", command_config.GenerateConfig),
    "verify": ("prove the written-out cells equal to NumPy and torch.nn", command_config.VerifyConfig),
}
_SCHEMAS: dict[str, dict[str, type]] = {
    "network": {
        "classifier": network_config.ClassifierConfig,
        "beat_sequence": network_config.BeatSequenceNetworkConfig,
        "labeller": network_config.LabellerConfig,
        "generator": form_config.GeneratorConfig,
        "translator": form_config.TranslatorConfig,
    },
    "task": {
        "beats": config.BeatsConfig,
        "beat_sequence": config.BeatSequenceConfig,
        "delineate": config.DelineateConfig,
        "generate": form_config.GenerationConfig,
        "transcribe": form_config.TranscriptionConfig,
        "rhythm": strip_config.RhythmConfig,
        "superclass": strip_config.SuperclassConfig,
    },
}
# MKL may add up a matrix product in another order from run to run unless it is told not to, before its first
# product; on this branch of its code that costs nothing (512 x 512: 1.73 ms without, 1.77 ms with).
os.environ.setdefault("MKL_CBWR", "AUTO")
# torch asks for new memory at every step, and the system gives it page by page, 4 KB each, unless it is asked
# for huge ones (a 2-layer LSTM on 512 beats, forwards and backwards: 99 ms with, 114 ms without).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_ALIKE = 0.5
"""How alike a mistyped word and the right one must be."""

_EXIT_BAD_INPUT = 2
_EXIT_INTERRUPTED = 130
_SHARED = {"train", "evaluate"}
"""Commands that several processes work on together."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status: 0 done, 2 bad input, 128 and the number of a signal."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())  # noqa: T201 - the help text is the program's output
        return 0
    if words[0] == "--version":
        print(f"ecgrnn {__version__}")  # noqa: T201
        return 0
    try:
        _check_command(words[0])
        _run(words[0], words[1:])
    except Interrupted as stopped:
        name = signal.Signals(stopped.signal_number).name
        advice = f"; {stopped.advice}" if stopped.advice else ""
        return _complain(f"stopped by {name}{advice}", status=128 + stopped.signal_number)
    except KeyboardInterrupt:
        return _complain("interrupted", status=_EXIT_INTERRUPTED)
    except Exception as error:
        explanation = str(error) if isinstance(error, EcgrnnError) else _explain(error, words[0])
        if explanation is None:
            raise
        if os.environ.get("ECGRNN_TRACEBACK") == "1":
            traceback.print_exception(error)
        return _complain(explanation)
    return 0


def conf_folder() -> Path:
    """Give the folder of the YAML files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
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
        nearest = did_you_mean(word, COMMANDS, cutoff=_ALIKE)
        raise ConfigError(f"unknown command '{word}'{nearest}; there are {', '.join(COMMANDS)}")


def _run(command: str, overrides: list[str]) -> None:
    import hydra

    # Hydra prints errors in its own way and exits with 1, unless it is told to let them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schemas()
    decorate = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=command)
    if command == "train":
        overrides = runs.resumed_words(overrides, os.environ)
    ours = sys.argv
    done: list[tuple[str, str]] = []
    try:
        with _folder_of_other_ranks(command) as words:
            sys.argv = [f"python -m ecgrnn {command}", *_for_hydra(overrides), *words]
            decorate(_job(command, done, program=ours[0]))()
            _tell_jobs(done)
    except _JobError as failure:
        raise failure.error from None
    finally:
        sys.argv = ours


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


class _JobError(BaseException):
    """Carries a job's error past Hydra, which would print a line of its own about an ``Exception``."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _for_hydra(words: list[str]) -> list[str]:
    """Put ``-m`` first, where argparse wants it, and let ``trainer.KEY`` add keys: that group is open."""
    flags = [word for word in words if word in {"-m", "--multirun"}]
    rest = [word for word in words if word not in flags]
    return flags + [f"++{word}" if word.startswith("trainer.") else word for word in rest]


def register_schemas() -> None:
    """Tell Hydra the config dataclasses, so that it refuses a wrong type or a misspelt key."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for command, (_, schema) in COMMANDS.items():
        store.store(name=f"{command}_schema", node=schema)
    for group, schemas in _SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=group, name=f"{name}_schema", node=schema)


def to_config(composed: "DictConfig") -> Any:
    """Turn what Hydra composed into the command's dataclass, which checks its own rules.

    Raises:
        ConfigError: when an option breaks a rule.
    """
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_object(composed)
    except Exception as error:
        # OmegaConf wraps what __post_init__ raises; the rule's own words are the cause.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ConfigError):
            cause = cause.__cause__
        raise (cause or error) from None


def compose_train(words: Sequence[str]) -> Any:
    """Make the options of ``train`` inside another command, whose folders of config files hold here, too.

    Raises:
        ConfigError: what ``train`` would say of these words.
    """
    from hydra import compose

    try:
        return to_config(compose("train", overrides=_for_hydra(list(words))))
    except Exception as error:
        explanation = str(error) if isinstance(error, EcgrnnError) else _explain(error, "train")
        if explanation is None:
            raise
        raise ConfigError(explanation) from error


def _job(command: str, done: list[tuple[str, str]], *, program: str) -> Callable[["DictConfig"], None]:
    def job(composed: "DictConfig") -> None:
        """Claim a folder for what Hydra composed, keep the options in it, and run the command."""
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        # Lightning starts the other processes of a machine with the words it finds here.
        sys.argv = [program, command, *_words(hydra)]
        if "given" in composed:
            composed.given = _given(hydra)
        resumed = command == "train" and composed.resume is not None
        try:
            run_dir, goes_on = (
                (Path(hydra.runtime.output_dir), True) if resumed else _taken_folder(composed, hydra)
            )
        except ConfigError as error:
            raise _JobError(error) from error
        composed.run_dir = str(run_dir)
        try:
            with runs.held(run_dir) if command == "train" else nullcontext():
                options = to_config(composed)
                if resumed or not goes_on:
                    _keep_options(command, composed, run_dir, resumed=resumed)
                more = {"compose": compose_train} if command == "sweep" else {}
                with given(runs.key_and_value(word)[0] for word in hydra.overrides.task):
                    _module_of(command).run(options, **more)
            if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
                done.append((str(run_dir), " ".join(hydra.overrides.task)))
        except Exception as error:
            if not goes_on:
                runs.leave_no_empty_run(run_dir)
            raise _JobError(error) from error

    return job


def _module_of(command: str) -> Any:
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


def _keep_options(command: str, composed: "DictConfig", run_dir: Path, *, resumed: bool) -> None:
    """Write the resolved options into the run folder; a run that is resumed must have the same."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    resolved: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    if resumed:
        if rank_of(os.environ) == 0:
            runs.check_resumed(run_dir, resolved)
        resolved["resume"] = None
    text = OmegaConf.to_yaml(OmegaConf.create(without_passwords(resolved)))
    runs.write_whole(run_dir / runs.OPTIONS, text)
    if command == "train":
        runs.write_words(run_dir, _words(HydraConfig.get()))
    runs.claimed(run_dir)


def _taken_folder(composed: "DictConfig", hydra: Any) -> tuple[Path, bool]:
    """Give the run folder, now ours, and whether it is that of a sweep to go on with."""
    from omegaconf import OmegaConf

    folder = Path(hydra.runtime.output_dir)
    plain: Any = OmegaConf.to_container(composed, resolve=False)
    named = any(word.startswith(("hydra.run.", "hydra.sweep.")) for word in hydra.overrides.hydra)
    if "${now:" in plain["run_dir"] and not named:
        return runs.claim_near(folder), False
    return folder, runs.join(folder, shared="given" in composed)


def _words(hydra: Any) -> list[str]:
    """Give what the command line said of one job."""
    folders = [f"--config-dir={folder}" for folder in _config_dirs(hydra)]
    return [*folders, *hydra.overrides.task]


def _config_dirs(hydra: Any) -> list[str]:
    sources = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [str(Path(folder).resolve()) for folder in sources]


def _tell_jobs(done: Sequence[tuple[str, str]]) -> None:
    """Say where the jobs of a multirun are, for what they printed is far above."""
    for run_dir, words in done:
        print(f"{run_dir}  {without_passwords(words)}")  # noqa: T201 - the end of a multirun


def _given(hydra: Any) -> sweep_config.Given:
    """Tell what the command line gave, for the trials of a sweep to be given it, too."""
    groups = {str(group): str(choice) for group, choice in hydra.runtime.choices.items() if choice}
    return sweep_config.Given(
        words=list(hydra.overrides.task),
        groups={group: choice for group, choice in groups.items() if not group.startswith("hydra")},
        config_dirs=_config_dirs(hydra),
    )


def _explain(error: Exception, command: str) -> str | None:
    """Put an error of Hydra or the file system into one line, or give None for a defect of ours."""
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException

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
            return _explain_option(link, command)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(str(error).split())
    if isinstance(error, NotADirectoryError | PermissionError):
        return f"{error.filename} cannot be written ({error.strerror}); name another run_dir"
    return None


def _explain_missing(error: Any) -> str:
    wanted = str(error.missing_cfg_file)
    group, _, choice = wanted.rpartition("/")
    choices = sorted(name for name in error.options or () if not name.endswith("_schema"))
    if not group:
        return " ".join(str(error).split())
    known = f"there are {', '.join(choices)}" if choices else f"conf/{group} has none"
    return f"unknown choice {group}={choice}{did_you_mean(choice, choices, cutoff=_ALIKE)}; {known}"


def _explain_option(error: Any, command: str) -> str:
    key = str(error.full_key)
    first_line = str(error).splitlines()[0].strip()
    if "not in struct" in str(error) or "not in '" in str(error):
        nearest = did_you_mean(key, _option_names(command), cutoff=_ALIKE)
        return f"unknown option '{key}'{nearest} (see {command} --help)"
    return f"{key}: {first_line[0].lower()}{first_line[1:]}"


def _option_names(command: str) -> list[str]:
    """Give the dotted names of all options of a command, composed with its own groups and nothing else."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        plain = OmegaConf.to_container(compose(command))
    return list(_dotted(plain))


def _dotted(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return []
    names = []
    for key, value in tree.items():
        names += [f"{prefix}{key}", *_dotted(value, f"{prefix}{key}.")]
    return names


def _complain(message: str, *, status: int = _EXIT_BAD_INPUT) -> int:
    line = without_passwords(" ".join(message.split()))
    rank = f"rank {rank_of(os.environ)}: " if rank_of(os.environ) else ""
    print(f"ecgrnn: {rank}{line}", file=sys.stderr)  # noqa: T201 - one line on stderr is the contract
    return status
