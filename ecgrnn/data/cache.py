"""Prepared records on disk: each is read and filtered once, then memory-mapped by every run that needs it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data import cache_entry as entry
from ecgrnn.data.beside import folder_beside, remove_left
from ecgrnn.data.cache_entry import FileSums
from ecgrnn.errors import DataError, reason_of
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.content import lead_digests
from ecgrnn.signals.formats.wfdb.header import Header, read_header, record_files
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import PreparedRecord, prepare_record
from ecgrnn.signals.reference import read_reference

CACHE_VERSION = 2
"""Raised whenever preparing the same record with the same options gives other numbers."""

_AT_ONCE = 8
"""Records that a process is handed at once: strips of ten seconds would wait for their turn else."""

_TUPLES = ("leads", "missing", "contents")
"""Facts of an entry that JSON keeps as lists."""

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class RecordSource:
    """A record on disk that is to be prepared.

    Attributes:
        name: the record's name within its database.
        path: where it is, without suffix.
        patient: whose it is.
        annotators: extensions of the annotation files to keep with the signal.
        labels: what the whole record is called, where a table of the database says so.
    """

    name: str
    path: Path
    patient: str
    annotators: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class CachedRecord:
    """A prepared record, its signal mapped from disk when it is read.

    Attributes:
        name: the record's name within its database.
        patient: whose it is.
        folder: its folder in the cache.
        fs_hz: sampling frequency of ``signal``.
        leads: lead names.
        n_samples: length of ``signal``.
        source_fs_hz: sampling frequency of the record on disk and of its annotations.
        source_samples: length of the record on disk.
        missing: samples per lead that were missing on disk.
        fingerprint: hash of the record's files.
        digest: hash of ``signal``: the same recording under two names has the same.
        contents: digests of the leads as they were read, see `lead_digests`.
        labels: what the whole record is called, where a table of the database says so.
        merged: beats of its annotations that were merged with the one before, see ``reference_annotations``.
        outside: annotations that were left out since they lie outside the record.
        sums: size and CRC-32 of the entry's files, against which each is checked when it is first read.
        origin: what the entry is prepared from again where it is damaged.
    """

    name: str
    patient: str
    folder: Path
    fs_hz: float
    leads: tuple[str, ...]
    n_samples: int
    source_fs_hz: float
    source_samples: int
    missing: tuple[int, ...]
    fingerprint: str
    digest: str
    contents: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    merged: int = 0
    outside: int = 0
    sums: FileSums = field(default_factory=dict, compare=False, repr=False)
    origin: "Origin | None" = field(default=None, compare=False, repr=False)

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV, read-only."""
        return entry.mapped(self._whole("signal.npy"))

    def read(self) -> NDArray[np.float32]:
        """Read ``signal`` into memory without mapping it: every mapping keeps a file open."""
        read: NDArray[np.float32] = np.load(self._whole("signal.npy"), allow_pickle=False)
        return read

    def annotations(self, annotator: str) -> Annotations:
        """Give one annotator's annotations, at the source's sampling frequency."""
        with np.load(self._whole(f"annotations-{annotator}.npz"), allow_pickle=False) as arrays:
            return Annotations(**arrays, fs_hz=self.source_fs_hz)

    def _whole(self, name: str) -> Path:
        """Give a file of the entry; where it is damaged, the entry is prepared again first.

        Raises:
            DataError: it cannot be prepared again, or the record is another one by now.
        """
        path = self.folder / name
        if entry.is_whole(path, self.sums):
            return path
        if self.origin is not None:
            _prepare(self.origin.source, self.origin.config, self.origin.cache)
        if not entry.is_whole(path, self.sums):
            raise DataError(
                f"{path} is damaged, or its record has changed since this run began; start again, which "
                "prepares it anew"
            )
        return path


@dataclass(frozen=True)
class Origin:
    """What an entry was prepared from.

    Attributes:
        source: the record.
        config: how its signal was prepared.
        cache: the cache that the entry is in.
    """

    source: RecordSource
    config: PreprocessingConfig
    cache: Path


