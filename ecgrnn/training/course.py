"""The course of a training, written into its run folder and read back."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only

from ecgrnn.reports.files import write_json
from ecgrnn.tasks.checkpoint_file import read_checkpoint
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import n_weights


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
        "parameters": n_weights(model.network),
        "fit_seconds": seconds["train"],
        "precision": trainer.precision,
    }
    write_json(run_dir / "training.json", content)


def training_seconds(checkpoint: Path) -> dict[str, float]:
    """Read how long the training of a checkpoint took from its run folder's summary, where there is one.

    An evaluation's ``summary.json`` holds these and not its own times, so that two evaluations of one
    checkpoint are the same to the byte.
    """
    try:
        summary = json.loads((checkpoint.parent.parent / "summary.json").read_text(encoding="utf-8"))
        return {str(stage): float(value) for stage, value in summary["seconds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def training_curves(checkpoint: Path) -> list[dict[str, str]]:
    """Read the course of the training from its run folder's ``csv/metrics.csv``, where there is one."""
    try:
        with (checkpoint.parent.parent / "csv" / "metrics.csv").open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if _is_metrics(row)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _is_metrics(row: Mapping[str | None, object]) -> bool:
    """Tell whether a row holds numbers alone: the file is read as it is found."""
    try:
        return all(value is None or value == "" or float(str(value)) is not None for value in row.values())
    except ValueError:
        return False
