"""Every argument of Lightning's Trainer works, or is refused in one line before anything is prepared."""

import inspect

import pytest
import pytorch_lightning as pl

from ecgrnn.cli import main
from ecgrnn.errors import ConfigError
from ecgrnn.training.trainer_values import check_batches, check_trainer_keys, check_trainer_values

BASE = {"accelerator": "cpu", "devices": 1, "max_epochs": 2, "precision": "32-true", "deterministic": True}
NEVER = ("nonsense", float("nan"), float("inf"), [], -7, {"a": 1})
"""What no argument of the Trainer can be, beside those that this application sets itself."""

REFUSED = [
    ("precision", "bf16-true"),
    ("precision", "64-true"),
    ("precision", "64"),
    ("precision", "16-true"),
    ("precision", "transformer-engine"),
    ("precision", "16-mixed"),  # on the CPU
    ("precision", True),
    ("val_check_interval", 0),
    ("val_check_interval", 1.5),
    ("val_check_interval", True),
    ("check_val_every_n_epoch", 0),
    ("check_val_every_n_epoch", None),  # with no number of batches
    ("limit_train_batches", 0),
    ("limit_train_batches", 0.0),
    ("limit_train_batches", 1.5),
    ("limit_train_batches", True),
    ("limit_val_batches", -1),
    ("limit_test_batches", 3),
    ("limit_predict_batches", 3),
    ("max_epochs", 0),
    ("max_epochs", 2.5),
    ("max_epochs", "abc"),
    ("max_steps", 0),
    ("max_steps", None),
    ("max_time", 5),
    ("max_time", "00:00:00:00"),
    ("max_time", "1 hour"),
    ("max_time", {"fortnights": 1}),
    ("min_epochs", 5),  # above max_epochs
    ("accumulate_grad_batches", 0),
    ("accumulate_grad_batches", {0: 2}),
    ("devices", 0),
    ("devices", "0"),
    ("devices", "abc"),
    ("devices", 100_000),
    ("devices", [0]),  # of GPUs
    ("num_nodes", 0),
    ("num_nodes", 2),  # nobody says which other machine
    ("strategy", "ddpp"),
    ("strategy", "fsdp"),
    ("strategy", "ddp_spawn"),
    ("strategy", None),
    ("accelerator", "abacus"),
    ("accelerator", "tpu"),
    ("profiler", "xla"),
    ("profiler", True),
    ("overfit_batches", 1),
    ("overfit_batches", 0.5),
    ("detect_anomaly", "maybe"),
    ("detect_anomaly", 1),
    ("gradient_clip_val", -1),
    ("gradient_clip_val", True),
    ("gradient_clip_algorithm", "values"),
    ("deterministic", "maybe"),
    ("benchmark", "yes please"),
    ("inference_mode", None),
    ("barebones", True),
    ("enable_checkpointing", False),
    ("sync_batchnorm", True),  # on the CPU
    ("reload_dataloaders_every_n_epochs", 1),
    ("num_sanity_val_steps", -2),
    ("log_every_n_steps", -1),
    ("fast_dev_run", []),
]
TAKEN = [
    ("precision", "bf16-mixed"),
    ("precision", 32),
    ("precision", None),
    ("val_check_interval", 3),
    ("val_check_interval", 0.5),
    ("limit_train_batches", 0.5),
    ("limit_train_batches", 3),
    ("limit_val_batches", 0),
    ("max_steps", 10),
    ("max_time", "00:00:01:00"),
    ("max_time", {"hours": 1}),
    ("devices", 2),
    ("devices", "auto"),
    ("strategy", "ddp"),
    ("profiler", "simple"),
    ("overfit_batches", 0.0),
    ("detect_anomaly", True),
    ("gradient_clip_val", 0.5),
    ("gradient_clip_algorithm", "value"),
    ("deterministic", "warn"),
    ("num_sanity_val_steps", -1),
]


def check(keys):
    check_trainer_keys(keys)
    check_trainer_values(keys)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in ("MASTER_ADDR", "SLURM_JOB_ID", "TORCHELASTIC_RUN_ID", "LSB_JOBID", "GROUP_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=str)
def test_a_value_that_cannot_work_is_refused_in_one_line(key, value):
    with pytest.raises(ConfigError, match="trainer") as refused:
        check_trainer_values({**BASE, key: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", list(inspect.signature(pl.Trainer.__init__).parameters)[1:])
def test_no_argument_takes_nonsense(key):
    for value in NEVER:
        with pytest.raises(ConfigError, match="trainer"):
            check({**BASE, key: value})


@pytest.mark.parametrize(("key", "value"), TAKEN, ids=str)
def test_a_value_that_works_is_taken(key, value):
    check_trainer_values({**BASE, key: value})


def test_float16_where_no_gpu_is_found_is_refused_for_auto_too(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match="needs a GPU"):
        check_trainer_values({"accelerator": "auto", "precision": "16-mixed"})


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"limit_train_batches": 0.1}, r"limit_train_batches=0\.1 of 6 batches is less than one batch"),
        ({"limit_val_batches": 0.2}, r"limit_val_batches=0\.2 of 2 batches"),
        ({"val_check_interval": 7}, r"val_check_interval=7 is more than the 6 batches"),
        ({"val_check_interval": 4, "limit_train_batches": 3}, r"more than the 3 batches"),
        ({"val_check_interval": 4, "limit_train_batches": 0.5}, r"more than the 3 batches"),
    ],
    ids=str,
)
def test_what_depends_on_the_number_of_batches_is_refused_before_the_first_step(keys, wanted):
    with pytest.raises(ConfigError, match=wanted):
        check_batches(keys, train=6, validation=2)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"val_check_interval": 6},
        {"val_check_interval": 7, "check_val_every_n_epoch": None},
        {"val_check_interval": 0.01},
        {"limit_train_batches": 100, "limit_val_batches": 0},
        {"limit_val_batches": 0.5},
    ],
    ids=str,
)
def test_what_fits_the_number_of_batches_is_taken(keys):
    check_batches(keys, train=6, validation=2)


@pytest.mark.parametrize(
    "word", ["trainer.precision=64-true", "trainer.max_epochs=abc", "trainer.logger=true", "logger=mlflow"]
)
def test_a_training_is_refused_before_anything_is_prepared_or_left(
    word, small_training, tmp_path, monkeypatch, capsys
):
    def too_late(*arguments, **options):
        raise AssertionError("prepared")

    monkeypatch.setattr("ecgrnn.commands.train.open_data", too_late)
    monkeypatch.setattr("ecgrnn.training.trackers.find_spec", lambda name: None)
    assert main([*small_training, word, f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "logger" in said or "trainer." in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words", [["trainer.val_check_interval=1000"], ["trainer.limit_train_batches=0.001"]]
)
def test_a_run_that_the_number_of_batches_refuses_leaves_no_folder(words, small_training, tmp_path, capsys):
    assert main([*small_training, *words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"ecgrnn: {words[0].partition('=')[0]}=")
    assert not (tmp_path / "run").exists()
