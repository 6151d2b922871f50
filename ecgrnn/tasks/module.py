"""What the tasks have in common: their losses and their optimiser, and that no number is infinite."""

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from ecgrnn.data.ranks import summed
from ecgrnn.errors import DivergedError
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.checkpoint_file import first_not_finite
from ecgrnn.tasks.optimisation import LossWindow, configure


class TaskModule(pl.LightningModule):
    """A network in training; each task says what its steps are.

    A training stops at the first loss, gradient or weight that is not finite: whatever came of it later would
    look like a result. The norm of the gradient is computed for that and for clipping at once, and it is the
    same on all ranks, so that all of them stop together.

    Args:
        network: the network.
        optimizer: AdamW and its schedule.
    """

    def __init__(self, network: nn.Module, *, optimizer: OptimizerConfig) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        self.training_loss, self.validation_loss = MeanLoss(), MeanLoss()
        self.window = LossWindow()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimiser and its schedule over all steps of the training."""
        return configure(self, self.optimizer, total_steps=int(self.trainer.estimated_stepping_batches))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Weigh the gradient over the window of accumulated batches, check it, and clip it.

        Raises:
            DivergedError: the loss of a batch of the window, or the gradient, is not finite.
        """
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        factor, total = self.window.close(self.trainer.accumulate_grad_batches)
        if factor is not None:
            torch._foreach_mul_([one.grad for one in parameters if one.grad is not None], factor)
        by_norm = gradient_clip_algorithm in (None, "norm") and bool(gradient_clip_val)
        most = float(gradient_clip_val or math.inf) if by_norm else math.inf
        norm = torch.nn.utils.clip_grad_norm_(parameters, most)
        if not by_norm:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        loss_sound, sound = torch.stack([total.isfinite(), norm.to(total.device).isfinite()]).tolist()
        if not loss_sound or (not sound and not self._is_skipped()):
            value = float(norm) if loss_sound else float(total)
            raise DivergedError(self._diverged("gradient" if loss_sound else "loss", value))

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Take a step.

        Raises:
            DivergedError: it is too long for a number, which torch refuses.
        """
        try:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        except RuntimeError as error:
            if "overflow" not in str(error):
                raise
            raise DivergedError(self._diverged("step of the weights", math.inf)) from error

    def on_validation_epoch_end(self) -> None:
        """Refuse a validation whose loss is not finite, before its epoch can become the best.

        Raises:
            DivergedError: it is not.
        """
        total = float(summed(self.validation_loss.total))
        if not math.isfinite(total):
            raise DivergedError(self._diverged("validation loss", total))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to write weights that are not finite.

        Raises:
            DivergedError: they are not.
        """
        name = first_not_finite(checkpoint)
        if name is not None:
            raise DivergedError(self._diverged(name, math.nan))

    def log_loss(self, stage: str, loss: MeanLoss) -> None:
        """Log the mean loss over the steps of an epoch, and begin another."""
        self.log(f"{stage}/loss", loss.compute().float())
        loss.reset()

    def mean_loss(self, total: Tensor, weight: Tensor) -> Tensor:
        """Give what a training step differentiates, see `LossWindow.add`."""
        accumulated = 1 if self._trainer is None else self.trainer.accumulate_grad_batches
        return self.window.add(total, weight, accumulated=accumulated)

    def _is_skipped(self) -> bool:
        """Tell whether the scaler of 16-bit floats skips this step: an overflow is how it finds its scale."""
        scaler: Any = getattr(self.trainer.precision_plugin, "scaler", None)
        return scaler is not None and scaler.get_scale() >= 1

    def _diverged(self, what: str, value: float) -> str:
        keys = self.trainer
        clip = f"lower trainer.gradient_clip_val={keys.gradient_clip_val:g}" if keys.gradient_clip_val else ""
        half = "16" in str(keys.precision).replace("bf16", "")
        more = [clip or "set trainer.gradient_clip_val", *["take trainer.precision=32-true"] * half]
        return (
            f"training stopped: the {what} is not finite ({value}) in epoch {keys.current_epoch}, step "
            f"{keys.global_step}. Lower optimizer.learning_rate={self.optimizer.learning_rate:g}, or "
            f"{', or '.join(more)}"
        )
