"""Tells experiment trackers what a run was given and what it came to: options, final figures, pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.spec import flat, to_plain
from ecgrnn.reports.files import write_json
from ecgrnn.tasks.checkpoint_file import read_checkpoint
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.task import Scored
from ecgrnn.training.course import training_curves

Picture = NDArray[np.uint8]
"""``(height, width, colour)``."""


def flat_options(options: TrainConfig) -> dict[str, str | int | float | bool]:
    """Give the options as one level of dotted names, without any password."""
    leaves = flat(without_passwords(to_plain(options)))
    return {
        name: leaf if isinstance(leaf, str | int | float | bool) else str(leaf)
        for name, leaf in leaves.items()
    }


@rank_zero_only
def log_options(loggers: Sequence[Logger], options: TrainConfig) -> None:
    """Give every tracker the options at the beginning, so that a run cut short has them too.

    Raises:
        ConfigError: MLflow's server does not answer, or not as one.
    """
    for logger in loggers:
        match logger:
            case WandbLogger():
                logger.log_hyperparams(flat_options(options))
            case MLFlowLogger():
                from mlflow.exceptions import MlflowException

                try:
                    logger.log_hyperparams(flat_options(options))
                except MlflowException as error:
                    reason = without_passwords(str(error).partition("\n")[0])
                    address = without_passwords(options.logger.mlflow_uri)
                    raise ConfigError(f"logger.mlflow_uri={address} cannot be used: {reason}") from error


@rank_zero_only
def write_training(
    trainer: pl.Trainer, model: TrainedModel, *, run_dir: Path, seconds: Mapping[str, float]
) -> None:
    """Write ``training.json``: what the training came to on the validation patients, and what it took.

    A training that ended before its first validation has no best epoch.
    """
    best_checkpoint = run_dir / "checkpoints" / "best.ckpt"
    callback = trainer.checkpoint_callback
    best = callback.best_model_score if isinstance(callback, ModelCheckpoint) else None
    content = {
        "monitor": model.task.monitor[0],
        "best": None if best is None or best != best else float(best),
        "best_epoch": read_checkpoint(best_checkpoint)["epoch"] if best_checkpoint.is_file() else None,
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "fit_seconds": seconds["train"],
        "precision": trainer.precision,
    }
    write_json(run_dir / "training.json", content)


@rank_zero_only
def log_results(loggers: Sequence[Logger], options: TrainConfig, *, scored: Scored | None) -> None:
    """Give every tracker the final figures and the pictures, and close its run.

    Args:
        loggers: the trackers.
        options: the run's options, paired with the figures where the tracker compares runs by them.
        scored: what came of the evaluation, where there was one.
    """
    trackers = [logger for logger in loggers if not isinstance(logger, CSVLogger)]
    if not trackers:
        return  # the run folder has config.yaml, summary.json and the report
    metrics = _final_metrics(Path(options.run_dir))
    pictures = _pictures(options, scored) if options.logger.pictures else {}
    for logger in trackers:
        match logger:
            case TensorBoardLogger():
                logger.log_hyperparams(flat_options(options), metrics)
                for name, picture in pictures.items():
                    logger.experiment.add_image(name, picture, dataformats="HWC")
                logger.experiment.close()
            case WandbLogger():
                for name, picture in pictures.items():
                    logger.log_image(f"pictures/{name}", [picture])
                logger.experiment.summary.update(metrics)
                logger.experiment.finish()
            case MLFlowLogger():
                for name, value in metrics.items():
                    logger.experiment.log_metric(logger.run_id, name, value)
                for name, picture in pictures.items():
                    logger.experiment.log_image(logger.run_id, picture, f"pictures/{name}.png")
            case _:
                raise TypeError(f"{type(logger).__name__} is not built here")


def _final_metrics(run_dir: Path) -> dict[str, float]:
    """Gather the final figures from what the run wrote."""
    training = json.loads((run_dir / "training.json").read_text(encoding="utf-8"))
    metrics = {
        f"final/{training['monitor'].replace('/', '_')}": training["best"],
        "final/parameters": training["parameters"],
        "final/fit_seconds": training["fit_seconds"],
    }
    if (run_dir / "summary.json").is_file():
        summary = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))
        metrics |= {f"final/test_{key}": summary.get(key) for key in ("macro_f1", "accuracy")}
    return {name: float(value) for name, value in metrics.items() if value is not None}


def _pictures(options: TrainConfig, scored: Scored | None) -> dict[str, Picture]:
    # Here and not above: matplotlib takes a while to load, and a run without trackers needs none of it.
    from ecgrnn.reports.pictures import learning_pictures

    rows = training_curves(Path(options.run_dir) / "checkpoints" / "best.ckpt")
    return learning_pictures(rows) | (dict(scored.pictures()) if scored is not None else {})
