"""What training does to strips before the network reads them: other electrodes, hearts and amplifiers."""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ecgrnn.data.batch import ClassBatch
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.tasks.strips.options import StripAugmentationConfig


def augmented(batch: ClassBatch, config: StripAugmentationConfig, *, fs_hz: float) -> ClassBatch:
    """Give a batch with its signals cut, stretched, flipped, scaled and made noisy by torch's generator.

    A stretch is one for the whole batch: a heart may beat faster or slower and be of the same class, and
    one interpolation is far cheaper than one a strip. No step makes the batch longer or shorter than it was
    or than ``longest_s``: new lengths would cost new compilations of the convolutions. The features beside
    the signal stay as they were.
    """
    with torch.no_grad():
        valid = valid_steps(batch.lengths, batch.signal.shape[1])
        signal, lengths = _cut(
            batch.signal.masked_fill(~valid[..., None], 0), batch.lengths, config, fs_hz=fs_hz
        )
        signal, lengths = _stretched(signal, lengths, config.stretch)
        gain = torch.exp(config.gain * _normal(signal))
        if config.flip:
            gain = gain * _sign(signal)
        noise = config.noise * torch.rand(len(signal), 1, 1, device=signal.device)
        signal = signal * gain + noise * torch.randn_like(signal)
        valid = valid_steps(lengths, signal.shape[1])
        return replace(batch, signal=signal.masked_fill(~valid[..., None], 0), lengths=lengths)


def _cut(
    signal: Tensor, lengths: Tensor, config: StripAugmentationConfig, *, fs_hz: float
) -> tuple[Tensor, Tensor]:
    """Keep a stretch of each row of ``(batch, time, lead)``: at a random place, and of random length."""
    time = signal.shape[1]
    longest = min(time, round(config.longest_s * fs_hz)) if config.longest_s else time
    if longest == time and not config.cut:
        return signal, lengths
    share = 1 - config.cut * torch.rand(len(lengths), device=lengths.device)
    kept = (lengths * share).long().clamp(min=1, max=longest)
    start = (torch.rand(len(lengths), device=lengths.device) * (lengths - kept + 1)).long()
    steps = (start[:, None] + torch.arange(longest, device=lengths.device)).clamp(max=time - 1)
    return signal.gather(1, steps[..., None].expand(-1, -1, signal.shape[2])), kept


def _stretched(signal: Tensor, lengths: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Play ``(batch, time, lead)`` faster or slower by up to ``most``, in as many samples as before."""
    if not most:
        return signal, lengths
    factor = math.exp((2 * float(torch.rand(())) - 1) * math.log1p(most))
    time = signal.shape[1]
    longer = max(1, round(time * factor))
    stretched = functional.interpolate(signal.transpose(1, 2), size=longer, mode="linear").transpose(1, 2)
    fitted = functional.pad(stretched[:, :time], (0, 0, 0, max(0, time - longer)))
    return fitted, (lengths * longer // time).clamp(min=1, max=time)


def _normal(signal: Tensor) -> Tensor:
    return torch.randn(len(signal), 1, 1, device=signal.device)


def _sign(signal: Tensor) -> Tensor:
    """Draw 1 or -1 for each strip; all leads of a strip are turned together."""
    return 2.0 * torch.randint(0, 2, (len(signal), 1, 1), device=signal.device) - 1.0
