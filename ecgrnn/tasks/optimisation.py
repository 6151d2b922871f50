"""AdamW and its learning-rate schedule, the same for every task."""

import math

import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from ecgrnn.data.ranks import summed, world_size
from ecgrnn.options.choices import Schedule
from ecgrnn.options.training import OptimizerConfig

_NEVER_DECAYED = ("initial_h", "initial_c", "transitions")
"""Endings of names of parameters that are matrices in shape alone: a row for each layer or label."""


def configure(module: nn.Module, config: OptimizerConfig, *, total_steps: int) -> OptimizerLRSchedulerConfig:
    """Give AdamW over a module's parameters with a schedule stepped once per batch.

    Biases, gains, learned initial states and scores of transitions are not decayed: decay pulls matrices
    towards smooth functions, but would pull those towards nothing meaningful.
    """
    parameters = [(name, one) for name, one in module.named_parameters() if one.requires_grad]
    decayed = [one for name, one in parameters if one.ndim >= 2 and not name.endswith(_NEVER_DECAYED)]
    others = [one for name, one in parameters if one.ndim < 2 or name.endswith(_NEVER_DECAYED)]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        # One call for all weights takes a quarter of the time on a processor. None is the choice of torch:
        # on a GPU, Lightning refuses to clip the gradients of a fused optimiser in 16-mixed.
        fused=all(one.device.type == "cpu" for _, one in parameters) or None,
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step, config, total_steps=total_steps)
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def rate_factor(step: int, config: OptimizerConfig, *, total_steps: int) -> float:
    """Give the learning rate at a step, as a share of the highest.

    Example:
        >>> config = OptimizerConfig(warmup_fraction=0.5, schedule=Schedule.cosine)
        >>> [round(rate_factor(step, config, total_steps=8), 2) for step in range(8)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    warmup = max(1, round(config.warmup_fraction * total_steps))
    if step < warmup:
        return (step + 1) / warmup
    match config.schedule:
        case Schedule.constant:
            return 1.0
        case Schedule.cosine:
            progress = (step - warmup) / max(1, total_steps - warmup)
            return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class LossWindow:
    """The losses of the batches whose gradients are accumulated into one step: each item counts alike.

    Lightning divides the loss of every batch by ``accumulate_grad_batches``: a small batch would count as
    much as a large one, and a last window of fewer batches would give too small a gradient. The weight of a
    window is not known before its end, so each batch is divided by the weight of the first, and the gradient
    is scaled at the end. A window of one batch needs no scaling.
    """

    def __init__(self) -> None:
        self._batches: list[Tensor] = []

    def add(self, total: Tensor, weight: Tensor, *, accumulated: int = 1) -> Tensor:
        """Give a batch's loss whose gradient, averaged over ranks, is that of all ranks' items at once.

        Each rank divides by the mean weight of a rank's batch, not by its own: an item counts alike wherever
        it is. Of one batch on one rank this is ``total / weight``, and 0 where it has only items of weight 0.

        Args:
            total: sum of the weighted losses of this rank's items.
            weight: sum of their weights.
            accumulated: batches of a whole window; with one, every batch begins a window.
        """
        self._batches = self._batches if accumulated > 1 else []
        kind = torch.promote_types(total.dtype, torch.float32)
        both = torch.stack([total.detach().to(kind), weight.detach().to(kind)])
        self._batches.append(summed(both) / world_size())
        return total / _or_one(self._batches[0][1])

    def close(self, accumulated: int) -> tuple[Tensor | None, Tensor]:
        """End the window.

        Args:
            accumulated: by how much Lightning has divided every loss.

        Returns:
            What the gradient is to be multiplied by, None for nothing; and the sum of all losses, which is
            not finite where one of them, on any rank, is not.
        """
        batches, self._batches = torch.stack(self._batches), []
        total, weight = batches.sum(dim=0)
        factor = accumulated * _or_one(batches[0, 1]) / _or_one(weight) if accumulated > 1 else None
        return factor, total


def _or_one(weight: Tensor) -> Tensor:
    """Give a weight to divide by; where nothing has a weight, the sum above it is 0, too."""
    return torch.where(weight > 0, weight, 1.0)
