import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Epoch
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.training import LoggerConfig
from ecgrnn.training.trackers import build_loggers
from ecgrnn.training.trainer_values import check_course


@pytest.mark.parametrize(
    ("trainer", "wanted"),
    [
        ({"max_epochs": -1}, r"max_epochs=-1 .* needs one; set trainer\.max_epochs or trainer\.max_steps"),
        ({"max_epochs": -1, "max_steps": -1, "max_time": "00:01:00:00"}, r"max_epochs=-1"),
        ({"max_epochs": None, "max_time": "00:01:00:00"}, r"max_epochs=null"),
        ({"fast_dev_run": True}, "take debug=fast"),
        ({"fast_dev_run": 3}, r"fast_dev_run=3"),
        (
            {"max_epochs": 2, "check_val_every_n_epoch": 4},
            "before the first validation.*test_checkpoint=last",
        ),
        ({"max_epochs": 2, "limit_val_batches": 0}, "test_checkpoint=last"),
    ],
    ids=str,
)
def test_a_training_whose_end_cannot_be_scored_is_refused(trainer, wanted):
    with pytest.raises(ConfigError, match=wanted):
        check_course(TrainConfig(trainer=trainer))


@pytest.mark.parametrize(
    ("trainer", "test_checkpoint"),
    [
        ({"max_epochs": 12}, Epoch.best),
        ({"max_epochs": 4, "check_val_every_n_epoch": 4}, Epoch.best),
        ({"max_epochs": 2, "check_val_every_n_epoch": 4}, Epoch.last),
        ({"max_epochs": 2, "check_val_every_n_epoch": None, "val_check_interval": 10}, Epoch.best),
        ({"max_epochs": -1, "max_steps": 100}, Epoch.best),
        ({"max_epochs": 12, "max_time": "00:01:00:00"}, Epoch.best),
        ({"max_epochs": 2, "limit_val_batches": 0}, Epoch.last),
        ({"max_epochs": 2, "fast_dev_run": False}, Epoch.best),
    ],
    ids=str,
)
def test_a_training_whose_end_can_be_scored_is_not(trainer, test_checkpoint):
    check_course(TrainConfig(trainer=trainer, test_checkpoint=test_checkpoint))


def test_a_logger_that_is_not_installed_is_named(monkeypatch, tmp_path):
    def absent(*arguments, **options):
        raise ModuleNotFoundError("Neither `tensorboard` nor `tensorboardX` is available")

    monkeypatch.setattr("ecgrnn.training.trackers.TensorBoardLogger", absent)
    with pytest.raises(ConfigError, match=r"logger\.tensorboard=false"):
        build_loggers(LoggerConfig(tensorboard=True), tmp_path)
