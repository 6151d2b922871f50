"""Reads a YAML file of texts, lists and tables that somebody else wrote, in bounded time and memory."""

from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

import yaml

_MOST_BYTES = 2_000_000
"""A split of 20,000 records with their patients has 1 MB, and is read in 5 s at most."""

_DEEPEST = 20

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Keeps every name a string: to the others 0100 is 64 and 1e3 is a number."""


def read_plain_yaml(path: Path) -> Any:
    """Read a file; every name and number in it is a string.

    References (``*name``) are refused: a few hundred bytes of references to references stand for a list of
    more entries than memory holds. So is a key that stands twice in a table, of which one would be lost.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no text.
        YAMLError: it is no YAML, is too large or too deep, or has references or a key twice.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise yaml.YAMLError(f"expected at most {_MOST_BYTES} bytes")
    events = yaml.parse(content.decode("utf-8"), Loader=_LOADER)
    outside = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
    parts = [_part(event, events, 1) for event in events if not isinstance(event, outside)]
    if len(parts) > 1:
        raise yaml.YAMLError("expected one document, got several")
    return parts[0] if parts else None


def _part(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    """Build what begins with an event, and take the events up to its end."""
    if depth > _DEEPEST:
        _refuse(event, f"lists or tables lie in each other more than {_DEEPEST} deep")
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    if isinstance(event, yaml.SequenceStartEvent):
        ahead = iter(partial(next, events), None)
        return [_part(one, events, depth + 1) for one in takewhile(_is_inside, ahead)]
    if isinstance(event, yaml.MappingStartEvent):
        return _table(events, depth)
    return _refuse(event, "references (*name) are not read; write out what they stand for")


def _table(events: Iterator[yaml.Event], depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key in takewhile(_is_inside, iter(partial(next, events), None)):
        if not isinstance(key, yaml.ScalarEvent):
            _refuse(key, "expected a name before the colon, got a list or a table")
        if key.value in table:
            _refuse(key, f"{key.value!r:.60} stands twice in one table")
        table[key.value] = _part(next(events), events, depth + 1)
    return table


def _is_inside(event: yaml.Event) -> bool:
    return not isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent)


def _refuse(event: yaml.Event, why: str) -> NoReturn:
    raise yaml.YAMLError(f"line {event.start_mark.line + 1}: {why}")
