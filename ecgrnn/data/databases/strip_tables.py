"""What whole strips are called: reading the label tables of the databases that have one, and fixed folds."""

import ast
import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path, PurePosixPath

from ecgrnn.errors import DataError

_REFERENCE = "REFERENCE-v3.csv"
_PTBXL, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"


def strip_labels(database: str, folder: Path) -> dict[str, tuple[str, ...]]:
    """Read the labels of whole strips: record name, without its folders, to its classes.

    In cinc2017 a strip has one of N, A (atrial fibrillation), O (other rhythm) and ~ (too noisy). In ptbxl it
    has the superclasses (NORM, MI, STTC, CD, HYP) of all its diagnostic statements, whatever their
    likelihood, which may be several or none: Strodthoff et al., Deep learning for ECG analysis: benchmarks
    and insights from PTB-XL, IEEE J. Biomed. Health Inform. 25(5):1519-1528, 2021.

    Args:
        database: name in the catalogue; those without a table have no labels.
        folder: the database's own folder.

    Raises:
        DataError: a table is missing or damaged.
    """
    match database:
        case "cinc2017":
            return _reference(folder / _REFERENCE)
        case "ptbxl":
            return _superclasses(folder / _PTBXL, _diagnostic_classes(folder / _STATEMENTS))
        case _:
            return {}


def labels_of(record: str, labels: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Give the labels of a record by its name, wherever its folder is.

    >>> labels_of("training/A00/A00001", {"A00001": ("N",)})
    ('N',)
    """
    return labels.get(PurePosixPath(record).name, ())


def fixed_folds(database: str) -> dict[str, int]:
    """Read the folds this application keeps for a database without published ones: record name to fold.

    They are in a file, and not drawn, so that figures over them stay comparable whatever happens to the code
    that drew them: stratified by label, seed 2017.
    """
    source = resources.files("ecgrnn.data.databases") / f"{database}_folds.csv"
    if not source.is_file():
        return {}
    lines = source.read_text(encoding="utf-8").splitlines()
    return {row["record"]: int(row["fold"]) for row in csv.DictReader(lines)}


def _reference(path: Path) -> dict[str, tuple[str, ...]]:
    rows = [row for row in csv.reader(_text(path).splitlines()) if row]
    wrong = [row for row in rows if len(row) != 2 or row[1] not in {"N", "A", "O", "~"}]
    if wrong:
        raise DataError(f"{path}: expected lines such as A00001,N with a label N, A, O or ~; got {wrong[0]}")
    return {name: (label,) for name, label in rows}


def _diagnostic_classes(path: Path) -> dict[str, str]:
    """Map each diagnostic statement to its superclass."""
    rows = csv.DictReader(_text(path).splitlines(keepends=True))
    found = {row.get("", ""): row.get("diagnostic_class") or "" for row in rows}
    if not any(found.values()):
        raise DataError(f"{path} names no diagnostic_class; expected the table of PTB-XL, get it again")
    return {statement: name for statement, name in found.items() if name}


def _superclasses(path: Path, classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(csv.DictReader(_text(path).splitlines(keepends=True)), start=1):
        try:
            codes = ast.literal_eval(row["scp_codes"])
            name = PurePosixPath(row["filename_lr"]).name
            labels[name] = tuple(sorted({classes[code] for code in dict(codes) if code in classes}))
        except (KeyError, TypeError, ValueError, SyntaxError) as error:
            raise DataError(
                f"{path}, row {number}: no scp_codes or filename_lr ({error}); get it again"
            ) from error
    return labels


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}, which says what the strips are: {error}") from error
