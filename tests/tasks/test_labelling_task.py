import torch

from ecgrnn.batch import LabelBatch
from ecgrnn.tasks.labelling import random_stretches

FRAME, PER_FRAME = 4, 2


def batch(n=64, frames=25):
    """Rows in which sample, label and time are one number: label k stands for samples 2k and 2k + 1."""
    samples = torch.arange(frames * FRAME + 3.0)
    labels = torch.arange(frames * PER_FRAME + 2)
    labels = torch.where((labels >= 12) & (labels < 30), labels, -1)
    return LabelBatch(
        signal=samples[None, :, None].repeat(n, 1, 1),
        lengths=torch.full((n,), len(samples)),
        labels=labels.repeat(n, 1),
        index=torch.arange(n),
    )


def test_a_stretch_keeps_labels_and_samples_together():
    torch.manual_seed(0)
    cut = random_stretches(batch(), 30, frame=FRAME, per_frame=PER_FRAME)
    assert cut.signal.shape == (64, 32, 1)
    assert cut.labels.shape == (64, 16)
    assert cut.lengths.tolist() == [32] * 64
    of_label = cut.signal[:, ::2, 0].long() // 2
    known = cut.labels >= 0
    assert torch.equal(cut.labels[known], of_label[known])


def test_every_stretch_is_annotated_and_places_differ():
    torch.manual_seed(0)
    cut = random_stretches(batch(), 16, frame=FRAME, per_frame=PER_FRAME)
    assert (cut.labels >= 0).any(dim=1).all()
    assert len(set(cut.signal[:, 0, 0].tolist())) > 5


def test_rows_no_longer_than_a_stretch_stay_whole():
    whole = batch()
    assert random_stretches(whole, 200, frame=FRAME, per_frame=PER_FRAME) is whole
