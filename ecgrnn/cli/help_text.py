"""The help of a command: the groups and options that it uses, and what a person can choose."""

from collections.abc import Iterable, Mapping
from pathlib import Path

GROUPS = {
    "data": "which database, where it is, and how its patients are split",
    "preprocessing": "from the signal on disk to the signal that a network reads",
    "task": "what is learned; it also chooses network, preprocessing, loader and optimizer",
    "network": "the form of the network",
    "optimizer": "AdamW and its schedule",
    "loader": "how batches are made",
    "logger": "where metrics go while training",
    "trainer": "devices and length of a training: keys of pytorch_lightning.Trainer",
    "search": "what a sweep searches",
    "experiment": "a complete recipe",
    "debug": "a quick check that a training runs",
}
"""What a person chooses with each group."""

_PREPARE = {"data", "preprocessing", "task", "experiment", "run_dir", "shard", "shards", "processes"}
_SHOWN = {"prepare": _PREPARE}
"""Groups and options of commands that take more than they use."""

_NOT_SHOWN = {"sweep": {"given", "resume"}, "prepare": {"resume"}}
_NOT_CHOSEN = {("train", "as_trained"), ("prepare", "as_trained"), ("sweep", "as_trained")}


def command_help(
    command: str, summary: str, *, folders: Iterable[Path], chosen: Mapping[str, str | None], options: str
) -> str:
    """Give the help of a command.

    Args:
        command: the command.
        summary: what it does, one line.
        folders: folders of YAML files.
        chosen: the groups that the command uses, each with the file it takes by default.
        options: the composed options as YAML.
    """
    folders = list(folders)
    groups = [group for group in chosen if shown(command, group)]
    lines = [f"usage: python -m ecgrnn {command} [key=value ...]", "", f"{command}: {summary}", ""]
    if groups:
        lines += ["== Groups: choose a file with group=choice =="]
    for group in groups:
        lines += _group(command, group, chosen[group], folders)
    return "\n".join(
        [
            *lines,
            "== Options: set with key=value ==",
            options.rstrip(),
            "",
            "Text is taken as it is typed; a list is written 'key=[a,b]', and null means none.",
            "--cfg job prints the composed options without running the command; --multirun key=a,b runs",
            "one job per value; --config-dir DIR adds a folder of YAML files. docs/options.md explains every",
            "option.",
        ]
    )


def shown(command: str, name: str) -> bool:
    """Tell whether the help of a command shows a group or a top-level option."""
    wanted = _SHOWN.get(command)
    return (wanted is None or name in wanted) and name not in _NOT_SHOWN.get(command, ())


def _group(command: str, group: str, default: str | None, folders: Iterable[Path]) -> list[str]:
    files = [file for folder in folders for file in sorted((folder / group).glob("*.yaml"))]
    files = [file for file in files if (command, file.stem) not in _NOT_CHOSEN]
    width = max((len(file.stem) for file in files), default=0)
    about = GROUPS.get(group)
    lines = [f"{group}: {about}" if about else group]
    for file in files:
        mark = "*" if file.stem == default else " "
        lines.append(f" {mark} {file.stem:<{width}}  {_first_comment(file)}".rstrip())
    return [*lines, ""]


def _first_comment(file: Path) -> str:
    """Give the first comment of a YAML file that is no directive of Hydra's."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ").strip()
    return ""
