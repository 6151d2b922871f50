"""NumPy files: an array ``(time, lead)`` in ``.npy``, read stretch by stretch, or named ones in ``.npz``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints
from ecgrnn.signals.recording import checked_array, checked_names

_FS_NAMES = ("fs", "fs_hz", "sampling_rate", "sampling_frequency", "sample_rate", "sfreq", "freq")
_LEAD_NAMES = ("leads", "lead_names", "channels", "ch_names", "names", "sig_name")
_UNIT_NAMES = ("unit", "units")
_SIGNAL_NAMES = ("signal", "ecg", "p_signal", "x", "data", "arr_0")


def read_contents(path: Path, hints: Hints) -> Contents:
    """Describe an array file; its frequency, names and unit come from the archive or from the hints.

    Raises:
        DataError: it holds no array of numbers ``(time, lead)``.
    """
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"
    if archive:
        return _of_archive(path, hints)
    array = checked_array(np.load(path, mmap_mode="r", allow_pickle=False), f"{path}: ")
    return Contents(_channels(array, hints, fs=None, unit="", names=None), _FileSamples(path))


def _of_archive(path: Path, hints: Hints) -> Contents:
    with np.load(path, allow_pickle=False) as archive:
        names = list(archive.files)
        fs = next((float(archive[name]) for name in _FS_NAMES if name in names), None)
        unit = next((_texts(archive[name])[0] for name in _UNIT_NAMES if name in names), "")
        leads = next((_texts(archive[name]) for name in _LEAD_NAMES if name in names), None)
        chosen = _signal_name(path, [name for name in names if name not in _ABOUT])
        array = checked_array(archive[chosen], f"{path}: ")
    if leads is not None and len(leads) != array.shape[1]:
        raise DataError(f"{path} names {len(leads)} leads, and its signal has the shape {array.shape}")
    return Contents(_channels(array, hints, fs=fs, unit=unit, names=leads), ArraySamples(tuple(array.T)))


def _texts(array: NDArray[np.generic]) -> list[str]:
    """Give the texts of an array.

    Raises:
        ValueError: one has numbers that stand for no letter.
    """
    if (
        array.dtype.kind == "U"
        and (np.frombuffer(array.tobytes(), f"{array.dtype.byteorder}u4") > sys.maxunicode).any()
    ):
        raise ValueError("its texts have numbers that stand for no letter")
    return [str(text) for text in np.atleast_1d(array).ravel()]


_ABOUT = {*_FS_NAMES, *_LEAD_NAMES, *_UNIT_NAMES}


def _signal_name(path: Path, names: list[str]) -> str:
    chosen = names if len(names) == 1 else [name for name in _SIGNAL_NAMES if name in names][:1]
    if not chosen:
        raise DataError(
            f"{path} holds the arrays {', '.join(names) or 'none'}; expected one, or one named signal"
        )
    return chosen[0]


def _channels(
    array: NDArray[np.generic], hints: Hints, *, fs: float | None, unit: str, names: Sequence[str] | None
) -> tuple[Channel, ...]:
    if names is None and hints.leads is not None and len(hints.leads) != array.shape[1]:
        raise ConfigError(
            f"leads={list(hints.leads)} names {len(hints.leads)} lead(s), and the file has "
            f"{array.shape[1]} without names; name each, in their order"
        )
    named = checked_names(names if names is not None else hints.leads, array.shape[1])
    whole = array.dtype.kind in "iu"
    return tuple(Channel(name, unit, fs, len(array), whole) for name in named)


@dataclass(frozen=True)
class _FileSamples:
    """Samples of an array on disk, of which only the stretch is read."""

    path: Path

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.floating]:
        """Read a stretch of some columns."""
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        part = np.asarray(array[start:stop] if array.ndim == 2 else array[start:stop, np.newaxis])
        wide = (part.dtype.kind in "iu" and part.dtype.itemsize > 2) or part.dtype.itemsize > 4
        with np.errstate(invalid="ignore"):  # NaN of a kind that signals
            return part[:, list(columns)].astype(np.float64 if wide else np.float32)
