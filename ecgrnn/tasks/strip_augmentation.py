"""What training does to strips before the network reads them: other electrodes, hearts and amplifiers."""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ecgrnn.batch import ClassBatch
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.strip_config import StripAugmentationConfig


def augmented(batch: ClassBatch, config: StripAugmentationConfig) -> ClassBatch:
    """Give a batch with its signals flipped, stretched, scaled and made noisy at random, torch's generator.

    A stretch is one for the whole batch: a heart may beat faster or slower and be of the same class, and
    one interpolation is far cheaper than one a strip. The features beside the signal stay as they were.
    """
    with torch.no_grad():
        signal, lengths = _stretched(batch.signal, batch.lengths, config.stretch)
        gain = torch.exp(config.gain * _normal(signal))
        if config.flip:
            gain = gain * _sign(signal)
        noise = config.noise * torch.rand(len(signal), 1, 1, device=signal.device)
        signal = signal * gain + noise * torch.randn_like(signal)
        valid = valid_steps(lengths, signal.shape[1])
        return replace(batch, signal=signal.masked_fill(~valid[..., None], 0), lengths=lengths)


def _stretched(signal: Tensor, lengths: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Play ``(batch, time, lead)`` faster or slower by up to ``most``; 0 leaves it as it is."""
    if not most:
        return signal, lengths
    factor = math.exp((2 * float(torch.rand(())) - 1) * math.log1p(most))
    time = signal.shape[1]
    longer = max(1, round(time * factor))
    stretched = functional.interpolate(signal.transpose(1, 2), size=longer, mode="linear")
    return stretched.transpose(1, 2), (lengths * longer // time).clamp(min=1)


def _normal(signal: Tensor) -> Tensor:
    return torch.randn(len(signal), 1, 1, device=signal.device)


def _sign(signal: Tensor) -> Tensor:
    """Draw 1 or -1 for each strip; all leads of a strip are turned together."""
    return 2.0 * torch.randint(0, 2, (len(signal), 1, 1), device=signal.device) - 1.0
