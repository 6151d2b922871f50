"""A split: who is trained on, chosen on and scored on, proved to share nobody before it exists."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from ecgrnn.errors import SplitError

SUBSETS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Which records a model is fitted on, chosen on and scored on; no patient is in two subsets.

    A split with ``test`` alone says who an existing model is scored on; nothing can be trained with it.

    Attributes:
        name: how tables call it.
        train: records that weights, class weights and normalisation come from.
        validation: records that the best epoch is chosen on.
        test: held-out records.
        patients: patient of every record above.
        notes: what a reader of its figures must know.
        accepted_overlaps: pairs of records of one patient in two subsets that a published division has; a
            note must say so.

    Raises:
        SplitError: a subset is empty, a record is named twice or has no patient, or a patient is in two
            subsets.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    patients: Mapping[str, str]
    notes: tuple[str, ...] = ()
    accepted_overlaps: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _check_subsets(self)
        _check_patients(self)
        if self.accepted_overlaps and not self.notes:
            raise SplitError(f"split {self.name}: accepted_overlaps needs a note that says who published it")

    @property
    def subsets(self) -> dict[str, tuple[str, ...]]:
        """``train``, ``validation`` and ``test`` to their records."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def manifest(self) -> dict[str, object]:
        """Give the split as plain data: name, notes, overlaps, and for each subset record to patient."""
        subsets = {
            name: {record: self.patients[record] for record in records}
            for name, records in self.subsets.items()
        }
        overlaps = [list(pair) for pair in self.accepted_overlaps]
        return {"name": self.name, **subsets, "notes": list(self.notes), "accepted_overlaps": overlaps}

    @property
    def digest(self) -> str:
        """Hash of who is in which subset; the name and the notes do not matter."""
        manifest = self.manifest()
        overlaps = sorted(sorted(pair) for pair in self.accepted_overlaps)
        plain = json.dumps([{subset: manifest[subset] for subset in SUBSETS}, overlaps], sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, object]) -> "Split":
        """Build a split from what ``manifest`` gave, proving it again.

        Raises:
            SplitError: a key is missing or of another type, or the split shares a patient.
        """
        subsets = {subset: _mapping(manifest, subset) for subset in SUBSETS}
        name, notes = manifest.get("name"), manifest.get("notes", [])
        overlaps = manifest.get("accepted_overlaps", [])
        if not isinstance(name, str) or not isinstance(notes, list) or not isinstance(overlaps, list):
            raise SplitError("a split manifest needs a name, and lists of notes and accepted_overlaps")
        if not subsets["train"]:
            raise SplitError(f"split {name}: the training set has no record; give it at least one patient")
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in overlaps):
            raise SplitError(
                f"accepted_overlaps of a split manifest must be pairs of records, not {overlaps!r}"
            )
        return cls(
            name=name,
            train=tuple(subsets["train"]),
            validation=tuple(subsets["validation"]),
            test=tuple(subsets["test"]),
            patients={record: patient for subset in subsets.values() for record, patient in subset.items()},
            notes=tuple(str(note) for note in notes),
            accepted_overlaps=tuple((str(first), str(second)) for first, second in overlaps),
        )


@dataclass(frozen=True)
class Stretch:
    """What a part of a training was trained on: each time it is resumed, another part begins.

    Attributes:
        from_step: the step it began at.
        split: digest of its split.
        fingerprint: hash of its records' files.
    """

    from_step: int
    split: str
    fingerprint: str


def _check_subsets(split: Split) -> None:
    seen: dict[str, str] = {}
    subsets = SUBSETS if split.train or split.validation else ("test",)
    for subset in subsets:
        if not split.subsets[subset]:
            raise SplitError(
                f"split {split.name}: the {subset} subset has no record; give it at least one patient"
            )
        for record in split.subsets[subset]:
            if record in seen:
                raise SplitError(
                    f"split {split.name}: record {record} is in {seen[record]} and again in {subset}"
                )
            if record not in split.patients:
                raise SplitError(f"split {split.name}: no patient is given for record {record} of {subset}")
            seen[record] = subset


def _check_patients(split: Split) -> None:
    accepted = {frozenset(pair) for pair in split.accepted_overlaps}
    for (one, ours), (other, theirs) in itertools.combinations(split.subsets.items(), 2):
        here: dict[str, list[str]] = {}
        for record in ours:
            here.setdefault(split.patients[record], []).append(record)
        for record in theirs:
            patient = split.patients[record]
            for same in here.get(patient, ()):
                if frozenset((same, record)) not in accepted:
                    raise SplitError(
                        f"split {split.name}: patient {patient} is in two subsets, record {same} in {one} "
                        f"and record {record} in {other}; keep all records of a patient in one subset"
                    )


def _mapping(manifest: Mapping[str, object], subset: str) -> dict[str, str]:
    value = manifest.get(subset)
    if not isinstance(value, Mapping):
        raise SplitError(f"a split manifest needs {subset} as a table of record to patient; it has {value!r}")
    return {str(record): str(patient) for record, patient in value.items()}
