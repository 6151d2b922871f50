"""Writes result files whole: each is made beside its place and renamed, so that none is ever half written."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgrnn.errors import DataError
from ecgrnn.options.spec import Row
from ecgrnn.reports.spreadsheets import harmless


def write_text(path: Path, text: str) -> None:
    """Write a text file, making its folder.

    Raises:
        DataError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            whole = Path(beside) / path.name
            # a file name that is no UTF-8 is shown with escapes
            whole.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
            whole.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); name another run_dir") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as JSON, numbers in full."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows with the same keys as CSV; NaN and None become an empty cell, and no text is a formula."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writerow({name: harmless(name) for name in writer.fieldnames})
    for row in rows:
        writer.writerow({key: None if value != value else harmless(value) for key, value in row.items()})
    write_text(path, buffer.getvalue())
