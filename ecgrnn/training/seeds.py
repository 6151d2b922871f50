"""Random numbers of a training step as a pure function of seed, epoch, batch and rank."""

import random
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback


class StepSeeds(Callback):
    """Seeds torch, NumPy and Python before every training batch.

    A resumed training so draws what the uninterrupted one draws, whatever was drawn for other ends before,
    and each rank drops out and augments in its own way.

    Args:
        seed: the run's seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed for this batch."""
        drawn = step_seed(self.seed, epoch=trainer.current_epoch, batch=batch_idx, rank=trainer.global_rank)
        torch.manual_seed(drawn)
        np.random.seed(drawn)  # noqa: NPY002 - for code that draws from the global generator
        random.seed(drawn)


def step_seed(seed: int, *, epoch: int, batch: int, rank: int) -> int:
    """Give the seed of one step, 32 bits."""
    return int(np.random.SeedSequence([seed, epoch, batch, rank]).generate_state(1)[0])