def prepare_records(
    sources: Sequence[RecordSource],
    config: PreprocessingConfig,
    *,
    cache: Path,
    workers: int,
    progress: Progress,
    processes: int = 1,
) -> list[CachedRecord]:
    """Give all records prepared, from the cache where they are in it and into it where they are not.

    Args:
        sources: the records.
        config: how signals are prepared.
        cache: folder of the cache; made when absent.
        workers: threads that read and filter; NumPy and SciPy leave the interpreter lock while they do.
        progress: wraps the loop over records that have to be prepared, given how many there are.
        processes: more than one take the place of the threads: short records keep the interpreter itself
            busy, and it runs one thread at a time. They are spawned, so that a program of its own that asks
            for them does so below ``if __name__ == "__main__":``.

    Raises:
        DataError: when a record cannot be read or prepared, or a process died.
    """
    found = {source.name: _find(source, config, cache) for source in sources}
    absent = [source for source in sources if found[source.name] is None]
    if absent:
        remove_left(cache)
        with _pool(workers, min(processes, len(absent))) as pool:
            made = pool.map(partial(_prepare, config=config, cache=cache), absent, chunksize=_AT_ONCE)
            try:
                found.update((record.name, record) for record in progress(made, len(absent)))
            except BrokenProcessPool as error:
                raise DataError(
                    f"{cache}: a process that prepared records died, perhaps for want of memory; what is "
                    f"prepared stays: run it again, with fewer than {processes} processes"
                ) from error
    return [record for record in found.values() if record is not None]


def data_fingerprint(records: Sequence[CachedRecord]) -> str:
    """Hash names, contents and labels of records: equal exactly where the same files were read."""
    lines = sorted(" ".join((record.name, record.fingerprint, *record.labels)) for record in records)
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _pool(workers: int, processes: int) -> Executor:
    if processes > 1:
        return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    return ThreadPoolExecutor(max(workers, 1))


def _find(source: RecordSource, config: PreprocessingConfig, cache: Path) -> CachedRecord | None:
    """Open a record's entry, or the same signal's that kept the record's own sampling frequency."""
    found = _entry(Origin(source, config, cache))
    if found is not None or config.fs_hz is None:
        return found
    kept = _entry(Origin(source, dataclasses.replace(config, fs_hz=None), cache))
    return kept if kept is not None and kept.fs_hz == config.fs_hz else None


