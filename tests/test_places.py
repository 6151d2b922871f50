"""The table "Where a new thing goes" of CONTRIBUTING.md, held to where the existing things are named."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from ecgrnn.cli import COMMANDS
from ecgrnn.data.databases import DATABASES
from ecgrnn.options.choices import Cell
from ecgrnn.options.networks import NETWORKS
from ecgrnn.signals.formats.kinds import KINDS
from ecgrnn.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
EXISTING = {
    "database": list(DATABASES),
    "task": list(TASKS),
    "network": list(NETWORKS),
    "cell": [cell.value for cell in Cell],
    "command": list(COMMANDS),
    "file format": sorted({kind.module.replace(".", "/") for kind in KINDS}),
}
ROOMS = {name: task.__module__.split(".")[2] for name, task in TASKS.items()}
NOT_NAMES = {"folder", "synthetic"}
"""Databases whose names are words of the language, too: no identifier with them names a database."""


class Source:
    """What a Python file names: strings that are no docstrings, comparisons, imports and identifiers."""

    def __init__(self, path: Path) -> None:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in prose]
        self.strings = {node.value for node in constants if isinstance(node.value, str)}
        tests = [node for node in nodes if isinstance(node, ast.Compare | ast.MatchValue)]
        inside = (part for test in tests for part in ast.walk(test))
        self.compared = {part.value for part in inside if isinstance(part, ast.Constant)}
        self.imports = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                self.imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
        self.attributes = {ast.unparse(node) for node in attributes}
        named = {node.id for node in nodes if isinstance(node, ast.Name)} | {node.attr for node in attributes}
        defined = (ast.FunctionDef, ast.ClassDef)
        named |= {node.name for node in nodes if isinstance(node, defined)}
        self.words = {word for name in named for word in name.lower().split("_")}

    def says(self, option: str) -> bool:
        """Tell whether some string has ``option``, such as ``data=mitdb``."""
        return any(re.search(rf"\b{option}\b", text) for text in self.strings)

    def loads(self, module: str) -> bool:
        """Tell whether a module, or something in it, is imported."""
        return any(name == module or name.startswith(f"{module}.") for name in self.imports)


def names_database(source: Source, name: str, place: str) -> bool:
    return (
        name in source.strings
        or source.says(f"data={name}")
        or source.loads(f"ecgrnn.data.databases.{name}")
        or (name in source.words and name not in NOT_NAMES)
    )


def names_task(source: Source, name: str, place: str) -> bool:
    # Where recordings are annotated, beats are a kind of annotation, whichever task marks them.
    compared = name in source.compared and not place.startswith("ecgrnn/inference/page/")
    return (
        compared
        or source.says(f"task={name}")
        or source.loads(f"ecgrnn.tasks.{ROOMS[name]}")
        or (place.startswith(f"ecgrnn/tasks/{ROOMS[name]}/") and name in source.strings)
    )


def names_network(source: Source, name: str, place: str) -> bool:
    return (
        name in source.compared
        or source.says(f"network={name}")
        or source.loads(f"ecgrnn.networks.{name}")
        or (place == "ecgrnn/options/networks.py" and name in source.strings)
    )


def names_cell(source: Source, name: str, place: str) -> bool:
    return name in source.strings or f"Cell.{name}" in source.attributes


def names_command(source: Source, name: str, place: str) -> bool:
    # Elsewhere than in the command line these are words such as score, and the subset train.
    of_cli = place.startswith("ecgrnn/cli/") and name in source.strings
    return of_cli or source.loads(f"ecgrnn.commands.{name}")


def names_file_format(source: Source, name: str, place: str) -> bool:
    # Elsewhere than in the readers these are words such as dicom, the name of an extra.
    module = name.replace("/", ".")
    of_readers = place.startswith("ecgrnn/signals/formats/") and module in source.strings
    return of_readers or source.loads(f"ecgrnn.signals.formats.{module}.read_contents")


NAMES: dict[str, Callable[[Source, str, str], bool]] = {
    "database": names_database,
    "task": names_task,
    "network": names_network,
    "cell": names_cell,
    "command": names_command,
    "file format": names_file_format,
}


@cache
def sources() -> dict[str, Source]:
    paths = sorted((ROOT / "ecgrnn").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): Source(path) for path in paths}


@cache
def settings() -> dict[str, set[str]]:
    """The strings in each YAML file of conf, without its comments."""
    paths = sorted((ROOT / "conf").rglob("*.yaml"))
    return {
        path.relative_to(ROOT).as_posix(): set(strings_in(yaml.safe_load(path.read_text(encoding="utf-8"))))
        for path in paths
    }


def strings_in(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        yield from (text for pair in content.items() for part in pair for text in strings_in(part))
    elif isinstance(content, list):
        yield from (text for part in content for text in strings_in(part))
    elif isinstance(content, str):
        yield content


def columns(kind: str) -> list[list[str]]:
    """The places in each column of a kind's row, from the root of the repository."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Where a new thing goes")[2]
    row = next(line for line in text.splitlines() if line.startswith(f"| {kind} |"))
    cells = row.strip("|").split("|")[1:]
    return [[rooted(place) for place in re.findall(r"`([^`]*/[^`]*)`", cell)] for cell in cells]


def rooted(place: str) -> str:
    return place if place.startswith("conf/") else f"ecgrnn/{place}"


def filled(place: str, name: str) -> str:
    return place.replace("NAME", name).replace("ROOM", ROOMS.get(name, ""))


def covers(place: str, file: str) -> bool:
    return file.startswith(place) if place.endswith("/") else file == place


def named_in(kind: str, name: str) -> set[str]:
    """The files in which one of the existing things is named."""
    found = {place for place, source in sources().items() if NAMES[kind](source, name, place)}
    if kind != "command":
        found |= {place for place, strings in settings().items() if name in strings}
    return found


EVERY = [(kind, name) for kind, names in EXISTING.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_nothing_is_named_where_the_table_does_not_say_so(kind: str, name: str) -> None:
    places = [filled(place, name) for column in columns(kind) for place in column]
    others = {file for file in named_in(kind, name) if not any(covers(place, file) for place in places)}
    assert not others, f"the table of CONTRIBUTING.md does not list {sorted(others)} for a new {kind}"


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_everything_is_where_the_table_says(kind: str, name: str) -> None:
    written, named, has, _ = columns(kind)
    for place in (*written, *named, *has):
        path = ROOT / filled(place, name)
        assert path.is_dir() if place.endswith("/") else path.is_file(), f"{name} has no {path}"
    found = named_in(kind, name)
    assert {filled(place, name) for place in named} <= found


@pytest.mark.parametrize("kind", EXISTING)
def test_every_place_of_the_table_is_there_for_some(kind: str) -> None:
    for place in {place for column in columns(kind) for place in column}:
        assert any((ROOT / filled(place, name)).exists() for name in EXISTING[kind]), f"there is no {place}"


def test_the_table_has_a_row_for_each_kind() -> None:
    for kind in EXISTING:
        written, named, *_ = columns(kind)
        assert written
        assert named
