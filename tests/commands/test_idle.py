"""Options that cannot act are refused, and never kept as if they had acted."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ecgrnn.cli import main
from ecgrnn.commands.idle import check_prediction, check_scoring
from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.options.data import DataConfig
from ecgrnn.options.recordings import PredictConfig
from ecgrnn.options.rules import given
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.options import BeatsConfig
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.strips.options import RhythmConfig


@pytest.fixture
def checkpoint(trained):
    return f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"


@pytest.mark.parametrize("command", ["evaluate", "audit"])
@pytest.mark.parametrize(
    "word",
    [
        "data.records=[s001]",
        "data.fold=3",
        "data.fold=0",  # the value it has anyway: what was trained with another one would be scored
        "data.split=kfold",
        "data.annotator=pqt",
        "data.n_patients=3",
        "data.simulation_seed=1",
        "data.scheme=bxb",
        "data.validation_fraction=0.3",
    ],
)
def test_without_a_database_only_places_are_looked_at(command, word, checkpoint, tmp_path, capsys):
    assert main([command, checkpoint, word, f"run_dir={tmp_path / 'run'}"]) == 2
    name = word.partition("=")[0]
    assert f"{name} would change nothing" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (["prepare", "data=mitdb", "data.n_patients=3"], "data.n_patients"),
        (["train", "data=mitdb", "data.fold=1"], "data.fold"),
        (["train", "data=ptbxl", "data.split_seed=1"], "data.split_seed"),
        (["prepare", "data=cinc2017", "task=rhythm", "data.annotator=qrs"], "data.annotator"),
        (["train", "task=delineate", "data.scheme=bxb"], "data.scheme"),
        (["train", "logger.mlflow_uri=sqlite:///mine.db"], "logger.mlflow_uri"),
        (["train", "logger.wandb_online=true"], "logger.wandb_online"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_training_refuses_what_its_database_or_task_does_not_have(words, idle, tmp_path, capsys):
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert f"{idle} would change nothing" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate"])
def test_no_record_is_not_every_record(command, checkpoint, tmp_path, capsys):
    words = [checkpoint] if command == "evaluate" else []
    assert main([command, "data=mitdb", *words, "data.records=[]", f"run_dir={tmp_path / 'run'}"]) == 2
    assert "data.records=[] names no record" in capsys.readouterr().err


def test_records_that_a_published_split_does_not_hold_out_are_refused(
    checkpoint, real_database, tmp_path, capsys
):
    root = f"data.root={real_database('mitdb').parent}"
    words = [checkpoint, "data=mitdb", root, "data.records=[100,101,103,106]", f"run_dir={tmp_path / 'run'}"]
    assert main(["evaluate", *words]) == 2
    said = capsys.readouterr().err
    assert "2 of 4 records that split ds1ds2 does not hold out (101, 106)" in said
    assert "data.records=[100,103]" in said
    assert "data.split=all" in said


class _Model:
    """What the checks look at."""

    def __init__(self, options):
        self.task = task_of(options)
        self.trained = SimpleNamespace(split=SimpleNamespace(name="holdout"))


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (RhythmConfig(), "scheme"),
        (RhythmConfig(), "start_s"),
        (DelineateConfig(), "window_s"),
        (DelineateConfig(), "batch_size"),
        (GenerationConfig(), "resamples"),
    ],
)
def test_options_of_beats_are_refused_for_other_tasks(task, name):
    options = EvaluateConfig(checkpoint="some.ckpt", data=DataConfig(database=None))
    with given([name]), pytest.raises(ConfigError, match=f"{name} would change nothing"):
        check_scoring(options, _Model(task))
    check_scoring(options, _Model(task))


@pytest.mark.parametrize("name", ["annotator", "batch_size", "extension"])
def test_a_delineator_predicts_without_options_of_beats(name):
    options = PredictConfig(checkpoint="some.ckpt", record="some")
    with given([name]), pytest.raises(ConfigError, match=f"{name} would change nothing"):
        check_prediction(options, _Model(DelineateConfig()))
    check_prediction(options, _Model(DelineateConfig()))


def test_options_that_act_are_taken(checkpoint, tmp_path):
    options = EvaluateConfig(checkpoint="c", data=DataConfig(database="mitdb", split="kfold", fold=2))
    names = [
        "data.fold",
        "data.folds",
        "data.split_seed",
        "data.records",
        "data.annotator",
        "scheme",
        "start_s",
    ]
    with given(names):
        check_scoring(options, _Model(BeatsConfig()))


def test_values_that_were_not_typed_but_differ_are_refused_too():
    options = EvaluateConfig(checkpoint="c", data=DataConfig(database=None, records=["s001"]))
    with pytest.raises(ConfigError, match=r"data\.records would change nothing"):
        check_scoring(options, _Model(BeatsConfig()))
    here = DataConfig(database=None, root=str(Path("records")), cache="cache", workers=0)
    check_scoring(EvaluateConfig(checkpoint="c", data=here), _Model(BeatsConfig()))
