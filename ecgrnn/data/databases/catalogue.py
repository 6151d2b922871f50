"""The catalogue: which databases there are, who was recorded in them, and what is left out and why."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ecgrnn.data.databases.patients import resolve_patients
from ecgrnn.data.databases.record_names import checked_name, headers_in, records_below, text_of
from ecgrnn.errors import ConfigError, DataError, did_you_mean, some_of
from ecgrnn.signals.formats.wfdb.header import read_header

PER_LEAD = "lead"
"""The ``data.annotator`` that says: every lead has an annotation file of its own, named like the lead."""


@dataclass(frozen=True)
class Database:
    """What is known about a database before, and (after ``open_database``) from its files.

    Attributes:
        name: how options, folders and tables call it.
        title: its full name.
        version: the published version that the facts here describe.
        slug: its name on PhysioNet; None where it is not published there.
        n_records: how many records the whole database has; 0 where only the folder knows.
        marker: a file whose presence tells that a folder holds this database.
        leads: lead names that occur in it, as its headers spell them.
        fs_hz: sampling frequency; None where it differs or only the folder knows.
        licence: the licence of the data.
        citation: what to cite.
        records: record paths below its folder, with forward slashes and no suffix; empty until opened
            where the list is long.
        patients: record to patient, for the records whose patient is not the record's own name; of every
            record, as it was found, once opened.
        annotators: suffixes of its annotation files.
        exclusions: record to the reason why it is left out of every split.
        folds: record to its published fold, 1 and up; empty where none are published.
        default_split: the split that is taken where none is named.
        remote_files: regular expression of the published files that are needed; where it has a group, the
            group is the local name.
    """

    name: str
    title: str
    version: str
    slug: str | None
    n_records: int
    marker: str
    leads: tuple[str, ...]
    fs_hz: float | None
    licence: str
    citation: str
    records: tuple[str, ...] = ()
    patients: Mapping[str, str] = field(default_factory=dict)
    annotators: tuple[str, ...] = ()
    exclusions: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)
    default_split: str = "holdout"
    remote_files: str = ""

    def patient_of(self, record: str) -> str:
        """Give the patient of a record: the record's own name unless the catalogue knows better."""
        return self.patients.get(record, record)

    @property
    def included(self) -> tuple[str, ...]:
        """The records that are not excluded, in order."""
        return tuple(record for record in self.records if record not in self.exclusions)


_ODC_BY = "Open Data Commons Attribution License v1.0"
_PACED = "paced; left out as AAMI EC57 recommends"

# The numbers between 100 and 234 that no record has.
_MITDB_GAPS = {110, 120, *range(125, 200), 204, 206, 211, 216, 218, *range(224, 228), 229}

_MITDB = Database(
    name="mitdb",
    title="MIT-BIH Arrhythmia Database",
    version="1.0.0",
    slug="mitdb",
    n_records=48,
    marker="100.hea",
    leads=("MLII", "V1", "V2", "V4", "V5"),
    fs_hz=360.0,
    licence=_ODC_BY,
    citation=(
        "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. "
        "IEEE Eng in Med and Biol 20(3):45-50, 2001. doi:10.13026/C2F305"
    ),
    records=tuple(str(number) for number in range(100, 235) if number not in _MITDB_GAPS),
    # The header of 202 says that it was taken from the same analogue tape as 201.
    patients={"202": "201"},
    annotators=("atr",),
    exclusions=dict.fromkeys(("102", "104", "107", "217"), _PACED),
    default_split="ds1ds2",
    remote_files=r"\d{3}\.(?:hea|dat|atr)|RECORDS",
)

_LUDB = Database(
    name="ludb",
    title="Lobachevsky University Electrocardiography Database",
    version="1.0.1",
    slug="ludb",
    n_records=200,
    marker="data/1.hea",
    leads=("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6"),
    fs_hz=500.0,
    licence=_ODC_BY,
    citation=(
        "Kalyakulina AI et al. LUDB: a new open-access validation tool for electrocardiogram delineation "
        "algorithms. IEEE Access 8:186181-186190, 2020. doi:10.1109/ACCESS.2020.3029211"
    ),
    records=tuple(f"data/{number}" for number in range(1, 201)),
    annotators=("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6"),
    remote_files=r"data/\d+\.(?:hea|dat|iii|ii|i|av[rlf]|v[1-6])|RECORDS|ANNOTATORS|ludb\.csv",
)

