import numpy as np
import pytest

from ecgrnn.data.kept_arrays import keep, read_kept


def kept_arrays(file, *, key, compute):
    """Read what was kept, or compute and keep it, as a dataset does."""
    arrays = read_kept(file, key=key)
    if arrays is None:
        arrays = compute()
        keep(file, arrays, key=key)
    return arrays


class Computing:
    """Computes arrays and counts how often."""

    def __init__(self, value=1.0):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return {"one": np.full(3, self.value, np.float32), "two": np.arange(4)}


def assert_right(arrays, value=1.0):
    assert sorted(arrays) == ["one", "two"]
    np.testing.assert_array_equal(arrays["one"], np.full(3, value, np.float32))
    np.testing.assert_array_equal(arrays["two"], np.arange(4))


def test_what_was_computed_is_read_the_next_time(tmp_path):
    computing = Computing()
    for _ in range(3):
        assert_right(kept_arrays(tmp_path / "a.npz", key="k", compute=computing))
    assert computing.times == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_another_key_takes_the_place(tmp_path):
    first, second = Computing(1.0), Computing(2.0)
    kept_arrays(tmp_path / "a.npz", key="k", compute=first)
    for _ in range(2):
        assert_right(kept_arrays(tmp_path / "a.npz", key="other", compute=second), 2.0)
    assert_right(kept_arrays(tmp_path / "a.npz", key="k", compute=first), 1.0)
    assert (first.times, second.times) == (2, 1)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    file = tmp_path / "a.npz"
    kept_arrays(file, key="k", compute=Computing())
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    computing = Computing()
    for _ in range(2):
        assert_right(kept_arrays(file, key="k", compute=computing))
    assert computing.times == 1


def test_a_file_of_one_array_is_no_archive(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.arange(3))
    assert_right(kept_arrays(tmp_path / "a.npz", key="k", compute=Computing()))


def test_nothing_is_unpickled(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, one=np.array([{}], object), two=np.arange(4), key=np.array("k"))
    assert_right(kept_arrays(file, key="k", compute=Computing()))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    assert_right(kept_arrays(tmp_path / "absent" / "a.npz", key="k", compute=Computing()))
    assert list(tmp_path.iterdir()) == []
