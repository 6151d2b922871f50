"""The command line: first word, Hydra, typed config, command; the only file that knows Hydra."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgrnn import __version__, command_config, config, strip_config
from ecgrnn.errors import ConfigError, EcgrnnError

if TYPE_CHECKING:
    from omegaconf import DictConfig

COMMANDS: dict[str, tuple[str, type]] = {
    "prepare": ("find or fetch a database and fill the cache", command_config.PrepareConfig),
    "train": ("train a network, then score it on held-out patients", command_config.TrainConfig),
    "evaluate": ("score a checkpoint on held-out records", command_config.EvaluateConfig),
    "predict": ("annotate a recording with a checkpoint", command_config.PredictConfig),
    "score": ("score any annotation files against reference ones, by EC57", command_config.ScoreConfig),
    "audit": ("prove that a checkpoint never saw its held-out patients", command_config.AuditConfig),
    "inspect": ("show what a checkpoint holds and what it was trained on", command_config.InspectConfig),
    "verify": ("prove the written-out cells equal to NumPy and torch.nn", command_config.VerifyConfig),
}
_SCHEMAS: dict[str, dict[str, type]] = {
    "network": {
        "classifier": config.ClassifierConfig,
        "beat_sequence": config.BeatSequenceNetworkConfig,
        "labeller": config.LabellerConfig,
    },
    "task": {
        "beats": config.BeatsConfig,
        "beat_sequence": config.BeatSequenceConfig,
        "delineate": config.DelineateConfig,
        "rhythm": strip_config.RhythmConfig,
        "superclass": strip_config.SuperclassConfig,
    },
}
_EXIT_BAD_INPUT = 2
_EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status: 0 done, 2 bad input, 130 interrupted."""
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
        raise ConfigError(
            f"unknown command '{word}'{_nearest(word, COMMANDS)}; there are {', '.join(COMMANDS)}"
        )


def _run(command: str, overrides: list[str]) -> None:
    import hydra

    # Hydra prints errors in its own way and exits with 1, unless it is told to let them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schemas()
    decorate = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=command)
    ours = sys.argv
    sys.argv = [f"python -m ecgrnn {command}", *_for_hydra(overrides)]
    try:
        decorate(_job(command))()
    except _JobError as failure:
        raise failure.error from None
    finally:
        sys.argv = ours


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


def _job(command: str) -> Callable[["DictConfig"], None]:
    def job(composed: "DictConfig") -> None:
        from hydra.core.hydra_config import HydraConfig
        from omegaconf import OmegaConf

        composed.run_dir = HydraConfig.get().runtime.output_dir
        run_dir = Path(composed.run_dir)
        try:
            _claim(run_dir)
        except ConfigError as error:
            raise _JobError(error) from error
        try:
            options = to_config(composed)
            OmegaConf.save(composed, run_dir / "config.yaml", resolve=True)
            importlib.import_module(f"ecgrnn.commands.{command}").run(options)
        except Exception as error:
            _leave_no_empty_run(run_dir)
            raise _JobError(error) from error

    return job


def _leave_no_empty_run(run_dir: Path) -> None:
    """Remove the folder of a job that failed before it wrote anything but its options."""
    written = [path.name for path in run_dir.iterdir()]
    if written == ["config.yaml"]:
        (run_dir / "config.yaml").unlink()
    if written in ([], ["config.yaml"]):
        run_dir.rmdir()


def _claim(run_dir: Path) -> None:
    """Make sure that the run folder is there, empty and ours, so that no run overwrites another.

    Raises:
        ConfigError: when the folder holds something, or nothing can be written into it.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if any(run_dir.iterdir()):
            raise ConfigError(f"run_dir={run_dir} is not empty; name a new one, no run is ever overwritten")
        probe = run_dir / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"run_dir={run_dir} cannot be written ({error.strerror}); name another") from error


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
    return f"unknown choice {group}={choice}{_nearest(choice, choices)}; {known}"


def _explain_option(error: Any, command: str) -> str:
    key = str(error.full_key)
    first_line = str(error).splitlines()[0].strip()
    if "not in struct" in str(error) or "not in '" in str(error):
        return f"unknown option '{key}'{_nearest(key, _option_names(command))} (see {command} --help)"
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


def _nearest(word: str, known: Sequence[str] | dict[str, Any]) -> str:
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""


def _complain(message: str, *, status: int = _EXIT_BAD_INPUT) -> int:
    line = " ".join(message.split())
    print(f"ecgrnn: {line}", file=sys.stderr)  # noqa: T201 - one line on stderr is the contract
    return status
