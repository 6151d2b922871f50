"""``metrics.csv`` of a training that goes on: Lightning would begin the file anew."""

import csv
import shutil
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger

_METRICS = Path("csv") / "metrics.csv"
_ASIDE = "metrics.before.csv"


class ContinuedMetrics(Callback):
    """Puts the rows from before an interruption back, but for those of steps that are taken again.

    Args:
        run_dir: the run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.aside = run_dir / _ASIDE
        if (run_dir / _METRICS).is_file() and not self.aside.is_file():
            shutil.copyfile(run_dir / _METRICS, self.aside)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the rows into the new file."""
        self._put_back(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them even where no step was left to train, so that training never started."""
        self._put_back(trainer)

    def _put_back(self, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero or not self.aside.is_file():
            return
        with self.aside.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if _step(row) < trainer.global_step]
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                logger.experiment.metrics[:0] = rows
                logger.save()
        self.aside.unlink()


def _step(row: dict[str, str]) -> float:
    try:
        return float(row["step"])
    except (KeyError, ValueError, TypeError):
        return float("inf")  # a row that was half written
