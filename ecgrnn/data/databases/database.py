"""What a database is: what is known of it beforehand, and how the rest is read from its folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ecgrnn.data.databases.patients import resolve_patients
from ecgrnn.data.databases.record_names import records_below
from ecgrnn.errors import DataError, nearest, some_of
from ecgrnn.options.data import DataConfig
from ecgrnn.signals.formats.wfdb.header import read_header

PER_LEAD = "lead"
"""The ``data.annotator`` that says: every lead has an annotation file of its own, named like the lead."""

ODC_BY = "Open Data Commons Attribution License v1.0"

Labels = Mapping[str, tuple[str, ...]]
"""Name of a record, without its folders, to the classes of the whole strip."""


@dataclass(frozen=True)
class PublishedSplit:
    """A division of a database's records into training and test records, as somebody published it.

    Attributes:
        train: records to train on; validation patients are taken from them.
        test: records to test on.
        notes: what a reader of figures on it should know.
        overlaps: pairs of a training and a test record of one patient, which the publication has, to what is
            said about it where both are used.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    notes: tuple[str, ...] = ()
    overlaps: Mapping[tuple[str, str], str] = field(default_factory=dict)


def as_known(database: "Database", folder: Path) -> "Database":
    """Take the list of records as it is known, whatever the folder holds."""
    return database


def with_records_below(database: "Database", folder: Path) -> "Database":
    """Take the records that the folder's RECORDS file names, or without one all that have a header."""
    return replace(database, records=records_below(folder))


def no_labels(folder: Path) -> Labels:
    """Give no labels: the database marks beats or waves, not whole strips."""
    return {}


def no_folds() -> Mapping[str, int]:
    """Give no folds: they are drawn."""
    return {}


def always(first: DataConfig, second: DataConfig) -> bool:
    """Tell that a record's name means the same patient wherever the database is."""
    return True


@dataclass(frozen=True)
class Database:
    """What is known about a database before, and (after ``opened``) from its files.

    Attributes:
        name: how options, folders and tables call it.
        title: its full name.
        version: the published version that the facts here describe.
        slug: its name on PhysioNet; None where it is not published there.
        n_records: how many records the whole database has; 0 where only the folder knows.
        marker: a file whose presence tells that a folder holds this database.
        leads: lead names that occur in it, as its headers spell them; empty where only the folder knows.
        fs_hz: sampling frequency; None where it differs or only the folder knows.
        licence: the licence of the data.
        citation: what to cite.
        records: record paths below its folder, with forward slashes and no suffix; empty until opened
            where the list is long.
        patients: record to patient, for the records whose patient is not the record's own name; of every
            record, as it was found, once opened.
        excerpt_of: record to the database and the record that it was taken from, or made of; who has been
            trained on there is no stranger here.
        annotators: suffixes of its annotation files.
        unnamed_beats: annotators that mark every beat as N, whatever it is.
        lacks: AAMI classes that its annotators do not tell from others.
        exclusions: record to the reason why it is left out of every split.
        default_split: the split that is trained on where none is named.
        default_scored_split: the same for a model that is only scored; empty where that is no other.
        splits: published divisions of its records by name.
        folds: record to its published fold, 1 and up; empty where none are published.
        validation_fold: the published fold that validates.
        test_fold: the published fold that tests.
        remote_files: regular expression of the published files that are needed; where it has a group, the
            group is the local name. Its headers must be ``n_records``.
        own_options: options of ``data`` that no other database has, to the reason.
        read: fills in what only the folder knows: records, patients, folds. It is called for the whole
            database, before ``records`` are chosen and before missing headers are looked for.
        made_at: says where ``place`` would make its folder; None where it makes none.
        place: makes or names its folder; None: it is looked for on this machine, else downloaded.
        strip_classes: the classes of whole strips.
        strip_labels: reads the labels of whole strips from the folder.
        fixed_folds: record, without its folders, to a fold from 0 that is kept in a file of this package.
        same_names: tells whether a record's name means the same patient under two settings.
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
    excerpt_of: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    annotators: tuple[str, ...] = ()
    unnamed_beats: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    exclusions: Mapping[str, str] = field(default_factory=dict)
    default_split: str = "holdout"
    default_scored_split: str = ""
    splits: Mapping[str, PublishedSplit] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)
    validation_fold: int = 0
    test_fold: int = 0
    remote_files: str = ""
    own_options: Mapping[str, str] = field(default_factory=dict)
    read: Callable[["Database", Path], "Database"] = as_known
    made_at: Callable[[DataConfig], Path] | None = None
    place: Callable[[DataConfig], Path] | None = None
    strip_classes: tuple[str, ...] = ()
    strip_labels: Callable[[Path], Labels] = no_labels
    fixed_folds: Callable[[], Mapping[str, int]] = no_folds
    same_names: Callable[[DataConfig, DataConfig], bool] = always

    def patient_of(self, record: str) -> str:
        """Give the patient of a record: the record's own name unless more is known."""
        return self.patients.get(record, record)

    @property
    def included(self) -> tuple[str, ...]:
        """The records that are not excluded, in order."""
        return tuple(record for record in self.records if record not in self.exclusions)

    @property
    def scored_split(self) -> str:
        """The split that an existing model is scored on where none is named."""
        return self.default_scored_split or self.default_split


def opened(
    database: Database,
    folder: Path,
    *,
    annotator: str = "atr",
    patients: Mapping[str, str] | None = None,
    records: Sequence[str] = (),
) -> Database:
    """Fill in everything that only the folder knows.

    Args:
        database: an entry of the table.
        folder: the database's own folder, as ``download.locate`` gives it.
        annotator: suffix of the annotation files of a folder of one's own, or ``lead``: each lead has one.
        patients: record to patient, as a split file has it (``build.listed_patients``); put together with
            what is known of the database. A record that neither knows is a patient of its own.
        records: limit the database to these records, in this order; empty takes all.

    Raises:
        DataError: a record has no header in the folder, a table is missing or damaged, or ``records`` names
            one that is not in the database.
    """
    found = database.read(database, folder)
    found = replace(found, patients=resolve_patients(found.records, found.patients, patients or {}))
    found = _limited(found, folder, records=records)
    return found if found.leads else _described(found, folder, annotator=annotator)


def labels_of(record: str, labels: Labels) -> tuple[str, ...]:
    """Give the labels of a record by its name, wherever its folder is.

    >>> labels_of("training/A00/A00001", {"A00001": ("N",)})
    ('N',)
    """
    return labels.get(PurePosixPath(record).name, ())


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


def _described(database: Database, folder: Path, *, annotator: str) -> Database:
    """Take leads and sampling frequency from the first record."""
    first = folder / database.records[0]
    try:
        header = read_header(first)
    except DataError as error:
        raise DataError(f"{first}.hea is not a WFDB header ({error}); repair it or leave it out") from error
    annotators = tuple(lead.lower() for lead in header.leads) if annotator == PER_LEAD else (annotator,)
    return replace(database, fs_hz=header.fs_hz, leads=header.leads, annotators=annotators)
