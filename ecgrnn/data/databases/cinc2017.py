"""PhysioNet/CinC Challenge 2017: 8,528 strips of 9 to 61 s, one lead, 300 Hz, one rhythm each."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path, PurePosixPath

from ecgrnn.data.databases.database import ODC_BY, Database
from ecgrnn.data.databases.record_names import checked_name, headers_in, rows_of
from ecgrnn.errors import DataError

_REFERENCE = "REFERENCE-v3.csv"
_CLASSES = ("N", "A", "O", "~")


def _read(database: Database, folder: Path) -> Database:
    """Read the reference table and find each record, in the flat archive or in PhysioNet's folders."""
    table = folder / _REFERENCE
    found: dict[str, str] = {}
    for path in headers_in(folder):
        # The challenge's validation set repeats training records: the first in order is the training one.
        found.setdefault(PurePosixPath(path).name, path)
    names = [checked_name(row[0], source=str(table)) for row in rows_of(table)]
    absent = [name for name in names if name not in found]
    if absent or not names:
        first = absent[0] if absent else "any record"
        raise DataError(
            f"{table} lists {len(names)} records; {len(absent)} have no header here, first {first}"
        )
    return replace(database, records=tuple(found[name] for name in names))


def _labels(folder: Path) -> dict[str, tuple[str, ...]]:
    """Read the rhythm of each strip: N, A (atrial fibrillation), O (other rhythm) or ~ (too noisy)."""
    path = folder / _REFERENCE
    rows = rows_of(path)
    wrong = [row for row in rows if len(row) != 2 or row[1] not in _CLASSES]
    if wrong:
        raise DataError(f"{path}: expected lines such as A00001,N with a label N, A, O or ~; got {wrong[0]}")
    return {name: (label,) for name, label in rows}


def _folds() -> Mapping[str, int]:
    """Read the folds that are kept here: record name to fold, from 0.

    They are in a file, and not drawn, so that figures over them stay comparable whatever happens to the code
    that drew them: stratified by label, seed 2017.
    """
    source = resources.files("ecgrnn.data.databases") / "cinc2017_folds.csv"
    lines = source.read_text(encoding="utf-8").splitlines()
    return {row["record"]: int(row["fold"]) for row in csv.DictReader(lines)}


CINC2017 = Database(
    name="cinc2017",
    title="AF Classification from a Short Single Lead ECG Recording: the PhysioNet/CinC Challenge 2017",
    version="1.0.0",
    slug="challenge-2017",
    n_records=8528,
    marker=_REFERENCE,
    leads=("ECG",),
    fs_hz=300.0,
    licence=ODC_BY,
    citation=(
        "Clifford GD et al. AF classification from a short single lead ECG recording: the PhysioNet/"
        "Computing in Cardiology Challenge 2017. Computing in Cardiology 44, 2017. "
        "doi:10.22489/CinC.2017.065-469"
    ),
    # The same recording under two names, sample by sample.
    patients={"A01176": "A00227", "A03123": "A02656"},
    default_split="strips",
    # Published in folders A00 to A08; flat here, as in its archive.
    remote_files=r"training/A\d\d/(A\d{5}\.(?:hea|mat))|REFERENCE-v3\.csv",
    read=_read,
    strip_classes=_CLASSES,
    strip_labels=_labels,
    fixed_folds=_folds,
)
