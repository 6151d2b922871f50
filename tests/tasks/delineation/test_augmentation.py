from dataclasses import replace

import pytest
import torch

from ecgrnn.data.batch import LabelBatch
from ecgrnn.errors import ConfigError
from ecgrnn.tasks.delineation.augmentation import (
    WaveAugmentation,
    in_other_time,
    random_leads,
    random_stretches,
    smoothed,
)
from ecgrnn.tasks.delineation.options import WaveAugmentationConfig

FRAME, PER_FRAME, LEADS = 4, 2, 3


def batch(n=64, frames=25):
    """Records in which sample, label and time are one number, the lead a thousand more: label k of lead l
    stands for samples 2k and 2k + 1 of lead l."""
    samples = torch.arange(frames * FRAME + 3.0)
    labels = torch.arange(frames * PER_FRAME + 2)
    labels = torch.where((labels >= 12) & (labels < 30), labels, -1)
    lead = 1000 * torch.arange(LEADS)
    return LabelBatch(
        signal=(samples[:, None] + 2 * lead).repeat(n, 1, 1),
        lengths=torch.full((n,), len(samples)),
        labels=torch.where(labels >= 0, labels + lead[:, None], -1).repeat(n, 1, 1),
        index=torch.arange(n),
    )


def of_label(cut):
    return cut.signal[:, ::2].transpose(1, 2).long() // 2


def test_a_stretch_keeps_labels_and_samples_together():
    torch.manual_seed(0)
    cut = random_stretches(batch(), 30, frame=FRAME, per_frame=PER_FRAME)
    assert cut.signal.shape == (64, 32, LEADS)
    assert cut.labels.shape == (64, LEADS, 16)
    assert cut.lengths.tolist() == [32] * 64
    known = cut.labels >= 0
    assert torch.equal(cut.labels[known], of_label(cut)[known])


def test_every_stretch_is_annotated_and_places_differ():
    torch.manual_seed(0)
    cut = random_stretches(batch(), 16, frame=FRAME, per_frame=PER_FRAME)
    assert (cut.labels >= 0).any(dim=2).all()
    assert len(set(cut.signal[:, 0, 0].tolist())) > 5


def test_records_no_longer_than_a_stretch_stay_whole():
    whole = batch()
    assert random_stretches(whole, 200, frame=FRAME, per_frame=PER_FRAME) is whole


def test_leads_are_drawn_with_their_labels_and_every_lead_is_drawn():
    torch.manual_seed(0)
    whole = batch(frames=24)
    cut = random_leads(replace(whole, signal=whole.signal[:, :-3], labels=whole.labels[..., :-2]), 2)
    assert cut.signal.shape[2] == cut.labels.shape[1] == 2
    known = cut.labels >= 0
    assert torch.equal(cut.labels[known], of_label(cut)[known])
    assert set((cut.signal[:, 0] // 2000).flatten().tolist()) == {0, 1, 2}


def test_gain_and_noise_change_signals_but_no_label():
    torch.manual_seed(0)
    whole = batch(n=2)
    augment = WaveAugmentation(WaveAugmentationConfig(), fs_hz=250.0, frame=FRAME, per_frame=PER_FRAME)
    changed = augment(whole)
    assert torch.equal(changed.labels, whole.labels)
    gain = changed.signal[:, -1] / whole.signal[:, -1]
    assert gain.flatten().unique().numel() == 2 * LEADS
    assert ((gain > 0.2) & (gain < 5)).all()


def test_a_step_reads_from_the_fewest_leads_to_the_most_and_one_as_often_as_many():
    torch.manual_seed(0)
    config = WaveAugmentationConfig(leads=LEADS, fewest_leads=1)
    augment = WaveAugmentation(config, fs_hz=250.0, frame=FRAME, per_frame=PER_FRAME)
    counts = [augment(batch(n=2)).signal.shape[2] for _ in range(200)]
    assert 70 < counts.count(1) < 130
    assert set(counts) == {1, 2, 3}


def test_no_step_reads_more_leads_than_the_most():
    with pytest.raises(ConfigError, match="fewest_leads=7 must not exceed"):
        WaveAugmentationConfig(leads=6, fewest_leads=7)


def test_in_another_time_labels_stay_with_their_samples():
    whole = batch(n=2, frames=24)
    whole = replace(
        whole, signal=whole.signal[:, :-3], lengths=torch.tensor([96, 96]), labels=whole.labels[..., :-2]
    )
    for frames in (20, 30):
        played = in_other_time(whole, frames, frame=FRAME, per_frame=PER_FRAME)
        assert played.signal.shape == (2, frames * FRAME, LEADS)
        assert played.lengths.tolist() == [frames * FRAME] * 2
        known = played.labels >= 0
        assert abs(known.sum() / (whole.labels >= 0).sum() - frames / 24) < 0.1
        off = (played.signal[:, ::2].transpose(1, 2) / 2 - played.labels)[known]
        assert off.abs().max() <= 1.0


def test_smoothing_moves_no_wave_and_wander_is_slow():
    peak = torch.zeros(1, 101, 2)
    peak[0, 50] = 1.0
    done = smoothed(peak, 2.0)
    assert done.shape == peak.shape
    assert done[0, :, 0].argmax() == 50
    torch.testing.assert_close(done.flip(1), done)
    torch.testing.assert_close(done.sum(dim=1), peak.sum(dim=1))
    assert smoothed(peak, 0.0) is peak
    torch.manual_seed(0)
    config = WaveAugmentationConfig(amplitude=0.0, noise=0.0, wander=0.5)
    augment = WaveAugmentation(config, fs_hz=250.0, frame=FRAME, per_frame=PER_FRAME)
    whole = batch(n=4)
    added = augment(whole).signal - whole.signal
    assert 0.1 < added.abs().max() <= 0.5 + 1e-3
    assert added.diff(dim=1).abs().max() < 0.5 * 2 * 3.15 / 250 + 1e-3
