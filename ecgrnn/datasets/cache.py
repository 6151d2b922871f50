"""Prepared records on disk: each is read and filtered once, then memory-mapped by every run that needs it."""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.config import PreprocessingConfig
from ecgrnn.errors import DataError, reason_of
from ecgrnn.signals.annotations import Annotations, read_annotations
from ecgrnn.signals.header import record_files
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.record import read_record

CACHE_VERSION = 1
"""Raised whenever preparing the same record with the same options gives other numbers."""

_MAPPED_AT_ONCE = 256
"""Signals that stay mapped: each holds an open file, and often no more than 1024 may be open."""

_AT_ONCE = 8
"""Records that a process is handed at once: strips of ten seconds would wait for their turn else."""

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
        labels: what the whole record is called, where a table of the database says so.
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
    labels: tuple[str, ...] = ()

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV, read-only."""
        path = self.folder / "signal.npy"
        status = path.stat()
        return _mapped(path, (status.st_ino, status.st_mtime_ns))

    def read(self) -> NDArray[np.float32]:
        """Read ``signal`` into memory without mapping it: every mapping keeps a file open."""
        read: NDArray[np.float32] = np.load(self.folder / "signal.npy", allow_pickle=False)
        return read

    def annotations(self, annotator: str) -> Annotations:
        """Give one annotator's annotations, at the source's sampling frequency."""
        with np.load(self.folder / f"annotations-{annotator}.npz", allow_pickle=False) as arrays:
            return Annotations(**arrays, fs_hz=self.source_fs_hz)


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


@lru_cache(maxsize=_MAPPED_AT_ONCE)
def _mapped(path: Path, stamp: tuple[int, int]) -> NDArray[np.float32]:
    """Map a signal; the stamp says which file stands there, in case another has taken its place."""
    mapped: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def _find(source: RecordSource, config: PreprocessingConfig, cache: Path) -> CachedRecord | None:
    """Open a record's entry, or the same signal's that kept the record's own sampling frequency."""
    found = _entry(source, _folder(source, config, cache))
    if found is not None or config.fs_hz is None:
        return found
    kept = _entry(source, _folder(source, dataclasses.replace(config, fs_hz=None), cache))
    return kept if kept is not None and kept.fs_hz == config.fs_hz else None


def _entry(source: RecordSource, folder: Path) -> CachedRecord | None:
    """Open an entry, or give None where there is none or it is damaged."""
    try:
        facts = json.loads((folder / "facts.json").read_text())
        record = CachedRecord(
            **{**facts["record"], **{name: tuple(facts["record"][name]) for name in ("leads", "missing")}},
            patient=source.patient,
            folder=folder,
            labels=source.labels,
        )
        files = [source.path.parent / name for name, *_ in facts["sources"]]
        if facts["sources"] != _stamps(files, source) and record.fingerprint != _fingerprint(files):
            return None
        sizes = {name: (folder / name).stat().st_size for name in facts["sizes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if sizes == facts["sizes"] else None


def _prepare(source: RecordSource, config: PreprocessingConfig, cache: Path) -> CachedRecord:
    """Prepare one record beside its place in the cache and move it there when it is whole."""
    folder = _folder(source, config, cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = _new_folder(folder)
    except OSError as error:
        raise DataError(f"the cache {cache} cannot be written ({error.strerror}); set data.cache") from error
    try:
        try:
            record = _write(source, config, beside, folder)
        except OSError as error:
            if error.filename and not Path(str(error.filename)).is_relative_to(cache):
                raise  # of the record, not of the cache
            raise DataError(
                f"the cache {cache} cannot be written ({reason_of(error)}); make room, or set data.cache"
            ) from error
        if (faster := _find(source, config, cache)) is not None:
            return faster  # of another process, which may have mapped it already
        _move(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return record


def _write(source: RecordSource, config: PreprocessingConfig, beside: Path, folder: Path) -> CachedRecord:
    prepared = prepare_record(read_record(source.path, leads=config.leads, n_leads=config.n_leads), config)
    np.save(beside / "signal.npy", prepared.signal)
    for annotator in source.annotators:
        annotations = read_annotations(
            source.path, annotator, fs_hz=prepared.source_fs_hz, n_samples=prepared.source_samples
        )
        arrays = {name: getattr(annotations, name) for name in ("sample", "symbol", "subtype", "aux_note")}
        np.savez(beside / f"annotations-{annotator}.npz", **arrays)
    files = _files(source)  # only now: what reads them has said which of them is missing
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
        fingerprint=_fingerprint(files),
        digest=hashlib.blake2b(np.ascontiguousarray(prepared.signal).data, digest_size=16).hexdigest(),
        labels=source.labels,
    )
    facts = {
        "record": {
            name: value
            for name, value in dataclasses.asdict(record).items()
            if name not in {"folder", "patient", "labels"}
        },
        "sources": _stamps(files, source),
        "sizes": {path.name: path.stat().st_size for path in sorted(beside.iterdir())},
    }
    (beside / "facts.json").write_text(json.dumps(facts, indent=1))
    return record


def _move(beside: Path, folder: Path) -> None:
    """Put a whole entry in its place; where another process was faster, its entry is as good as ours."""
    # A damaged or outdated entry makes way first, since a folder cannot be renamed onto a full one.
    aside = _new_folder(folder)
    try:
        with contextlib.suppress(FileNotFoundError):
            folder.rename(aside / "old")
        beside.rename(folder)
    except OSError:
        if not (folder / "facts.json").is_file():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _new_folder(folder: Path) -> Path:
    """Make a hidden folder beside an entry; the umask says who may read it, so that a group can share it."""
    beside = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:12]}")
    beside.mkdir()
    return beside


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


def _files(source: RecordSource) -> list[Path]:
    annotations = [source.path.with_name(f"{source.path.name}.{name}") for name in source.annotators]
    return [*record_files(source.path), *annotations]


def _stamps(files: Sequence[Path], source: RecordSource) -> list[list[str | int]]:
    """Size and time of change of a record's files: equal stamps spare reading the files."""
    statuses = [(path.relative_to(source.path.parent).as_posix(), path.stat()) for path in files]
    return [[name, status.st_size, status.st_mtime_ns] for name, status in statuses]


def _fingerprint(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode(errors="surrogateescape"))
        digest.update(path.read_bytes())
    return digest.hexdigest()
