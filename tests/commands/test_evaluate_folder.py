"""Scoring on records of one's own: without a split, with test records alone, never on what was trained on."""

import json
import re
import shutil

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.simulator.simulate import write_database

FEW = "resamples=200"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Four records of patients that nobody was trained on; one has no annotations, one has rhythms only."""
    folder = tmp_path_factory.mktemp("own") / "ward"
    write_database(folder, n_patients=4, seed=5, duration_s=30.0)
    (folder / "s003.atr").unlink()
    rhythm = Annotations(
        sample=np.array([10, 500]),
        symbol=np.array(["+", "+"]),
        subtype=np.zeros(2, np.int64),
        aux_note=np.array(["(N", "(AFIB"]),
        fs_hz=360.0,
    )
    write_annotations(folder / "s004", "atr", rhythm)
    return folder


@pytest.fixture
def run(trained, tmp_path, capsys):
    """Run a command with the trained checkpoint; give its status, what it said, and the run folder."""

    def command(name, *words):
        checkpoint = f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"
        few = [FEW] if name == "evaluate" else []
        cache = f"data.cache={tmp_path / 'cache'}"
        status = main([name, checkpoint, cache, *few, *words, f"run_dir={tmp_path / 'run'}"])
        said = capsys.readouterr()
        return status, said.out + said.err, tmp_path / "run"

    return command


def test_a_folder_without_a_split_is_scored_as_a_whole_and_what_is_left_out_is_said(run, other):
    status, said, run_dir = run("evaluate", "data=folder", f"data.root={other}")
    assert status == 0
    assert json.loads((run_dir / "summary.json").read_text())["record_names"] == ["s001", "s002"]
    assert "scored      2 of 4 records of ward, split all: s001 s002" in said
    assert "left out    1 without annotations: s003" in said
    assert "left out    1 with annotations of which none is scored: s004" in said


def test_a_split_file_may_have_test_alone(run, other, tmp_path):
    (tmp_path / "split.yaml").write_text("test: [s002]\npatients: {s002: anna}\n")
    words = ["data=folder", f"data.root={other}", f"data.split={tmp_path / 'split.yaml'}"]
    status, said, run_dir = run("evaluate", *words)
    assert status == 0
    assert "scored      1 of 4 records of ward, split split: s002" in said
    assert "anna" in (run_dir / "records.csv").read_text()
    assert main(["train", "task=beats", *words, f"run_dir={tmp_path / 'train'}"]) == 2
    assert not (tmp_path / "train").exists()


def test_a_split_file_with_test_alone_trains_nobody(other, tmp_path, capsys):
    (tmp_path / "split.yaml").write_text("test: [s002]\n")
    words = ["data=folder", f"data.root={other}", f"data.split={tmp_path / 'split.yaml'}"]
    assert main(["train", "task=beats", *words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert "the key train is missing" in capsys.readouterr().err


def test_records_that_were_trained_on_are_refused_whatever_their_folder_is_called(
    run, small_database, tmp_path
):
    copied = tmp_path / "copied"
    shutil.copytree(small_database, copied)
    status, said, run_dir = run("evaluate", "data=folder", f"data.root={copied}")
    assert status == 2
    assert "hold signals that the checkpoint was trained or validated on" in said
    (unseen,) = re.findall(r"data\.records=\[(\S+)\]", said)
    assert not run_dir.exists()
    status, said, _ = run("evaluate", "data=folder", f"data.root={copied}", f"data.records=[{unseen}]")
    assert status == 0
    assert f"scored      2 of 2 records of copied, split all: {unseen.replace(',', ' ')}" in said


def test_audit_takes_a_folder_without_a_split_too(run, other, small_database):
    status, said, _ = run("audit", "data=folder", f"data.root={other}")
    assert status == 0
    assert "compared    2 of 4 records of ward, split all: s001 s002" in said
    assert run("audit", "data=folder", f"data.root={small_database}")[0] == 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["data.records=[s001,s003]"], "1 of 2 records cannot be scored (s003): there is no .atr file"),
        (["data.records=[s004]"], "2 annotations: 2 '+' (rhythm changes)"),
        (["data.annotator=xyz"], "4 of 4 records cannot be scored"),
        (["data.records=[s009]"], "no record 's009'"),
    ],
    ids=str,
)
def test_a_record_asked_for_that_cannot_be_scored_is_refused(run, other, words, wanted):
    status, said, run_dir = run("evaluate", "data=folder", f"data.root={other}", *words)
    assert status == 2
    assert wanted in said
    assert not run_dir.exists()


def test_a_checkpoints_own_records_are_named_with_how_many_there_are(run):
    status, said, _ = run("evaluate")
    assert status == 0
    assert re.search(
        r"^scored      2 of 8 records of synthetic, split holdout: s\d+ s\d+$", said, re.MULTILINE
    )


def test_a_training_that_was_begun_elsewhere_says_what_its_folder_was_relative_to(
    command_line, small_training, small_database, tmp_path, monkeypatch, capsys
):
    (tmp_path / "there").mkdir()
    shutil.copytree(small_database, tmp_path / "there" / "good")
    monkeypatch.chdir(tmp_path / "there")
    words = [word for word in small_training if not word.startswith(("data.root", "data.n_", "data.dur"))]
    assert command_line(*words, "data=folder", "data.root=good", "run_dir=run") == 0
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["evaluate", "checkpoint=there/run/checkpoints/best.ckpt", "run_dir=elsewhere"]) == 2
    said = capsys.readouterr().err
    assert "data.root=good, relative to the folder its training was started in" in said
    assert f"{tmp_path}; give data.root=DIR" in said
    words = ["checkpoint=there/run/checkpoints/best.ckpt", "data.root=there/good", FEW, "run_dir=elsewhere"]
    assert main(["evaluate", *words]) == 0
