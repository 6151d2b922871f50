import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ecgrnn import __version__
from ecgrnn.cli import COMMANDS, jobs, main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def complaint(capsys, *words: str) -> str:
    """Run a command that must fail, and give the one line that it says on stderr."""
    status = main(words)
    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("ecgrnn: ")
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["trian"], ["'trian'", "did you mean 'train'?"]),
        (["prepare", "daat=mitdb"], ["'daat'", "'data'"]),
        (["prepare", "data=mitbd"], ["data=mitbd", "'mitdb'"]),
        (["prepare", "data.validation_fracton=0.1"], ["'data.validation_fraction'"]),
        (["train", "network.encoder.hiden_size=8"], ["'network.encoder.hidden_size'"]),
        (["prepare", "data.fold=one"], ["data.fold", "'one'", "Integer"]),
        (["prepare", "data.records=100"], ["data.records", "list"]),
        (["train", "network.encoder.cell=lsmt"], ["network.encoder.cell", "lsmt", "lstm"]),
        (["prepare", "data.fold=9"], ["data.fold", "0..4", "9"]),
        (["train", "seed=-1"], ["seed must be at least 0; it is -1"]),
        (["train", "seed=4294967296"], ["seed must be at most 4294967295; it is 4294967296"]),
        (["train", "trainer.fast_dev_run=true"], ["debug=fast"]),
        (["train", "network.head_dropout=1.5"], ["network.head_dropout", "1.5"]),
        (["train", "trainer.max_epoch=3"], ["'trainer.max_epoch'", "'trainer.max_epochs'"]),
        (["train", "task.macro_f1_classes=[]"], ["task.macro_f1_classes"]),
        (["inspect"], ["checkpoint=PATH"]),
        (["prepare", "data.fold"], ["data.fold"]),
        (["prepare", "data=folder"], ["data.root"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_word_is_one_line_that_names_it_and_the_right_one(words, wanted, tmp_path, capsys):
    run_dir = [f"run_dir={tmp_path / 'run'}"] if words[0] in COMMANDS else []
    line = complaint(capsys, *words, *run_dir)
    for part in wanted:
        assert part in line
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_that_cannot_be_written_is_refused(capsys):
    line = complaint(capsys, "prepare", "run_dir=/dev/null/run")
    assert "/dev/null" in line
    assert "run_dir" in line


def test_a_run_folder_that_holds_something_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("mine")
    line = complaint(capsys, "prepare", f"run_dir={tmp_path / 'run'}")
    assert f"run_dir={tmp_path / 'run'} is not empty" in line
    assert (tmp_path / "run" / "config.yaml").read_text() == "mine"


def test_an_empty_run_folder_is_used(tmp_path, small_data, capsys):
    (tmp_path / "run").mkdir()
    assert main(["prepare", *small_data, f"run_dir={tmp_path / 'run'}"]) == 0
    assert (tmp_path / "run" / "config.yaml").is_file()


def test_the_traceback_is_shown_on_request(monkeypatch, capsys):
    monkeypatch.setenv("ECGRNN_TRACEBACK", "1")
    assert main(["prepare", "data.fold=9", "run_dir=run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert "config.py" in said
    assert said.splitlines()[-1].startswith("ecgrnn: data.fold")


def test_a_defect_of_the_program_keeps_its_traceback(monkeypatch, capsys):
    def broken(options):
        raise KeyError("a defect")

    monkeypatch.setattr("ecgrnn.commands.prepare.run", broken)
    with pytest.raises(KeyError, match="a defect"):
        main(["prepare", "run_dir=run"])


def test_an_interrupted_command_says_so_and_exits_with_130(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ecgrnn.commands.prepare.run", interrupted)
    assert main(["prepare", "run_dir=run"]) == 130
    assert capsys.readouterr().err == "ecgrnn: interrupted\n"


def test_cfg_job_prints_the_composed_options_and_makes_no_run_folder(tmp_path, capsys):
    assert main(["train", "data=mitdb", "seed=7", "--cfg", "job"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["data"]["database"] == "mitdb"
    assert printed["seed"] == 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "predict"])
def test_the_help_of_a_command_shows_its_groups_and_options(command, capsys, tmp_path):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "== Options" in said
    assert "run_dir" in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_writes_its_resolved_options(tmp_path, small_data, capsys):
    assert main(["prepare", *small_data, "data.split_seed=3", "run_dir=run"]) == 0
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert written["data"]["split_seed"] == 3
    assert written["run_dir"] == str(tmp_path / "run") or written["run_dir"] == "run"
    assert "hydra" not in written


def test_the_default_run_folder_is_dated(tmp_path, small_data, capsys):
    assert main(["prepare", *small_data]) == 0
    (run,) = (tmp_path / "runs" / "prepare").glob("*-*-*/*-*-*")
    assert [path.name for path in run.iterdir()] == ["config.yaml"]


def test_runs_of_one_second_get_folders_of_their_own(tmp_path, small_data, capsys):
    words = ["prepare", *small_data, "run_dir=runs/${now:%Y}"]  # the default's second is a year here
    assert [main(words), main(words)] == [0, 0]
    runs = sorted((tmp_path / "runs").iterdir())
    assert [run.name.partition("_")[2] for run in runs] == ["", "2"]
    assert [[path.name for path in run.iterdir()] for run in runs] == 2 * [["config.yaml"]]


def test_multirun_runs_one_job_per_value(tmp_path, small_data, capsys):
    assert main(["prepare", "--multirun", *small_data, "data.split_seed=3,4", "run_dir=runs"]) == 0
    written = [tmp_path / "runs" / job / "config.yaml" for job in ("0", "1")]
    assert [yaml.safe_load(path.read_text())["data"]["split_seed"] for path in written] == [3, 4]


def test_a_multirun_with_a_bad_value_begins_no_job(tmp_path, small_data, capsys):
    status = main(["prepare", "-m", *small_data, "data.fold=0,9", "run_dir=runs"])
    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("ecgrnn: data.fold")
    assert "data.fold=9 run_dir=runs; no job was started" in said
    assert not (tmp_path / "runs").exists()


def test_a_job_that_fails_costs_no_other_and_all_are_listed(tmp_path, small_data, capsys):
    words = ["prepare", "-m", *small_data, "data.annotator=atr,none,atr", "run_dir=runs"]
    assert main(words) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.replace("\r", "\n").splitlines() if line.startswith("ecgrnn: ")]
    assert "'none'" in errors[0]
    assert errors[1] == "ecgrnn: 1 of 3 jobs failed; the reasons are above"
    listed = said.out.splitlines()[-3:]
    assert [line.split()[0] for line in listed] == ["runs/0", "failed", "runs/2"]
    assert "data.annotator=none" in listed[1]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["0", "2"]


def test_the_command_line_leaves_the_process_as_it_was(small_data, capsys):
    before = list(sys.argv)
    assert main(["prepare", *small_data, "run_dir=one"]) == 0
    assert main(["prepare", *small_data, "data.fold=9", "run_dir=two"]) == 2
    assert main(["prepare", *small_data, "run_dir=three"]) == 0
    assert sys.argv == before


def test_the_module_runs_as_a_program(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "ecgrnn"]
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, env=environment)
    assert (version.returncode, version.stdout) == (0, f"ecgrnn {__version__}\n")
    failed = subprocess.run(
        [*program, "prepare", "data=mitbd"], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[0].startswith(
        "ecgrnn: unknown choice data=mitbd; did you mean 'mitdb'?"
    )
    assert failed.stderr.count("\n") == 1
    assert failed.stdout == ""


def test_the_bare_program_lists_the_commands(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(f"  {command} " in said for command in COMMANDS)


@pytest.mark.parametrize("searching", [True, False])
def test_a_command_is_imported_without_a_search_for_cycles(searching, monkeypatch):
    seen = []
    monkeypatch.setattr(jobs.importlib, "import_module", lambda name: seen.append((name, gc.isenabled())))
    (gc.enable if searching else gc.disable)()
    try:
        jobs.module_of("none_yet")
        assert gc.isenabled() is searching
    finally:
        gc.enable()
    assert seen == [("ecgrnn.commands.none_yet", False)]
