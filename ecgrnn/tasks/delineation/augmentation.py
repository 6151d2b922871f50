"""Random changes to records in training of a delineator: a wave stays a wave on any day and electrode."""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ecgrnn.data.batch import LabelBatch
from ecgrnn.tasks.delineation.options import WaveAugmentationConfig


class WaveAugmentation:
    """Changes a `LabelBatch`: a stretch of it, some of its leads, gain and noise; onsets stay where they are.

    Draws come from torch's global generator.

    Args:
        config: how much of each.
        fs_hz: sampling frequency of the signal.
        frame: samples of a frame of the network.
        per_frame: labels of a frame.
    """

    def __init__(self, config: WaveAugmentationConfig, *, fs_hz: float, frame: int, per_frame: int) -> None:
        self.config = config
        self.fs_hz = fs_hz
        self.crop = round(config.crop_s * fs_hz)
        self.frame = frame
        self.per_frame = per_frame

    def __call__(self, batch: LabelBatch) -> LabelBatch:
        """Give a changed copy."""
        if self.crop:
            batch = self._stretches(batch)
        if self.config.leads:
            batch = random_leads(batch, self._count())
        return replace(batch, signal=self._signal(batch.signal))

    def _stretches(self, batch: LabelBatch) -> LabelBatch:
        if not self.config.stretch:
            return random_stretches(batch, self.crop, frame=self.frame, per_frame=self.per_frame)
        faster = float(torch.exp(self.config.stretch * torch.randn(())).clamp(0.67, 1.5))
        read = random_stretches(batch, round(faster * self.crop), frame=self.frame, per_frame=self.per_frame)
        return in_other_time(read, -(-self.crop // self.frame), frame=self.frame, per_frame=self.per_frame)

    def _count(self) -> int:
        """Draw how many leads a step reads."""
        most, fewest = self.config.leads, self.config.fewest_leads
        if not fewest:
            return most
        return min(int(fewest * ((most + 1) / fewest) ** float(torch.rand(()))), most)

    def _signal(self, signal: Tensor) -> Tensor:
        records, _, leads = signal.shape
        here = signal.device
        # half of the gain's variance is the record's, half the lead's
        spread = torch.randn(records, 1, 1, device=here) + torch.randn(records, 1, leads, device=here)
        gain = torch.exp(self.config.amplitude * 0.5**0.5 * spread)
        noise = self.config.noise * torch.rand(records, 1, 1, device=here)
        changed = signal * gain + noise * torch.randn(signal.shape, device=here)
        if self.config.wander:
            changed = changed + self._wander(signal)
        if self.config.smoothing_s:
            changed = smoothed(changed, float(torch.rand(())) * self.config.smoothing_s * self.fs_hz)
        return changed

    def _wander(self, signal: Tensor) -> Tensor:
        records, time, leads = signal.shape
        rate_hz, phase, size = torch.rand(3, records, 1, leads, device=signal.device)
        at_s = torch.arange(time, device=signal.device)[:, None] / self.fs_hz
        angle = 2 * math.pi * ((0.2 + 0.8 * rate_hz) * at_s + phase)
        slow: Tensor = self.config.wander * size * torch.sin(angle)
        return slow


def smoothed(signal: Tensor, deviation: float) -> Tensor:
    """Smooth every lead by a Gaussian of so many samples, which moves no wave; edges are repeated."""
    reach = math.ceil(3 * deviation)
    if reach < 1:
        return signal
    at = torch.arange(-reach, reach + 1, device=signal.device)
    weights = torch.exp(-((at / deviation) ** 2) / 2)
    rows = functional.pad(signal.transpose(1, 2), (reach, reach), mode="replicate")
    done: Tensor = functional.conv1d(rows.flatten(0, 1)[:, None], (weights / weights.sum())[None, None])
    return done.reshape(signal.shape[0], signal.shape[2], -1).transpose(1, 2)


def in_other_time(batch: LabelBatch, frames: int, *, frame: int, per_frame: int) -> LabelBatch:
    """Play whole frames so much faster or slower that they fill so many frames, labels with their samples."""
    before, labels = batch.signal.shape[1], batch.labels.shape[2]
    rows = functional.interpolate(batch.signal.transpose(1, 2), size=frames * frame, mode="linear")
    at = (torch.arange(frames * per_frame, device=batch.labels.device) + 0.5) * labels / (frames * per_frame)
    return replace(
        batch,
        signal=rows.transpose(1, 2),
        lengths=torch.ceil(batch.lengths * (frames * frame / before)).long(),
        labels=batch.labels[:, :, at.long()],
    )


def random_leads(batch: LabelBatch, count: int) -> LabelBatch:
    """Keep so many leads of each record, drawn anew for each; all of them where there are no more."""
    records, leads = batch.labels.shape[:2]
    if count >= leads:
        return batch
    kept = torch.rand(records, leads, device=batch.signal.device).argsort(dim=1)[:, :count]
    rows = torch.arange(records, device=batch.signal.device)[:, None]
    signal = batch.signal.transpose(1, 2)[rows, kept].transpose(1, 2)
    return replace(batch, signal=signal, labels=batch.labels[rows, kept])


def random_stretches(batch: LabelBatch, crop: int, *, frame: int, per_frame: int) -> LabelBatch:
    """Cut one stretch out of every record, at a random place where at least its middle is annotated.

    Stretches begin with a frame, so that a label stands for the samples it stood for before.

    Args:
        batch: whole records.
        crop: samples of a stretch, rounded up to whole frames; a batch that is no longer is given back.
        frame: samples of a frame.
        per_frame: labels of a frame.
    """
    frames, device = -(-crop // frame), batch.signal.device
    whole = batch.signal.shape[1] // frame
    if frames >= whole:
        return batch
    known = (batch.labels >= 0).any(dim=1)
    first = known.int().argmax(dim=1) // per_frame
    last = (known.shape[1] - 1 - known.flip(1).int().argmax(dim=1)) // per_frame
    middle = first + (torch.rand(len(batch), device=device) * (last - first + 1)).long()
    start = (middle - frames // 2).clamp(0, whole - frames)
    at = start[:, None] * frame + torch.arange(frames * frame, device=device)
    label_at = start[:, None] * per_frame + torch.arange(frames * per_frame, device=device)
    return LabelBatch(
        signal=batch.signal[torch.arange(len(batch), device=device)[:, None], at],
        lengths=(batch.lengths - start * frame).clamp(0, frames * frame),
        labels=batch.labels.gather(2, label_at[:, None].expand(-1, batch.labels.shape[1], -1)),
        index=batch.index,
    )