def _entry(origin: Origin) -> CachedRecord | None:
    """Open an entry, or give None where there is none or what can be told without reading it is not right."""
    source, folder = origin.source, _folder(origin.source, origin.config, origin.cache)
    facts = entry.read_facts(folder)
    if facts is None:
        return None
    try:
        record = CachedRecord(
            **{**facts["record"], **{name: tuple(facts["record"][name]) for name in _TUPLES}},
            patient=source.patient,
            folder=folder,
            labels=source.labels,
            sums={name: (size, crc) for name, (size, crc) in facts["sums"].items()},
            origin=origin,
        )
        files = [source.path.parent / name for name, *_ in facts["sources"]]
        stamps = entry.stamps_of(files, source.path.parent)
        changed = facts["sources"] != stamps
        if changed and record.fingerprint != entry.fingerprint_of(files):
            return None
        plausible = entry.plausible(facts["record"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not plausible or not entry.are_there(folder, record.sums):
        return None
    if changed:
        entry.renew_stamps(folder, facts, stamps)
    return record


def _prepare(source: RecordSource, config: PreprocessingConfig, cache: Path) -> CachedRecord:
    """Prepare one record beside its place in the cache and move it there when it is whole."""
    folder = _folder(source, config, cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(folder) as beside:
            record = _write(Origin(source, config, cache), beside, folder)
            if (faster := _find(source, config, cache)) is not None and _is_whole(faster):
                return faster  # of another process, which may have mapped it already
            entry.move_into_place(beside, folder)
    except OSError as error:
        if error.filename and not Path(str(error.filename)).is_relative_to(cache):
            raise  # of the record, not of the cache
        raise DataError(
            f"the cache {cache} cannot be written ({reason_of(error)}); make room, or set data.cache"
        ) from error
    return record


def _is_whole(record: CachedRecord) -> bool:
    return all(entry.is_whole(record.folder / name, record.sums) for name in record.sums)


def _write(origin: Origin, beside: Path, folder: Path) -> CachedRecord:
    source = origin.source
    header = read_header(source.path)
    config = origin.config
    record_read = read_record(
        source.path, leads=config.leads, n_leads=config.n_leads, first_lead=config.first_lead, header=header
    )
    contents = lead_digests(record_read.signal)
    # Its leads are chosen by now, perhaps by their place in the whole record.
    chosen = dataclasses.replace(origin.config, leads=None, n_leads=len(record_read.leads), first_lead=None)
    prepared = prepare_record(record_read, chosen)
    np.save(beside / "signal.npy", prepared.signal)
    merged, outside = _write_annotations(source, prepared, beside, frame_hz=header.frame_hz)
    files = _files(source, header)  # only now: what reads them has said which of them is missing
    record = CachedRecord(
        name=source.name,
        patient=source.patient,
        folder=folder,
        fs_hz=prepared.fs_hz,
        leads=prepared.leads,
        n_samples=len(prepared.signal),
        source_fs_hz=prepared.source_fs_hz,
        source_samples=prepared.source_samples,
        missing=tuple(int(count) for count in prepared.missing),
        fingerprint=entry.fingerprint_of(files),
        digest=hashlib.blake2b(np.ascontiguousarray(prepared.signal).data, digest_size=16).hexdigest(),
        contents=contents,
        labels=source.labels,
        merged=merged,
        outside=outside,
        sums=entry.sums_of(beside),
        origin=origin,
    )
    facts = {name: getattr(record, name) for name in _FACTS}
    stamps = entry.stamps_of(files, source.path.parent)
    entry.write_facts(beside, {"record": facts, "sources": stamps, "sums": dict(record.sums)})
    return record


def _write_annotations(
    source: RecordSource, prepared: PreparedRecord, beside: Path, *, frame_hz: float
) -> tuple[int, int]:
    """Write every annotator's file, and give how many beats were merged and annotations left out."""
    fs_hz, n_samples = prepared.source_fs_hz, prepared.source_samples
    merged = outside = 0
    for annotator in source.annotators:
        reference = read_reference(
            source.path, annotator, fs_hz=fs_hz, n_samples=n_samples, frame_hz=frame_hz
        )
        merged, outside = merged + reference.merged, outside + reference.outside
        marks = reference.annotations
        arrays = {name: getattr(marks, name) for name in ("sample", "symbol", "subtype", "aux_note")}
        np.savez(beside / f"annotations-{annotator}.npz", **arrays)
    return merged, outside


_FACTS = (
    *("name", "fs_hz", "leads", "n_samples", "source_fs_hz", "source_samples", "missing"),
    *("fingerprint", "digest", "contents", "merged", "outside"),
)
"""The fields of a record that its entry holds; all others belong to whoever opens it."""


def _folder(source: RecordSource, config: PreprocessingConfig, cache: Path) -> Path:
    """Name an entry after everything but the files' contents, which its facts are checked against."""
    described = {
        "version": CACHE_VERSION,
        "path": str(source.path.resolve()),
        "annotators": source.annotators,
        "preprocessing": dataclasses.asdict(config),
    }
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    return cache / f"{source.name.replace('/', '_')}-{key}"


def _files(source: RecordSource, header: Header) -> list[Path]:
    annotations = [source.path.with_name(f"{source.path.name}.{name}") for name in source.annotators]
    return [*record_files(source.path, header), *annotations]
