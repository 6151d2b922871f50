"""How a table of numbers is written: its delimiter, decimal mark, comments, header and units."""

import csv
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

_DELIMITERS = ("\t", ";", ",", "|", None)
"""What separates columns; None is white space of any length."""

_COMMENTS = ("#", "%", "//")
_MOST_BEFORE = 60
"""Lines before the first row of numbers."""

_LOOKED_AT = 40
"""Rows that must have the same number of columns."""

_NUMBER = {
    ".": re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"),
    ",": re.compile(r"[-+]?(?:\d+(?:,\d*)?|,\d+)(?:[eE][-+]?\d+)?"),
}
"""No digit can belong to two parts of these: what is tried grows with the length, not with its square."""
_MISSING = {"", "nan", "na", "n/a", "null", "none", "-"}
_TIME = re.compile(
    r"\[?(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ]?)?\s*(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d+)?"
    r"(?:\s*\d{1,2}/\d{1,2}/\d{4})?(?:Z|\s?[+-]\d{2}:?\d{2})?\]?"
)


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        delimiter: what separates columns; None is white space.
        decimal: the decimal mark.
        skipped: lines before the first row of numbers.
        names: names of the columns; empty where the file has none.
        units: units of the columns, empty where they are not told.
        before: the lines before the first row, comments without their mark.
        quote: the mark that fields are quoted with.
    """

    delimiter: str | None
    decimal: str
    skipped: int
    names: tuple[str, ...]
    units: tuple[str, ...]
    before: tuple[str, ...]
    quote: str = '"'


def is_table(text: str, *, whole: bool) -> bool:
    """Tell whether a text, or its beginning, is a table of numbers."""
    return find_dialect(text, whole=whole) is not None


def find_dialect(text: str, *, whole: bool) -> Dialect | None:
    """Find out how a table is written; None where it is none.

    Args:
        text: the text, or its beginning.
        whole: whether it is all of it; the last line of a beginning may be cut.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    if not whole:
        lines = lines[:-1]
    while lines and not lines[-1].strip():
        lines.pop()
    found = (
        dialect
        for delimiter, decimal in itertools.product(_DELIMITERS, ".,")
        if (delimiter != decimal or '"' in text)
        and (dialect := _tried(lines, delimiter, decimal)) is not None
    )
    ranked = sorted(found, key=lambda one: (-one[0], one[1].skipped))
    return _best([dialect for _, dialect in ranked], lines)


def fields_of(line: str, delimiter: str | None) -> list[str]:
    """Split a line into its fields, without blanks and quotes around them."""
    parts = line.split(delimiter) if delimiter is None or '"' not in line else _quoted(line, delimiter)
    if delimiter is not None and len(parts) > 1 and not parts[-1].strip():
        parts = parts[:-1]  # a delimiter at the end of each line
    return [part.strip().strip("\"'").strip() for part in parts]


def is_number(field: str, decimal: str) -> bool:
    """Tell whether a field is a number, or stands for one that is missing."""
    return _NUMBER[decimal].fullmatch(field) is not None or field.casefold() in _MISSING


def is_time(field: str) -> bool:
    """Tell whether a field is a time of day, a date with one, or a duration like ``0:00.003``."""
    return _TIME.fullmatch(field) is not None


def _tried(lines: Sequence[str], delimiter: str | None, decimal: str) -> tuple[int, Dialect] | None:
    """Read the lines in one way; give its number of columns, or None where they are no table so."""
    for at, line in enumerate(lines[:_MOST_BEFORE]):
        if not _is_row(line, delimiter, decimal):
            continue
        rows = [row for row in lines[at : at + _LOOKED_AT] if row.strip()]
        widths = {len(fields_of(row, delimiter)) for row in rows}
        if len(rows) >= 2 and len(widths) == 1 and all(_is_row(row, delimiter, decimal) for row in rows):
            width = widths.pop()
            return width, _described(lines[:at], delimiter, decimal, width, lines[at])
    return None


def _is_row(line: str, delimiter: str | None, decimal: str) -> bool:
    if not line.strip() or line.lstrip().startswith(_COMMENTS):
        return False
    fields = fields_of(line, delimiter)
    numbers = [field for field in fields if _NUMBER[decimal].fullmatch(field)]
    return bool(numbers) and all(is_number(field, decimal) or is_time(field) for field in fields)


def _described(before: Sequence[str], delimiter: str | None, decimal: str, width: int, row: str) -> Dialect:
    plain = [line.strip().lstrip("#%/").strip() for line in before if line.strip()]
    rows = [fields_of(line, delimiter) for line in plain]
    names, units = [""] * width, [""] * width
    header = rows[-1] if rows and len(rows[-1]) == width else None
    if header is not None and len(rows) > 1 and len(rows[-2]) == width and all(map(_is_unit, header)):
        units, header = header, rows[-2]
    if header is not None:
        split = [_UNIT_OF_NAME.fullmatch(name) if len(name) < _LONG else None for name in header]
        names = [found[1].strip() if found else name for found, name in zip(split, header, strict=True)]
        units = [found[2] if found else unit for found, unit in zip(split, units, strict=True)]
    quote = "'" if "'" in row and '"' not in row else '"'
    said = tuple(line[:_LONG] for line in plain)
    return Dialect(delimiter, decimal, len(before), tuple(names) if header else (), tuple(units), said, quote)


_LONG = 200
"""Letters of a line before the table, or of a name, that are looked at for a unit or a frequency."""

_UNIT_OF_NAME = re.compile(r"(.+?)\s*[\[(]([^\])]{1,10})[\])]")
_UNIT = re.compile(
    r"(?:[munµμ]?v|volts?|m?s|sec|seconds?|[mun]s|hz|bpm|mg|g|%|mmhg|adu|nu|-|hh?:mm.*|elapsed.*|)",
    re.IGNORECASE,
)


def _is_unit(field: str) -> bool:
    return _UNIT.fullmatch(field) is not None


def _best(found: Sequence[Dialect], lines: Sequence[str]) -> Dialect | None:
    """Choose among several ways to read a table, the one with most columns first.

    ``12,5`` may be two columns or one number. A header decides; without one it is one number where the part
    behind the comma has leading zeros, or where numbers before it are small or negative and those behind it
    never are.
    """
    comma = next((one for one in found if one.delimiter == "," and one.decimal == "."), None)
    single = next((one for one in found if one.decimal == "," and one.delimiter != ","), None)
    if comma is None or single is None or not all(map(_PAIR.fullmatch, _rows(lines, single))):
        return next((one for one in found if one.names), found[0]) if found else None
    if bool(comma.names) != bool(single.names):
        return comma if comma.names else single
    pairs = [row.replace(";", ",").split(",") for row in _rows(lines, single)]
    zeros = any(re.fullmatch(r"0\d+", behind) for _, behind in pairs)
    signs = any(first.startswith("-") for first, _ in pairs)
    return single if zeros or signs or all(abs(int(first)) < _SMALL for first, _ in pairs) else comma


_PAIR = re.compile(r"[-+]?\d+,\d+;?")
_SMALL = 100
"""Numbers before a decimal comma: voltages in mV are far below, counts of converters as a rule above."""


def _rows(lines: Sequence[str], dialect: Dialect) -> list[str]:
    rows = (line.strip() for line in lines[dialect.skipped : dialect.skipped + _LOOKED_AT])
    return [row for row in rows if row]


def _quoted(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter))
