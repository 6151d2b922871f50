"""Reads what the page of options shows: the option classes, and the files of conf/ that set options."""

import ast
import dataclasses
import enum
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from ecgrnn.cli import conf_folder
from ecgrnn.options.sweep import RangeConfig, SweepConfig

RULES = {"above_zero": "> 0", "share": "from 0 to below 1"}


@dataclass(frozen=True)
class Row:
    """An option: its dotted name, its class and field there, and its default."""

    name: str
    owner: type
    field: str
    hint: Any
    default: Any


@dataclass(frozen=True)
class Choice:
    """A file of a group: what it says at its top, what it sets, and what it chooses in other groups."""

    name: str
    about: str
    values: Mapping[str, Any]
    others: Mapping[str, str]
    schema: type | None


def rows_of(schema: type, prefix: str = "", made: Any = None) -> list[Row]:
    """Give every option of a class and of the classes in it.

    Args:
        schema: a dataclass.
        prefix: what its options' names begin with.
        made: an object whose values are the defaults; None takes those of the class.
    """
    rows: list[Row] = []
    hints = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        name, hint = f"{prefix}{field.name}", hints[field.name]
        default = getattr(made, field.name) if made is not None else declared(field)
        if dataclasses.is_dataclass(hint):
            rows += rows_of(typing.cast("type", hint), f"{name}.", default)
        else:
            rows.append(Row(name, schema, field.name, hint, default))
        if hint == dict[str, RangeConfig]:
            rows += rows_of(RangeConfig, f"{name}.OPTION.")
    return rows


def declared(field: "dataclasses.Field[Any]") -> Any:
    """Give the default that a field is declared with."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def overlaid(rows: list[Row], values: Mapping[str, Any], prefix: str) -> list[Row]:
    """Put the values of a file over the defaults, which they must be options of."""
    left = {f"{prefix}{name}": value for name, value in values.items()}
    found = [
        dataclasses.replace(row, default=left.pop(row.name)) if row.name in left else row for row in rows
    ]
    unknown = {name for name in left if not name.startswith("search.space.")}
    if unknown:
        raise SystemExit(f"a file sets {', '.join(sorted(unknown))}, which no class has")
    return found


def choices_of(group: str) -> list[Choice]:
    """Read the files of a group."""
    return [read_choice(group, file) for file in sorted((conf_folder() / group).glob("*.yaml"))]


def read_choice(group: str, file: Path) -> Choice:
    """Read a file of a group without composing it."""
    source = file.read_text(encoding="utf-8")
    content = yaml.safe_load(source) or {}
    others, schema = {}, None
    for entry in content.pop("defaults", []):
        if isinstance(entry, dict):
            others |= {name.removeprefix("override /"): choice for name, choice in entry.items()}
        elif entry.endswith("_schema") or "_schema@" in entry:
            schema = schema_of(group, entry.partition("@")[0])
    if "@package _global_" in source:
        beside = {name: value for name, value in content.items() if name != group}
        others |= {name: plain(value) for name, value in flat(beside).items()} if group == "task" else {}
        content = content.get(group, {})
    comments = re.match(r"(?:#.*\n)*", source)
    said = [line.lstrip("# ").strip() for line in comments[0].splitlines() if "@package" not in line]
    about = " ".join(said).partition("python ")[0].strip().rstrip(":")
    return Choice(file.stem, sentence(about), flat(content), others, schema)


def sentence(about: str) -> str:
    """Keep the first sentence of what a file says."""
    return re.split(r"(?<=\.) (?=[A-Z0-9])|(?<=\.)$", about)[0]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested values under dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        nested = isinstance(value, dict)
        found |= flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return found


def schema_of(group: str, name: str) -> type:
    """Give the class that Hydra knows under a name."""
    node = ConfigStore.instance().load(f"{group}/{name}.yaml").node
    return typing.cast("type", OmegaConf.get_type(node))


def schema_name(group: str, schema: type) -> str:
    """Give the name under which Hydra knows a class."""
    names = [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]
    return next(name for name in names if schema_of(group, name) is schema)


def group_schema(group: str) -> type:
    """Give the class of a group that has one alone."""
    return typing.cast("type", typing.get_type_hints(SweepConfig)[group])


def root_defaults(command: str) -> dict[str, str]:
    """Give the groups of a command and what it chooses in them."""
    entries = yaml.safe_load((conf_folder() / f"{command}.yaml").read_text(encoding="utf-8"))["defaults"]
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    return {group: choice for group, choice in pairs if choice and not group.startswith("override ")}


def chosen_by_default(group: str) -> str:
    """Give what ``train`` chooses in a group, or what its task chooses for it."""
    root = root_defaults("sweep")
    task = next(choice for choice in choices_of("task") if choice.name == root["task"])
    return task.others.get(group, root[group])


def meaning(owner: type, field: str) -> str:
    """Give what a docstring says of a field: that of its class, or of a class it is derived from."""
    for kind in owner.__mro__:
        said = attributes(kind).get(field)
        if said:
            return said
    raise SystemExit(f"{owner.__name__} says nothing of {field}: add it to its Attributes")


def attributes(kind: type) -> dict[str, str]:
    """Read the ``Attributes:`` section of a docstring."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name, found[start[1]] = start[1], start[2]
        elif line.strip() and name:
            found[name] += f" {line.strip()}"
    return {name: said.replace("``", "`") for name, said in found.items()}


