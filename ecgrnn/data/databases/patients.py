"""Who was recorded in which record: what the catalogue and a split file know, put together once."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath


def resolve_patients(
    records: Iterable[str], catalogue: Mapping[str, str], listed: Mapping[str, str]
) -> dict[str, str]:
    """Give every record its patient, from the catalogue and a split file together.

    The catalogue knows some records by their bare names, which are found in folders where a database is laid
    out as it was published. Records that it takes for one patient stay one, whatever a split file calls
    them: where the file names the patient of one of them, that is the patient of all.

    Args:
        records: all records of the database, as they were found.
        catalogue: record, with or without its folders, to patient; a record not in it is its own patient.
        listed: record, as it was found, to patient, as a split file has it.

    Returns:
        Record, as it was found, to patient.

    >>> found = ["training/A00/A00227", "training/A01/A01176", "training/A01/A01177"]
    >>> resolve_patients(found, {"A01176": "A00227"}, {}) == {
    ...     "training/A00/A00227": "A00227", "training/A01/A01176": "A00227",
    ...     "training/A01/A01177": "training/A01/A01177"}
    True
    >>> list(resolve_patients(found[:2], {"A01176": "A00227"}, {found[0]: "anna"}).values())
    ['anna', 'anna']
    """
    known = _of_the_catalogue(tuple(records), catalogue)
    labels: dict[str, list[str]] = {}
    for record, patient in known.items():
        labels.setdefault(patient, []).extend([listed[record]] if record in listed else [])
    merged = _merged(labels.values())
    return {
        record: merged[listed.get(record) or labels[patient][0]] if labels[patient] else patient
        for record, patient in known.items()
    }


def _of_the_catalogue(records: tuple[str, ...], catalogue: Mapping[str, str]) -> dict[str, str]:
    """Look records up by their names as found, then without folders; a record's own name is a patient too."""
    named = set(catalogue.values())
    known = {}
    for record in records:
        bare = PurePosixPath(record).name
        own = bare if bare in named else record
        known[record] = catalogue.get(record) or catalogue.get(bare) or own
    return known


def _merged(groups: Iterable[list[str]]) -> dict[str, str]:
    """Give each label the one that stands for it, where the labels of a group mean one patient."""
    stands_for: dict[str, str] = {}
    for group in groups:
        for label in group:
            stands_for.setdefault(label, label)
        same = {stands_for[label] for label in group}
        if len(same) > 1:
            first = stands_for[group[0]]
            stands_for = {label: first if other in same else other for label, other in stands_for.items()}
    return stands_for
