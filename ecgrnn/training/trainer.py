"""From options to Lightning's Trainer: its keys, its loggers and its callbacks."""

import logging
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytorch_lightning as pl
import torch
from lightning_fabric.loggers.tensorboard import _TENSORBOARD_AVAILABLE, _TENSORBOARDX_AVAILABLE
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Epoch
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.training import LoggerConfig
from ecgrnn.tasks import task_of
from ecgrnn.training.checkpoint_io import PlainCheckpointIO
from ecgrnn.training.interruption import WARNING, Interruption
from ecgrnn.training.metrics_file import ContinuedMetrics
from ecgrnn.training.precision import with_precision
from ecgrnn.training.resume_point import ResumePoint
from ecgrnn.training.seeds import StepSeeds
from ecgrnn.training.trainer_values import check_trainer_keys, check_trainer_values

_NO_END = -1
"""What ``max_epochs`` and ``max_steps`` are where Lightning is to train without an end."""


def build_trainer(
    options: TrainConfig, *, run_dir: Path, interruption: Interruption | None = None
) -> pl.Trainer:
    """Build Lightning's Trainer from the open ``trainer`` group.

    Args:
        options: the run's options.
        run_dir: the run folder.
        interruption: who listens for signals; None for nobody.

    Raises:
        ConfigError: when a key is not one of ``pytorch_lightning.Trainer``, Lightning refuses a value, or the
            training would not come to an end that can be scored.
    """
    check_course(options)
    _quieten_lightning()
    # trainer.deterministic would also fill every new tensor with NaN, a fifth of the time of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        trainer = pl.Trainer(
            **{
                "default_root_dir": str(run_dir),
                "logger": _loggers(options.logger, run_dir) or False,
                "callbacks": _callbacks(options, run_dir, interruption or Interruption("")),
                "plugins": [PlainCheckpointIO()],
                "use_distributed_sampler": False,  # data/order.py deals out the items, and pads nothing
                "log_every_n_steps": 1,  # metrics are logged by the epoch, and an epoch may be short
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                **with_precision(options.trainer)[0],
            }
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    if WARNING is None:
        trainer._signal_connector = _NoSignals(trainer)
    return trainer


class _NoSignals(_SignalConnector):
    """Leaves all signals to ``Interruption`` where the system lacks those that Lightning expects."""

    def register_signal_handlers(self) -> None:
        """Register none."""

    def teardown(self) -> None:
        """Leave them as they are."""


def check_course(options: TrainConfig) -> None:
    """Check, before the minutes that preparing may take, that a training has an end that can be scored.

    Raises:
        ConfigError: when a key of ``trainer`` is unknown or has a value that does not work, when keys leave
            the training without an end, without a checkpoint, or without the validation that
            ``test_checkpoint=best`` needs, or when a tracker is not installed.
    """
    keys = options.trainer
    check_trainer_keys(keys)
    _check_trackers(options.logger)
    if keys.get("fast_dev_run"):
        raise ConfigError(
            f"trainer.fast_dev_run={keys['fast_dev_run']} keeps no checkpoint that could be scored; take "
            "debug=fast, which trains and validates on two batches"
        )
    epochs, every = keys.get("max_epochs"), keys.get("check_val_every_n_epoch")
    # Without a number of epochs Lightning takes 1000, or with a time limit any number.
    endless = epochs == _NO_END or (epochs is None and keys.get("max_time") is not None)
    _quieten_lightning()
    check_trainer_values(with_precision(keys)[0])
    if endless and keys.get("max_steps") in (None, _NO_END):
        raise ConfigError(
            f"trainer.max_epochs={'null' if epochs is None else epochs} names no end, and the learning rate "
            "follows a schedule that needs one; set trainer.max_epochs or trainer.max_steps"
        )
    if options.test_checkpoint is not Epoch.best:
        return
    if isinstance(epochs, int) and isinstance(every, int) and 0 < epochs < every:
        raise ConfigError(
            f"trainer.max_epochs={epochs} ends before the first validation, which comes after "
            f"trainer.check_val_every_n_epoch={every} epochs, so no epoch would be the best; change one of "
            "them, or set test_checkpoint=last"
        )
    if keys.get("limit_val_batches") == 0:
        raise ConfigError(
            "trainer.limit_val_batches=0 leaves validation out, so no epoch would be the best; "
            "set test_checkpoint=last"
        )


