"""Lightning's Trainer as the options ask for it, and its work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from pytorch_lightning.loggers import Logger
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ecgrnn.data.ranks import barrier, broadcast
from ecgrnn.errors import ConfigError, DivergedError
from ecgrnn.options.choices import Epoch
from ecgrnn.options.commands import TrainConfig
from ecgrnn.tasks.facts import Facts
from ecgrnn.training.checkpoint_io import PlainCheckpointIO
from ecgrnn.training.interruption import WARNING, Interruption
from ecgrnn.training.metrics_file import ContinuedMetrics
from ecgrnn.training.resume_point import ResumePoint
from ecgrnn.training.seeds import StepSeeds


def build_trainer(
    options: TrainConfig,
    keys: Mapping[str, Any],
    facts: Facts,
    *,
    monitor: tuple[str, str],
    loggers: list[Logger],
    interruption: Interruption,
) -> pl.Trainer:
    """Build Lightning's Trainer.

    Args:
        options: the run's options.
        keys: those of the group ``trainer``, with the precision that was chosen.
        facts: what every checkpoint says.
        monitor: log key that the best epoch is chosen by, and whether its ``min`` or ``max`` is best.
        loggers: what is told of the training.
        interruption: who listens for signals.

    Raises:
        ConfigError: Lightning refuses a value.
    """
    # trainer.deterministic would also fill every new tensor with NaN, a fifth of the time of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        trainer = pl.Trainer(
            **{
                "default_root_dir": options.run_dir,
                "logger": loggers or False,
                "callbacks": _callbacks(options, monitor, interruption),
                "plugins": [PlainCheckpointIO(facts)],
                "use_distributed_sampler": False,  # data/order.py deals out the items, and pads nothing
                "log_every_n_steps": 1,  # metrics are logged by the epoch, and an epoch may be short
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                **keys,
            }
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    if WARNING is None:
        trainer._signal_connector = _NoSignals(trainer)
    return trainer


def fit(
    trainer: pl.Trainer, module: pl.LightningModule, datamodule: pl.LightningDataModule, *, last: Path | None
) -> None:
    """Train, from the beginning or from a checkpoint on.

    Raises:
        ConfigError: Lightning finds keys of ``trainer`` that do not go together.
        DivergedError: a number is not finite; says which checkpoint is from before that.
    """
    try:
        trainer.fit(module, datamodule, ckpt_path=last and str(last), weights_only=True)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    except DivergedError as error:
        folder = Path(trainer.default_root_dir) / "checkpoints"
        good = [str(path) for epoch in Epoch if (path := folder / f"{epoch.value}.ckpt").is_file()]
        before = f"From before that, and good: {' and '.join(good)}" if good else _NONE_BEFORE
        raise DivergedError(f"{error}. {before}") from error


def scored_checkpoint(options: TrainConfig) -> Path:
    """Name the checkpoint that is scored, in every process as the first one does.

    Raises:
        ConfigError: the training was over before its first validation, by its steps or its time.
    """
    name = f"{options.test_checkpoint.value}.ckpt"
    checkpoint = Path(broadcast(str(Path(options.run_dir) / "checkpoints" / name)))
    barrier()
    if options.test_checkpoint is Epoch.best and not checkpoint.is_file():
        raise ConfigError(
            "training ended before the first validation, so there is no best epoch; score its end with "
            f"evaluate checkpoint={checkpoint.with_name('last.ckpt')}, "
            "or train again with test_checkpoint=last"
        )
    return checkpoint


_NONE_BEFORE = "No checkpoint was written before that"


class _NoSignals(_SignalConnector):
    """Leaves all signals to ``Interruption`` where the system lacks those that Lightning expects."""

    def register_signal_handlers(self) -> None:
        """Register none."""

    def teardown(self) -> None:
        """Leave them as they are."""


def _callbacks(options: TrainConfig, monitor: tuple[str, str], interruption: Interruption) -> list[Callback]:
    run_dir = Path(options.run_dir)
    checkpoints, (name, mode) = run_dir / "checkpoints", monitor
    callbacks: list[Callback] = [
        StepSeeds(options.seed),
        ModelCheckpoint(checkpoints, filename="best", monitor=name, mode=mode, enable_version_counter=False),
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
        callbacks.append(EarlyStopping(name, mode=mode, patience=options.early_stopping_patience))
    return callbacks
