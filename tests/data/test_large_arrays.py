"""Arrays in memory and arrays in a file hold the same numbers, and a full disk is said so."""

import errno
import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.data.large_arrays import GrowingArray, large_array
from ecgrnn.errors import DataError

PARTS = [np.arange(n * 3, dtype=np.int64).reshape(n, 3) for n in (4, 0, 7, 1, 5)]


def mapped(array):
    """Tell whether an array's numbers are in a mapped file."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def grown(in_memory_mb):
    array = GrowingArray(np.zeros((0, 3), np.int64), in_memory_mb=in_memory_mb)
    for part in PARTS:
        array.append(part)
    return array.joined()


@pytest.mark.parametrize("in_memory_mb", [0.0, 0.0002, 0.0003, 1.0])
def test_parts_are_joined_wherever_they_are_kept(in_memory_mb):
    joined = grown(in_memory_mb)
    np.testing.assert_array_equal(joined, np.concatenate(PARTS))
    assert joined.dtype == np.int64
    assert mapped(joined) == (in_memory_mb < 1)


def test_no_part_gives_no_row():
    assert GrowingArray(np.zeros((0, 4), np.float32), in_memory_mb=0).joined().shape == (0, 4)


def test_a_small_array_is_in_memory_and_a_large_one_in_a_file():
    for in_memory_mb, in_file in ((1.0, False), (0.001, True)):
        array = large_array((100, 7), np.float32, in_memory_mb=in_memory_mb)
        array[:] = 3.0
        assert (array.shape, array.dtype, mapped(array)) == ((100, 7), np.float32, in_file)
        assert type(array[[1, 2]]) is np.ndarray
        assert array.sum() == 2100.0


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system has no posix_fallocate")
def test_a_full_disk_is_told_with_what_to_do(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"no room for 2\.0 GB .*TMPDIR"):
        large_array((500_000_000,), np.float32)


def test_a_disk_that_fills_up_while_parts_come_is_told_with_what_to_do(monkeypatch):
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip(f"this system has no {device}")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: device.open("r+b", buffering=0))
    with pytest.raises(DataError, match="set TMPDIR"):
        grown(0.0)
