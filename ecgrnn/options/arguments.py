"""Arguments of the command line: what the typed options call text reaches them as it was typed.

Hydra's grammar turns ``100_1`` into 1001, ``1.10`` into 1.1, and gives blanks, commas and quotes a meaning.
The dataclass of a command says which options are text, so their values are quoted before Hydra reads them:

- A value inside single or double quotes is what is between them: ``record="'a b'"``.
- ``null`` means none where an option may be null; ``"'null'"`` is the text.
- A comma belongs to the text. In a list, and between values of ``--multirun``, it separates; there quote a
  name that has one: ``'data.records=["a,b",c]'``.
- ``${...}`` is an interpolation.
"""

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgrnn.errors import ConfigError, did_you_mean

PATHS = (
    *("run_dir", "resume", "checkpoint", "compare", "record", "reference", "test", "storage"),
    *("data.root", "data.cache", "data.split", "logger.mlflow_uri"),
)
"""Options in whose value ``~`` is the home folder."""

_KEY = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<name>[A-Za-z_][\w./$-]*)(?P<package>@[\w.:$-]*)?")
_PLAIN = re.compile(r"(?=[^.]*[A-Za-z/])[A-Za-z/][A-Za-z0-9_/.-]*")
_KEYWORDS = {"null", "true", "false", "inf", "nan"}
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'" + r'|"(?:[^"\\]|\\.)*"', re.DOTALL)
_INTERPOLATION = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_FUNCTION = re.compile(r"(choice|shuffle|sort|glob|range|interval)\((.*)\)", re.DOTALL)


_OPEN = ("trainer", "search", "hydra")
"""Groups with options that no dataclass names."""


class Kind(enum.Enum):
    """How the value of an option is read."""

    text = enum.auto()
    texts = enum.auto()
    group = enum.auto()
    other = enum.auto()


@dataclasses.dataclass(frozen=True)
class Option:
    """What the schema says of an option.

    Attributes:
        kind: text, a list of texts, a group of files, or anything else.
        nullable: whether ``null`` is a value.
    """

    kind: Kind
    nullable: bool = False


@dataclasses.dataclass
class CommandLine:
    """The arguments of a command, flags apart.

    Attributes:
        overrides: ``key=value``, in their order.
        config_dirs: folders with more YAML files.
        multirun: one job per combination of values.
        help: show the command's options.
        cfg: print the composed options: ``job``, ``hydra`` or ``all``.
        package: print only this part of them.
        resolve: print them with interpolations resolved.
    """

    overrides: list[str] = dataclasses.field(default_factory=list)
    config_dirs: list[str] = dataclasses.field(default_factory=list)
    multirun: bool = False
    help: bool = False
    cfg: str | None = None
    package: str | None = None
    resolve: bool = False


_SWITCHES = {
    **dict.fromkeys(("-h", "--help"), "help"),
    **dict.fromkeys(("-m", "--multirun"), "multirun"),
    "--resolve": "resolve",
}
_WITH_VALUE = {
    **dict.fromkeys(("-c", "--cfg"), "cfg"),
    **dict.fromkeys(("-p", "--package"), "package"),
    **dict.fromkeys(("-cd", "--config-dir"), "config_dirs"),
}


def read_arguments(arguments: Sequence[str]) -> CommandLine:
    """Take flags and overrides apart.

    Raises:
        ConfigError: an unknown flag, or one without its value.
    """
    read = CommandLine()
    rest = iter(arguments)
    for word in rest:
        flag, given, value = word.partition("=")
        if "\0" in word:
            raise ConfigError(f"argument {word[:80]!r} has the character NUL; leave it out")
        if not word.startswith("-"):
            read.overrides.append(word)
        elif word in _SWITCHES:
            setattr(read, _SWITCHES[word], True)
        elif flag in _WITH_VALUE:
            _set_flag(read, flag, value if given else next(rest, None))
        else:
            known = [*_SWITCHES, *_WITH_VALUE]
            raise ConfigError(
                f"unknown flag '{flag}'{did_you_mean(flag, known)}; there are "
                f"{', '.join(one for one in known if one.startswith('--'))}"
            )
    return read


