"""Tables beside the annotations that `predict` writes."""

import csv
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ecgrnn.errors import DataError
from ecgrnn.reports.spreadsheets import harmless


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Write rows as CSV beside their place, then rename, so that a half-written table never stays.

    No text in it is a formula of a spreadsheet program.

    Args:
        path: the file.
        columns: names of the columns.
        rows: one after another, so that those of a day need not lie in memory.

    Raises:
        DataError: the folder cannot be written to.
    """
    write_lines(path, columns, (_line(row) for row in rows))


def write_lines(path: Path, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Write rows that are text already, each with its line break, as ``write_table`` does.

    Raises:
        DataError: the folder cannot be written to.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            whole = Path(beside) / path.name
            with whole.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                file.write(_line(columns))
                file.writelines(lines)
            whole.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); name another run_dir") from error


def cell(value: object) -> str:
    """Give a value as it stands in a line of a table: quoted where that is needed, never a formula.

    >>> cell("II, long"), cell("=1"), cell(-3)
    ('"II, long"', "'=1", '-3')
    """
    return _line([value]).removesuffix("\n")


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(harmless, values))
    return text.getvalue()
