"""What a checkpoint says beside its weights: how its network is built, and what it was trained on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.splits.split import SUBSETS, Split, Stretch
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec, from_plain, to_plain

FORMAT = 1
"""Raised when the keys of the facts change their meaning."""

_LOWEST_HZ, _HIGHEST_HZ = 1.0, 100_000.0

_FILES = 16
"""Letters of the hash of a record's files that are kept."""


@dataclass(frozen=True)
class Facts:
    """How a network is built, and what it was trained on.

    Attributes:
        signal: the signal it reads.
        scheme: the classes it distinguishes.
        task: name and options of what it was trained for, see `Task.plain`.
        network: name and options of the network, see `plain_network`.
        data: the database it was trained on.
        preprocessing: how its signals were prepared.
        split: who was in which subset.
        counts: subset to class to number of items.
        fingerprint: hash of the files it was trained, validated and tested on.
        seed: the seed of the training.
        versions: package to version.
        trained_leads: for each lead the network reads, the names it had in the training records, the
            commonest first; empty in an older checkpoint.
        contents: record to the hash of its files and the digests of its leads, see `contents_of`; empty in an
            older checkpoint.
        precision: what it was computed in; None in an older checkpoint.
        stretches: what each part of the training was trained on; empty in an older checkpoint.
        format: raised when the meaning of these facts changes.

    Raises:
        ValueError: a fact cannot be true; says which.
    """

    signal: SignalSpec
    scheme: LabelScheme
    task: Mapping[str, Any]
    network: Mapping[str, Any]
    data: DataConfig
    preprocessing: PreprocessingConfig
    split: Split
    counts: Mapping[str, Mapping[str, int]]
    fingerprint: str
    seed: int
    versions: Mapping[str, str]
    trained_leads: tuple[tuple[str, ...], ...] = ()
    contents: Mapping[str, str] = field(default_factory=dict)
    precision: str | None = None
    stretches: tuple[Stretch, ...] = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        signal, scheme = self.signal, self.scheme
        if not _LOWEST_HZ <= signal.fs_hz <= _HIGHEST_HZ:
            raise ValueError(f"signal.fs_hz={signal.fs_hz:g} is not a plausible sampling frequency of an ECG")
        if signal.unit != "mV":
            raise ValueError(f"signal has {len(signal.leads)} leads in {signal.unit!r}; expected some in mV")
        unknown = set(scheme.symbols.values()) - set(scheme.classes)
        if not scheme.classes or len(set(scheme.classes)) < len(scheme.classes) or unknown:
            raise ValueError(f"scheme.classes={list(scheme.classes)} are not the classes of its symbols")
        for subset in SUBSETS:
            counts = self.counts.get(subset, {})
            if set(counts) != set(scheme.classes) or min(counts.values()) < 0:
                raise ValueError(f"counts.{subset}={counts!r:.80} are not the numbers of items of each class")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} is none")

    def seen_leads(self, *subsets: str) -> dict[str, str]:
        """Give the digest of each lead in some subsets, and the record it is of."""
        names = (name for subset in subsets for name in self.split.subsets[subset])
        return {digest: name for name in names for digest in self.contents.get(name, "").split()[1:]}

    def plain(self) -> dict[str, Any]:
        """Give them as plain data, for a checkpoint."""
        return {**to_plain(self), "split": self.split.manifest()}


def read_facts(plain: Mapping[str, Any]) -> Facts:
    """Read facts back from plain data; the inverse of ``Facts.plain``.

    Raises:
        ConfigError: one is missing or unknown, has the wrong type, or cannot be true.
        SplitError: the split is none.
    """
    split = Split.from_manifest(plain["split"])
    return from_plain(Facts, {**plain, "split": split})


def contents_of(records: Iterable[CachedRecord]) -> dict[str, str]:
    """Give each record's hash of its files and digests of its leads.

    One text a record: a database has tens of thousands, and a checkpoint is read before every prediction.
    """
    return {record.name: " ".join((record.fingerprint[:_FILES], *record.contents)) for record in records}
