"""Tables beside the annotations that `predict` writes."""

import csv
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
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            whole = Path(beside) / path.name
            with whole.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(map(harmless, columns))
                writer.writerows(map(harmless, row) for row in rows)
            whole.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); name another run_dir") from error
