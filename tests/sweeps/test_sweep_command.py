"""The command itself: one real sweep of two tiny trainings, and what it refuses before any begins."""

import json
import re
import shlex
from pathlib import Path

import optuna
import pytest
import torch
import yaml

from ecgrnn.cli import main
from ecgrnn.options.choices import Pruner
from ecgrnn.options.sweep import RangeConfig, SearchConfig, SweepConfig
from ecgrnn.sweeps.study import open_study

SPACE = {
    "network.encoder.hidden_size": {"choices": [4, 8]},
    "optimizer": {"choices": ["slow", "slower"]},
}
OF_THE_TEST = ("summary.json", "report.html", "annotations", "MODEL_CARD.md", "intervals.csv", "audit.json")


def words_beside(space: dict, words: list[str]) -> list[str]:
    """Leave out ``train``, and the words for what is searched."""
    return [word for word in words[1:] if word.split("=")[0] not in space]


def write_search(conf: Path, space: dict, **more) -> Path:
    (conf / "search").mkdir(parents=True, exist_ok=True)
    search = {"space": space, "objectives": ["macro_f1"], "pruner": "none", **more}
    (conf / "search" / "mine.yaml").write_text(yaml.safe_dump(search))
    return conf


@pytest.fixture(scope="module")
def swept(small_training, command_line, tmp_path_factory):
    """Give the run folder of a sweep of two tiny trainings, and what it printed."""
    folder = tmp_path_factory.mktemp("swept")
    conf = write_search(folder / "conf", SPACE, sampler="random", pruner="hyperband")
    (conf / "optimizer").mkdir()
    for name, rate in (("slow", 0.0005), ("slower", 0.00025)):
        (conf / "optimizer" / f"{name}.yaml").write_text(f"defaults: [adamw]\nlearning_rate: {rate}\n")
    run_dir = folder / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        sweep = ["sweep", "--config-dir", str(conf), "search=mine", "n_trials=2"]
        sweep += words_beside(SPACE, small_training)
        assert command_line(*sweep, f"run_dir={run_dir}") == 0
    return run_dir


@pytest.fixture(scope="module")
def study(swept):
    return optuna.load_study(study_name="mine", storage=f"sqlite:///{swept / 'study.db'}")


def trials(study):
    return study.get_trials(deepcopy=False)


def folder_of(trial) -> Path:
    return Path(trial.user_attrs["run_dir"])


def test_two_trials_are_trained_and_scored_on_validation_patients(study):
    assert [trial.state.name for trial in trials(study)] == ["COMPLETE"] * 2
    for trial in trials(study):
        training = json.loads((folder_of(trial) / "training.json").read_text())
        assert training["monitor"] == "validation/macro_f1"
        assert trial.value == training["best"]


def test_each_trial_trained_what_it_was_given(study):
    for trial in trials(study):
        folder, params = folder_of(trial), trial.params
        trained = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
        hidden_size = trained["ecgrnn"]["network"]["options"]["encoder"]["hidden_size"]
        assert hidden_size == params["network.encoder.hidden_size"]
        config = yaml.safe_load((folder / "config.yaml").read_text())
        assert config["network"]["encoder"]["hidden_size"] == params["network.encoder.hidden_size"]
        rate = {"slow": 0.0005, "slower": 0.00025}[params["optimizer"]]
        assert config["optimizer"]["learning_rate"] == rate
        assert config["data"]["n_patients"] == 8


def test_no_trial_scores_a_test_patient(study, swept):
    for trial in trials(study):
        folder = folder_of(trial)
        assert yaml.safe_load((folder / "config.yaml").read_text())["evaluate_test"] is False
        assert not [name for name in OF_THE_TEST if (folder / name).exists()]
        assert not list(folder.rglob("*.ecg"))
    assert not [name for name in OF_THE_TEST if (swept / name).exists()]


def test_all_trials_have_the_same_patients(study):
    splits = [
        torch.load(folder_of(trial) / "checkpoints" / "best.ckpt", weights_only=True)["ecgrnn"]["split"]
        for trial in trials(study)
    ]
    assert splits[0] == splits[1]


def test_the_study_is_pruned_as_the_search_file_says(swept):
    # the pruner is no part of what is stored: the command's options make it each time the study is opened
    config = yaml.safe_load((swept / "config.yaml").read_text())
    space = {name: RangeConfig(**values) for name, values in SPACE.items()}
    search = SearchConfig(space=space, pruner=Pruner(config["search"]["pruner"]))
    options = SweepConfig(run_dir=str(swept), search=search, study="other", trainer=config["trainer"])
    assert type(open_study(options, []).pruner).__name__ == "HyperbandPruner"


def test_the_best_recipe_composes_with_the_users_own_files(swept, study, capsys):
    page = (swept / "sweep.html").read_text()
    command = re.search(r"python -m ecgrnn (train --config-dir \S+ experiment=best)", page)[1]
    assert main([*shlex.split(command), "--cfg", "job"]) == 0
    best = study.best_trial
    composed = yaml.safe_load(capsys.readouterr().out)
    assert composed["network"]["encoder"]["hidden_size"] == best.params["network.encoder.hidden_size"]
    assert (
        composed["optimizer"]["learning_rate"]
        == {"slow": 0.0005, "slower": 0.00025}[best.params["optimizer"]]
    )


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"data.fold": {"choices": [0, 1]}}, "'data.fold', which must be the same for all trials"),
        ({"data": {"choices": ["mitdb", "synthetic"]}}, "'data', which must be the same"),
        ({"seed": {"low": 0, "high": 9}}, "'seed', which must be the same"),
        ({"trainer.max_epoch": {"low": 1, "high": 2}}, "unknown option 'trainer.max_epoch'; did you mean"),
        (
            {"network.encoder.hidden_size": {"low": 8, "high": 32.0}},
            "a trial with network.encoder.hidden_size=8.0 would fail: network.encoder.hidden_size:",
        ),
        (
            {"optimizer.learning_rate": {"low": -1.0, "high": 0.1}},
            "a trial with optimizer.learning_rate=-1.0 would fail: optimizer.learning_rate",
        ),
        (
            {"optimizer": {"choices": ["adamw", "sgdd"]}},
            "a trial with optimizer=sgdd would fail: unknown choice",
        ),
        (
            {"network.encoder.cell": {"choices": ["lstm", "lstn"]}},
            "a trial with network.encoder.cell=lstn would fail: network.encoder.cell",
        ),
        ({"trainer.max_epochs": {"low": -1, "high": 9}}, "a trial with trainer.max_epochs=-1 would fail"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_space_that_cannot_be_searched_is_refused_before_anything_is_trained(
    space, told, small_training, tmp_path, capsys
):
    conf = write_search(tmp_path / "conf", space)
    words = [
        "sweep",
        "--config-dir",
        str(conf),
        "search=mine",
        *words_beside(space, small_training),
        f"run_dir={tmp_path / 'run'}",
    ]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (tmp_path / "run").exists()
