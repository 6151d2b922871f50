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
        rhythm_names: names of the features that are of no lead; those of each lead stand behind them, lead by
            lead, and are lost with it.
        fs_hz: sampling frequency of the signal.
    """

    def __init__(self, config: AugmentationConfig, *, rhythm_names: Sequence[str], fs_hz: float) -> None:
        self.config = config
        self.shift = round(config.shift_s * fs_hz)
        self._absolute = torch.tensor([float(name.startswith("absolute_")) for name in rhythm_names])

    def __call__(self, batch: SequenceBatch) -> SequenceBatch:
        """Give a changed copy."""
        if self.config.most_leads:
            batch = random_leads(batch, self.config.most_leads, n_rhythm=len(self._absolute))
        kept = self._kept(batch)
        return replace(
            batch,
            signal=self._signal(_shifted(batch.signal, self.shift), kept),
            features=self._features(batch.features, kept),
        )

    def _kept(self, batch: SequenceBatch) -> Tensor:
        """Say which leads of each sequence stay, ``(sequence, lead)``."""
        device = batch.signal.device
        sequences, _, leads = batch.signal.shape[:3]
        chance = torch.tensor((*self.config.lead_dropout, *[0.0] * leads)[:leads], device=device)
        margin = torch.rand(sequences, leads, device=device) - chance
        # Where all would be lost, the one that was nearest to staying does: nothing is learned from silence.
        kept = margin >= margin.amax(dim=1, keepdim=True).clamp(max=0)
        if self.config.one_lead:
            best = (margin + there(batch.signal)).argmax(dim=1, keepdim=True)
            single = torch.arange(leads, device=device) == best
            kept = torch.where(torch.rand(sequences, 1, device=device) < self.config.one_lead, single, kept)
        return kept

    def _signal(self, signal: Tensor, kept: Tensor) -> Tensor:
        sequences, beats, leads, time, _ = signal.shape
        here = signal.device
        gain = torch.exp(self.config.amplitude * torch.randn(sequences, leads, device=here)) * kept
        if self.config.turned_over:
            gain = gain * (
                1 - 2 * (torch.rand(sequences, leads, device=here) < self.config.turned_over).float()
            )
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
        rhythm, shapes = changed.tensor_split([len(self._absolute)], dim=-1)
        rhythm = rhythm + rate * self._absolute.to(here)
        shapes = by_lead(shapes, kept.shape[1]) * kept[:, None, :, None]
        return torch.cat([rhythm, shapes.flatten(-2)], dim=-1)


def by_lead(shapes: Tensor, leads: int) -> Tensor:
    """Give features of leads, ``(sequence, beat, lead * shape)``, as ``(sequence, beat, lead, shape)``."""
    return shapes.reshape(*shapes.shape[:2], leads, -1)


def there(signal: Tensor) -> Tensor:
    """Say of each sequence which leads it has, ``(sequence, lead)``: those of other records may be more."""
    return (signal[..., 1] != 0).any(dim=-1).any(dim=1)


def random_leads(batch: SequenceBatch, count: int, *, n_rhythm: int) -> SequenceBatch:
    """Draw so many leads of each sequence, those that it lacks last; all of them where there are no more.

    Args:
        batch: sequences of beats.
        count: leads to keep.
        n_rhythm: features that are of no lead.
    """
    sequences, _, leads = batch.signal.shape[:3]
    if count >= leads:
        return batch
    drawn = torch.rand(sequences, leads, device=batch.signal.device) + there(batch.signal)
    chosen = drawn.argsort(dim=1, descending=True)[:, :count]
    rows = torch.arange(sequences, device=chosen.device)[:, None]
    rhythm, shapes = batch.features.tensor_split([n_rhythm], dim=-1)
    of_leads = by_lead(shapes, leads).transpose(1, 2)[rows, chosen].transpose(1, 2)
    return replace(
        batch,
        signal=batch.signal.transpose(1, 2)[rows, chosen].transpose(1, 2),
        features=torch.cat([rhythm, of_leads.flatten(-2)], dim=-1),
    )


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
