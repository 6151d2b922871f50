"""Random changes to sequences of beats in training: what another electrode or day would have given."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ecgrnn.data.batch import SequenceBatch
from ecgrnn.tasks.beats.options import AugmentationConfig


class BeatAugmentation:
    """Changes a `SequenceBatch`: gain, a lead lost, noise, wander, shift, and noise on the features.

    The gain is the same for the beat and the beat template, as it would be at the electrode; noise and wander
    are on the beat alone. Draws come from torch's global generator.

    Args:
        config: how much of each.
        feature_names: names of the features; ``NAME:LEAD`` belongs to a lead and is lost with it.
        fs_hz: sampling frequency of the signal.
    """

    def __init__(self, config: AugmentationConfig, *, feature_names: Sequence[str], fs_hz: float) -> None:
        self.config = config
        self.shift = round(config.shift_s * fs_hz)
        lead_of = [int(name.rpartition(":")[2]) if ":" in name else -1 for name in feature_names]
        self._lead_of = torch.tensor(lead_of)
        self._absolute = torch.tensor([float(name.startswith("absolute_")) for name in feature_names])

    def __call__(self, batch: SequenceBatch) -> SequenceBatch:
        """Give a changed copy."""
        device = batch.signal.device
        sequences, _, leads = batch.signal.shape[:3]
        chance = torch.tensor((*self.config.lead_dropout, *[0.0] * leads)[:leads], device=device)
        margin = torch.rand(sequences, leads, device=device) - chance
        # Where all would be lost, the one that was nearest to staying does: nothing is learned from silence.
        kept = margin >= margin.amax(dim=1, keepdim=True).clamp(max=0)
        return replace(
            batch,
            signal=self._signal(_shifted(batch.signal, self.shift), kept),
            features=self._features(batch.features, kept),
        )

    def _signal(self, signal: Tensor, kept: Tensor) -> Tensor:
        sequences, beats, leads, time, _ = signal.shape
        here = signal.device
        gain = torch.exp(self.config.amplitude * torch.randn(sequences, leads, device=here)) * kept
        changed = signal * gain[:, None, :, None, None]
        noise = self.config.noise * torch.rand(sequences, 1, leads, 1, device=here)
        wander = self.config.wander * torch.rand(sequences, 1, leads, 1, device=here)
        offset, slope = torch.randn(2, sequences, beats, leads, 1, device=here)
        line = offset + slope * torch.linspace(-1, 1, time, device=here)
        # in place, in what was made here: a copy of all windows costs as much as a sum over them
        added = torch.randn(line.shape, device=here).mul_(noise).add_(line.mul_(wander))
        changed[..., 0] += added.mul_(kept[:, None, :, None])
        return changed

    def _features(self, features: Tensor, kept: Tensor) -> Tensor:
        here = features.device
        changed: Tensor = features + self.config.features * torch.randn(features.shape, device=here)
        rate = self.config.heart_rate * torch.randn(len(features), 1, 1, device=here)
        changed = changed + rate * self._absolute.to(features.device)
        lead_of = self._lead_of.to(features.device)
        # A column for "no lead" on the right, where index -1 points to.
        alive = torch.cat([kept, torch.ones_like(kept[:, :1])], dim=1)[:, lead_of]
        return changed * alive[:, None]


def _shifted(signal: Tensor, largest: int) -> Tensor:
    """Shift all windows of a batch by one random number of samples; the edge is repeated."""
    if largest == 0:
        return signal
    by = int(torch.randint(-largest, largest + 1, ()))
    time = signal.shape[3]
    by = max(-time, min(by, time))
    # pieces side by side: to select samples one by one takes nine times as long
    if by < 0:
        return torch.cat([signal[:, :, :, :1].expand(-1, -1, -1, -by, -1), signal[:, :, :, :by]], dim=3)
    return torch.cat([signal[:, :, :, by:], signal[:, :, :, -1:].expand(-1, -1, -1, by, -1)], dim=3)
