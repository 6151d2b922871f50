from ecgrnn.data.beside import folder_beside, remove_left


def test_what_a_killed_process_left_is_removed_and_what_is_being_filled_stays(tmp_path):
    left = tmp_path / ".rec-0123-0123456789ab"
    left.mkdir()
    (left / "signal.npy").touch()
    for other in (".mine", "rec-0123", ".rec-0123456789ab.txt"):
        (tmp_path / other).mkdir()
    with folder_beside(tmp_path / "rec-0123") as beside:
        remove_left(tmp_path)
        assert beside.is_dir()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", ".rec-0123456789ab.txt", "rec-0123"]


def test_a_folder_that_is_not_there_has_nothing_left(tmp_path):
    remove_left(tmp_path / "none")