def _set_flag(read: CommandLine, flag: str, value: str | None) -> None:
    name = _WITH_VALUE[flag]
    if not value:
        raise ConfigError(f"{flag} needs a value, such as {'job' if name == 'cfg' else 'DIR'}")
    if name == "config_dirs":
        read.config_dirs.append(_config_dir(value))
    elif name == "cfg" and value not in {"job", "hydra", "all"}:
        raise ConfigError(f"--cfg prints job, hydra or all; it is {value}")
    else:
        setattr(read, name, value)


def _config_dir(value: str) -> str:
    folder = Path(value).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"--config-dir={value} is not a folder; give a folder with YAML files")
    return str(folder)


def options_of(schema: type) -> dict[str, Option]:
    """Give the options of a command's dataclass under their dotted names.

    A part that a group fills, such as ``network``, has the options of every dataclass that may fill it.
    """
    return dict(_options(schema, ""))


def _options(schema: type, prefix: str) -> Iterator[tuple[str, Option]]:
    for name, hint in typing.get_type_hints(schema).items():
        kinds = [part for part in _parts(hint) if part is not type(None)]
        nullable = len(kinds) < len(_parts(hint))
        (kind,) = kinds if len(kinds) == 1 else (object,)
        yield f"{prefix}{name}", Option(_kind(kind), nullable)
        if dataclasses.is_dataclass(kind):
            for part in _and_below(kind):
                yield from _options(part, f"{prefix}{name}.")


def _parts(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _kind(hint: Any) -> Kind:
    if typing.get_origin(hint) is list:
        (of,) = typing.get_args(hint)
        return Kind.texts if _is_text(of) else Kind.other
    if _is_text(hint):
        return Kind.text
    return Kind.group if dataclasses.is_dataclass(hint) else Kind.other


def _is_text(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, str | Path | enum.Enum))


def _and_below(schema: type) -> Iterator[type]:
    yield schema
    below: list[type] = schema.__subclasses__()
    for part in below:
        yield from _and_below(part)


def as_typed(
    word: str, options: Mapping[str, Option], *, groups: Collection[str] = (), multirun: bool = False
) -> str:
    """Write an override so that Hydra reads text as it was typed; what is written so already stays as it is.

    Args:
        word: the override, ``key=value``.
        options: the options of the command.
        groups: names of the config groups.
        multirun: whether a comma separates values of several jobs.

    Raises:
        ConfigError: the argument is no ``key=value``, or a list is not written as one.

    Example:
        >>> options = {"record": Option(Kind.text), "data.records": Option(Kind.texts, nullable=True)}
        >>> print(as_typed("record=100_1", options), as_typed("record=a/b.c", options))
        record='100_1' record=a/b.c
        >>> print(as_typed("data.records=[100_1, a]", options))
        data.records=['100_1',a]
    """
    key, given, value = word.partition("=")
    found = _KEY.fullmatch(key)
    if found is None or not (given or found["sign"] == "~"):
        raise ConfigError(
            f"{word!r} is not an option: write name=value, without blanks around =; a value with blanks "
            "needs the shell's quotes"
        )
    name, top = found["name"], found["name"].split(".")[0]
    known = name in options or name in groups or top in _OPEN
    if top == "given" or (found["sign"] and not known):
        raise ConfigError(f"unknown option '{name}'{did_you_mean(name, options)}")
    if not given or (top in _OPEN and name not in options and name not in groups):
        return word
    option = options.get(name, Option(Kind.text))
    if name in groups:
        option = Option(Kind.group, nullable=True)
    return f"{key}={_value(name, value, option, multirun=multirun)}"


