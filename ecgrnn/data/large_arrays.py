"""Arrays that grow with the database: in memory while they are small, else mapped from an unnamed file.

The file is in ``TMPDIR`` and gone when the process ends. Its pages are the kernel's to write out and to take
back, so that they do not count against the memory of the process.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ecgrnn.errors import DataError

_IN_MEMORY_MB = 16.0
"""A column of whole numbers for 2 million beats; a process holds about ten such arrays."""

Number = TypeVar("Number", bound=np.generic)


def large_array(
    shape: tuple[int, ...], dtype: DTypeLike, *, in_memory_mb: float = _IN_MEMORY_MB
) -> NDArray[Any]:
    """Make room for an array whose values are still to be set.

    Args:
        shape: of the array.
        dtype: of its numbers.
        in_memory_mb: what is larger is mapped.

    Raises:
        DataError: the disk has no room for it.
    """
    size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=object))
    if size <= in_memory_mb * 1e6:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        with _room(size):
            # A mapped file is sparse, and a page that finds no room later would end the process unheard.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))


class GrowingArray(Generic[Number]):
    """An array put together of parts, however many there will be.

    Args:
        empty: ``(0, ...)``, tells the kind of its numbers and the shape of its rows.
        in_memory_mb: what is larger is written to a file and mapped.
    """

    def __init__(self, empty: NDArray[Number], *, in_memory_mb: float = _IN_MEMORY_MB) -> None:
        self._empty = empty
        self._in_memory_bytes = in_memory_mb * 1e6
        self._parts = [empty]
        self._held = self._written = 0
        self._file: IO[bytes] | None = None

    def append(self, part: NDArray[Number]) -> None:
        """Put rows behind those that are there.

        Raises:
            DataError: the disk has no room for them.
        """
        self._parts.append(part)
        self._held += part.nbytes
        if self._held > self._in_memory_bytes:
            self._write()

    def joined(self) -> NDArray[Number]:
        """Give all rows; none can be appended afterwards.

        Raises:
            DataError: the disk has no room for them.
        """
        if self._file is None:
            return np.concatenate(self._parts)
        self._write()
        with self._file as file:
            rows = np.memmap(file, self._empty.dtype, "r+")
        return np.asarray(rows).reshape(-1, *self._empty.shape[1:])

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the rows are joined
        try:
            with _room(self._written + self._held):
                for part in self._parts:
                    self._file.write(np.ascontiguousarray(part, self._empty.dtype).data)
                self._file.flush()
        except DataError:
            self._file.close()
            raise
        self._written += self._held
        self._parts, self._held = [self._empty], 0


@contextmanager
def _room(size: int) -> Iterator[None]:
    """Say what is to be done where a disk is full."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{tempfile.gettempdir()}: no room for {size / 1e9:.1f} GB of this run's index and beats "
            f"({error.strerror}); set TMPDIR to a folder on a larger disk"
        ) from error