def _quieten_lightning() -> None:
    """Keep advertisements, and a warning about torch that is Lightning's own business, from the user."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
    # A run that is resumed goes on in its own folder, and every figure logged is that of all ranks already.
    warnings.filterwarnings("ignore", message=".*directory.* exists and is not empty")
    warnings.filterwarnings("ignore", message=r".*recommended to use `self.log\(.*sync_dist=True")
    warnings.filterwarnings("ignore", message=".*dataloader is not resumable")


def _check_trackers(config: LoggerConfig) -> None:
    for name, wanted in {"wandb": config.wandb, "mlflow": config.mlflow}.items():
        if wanted and find_spec(name) is None:
            raise _not_installed(name)


def _not_installed(name: str) -> ConfigError:
    product = {"wandb": "wandb", "mlflow": "MLflow"}[name]
    return ConfigError(f"logger={name} needs {product}: pip install 'ecgrnn[{name}]'")


def _loggers(config: LoggerConfig, run_dir: Path) -> list[Logger]:
    loggers: list[Logger] = []
    if config.csv:
        loggers.append(CSVLogger(str(run_dir), name="", version="csv"))
    if config.tensorboard or (config.tensorboard is None and tensorboard_installed()):
        loggers.append(_tensorboard(run_dir))
    if config.wandb:
        loggers.append(_wandb(config, run_dir))
    if config.mlflow:
        loggers.append(_mlflow(config, run_dir))
    return loggers


def tensorboard_installed() -> bool:
    """Tell whether Lightning finds a TensorBoard to write event files with."""
    return bool(_TENSORBOARD_AVAILABLE or _TENSORBOARDX_AVAILABLE)


def _tensorboard(run_dir: Path) -> Logger:
    try:
        return TensorBoardLogger(str(run_dir), name="", version="tensorboard", default_hp_metric=False)
    except ImportError as error:
        raise ConfigError(
            "logger.tensorboard=true needs TensorBoard: pip install 'ecgrnn[tensorboard]', or take "
            "logger.tensorboard=false"
        ) from error


def _wandb(config: LoggerConfig, run_dir: Path) -> Logger:
    try:
        from wandb import Settings
    except ImportError as error:
        raise _not_installed("wandb") from error
    return WandbLogger(
        name=run_dir.name,
        save_dir=str(run_dir),
        project=config.project,
        offline=not config.wandb_online,
        # what the run folder holds is enough: no console, no code, no address of a repository
        settings=Settings(silent=True, console="off", disable_git=True, save_code=False),
    )


def _mlflow(config: LoggerConfig, run_dir: Path) -> Logger:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    beside = None
    if config.mlflow_uri.startswith("sqlite:///"):
        store = Path(config.mlflow_uri.removeprefix("sqlite:///")).resolve()
        store.parent.mkdir(parents=True, exist_ok=True)
        beside = (store.parent / "mlflow_artifacts").as_uri()
    try:
        return MLFlowLogger(
            experiment_name=config.project,
            run_name=str(run_dir),
            tracking_uri=config.mlflow_uri,
            artifact_location=beside,
        )
    except ImportError as error:
        raise _not_installed("mlflow") from error


def _callbacks(options: TrainConfig, run_dir: Path, interruption: Interruption) -> list[Callback]:
    checkpoints = run_dir / "checkpoints"
    monitor, mode = task_of(options.task).monitor
    callbacks: list[Callback] = [
        StepSeeds(options.seed),
        ModelCheckpoint(
            checkpoints, filename="best", monitor=monitor, mode=mode, enable_version_counter=False
        ),
        ResumePoint(
            checkpoints,
            interruption=interruption,
            every_steps=options.checkpoint_every_steps,
            every_s=options.checkpoint_every_s,
        ),
    ]
    if options.resume is not None:
        callbacks.append(ContinuedMetrics(run_dir))
    if options.optimizer.average_decay:
        # all weights in one call; Lightning's EMAWeightAveraging takes them one by one
        average = get_ema_multi_avg_fn(options.optimizer.average_decay)  # type: ignore[no-untyped-call]
        callbacks.append(WeightAveraging(multi_avg_fn=average))
    if options.early_stopping_patience:
        callbacks.append(EarlyStopping(monitor, mode=mode, patience=options.early_stopping_patience))
    return callbacks
