"""Loggers and experiment trackers: which there are, and what they are told of a run."""

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from lightning_fabric.loggers.tensorboard import _TENSORBOARD_AVAILABLE, _TENSORBOARDX_AVAILABLE
from numpy.typing import NDArray
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.credentials import flat_options, without_passwords
from ecgrnn.options.training import LoggerConfig
from ecgrnn.tasks.task import Scored
from ecgrnn.training.course import training_curves

Picture = NDArray[np.uint8]
"""``(height, width, colour)``."""


def check_trackers(config: LoggerConfig) -> None:
    """Make sure that the trackers that the options ask for are installed.

    Raises:
        ConfigError: one is not; says how to install it.
    """
    for name, wanted in {"wandb": config.wandb, "mlflow": config.mlflow}.items():
        if wanted and find_spec(name) is None:
            raise _not_installed(name)


def _not_installed(name: str) -> ConfigError:
    product = {"wandb": "wandb", "mlflow": "MLflow"}[name]
    return ConfigError(f"logger={name} needs {product}: pip install 'ecgrnn[{name}]'")


def build_loggers(config: LoggerConfig, run_dir: Path) -> list[Logger]:
    """Build what is told of a training: the CSV file, and the trackers that the options ask for.

    Raises:
        ConfigError: a tracker is not installed.
    """
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
