"""Tables as lines of JSON, written column by column: those of a day have most of a million rows."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.tasks.annotated import Columns

_ROWS_AT_ONCE = 10_000
"""Rows of a table that are text at one time."""


def json_lines(kind: str, columns: Columns) -> Iterator[str]:
    """Give an object of JSON a row, a line each, some thousands at a time."""
    head, *keys = (json.dumps(text).replace("%", "%%") for text in (kind, *columns))
    pattern = f'{{"kind": {head}, ' + ", ".join(f"{key}: %s" for key in keys) + "}\n"
    for first in range(0, len(next(iter(columns.values()))), _ROWS_AT_ONCE):
        part = [_json_texts(column[first : first + _ROWS_AT_ONCE]) for column in columns.values()]
        yield "".join(pattern % row for row in zip(*part, strict=True))


def _json_texts(values: NDArray[Any]) -> list[str]:
    """Give values as JSON has them: floats of six digits, and null where one is not defined."""
    if values.dtype.kind == "f":
        defined = np.isfinite(values).tolist()
        numbers = zip(values.tolist(), defined, strict=True)
        return [repr(round(x, 6)) if there else "null" for x, there in numbers]
    known = {value: json.dumps(value) for value in set(values.tolist())}
    return [known[value] for value in values.tolist()]
