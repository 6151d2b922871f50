"""PTB-XL at 100 Hz: 21,799 strips of 10 s, 12 leads, with diagnostic statements and published folds."""

import ast
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ecgrnn.data.databases.database import Database
from ecgrnn.data.databases.record_names import checked_name, table_of
from ecgrnn.errors import DataError

_TABLE, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"


def _read(database: Database, folder: Path) -> Database:
    """Read records, patients and folds from the table."""
    path = folder / _TABLE
    patients: dict[str, str] = {}
    folds: dict[str, int] = {}
    for number, row in enumerate(table_of(path), start=1):
        try:
            record = checked_name(row["filename_lr"], source=str(path))
            patients[record] = str(int(float(row["patient_id"])))
            folds[record] = int(row["strat_fold"])
        except (KeyError, ValueError, OverflowError) as error:
            raise DataError(
                f"{path}, row {number}: no patient_id, strat_fold or filename_lr ({error}); get it again"
            ) from error
    if not folds:
        raise DataError(f"{path} lists no record; get the file again")
    return replace(database, records=tuple(folds), patients=patients, folds=folds)


def _labels(folder: Path) -> dict[str, tuple[str, ...]]:
    """Read the superclasses of all diagnostic statements of each strip, which may be several or none.

    Statements count whatever their likelihood: Strodthoff et al., Deep learning for ECG analysis: benchmarks
    and insights from PTB-XL, IEEE J. Biomed. Health Inform. 25(5):1519-1528, 2021.
    """
    path, classes = folder / _TABLE, _diagnostic_classes(folder / _STATEMENTS)
    labels: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(table_of(path), start=1):
        try:
            codes = ast.literal_eval(row["scp_codes"])
            name = PurePosixPath(row["filename_lr"]).name
            labels[name] = tuple(sorted({classes[code] for code in dict(codes) if code in classes}))
        except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise DataError(
                f"{path}, row {number}: no scp_codes or filename_lr ({error}); get it again"
            ) from error
    return labels


def _diagnostic_classes(path: Path) -> dict[str, str]:
    """Map each diagnostic statement to its superclass."""
    found = {row.get("", ""): row.get("diagnostic_class", "") for row in table_of(path)}
    if not any(found.values()):
        raise DataError(f"{path} names no diagnostic_class; expected the table of PTB-XL, get it again")
    return {statement: name for statement, name in found.items() if name}


PTBXL = Database(
    name="ptbxl",
    title="PTB-XL, a large publicly available electrocardiography dataset (100 Hz)",
    version="1.0.3",
    slug="ptb-xl",
    n_records=21799,
    marker=_TABLE,
    leads=("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    fs_hz=100.0,
    licence="Creative Commons Attribution 4.0 International",
    citation=(
        "Wagner P et al. PTB-XL, a large publicly available electrocardiography dataset. "
        "Scientific Data 7:154, 2020. doi:10.1038/s41597-020-0495-6"
    ),
    default_split="published",
    # Wagner et al. 2020: the labels of folds 9 and 10 were checked best, 9 to choose on and 10 to test on.
    validation_fold=9,
    test_fold=10,
    remote_files=r"records100/\d{5}/\d{5}_lr\.(?:hea|dat)|ptbxl_database\.csv|scp_statements\.csv",
    read=_read,
    strip_classes=("NORM", "MI", "STTC", "CD", "HYP"),
    strip_labels=_labels,
)
