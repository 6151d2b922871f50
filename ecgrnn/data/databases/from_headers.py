"""Patients as the headers of a database tell them: by a number, or by what is said of the patient."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ecgrnn.data.databases.database import Database, with_records_below
from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.header import Header, read_header

Patient = Callable[[Header, Path], str]
"""Names the patient of a record, given its header and its path; an empty name: nobody knows."""


def with_patients(patient: Patient) -> Callable[[Database, Path], Database]:
    """Give what reads the records of a folder, and the patient of each from its header.

    Of two records that the catalogue takes for one patient, the first one's header counts.
    """

    def read(database: Database, folder: Path) -> Database:
        """Give the database with the records of a folder and whose they are."""
        found = with_records_below(database, folder)
        there = [record for record in found.records if (folder / f"{record}.hea").is_file()]
        patients = {record: patient(read_header(folder / record), folder / record) for record in there}
        known = {record: name for record, name in patients.items() if name}
        same = {record: known.get(first, first) for record, first in database.patients.items()}
        return replace(found, patients={**known, **same})

    return read


def numbered_patient(header: Header, path: Path) -> str:
    """Read the comment ``patient 7``.

    Raises:
        DataError: there is none, so that nobody could tell records of one patient from those of two.
    """
    for comment in header.comments:
        if found := re.fullmatch(r"\s*patient\s+(\d+)\s*", comment):
            return f"patient {int(found[1])}"
    raise DataError(
        f"{path}.hea: expected a comment '# patient N', as the published headers have it, and found none; "
        "get the header again"
    )


def described_patient(header: Header, path: Path) -> str:
    """Name a patient by all that the comments say, in any order: records that say the same are of one."""
    said = sorted(" ".join(comment.split()) for comment in header.comments)
    return "; ".join(line for line in said if line)
