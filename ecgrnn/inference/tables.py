"""Tables beside the annotations that `predict` writes."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Write rows as CSV beside their place, then rename, so that a half-written table never stays.

    Args:
        path: the file.
        columns: names of the columns.
        rows: one after another, so that those of a day need not lie in memory.
    """
    beside = path.with_name(f".{path.name}")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    beside.replace(path)
