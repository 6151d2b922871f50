import os
import shutil
import socket
import subprocess
import sys

import pytest

from ecgrnn.cli import main
from ecgrnn.commands.resume import last_checkpoint
from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.training.claim_mark import MARK, is_unfinished, let_go
from ecgrnn.training.run_folder import (
    OPTIONS,
    FolderTakenError,
    check_same,
    claim,
    claimed,
    resumed_words,
    write_words,
)


@pytest.fixture(scope="module")
def dead() -> str:
    """Give the mark of a process of this machine that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{socket.gethostname()} {process.pid}"


@pytest.fixture
def left(tmp_path, dead):
    """Give a folder as a run leaves it that was killed."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / MARK).write_text(dead)
    (folder / OPTIONS).write_text("seed: 1\nrun_dir: run\n")
    (folder / "table.csv").write_text("a\n")
    return folder


def test_the_folder_of_a_run_that_was_killed_is_taken_over_by_the_same_command(left):
    assert is_unfinished(left)
    claim(left)
    check_same(left, {"seed": 1, "run_dir": "elsewhere"})
    assert (left / MARK).read_text() == f"{socket.gethostname()} {os.getpid()}"
    assert not is_unfinished(left)
    claimed(left)
    with pytest.raises(FolderTakenError, match="is not empty"):
        claim(left)


def test_halves_of_a_killed_run_are_cleared_away_and_nothing_else(left):
    (left / ".table.csv-0123456789abcdef0123456789abcdef").touch()
    (left / ".summary.json.k3x_9abc").mkdir()
    (left / "deep").mkdir()
    (left / "deep" / ".best.ckpt-0123456789abcdef0123456789abcdef.part").touch()
    (left / ".mine").touch()
    check_same(left, {"seed": 1, "run_dir": "run"})
    assert sorted(path.name for path in left.rglob("*")) == sorted(
        [MARK, ".mine", OPTIONS, "deep", "table.csv"]
    )


def test_another_command_is_refused_there_and_told_what_differs(left):
    claim(left)
    with pytest.raises(FolderTakenError, match="with seed=1, and now it is 2"):
        check_same(left, {"seed": 2, "run_dir": "run"})


@pytest.mark.parametrize(
    "mark", ["elsewhere 1", f"{socket.gethostname()} {os.getpid()}", ""], ids=["elsewhere", "here", "unknown"]
)
def test_the_folder_of_a_run_that_may_be_at_work_is_not_taken(mark, left):
    (left / MARK).write_text(mark)
    assert not is_unfinished(left)
    with pytest.raises(FolderTakenError, match="at work there"):
        claim(left)
    assert (left / MARK).read_text() == mark


@pytest.mark.parametrize("mark", ["", f"{socket.gethostname()} 99999999999999999999"])
def test_the_mark_of_a_process_that_cannot_be_is_taken_over(mark, left):
    (left / MARK).write_text(mark)
    os.utime(left / MARK, (1e9, 1e9))
    claim(left)


def test_the_same_training_again_is_resumed_where_it_was_killed(left):
    write_words(left, ["seed=1"])
    words = ["seed=1", f"run_dir={left}"]
    assert resumed_words(words, {})[-1] == f"resume='{left}'"
    claimed(left)  # it has ended well
    assert resumed_words(words, {}) == words


def test_a_training_with_checkpoints_is_never_begun_again_in_its_folder(left):
    write_words(left, ["seed=1"])
    words = ["seed=1", f"run_dir={left}"]
    assert resumed_words(words, {"RANK": "0"}) == words  # of several machines some may not know of its end
    (left / "checkpoints").mkdir()
    (left / "checkpoints" / "last.ckpt").touch()
    claim(left)
    with pytest.raises(FolderTakenError, match="continue it with resume="):
        check_same(left, {"seed": 1, "run_dir": "run"})


def test_a_run_that_was_killed_before_its_options_were_whole_is_begun_again(left):
    (left / OPTIONS).rename(left / f".{OPTIONS}-0123456789abcdef0123456789abcdef")
    claim(left)
    check_same(left, {"seed": 2, "run_dir": "run"})
    assert sorted(path.name for path in left.iterdir()) == [MARK, "table.csv"]


def test_a_training_that_was_killed_among_its_results_is_scored_again(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    with pytest.raises(ConfigError, match="is finished"):
        last_checkpoint(TrainConfig(resume=str(run)))
    (run / "report.html").unlink()
    (run / MARK).write_text("ended")
    last = last_checkpoint(TrainConfig(resume=str(run)))
    assert last is not None
    assert last.path == run / "checkpoints" / "last.ckpt"


def test_a_run_that_fails_lets_go_of_its_folder(left):
    (left / MARK).write_text(f"{socket.gethostname()} {os.getpid()}")
    let_go(left)
    claim(left)


def test_a_command_that_was_broken_off_is_ended_by_the_same_command(tmp_path, monkeypatch, capsys):
    def broken(options):
        (tmp_path / "run" / "half").touch()
        raise KeyboardInterrupt

    words = ["prepare", "data.n_patients=3", f"run_dir={tmp_path / 'run'}"]
    monkeypatch.setattr("ecgrnn.commands.prepare.run", broken)
    assert main(words) == 130
    monkeypatch.setattr("ecgrnn.commands.prepare.run", lambda options: None)
    assert main([*words, "data.n_patients=4"]) == 2
    assert "holds an unfinished run with data.n_patients=3" in capsys.readouterr().err
    assert main(words) == 0
    assert main(words) == 2
    assert "is not empty" in capsys.readouterr().err
