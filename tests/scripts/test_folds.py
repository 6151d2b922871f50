import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from ecgrnn.training.run_folder import WORDS, write_words

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def load(name, monkeypatch):
    """Import a script as Python does that runs it: with its own folder in the path."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for module in ("trainings", "folds"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def trainings(monkeypatch):
    """Give the module, and the words of each training that it starts in the place of a process."""
    module = load("trainings", monkeypatch)
    module.started = []
    monkeypatch.setattr(module.subprocess, "run", lambda words, check: module.started.append(words[4:]))
    return module


def begun(run_dir, *words):
    """Leave what a training leaves that was broken off."""
    (run_dir / "checkpoints").mkdir(parents=True)
    write_words(run_dir, [*words, f"run_dir={run_dir}"])


def test_a_new_run_is_trained_with_its_words(trainings, tmp_path):
    trainings.train_once(tmp_path / "a b", ["seed=1"])
    assert trainings.started == [[trainings.QUIET, "seed=1", f"run_dir='{tmp_path / 'a b'}'"]]


def test_a_run_that_was_broken_off_is_continued(trainings, tmp_path):
    begun(tmp_path / "run", "++trainer.enable_progress_bar=false", "seed=1", "data.records=['100']")
    trainings.train_once(tmp_path / "run", ["seed=1", "data.records=[100]"])
    assert trainings.started == [[f"resume='{tmp_path / 'run'}'"]]


def test_a_run_that_never_began_is_trained(trainings, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".claimed").touch()
    trainings.train_once(tmp_path / "run", [])
    assert trainings.started == [[trainings.QUIET, f"run_dir='{tmp_path / 'run'}'"]]


def test_a_run_that_is_done_is_not_trained_again(trainings, tmp_path):
    begun(tmp_path / "run", "++trainer.enable_progress_bar=false", "seed=1")
    (tmp_path / "run" / "summary.json").touch()
    trainings.train_once(tmp_path / "run", ["seed=1"])
    assert trainings.started == []


@pytest.mark.parametrize("done", [False, True])
def test_results_of_other_options_are_refused(trainings, tmp_path, done):
    begun(tmp_path / "run", "++trainer.enable_progress_bar=false", "seed=1")
    if done:
        (tmp_path / "run" / "summary.json").touch()
    with pytest.raises(SystemExit, match=r"the difference is optimizer\.learning_rate=0\.1"):
        trainings.train_once(tmp_path / "run", ["seed=1", "optimizer.learning_rate=0.1"])
    assert trainings.started == []


def test_a_folder_that_does_not_say_its_options_is_refused(trainings, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "summary.json").touch()
    with pytest.raises(SystemExit, match=WORDS):
        trainings.train_once(tmp_path / "run", [])


def test_the_deviation_is_that_of_the_sample(trainings):
    folds = [0.833, 0.828, 0.840, 0.851, 0.843]
    assert trainings.deviation(folds) == pytest.approx(np.std(folds, ddof=1))
    assert trainings.percent(folds) == "83.9 ± 0.9"
    assert trainings.percent([0.5]) == "50.0"


def finish_rhythm(run_dir, words):
    """Leave what a training of ``rhythm`` leaves: in fold 0 all strips are right, in fold 1 half of the A."""
    run_dir.mkdir(parents=True)
    called = "NNAAOO~~" if run_dir.name == "fold-0" else "NNANOO~~"
    rows = "".join(f"{is_},{said}\n" for is_, said in zip("NNAAOO~~", called, strict=True))
    (run_dir / "records.csv").write_text("reference,predicted\n" + rows)
    (run_dir / "summary.json").write_text(json.dumps({}))
    (run_dir / WORDS).write_text(yaml.safe_dump(list(words)))


def test_the_table_of_rhythm_has_every_fold_and_its_deviation(tmp_path, monkeypatch, capsys):
    folds = load("folds", monkeypatch)
    monkeypatch.setattr(folds, "train_once", finish_rhythm)
    monkeypatch.setattr(sys, "argv", ["folds.py", "rhythm", "--out", str(tmp_path), "--folds", "0", "1"])
    folds.main()
    table = json.loads((tmp_path / "folds.json").read_text())
    means = [table["mean_f1_by_fold"]["0"], table["mean_f1_by_fold"]["1"]]
    assert means == pytest.approx([1.0, np.mean([0.8, 2 / 3, 1.0])])
    assert table["deviation_over_folds"] == pytest.approx(np.std(means, ddof=1))
    assert (
        f"mean ± deviation {100 * np.mean(means):.2f} ± {100 * np.std(means, ddof=1):.2f} %"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["beats", "--inside-ds1", "--folds", "0", "1"], ["seed-0-fold-0", "seed-0-fold-1"]),
        (["beats", "--seeds", "3"], ["seed-3"]),
        (["delineation", "--variants", "crf", "--folds", "2"], ["crf/fold2"]),
    ],
)
def test_each_recipe_trains_its_runs(words, runs, tmp_path, monkeypatch):
    folds = load("folds", monkeypatch)
    trained = {}
    monkeypatch.setattr(folds, "train_once", lambda run_dir, words: trained.update({run_dir: words}))
    monkeypatch.setattr(folds, "_matrix", lambda path: np.eye(5, dtype=np.int64))
    monkeypatch.setattr(folds, "_intervals", lambda paths: "")
    monkeypatch.setattr(
        sys, "argv", ["folds.py", *words, "--out", str(tmp_path), "--", "loader.batch_size=7"]
    )
    folds.main()
    assert [str(run_dir.relative_to(tmp_path)) for run_dir in trained] == runs
    assert all(words[-1] == "loader.batch_size=7" for words in trained.values())
    assert len({tuple(words) for words in trained.values()}) == len(runs)