def first_line(kind: type) -> str:
    """Give the first sentence of a docstring."""
    return (inspect.cleandoc(kind.__doc__ or "").splitlines() or [""])[0].replace("``", "`")


def rules(owner: type) -> dict[str, str]:
    """Read the rules that ``__post_init__`` of a class and of its bases sets for single options."""
    found: dict[str, str] = {}
    for kind in reversed(owner.__mro__):
        if "__post_init__" in vars(kind):
            tree = ast.parse(textwrap.dedent(inspect.getsource(vars(kind)["__post_init__"])))
            found |= {name: _with_values(says, kind) for name, says in rules_in(tree)}
    return found


def _with_values(says: str, kind: type) -> str:
    """Put the values of constants in the place of their names."""
    constants = vars(sys.modules[kind.__module__])
    return re.sub(
        r"\b_?[A-Z]{2}\w*", lambda name: plain(constants[name[0]]) if name[0] in constants else name[0], says
    )


def rules_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Find calls of the shared rules, and conditions such as ``if not 0 < self.level < 1``."""
    loops: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=values)):
                loops[name] = [value.value for value in values if isinstance(value, ast.Constant)]
            case ast.Call(func=ast.Name(id="required"), args=[ast.Constant(value=name), *_]):
                yield name, "required"
            case ast.Call(func=ast.Name(id="check_threads")):
                yield "threads", "≥ 1"
            case ast.Call(
                func=ast.Name(id="at_least" | "above_zero" | "share" as rule), args=[_, name, *rest]
            ):
                says = RULES.get(rule) or f"≥ {ast.unparse(rest[1])}"
                names = [name.value] if isinstance(name, ast.Constant) else loops.get(ast.unparse(name), [])
                yield from ((str(each), says) for each in names)
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=ast.Compare() as compared)):
                yield from compared_rule(compared)


def compared_rule(compared: ast.Compare) -> Iterator[tuple[str, str]]:
    """Read ``LOW < self.NAME < HIGH``."""
    match compared:
        case ast.Compare(left=low, ops=[first, second], comparators=[ast.Attribute(attr=name), high]):
            lowest = "from" if isinstance(first, ast.LtE) else "above"
            highest = "to" if isinstance(second, ast.LtE) else "to below"
            ends = [ast.unparse(end).replace("self.", "") for end in (low, high)]
            yield name, f"{lowest} {ends[0]} {highest} {ends[1]}"


def plain(value: Any) -> str:
    """Write a value as on a command line."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case enum.Enum():
            return str(value.value)
        case list():
            return f"[{','.join(map(plain, value))}]"
        case dict():
            return ""
        case float():
            return f"{value:g}"
        case _:
            return str(value)