_CINC2017 = Database(
    name="cinc2017",
    title="AF Classification from a Short Single Lead ECG Recording: the PhysioNet/CinC Challenge 2017",
    version="1.0.0",
    slug="challenge-2017",
    n_records=8528,
    marker="REFERENCE-v3.csv",
    leads=("ECG",),
    fs_hz=300.0,
    licence=_ODC_BY,
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
)

_PTBXL = Database(
    name="ptbxl",
    title="PTB-XL, a large publicly available electrocardiography dataset (100 Hz)",
    version="1.0.3",
    slug="ptb-xl",
    n_records=21799,
    marker="ptbxl_database.csv",
    leads=("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    fs_hz=100.0,
    licence="Creative Commons Attribution 4.0 International",
    citation=(
        "Wagner P et al. PTB-XL, a large publicly available electrocardiography dataset. "
        "Scientific Data 7:154, 2020. doi:10.1038/s41597-020-0495-6"
    ),
    default_split="published",
    remote_files=r"records100/\d{5}/\d{5}_lr\.(?:hea|dat)|ptbxl_database\.csv|scp_statements\.csv",
)

_SYNTHETIC = Database(
    name="synthetic",
    title="The built-in database: simulated patients, made on the spot",
    version="1",
    slug=None,
    n_records=40,
    marker="s001.hea",
    leads=("MLII", "V1"),
    fs_hz=360.0,
    licence="that of this application",
    citation=(
        "After McSharry PE, Clifford GD, Tarassenko L, Smith LA. A dynamical model for generating synthetic "
        "electrocardiogram signals. IEEE Trans Biomed Eng 50(3):289-294, 2003. doi:10.1109/TBME.2003.808805"
    ),
    records=tuple(f"s{number:03d}" for number in range(1, 41)),
    annotators=("atr", "pqt"),
)

DATABASES: Mapping[str, Database] = {
    database.name: database for database in (_SYNTHETIC, _MITDB, _LUDB, _CINC2017, _PTBXL)
}


def find_database(name: str) -> Database:
    """Give the catalogue's entry.

    Raises:
        ConfigError: no database has this name; says the nearest one that exists.
    """
    if name not in DATABASES:
        raise ConfigError(f"there is no database {name!r}{nearest(name, DATABASES)}; any folder: data=folder")
    return DATABASES[name]


def open_database(
    name: str,
    folder: Path,
    *,
    patients: Mapping[str, str] | None = None,
    records: Sequence[str] = (),
) -> Database:
    """Give the catalogue's entry with everything filled in that only the folder knows.

    Args:
        name: name in the catalogue.
        folder: the database's own folder, as ``download.locate`` gives it.
        patients: record to patient, as a split file has it (``split_file.split_patients``); put together with
            what the catalogue knows.
        records: limit the database to these records, in this order; empty takes all.

    Raises:
        ConfigError: no database has this name.
        DataError: a record has no header in the folder, a table is missing or damaged, or ``records`` names
            one that is not in the database.
    """
    database = find_database(name)
    if name == "ptbxl":
        database = _with_ptbxl_table(database, folder)
    else:
        database = replace(database, records=records_in(database, folder))
    resolved = resolve_patients(database.records, database.patients, patients or {})
    return _limited(replace(database, patients=resolved), folder, records=records)


def folder_database(
    folder: Path,
    annotator: str = "atr",
    *,
    patients: Mapping[str, str] | None = None,
    records: Sequence[str] = (),
) -> Database:
    """Describe any folder of WFDB records; leads and sampling frequency are those of the first record.

    Args:
        folder: holds the records, at any depth; its RECORDS file says which ones, else every header does.
        annotator: suffix of the annotation files, or ``lead``: each lead has its own, as in LUDB.
        patients: record to patient (``splits.split_patients`` reads it from a split file); a record that is
            not in it is a patient of its own.
        records: limit the database to these records, in this order; empty takes all.

    Raises:
        DataError: the folder is missing or has no record, a record is not there, or a name leaves the folder.
    """
    found = records_below(folder)
    database = Database(
        name=folder.resolve().name,
        title=f"records in {folder}",
        version="",
        slug=None,
        n_records=len(found),
        marker="",
        leads=(),
        fs_hz=None,
        licence="",
        citation="",
        records=found,
        patients=resolve_patients(found, {}, patients or {}),
    )
    database = _limited(database, folder, records=records)
    fs_hz, leads = _first_header(folder, database.records[0])
    annotators = tuple(lead.lower() for lead in leads) if annotator == PER_LEAD else (annotator,)
    return replace(database, fs_hz=fs_hz, leads=leads, annotators=annotators)


def records_in(database: Database, folder: Path) -> tuple[str, ...]:
    """List the records of a database: the catalogue's list, or where that is long or open, the folder's.

    Raises:
        DataError: the table that lists the records is missing or damaged, or names one that is not there.
    """
    if database.name == "ptbxl":
        return _with_ptbxl_table(database, folder).records
    if database.name == "cinc2017":
        return _cinc2017_records(folder)
    # As many simulated patients as were asked for.
    if database.records and database.name != "synthetic":
        return database.records
    return records_below(folder)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Give the end of an error message that names the nearest right choice, or lists some of them."""
    known = sorted(choices)
    return did_you_mean(name, known) or f"; there are {some_of(known, most=8)}"


def _limited(database: Database, folder: Path, *, records: Sequence[str]) -> Database:
    known = set(database.records)
    for record in records:
        if record not in known:
            raise DataError(f"{database.name} has no record {record!r}{nearest(record, database.records)}")
    kept = tuple(dict.fromkeys(records)) or database.records
    left_out = [record for record in records if record in database.exclusions]
    if left_out:
        raise DataError(
            f"record {left_out[0]} of {database.name} is {database.exclusions[left_out[0]]}; take it out of "
            "the records named"
        )
    absent = [record for record in kept if not (folder / f"{record}.hea").is_file()]
    if absent:
        raise DataError(
            f"{folder}: {len(absent)} of {len(kept)} records have no header ({some_of(absent)}); "
            f"expected {absent[0]}.hea; get the missing files, or name the records that are there"
        )
    return replace(database, records=kept)


def _cinc2017_records(folder: Path) -> tuple[str, ...]:
    """Read the reference table and find each record, in the flat archive or in PhysioNet's folders."""
    table = folder / _CINC2017.marker
    found: dict[str, str] = {}
    for path in headers_in(folder):
        # The challenge's validation set repeats training records: the first in order is the training one.
        found.setdefault(PurePosixPath(path).name, path)
    names = [
        checked_name(row[0], source=str(table)) for row in csv.reader(text_of(table).splitlines()) if row
    ]
    absent = [name for name in names if name not in found]
    if absent or not names:
        first = absent[0] if absent else "any record"
        raise DataError(
            f"{table} lists {len(names)} records; {len(absent)} have no header here, first {first}"
        )
    return tuple(found[name] for name in names)


def _with_ptbxl_table(database: Database, folder: Path) -> Database:
    path = folder / database.marker
    patients: dict[str, str] = {}
    folds: dict[str, int] = {}
    for number, row in enumerate(csv.DictReader(text_of(path).splitlines(keepends=True)), start=1):
        try:
            record = checked_name(row["filename_lr"], source=str(path))
            patients[record] = str(int(float(row["patient_id"])))
            folds[record] = int(row["strat_fold"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}, row {number}: no patient_id, strat_fold or filename_lr ({error}); get it again"
            ) from error
    if not folds:
        raise DataError(f"{path} lists no record; get the file again")
    return replace(database, records=tuple(folds), patients=patients, folds=folds)


def _first_header(folder: Path, record: str) -> tuple[float, tuple[str, ...]]:
    try:
        header = read_header(folder / record)
    except DataError as error:
        raise DataError(
            f"{folder / record}.hea is not a WFDB header ({error}); repair it or leave it out"
        ) from error
    return header.fs_hz, header.leads
