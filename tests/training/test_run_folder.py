from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Timer

import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.training.run_folder import (
    OPTIONS,
    FolderTakenError,
    claim,
    claimed,
    held,
    join,
    leave_no_empty_run,
    quoted,
    resumed_words,
    write_whole,
    write_words,
)


def test_many_that_write_one_file_at_once_leave_it_whole_and_nothing_beside(tmp_path):
    texts = [f"{number}\n" * 1000 for number in range(4)]
    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(lambda text: [write_whole(tmp_path / "a", text) for _ in range(5)], texts))
    assert (tmp_path / "a").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_quoted_value_is_read_back_whatever_is_in_it():
    from hydra.core.override_parser.overrides_parser import OverridesParser

    values = ["ä", "(a", "a=b", "[1]", "a, b", "it's", "\\", "a\\'b", 'c"d', "a\\\\", "x:y", "50%"]
    read = OverridesParser.create().parse_overrides([f"a={quoted(value)}" for value in values])
    assert [one.value() for one in read] == values


def test_a_run_in_a_folder_with_any_name_is_resumed_there(tmp_path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    folder = tmp_path / "Jo's (ä)=[1], 2"
    folder.mkdir()
    (folder / "config.yaml").write_text("seed: 3\n")
    write_words(folder, ["seed=3"])
    words = resumed_words([f"resume={folder}"], {})
    assert words[0] == "seed=3"
    read = OverridesParser.create().parse_overrides(words[1:])
    assert {one.key_or_group: one.value() for one in read} == {"run_dir": str(folder), "resume": str(folder)}


def test_of_many_runs_that_begin_at_once_one_gets_the_folder(tmp_path):
    folders = [tmp_path / str(number) for number in range(20)]
    together = Barrier(8)

    def begin(_):
        got = []
        for folder in folders:
            together.wait()
            try:
                claim(folder)
            except FolderTakenError:
                continue
            got.append(folder)
            write_whole(folder / OPTIONS, "seed: 1\n")
            claimed(folder)
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [folder for part in pool.map(begin, range(8)) for folder in part]
    assert sorted(got) == sorted(folders)
    assert all([path.name for path in folder.iterdir()] == [OPTIONS] for folder in folders)


def test_a_run_that_fails_before_its_options_leaves_nothing(tmp_path):
    claim(tmp_path / "run")
    leave_no_empty_run(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_workers_that_begin_a_sweep_at_once_all_take_its_folder(tmp_path):
    together = Barrier(8)

    def begin(_):
        together.wait()
        joined = join(tmp_path / "sweep", shared=True)
        if not joined:
            write_whole(tmp_path / "sweep" / OPTIONS, "run_dir: a\nsearch: b\n")
            claimed(tmp_path / "sweep")
        return joined

    with ThreadPoolExecutor(8) as pool:
        joined = list(pool.map(begin, range(8)))
    assert joined.count(False) == 1
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == [OPTIONS]


def test_a_worker_waits_for_the_options_of_the_one_before(tmp_path):
    (tmp_path / f".{OPTIONS}-half").write_text("run_dir: a")
    later = Timer(0.3, lambda: write_whole(tmp_path / OPTIONS, "run_dir: a\nsearch: b\n"))
    later.start()
    assert join(tmp_path, shared=True)
    later.join()


def test_a_folder_that_is_no_sweep_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("ecgrnn.training.run_folder.time.sleep", lambda seconds: pytest.fail("it waited"))
    (tmp_path / OPTIONS).write_text("run_dir: a\nseed: 1\n")
    with pytest.raises(ConfigError, match="is not empty"):
        join(tmp_path, shared=True)


def test_a_training_that_is_running_is_not_resumed_beside_it(tmp_path):
    with held(tmp_path), pytest.raises(ConfigError, match="is still running"), held(tmp_path):
        pass
    with held(tmp_path):  # its end lets go
        pass