def _value(name: str, value: str, option: Option, *, multirun: bool) -> str:
    if option.kind is Kind.other or (option.kind is Kind.group and value.startswith("{")):
        return value
    if not multirun:
        return _single(name, value, option)
    function = _FUNCTION.fullmatch(value)
    if function is None:
        parts = split(value, brackets=option.kind is not Kind.text)
        return ",".join(_single(name, part, option) for part in parts)
    if function[1] != "choice":
        return value
    parts = split(function[2], brackets=option.kind is not Kind.text)
    return f"choice({','.join(_single(name, part, option) for part in parts)})"


def _single(name: str, value: str, option: Option) -> str:
    if value == "null" and option.nullable:
        return value
    listed = value.startswith("[") and value.endswith("]")
    if option.kind is Kind.text or (option.kind is Kind.group and not listed):
        return written(unquoted(value))
    if listed:
        return _list(name, value)
    if _INTERPOLATION.fullmatch(value):
        return value
    raise ConfigError(f"{name} is a list: write '{name}=[{value.strip('[]')}]'; it is {value}")


def _list(name: str, value: str) -> str:
    inside = value[1:-1]
    if not inside.strip():
        return "[]"
    names = split(inside, brackets=False)
    if not all(names):
        raise ConfigError(
            f"{name}={value} has nothing between two commas; commas separate, and a name with one is quoted, "
            f"""'{name}=["a,b",c]'"""
        )
    return f"[{','.join(written(unquoted(one)) for one in names)}]"


def split(text: str, *, brackets: bool) -> list[str]:
    """Split at commas that are not in quotes, not in ``${...}`` and, if asked, not in square brackets.

    Example:
        >>> split('a, "b,c" ,${oc.env:X,d}', brackets=False)
        ['a', '"b,c"', '${oc.env:X,d}']
        >>> split("[a,b],[c]", brackets=True)
        ['[a,b]', '[c]']
    """
    parts, depth, at, fresh = [""], 0, 0, True
    while at < len(text):
        whole = _INTERPOLATION.match(text, at) or (_QUOTED.match(text, at) if fresh else None)
        here = whole[0] if whole else text[at]
        at += len(here)
        depth += brackets * ((here == "[") - (here == "]"))
        if here == "," and depth <= 0:
            parts.append("")
            fresh = True
            continue
        fresh = (fresh and here.isspace()) or here == "["
        parts[-1] += here
    return [part.strip() for part in parts]


def written(text: str) -> str:
    """Write text so that Hydra reads the same text: quoted, unless it is plain.

    Example:
        >>> print(written("runs/a"), written("1.10"), written("off"), written("null"))
        runs/a '1.10' off 'null'
    """
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _KEYWORDS
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    r"""Quote a value of a command line's word, whatever is in it: Hydra's grammar gives most signs a meaning.

    A backslash needs another one before a quote, and means itself elsewhere.

    Example:
        >>> print(quoted("/home/jo/it's (new), a=b"))
        '/home/jo/it\'s (new), a=b'
    """
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"


def key_and_value(word: str) -> tuple[str, str]:
    """Take a word of the command line apart, without what Hydra's grammar puts around it."""
    key, _, value = word.partition("=")
    return key.lstrip("+~"), unquoted(value)


def unquoted(value: str) -> str:
    r"""Take away the quotes around a value, if they enclose all of it.

    Example:
        >>> print(unquoted("'it\\'s'"), unquoted('"a b"'), unquoted("'a' b"))
        it's a b 'a' b
    """
    if not _QUOTED.fullmatch(value):
        return value
    mark = value[0]

    def halved(found: re.Match[str]) -> str:
        """Take away one of each two backslashes, as Hydra's grammar does."""
        return "\\" * (len(found[1]) // 2) + found[2]

    return re.sub(rf"(\\+)({mark}|$)", halved, value[1:-1])


def expanded(text: str) -> str:
    """Put the home folder in the place of ``~``; behind ``journal:``, too."""
    scheme, colon, rest = text.partition(":")
    if scheme == "journal" and colon:
        return f"journal:{expanded(rest)}"
    return str(Path(text).expanduser()) if text.startswith("~") else text
