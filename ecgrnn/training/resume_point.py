"""The checkpoint that a training goes on from: after every epoch, within one, and when asked to stop."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from torch import distributed
from torchmetrics import Metric

from ecgrnn.data.ranks import rank, summed, world_size
from ecgrnn.training.interruption import Interruption

LAST = "last.ckpt"
"""Name of the checkpoint, beside ``best.ckpt``."""

_KEY = "ecgrnn_resume"


class ResumePoint(Checkpoint):
    """Writes ``last.ckpt``, and stops a training that was asked to stop as soon as it is written.

    It comes after every other callback, so that it holds what they know. A checkpoint in the midst of an
    epoch is one after a batch; none is written after a batch that validation follows, for Lightning would
    leave that validation out: the end of the epoch is near then.

    Args:
        folder: folder of the checkpoints.
        interruption: who listens for signals.
        every_steps: batches between two checkpoints within an epoch; 0 for none.
        every_s: seconds between two checkpoints within an epoch; 0 for none.
    """

    def __init__(
        self, folder: Path, *, interruption: Interruption, every_steps: int = 0, every_s: float = 0.0
    ) -> None:
        self.folder = folder
        self.interruption = interruption
        self.every_steps, self.every_s = every_steps, every_s
        self._begun_at = self._saved_at = time.monotonic()
        self._seconds_before = 0.0
        self._group: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen in Lightning's place, and open a line between the processes."""
        if world_size() > 1:
            # Signals are agreed on over a line of its own: one on the GPU would make it wait for every batch.
            self._group = distributed.new_group(backend="gloo")
        self.folder = _folder_of(trainer) or self.folder
        self._saved_at = time.monotonic()
        self.interruption.put_off()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the metrics of the epoch before on disk, and stop here if asked to: that epoch is saved."""
        for logger in trainer.loggers:
            logger.save()
        self._stop_if_asked()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint where one is due or a signal has been heard."""
        if _validation_follows(trainer, batch_idx) or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        late = self.every_s > 0 and time.monotonic() - self._saved_at >= self.every_s
        signal, due = self._agreed(self.interruption.requested, int(late))
        if due or signal or (self.every_steps and (batch_idx + 1) % self.every_steps == 0):
            self._save(trainer)
        if signal:
            self.interruption.stop(signal, agreed=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint of a whole epoch."""
        self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From here on there is nothing to save: signals stop the program at once."""
        self._stop_if_asked()
        self.interruption.put_off_no_more()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Let a signal stop whatever comes after a training that failed."""
        self.interruption.put_off_no_more()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning leaves out: the counts of the epoch so far, the time, and whether it is over."""
        counts = {
            name: {state: summed(value) for state, value in _states(metric).items()}
            for name, metric in _metrics(pl_module)
        }
        checkpoint[_KEY] = {
            "counts": counts,
            "should_stop": bool(trainer.should_stop),
            "seconds": self._seconds_before + time.monotonic() - self._begun_at,
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the counts and the end back; a run folder that was moved keeps its best score."""
        kept = checkpoint[_KEY]
        trainer.should_stop = kept["should_stop"]
        self._seconds_before = seconds_trained(checkpoint)
        if rank() == 0:  # the counts are those of all ranks, so one has them
            for name, metric in _metrics(pl_module):
                for state, value in kept["counts"].get(name, {}).items():
                    setattr(metric, state, value.to(getattr(metric, state).device))
        here = _folder_of(trainer)
        if here is not None:
            _move_paths(checkpoint.get("callbacks", {}), here)

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)
        self._saved_at = time.monotonic()

    def _stop_if_asked(self) -> None:
        (signal,) = self._agreed(self.interruption.requested)
        if signal:
            self.interruption.stop(signal, agreed=True)

    def _agreed(self, *values: int) -> list[int]:
        """Give the highest of each value over all ranks: what one has heard, all do at the same batch."""
        if self._group is None:
            return list(values)
        told = torch.tensor(values)
        distributed.all_reduce(told, op=distributed.ReduceOp.MAX, group=self._group)
        return [int(value) for value in told]


def seconds_trained(checkpoint: Mapping[str, Any]) -> float:
    """Give the time in s that training has taken up to a checkpoint, over all its stretches."""
    return float(checkpoint[_KEY].get("seconds", 0.0))


def was_stopped(checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether a training ended before its last epoch: no better figure came, or its time was up."""
    return bool(checkpoint[_KEY]["should_stop"])


def _validation_follows(trainer: pl.Trainer, batch_idx: int) -> bool:
    if batch_idx + 1 >= trainer.num_training_batches:
        return True
    every: Any = getattr(trainer, "val_check_batch", None)
    return bool(every) and every != float("inf") and (batch_idx + 1) % int(every) == 0


def _metrics(module: pl.LightningModule) -> list[tuple[str, Metric]]:
    return [(name, part) for name, part in module.named_modules() if isinstance(part, Metric)]


def _states(metric: Metric) -> dict[str, torch.Tensor]:
    """Give the states that are sums; others cannot be handed to another rank."""
    return {name: value for name, value in metric.metric_state.items() if isinstance(value, torch.Tensor)}


def _folder_of(trainer: pl.Trainer) -> Path | None:
    """Give the folder that the first rank's ``ModelCheckpoint`` told all ranks."""
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    return None if folder is None else Path(folder)


def _move_paths(states: dict[str, Any], here: Path) -> None:
    """Point what ``ModelCheckpoint`` remembers to where the run folder is now."""
    for name, state in states.items():
        if name.startswith("ModelCheckpoint") and (old := state.get("dirpath")) and Path(old) != here:
            state["dirpath"] = str(here)
            for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
                state[key] = _moved(state.get(key, ""), here)
            best = state.get("best_k_models", {})
            state["best_k_models"] = {_moved(path, here): score for path, score in best.items()}


def _moved(path: str, here: Path) -> str:
    return str(here / Path(path).name) if path else path
