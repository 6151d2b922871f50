import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.inference.recordings import find_recordings
from ecgrnn.signals.formats.wfdb.writer import write_signal


@pytest.fixture
def ward(tmp_path):
    """Give a folder with two records, an array, a table, and files that are no recordings."""
    (tmp_path / "a").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.3, (500, 1))
    write_signal(tmp_path / "one", noise, fs_hz=250.0, leads=["II"])
    write_signal(tmp_path / "a" / "two", noise, fs_hz=250.0, leads=["II"])
    np.save(tmp_path / "a" / "three.npy", noise)
    np.savetxt(tmp_path / "table.csv", noise)
    (tmp_path / "README").write_text("about these recordings")
    (tmp_path / "broken.edf").write_bytes(b"")
    (tmp_path / ".hidden.npy").write_bytes(b"")
    return tmp_path


def names_of(text):
    return [place.name for place in find_recordings(text)[0]]


def test_a_folder_has_its_records_and_files_of_known_kinds(ward):
    assert names_of(str(ward)) == ["a/three.npy", "a/two", "broken.edf", "one", "table.csv"]
    places = {place.name: place.folder.as_posix() for place in find_recordings(str(ward))[0]}
    assert places["a/two"] == "a"
    assert places["one"] == "."


def test_a_file_a_pattern_and_a_list(ward):
    assert find_recordings(str(ward / "one"))[1]
    assert names_of(str(ward / "one.dat")) == ["one.dat"]
    assert names_of(f"{ward}/**/*.hea") == ["two", "one"]
    assert names_of(f"{ward}/*.[dh]*") == ["broken.edf", "one"][1:]
    assert names_of(f"[{ward}/one,{ward}/a]") == ["one", "three.npy", "two"]
    with pytest.raises(DataError, match="matches no recording"):
        find_recordings(f"{ward}/*.bdf")


def test_what_would_be_written_over_each_other_gets_folders(ward):
    np.save(ward / "a" / "two.npy", np.zeros((500, 1)))
    folders = {place.name: place.folder.as_posix() for place in find_recordings(str(ward / "a"))[0]}
    assert folders == {"three.npy": ".", "two": "two", "two.npy": "two.npy"}


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="has no recording"):
        find_recordings(str(tmp_path))
