import pytest
import torch

from ecgrnn.data.batch import SequenceBatch
from ecgrnn.tasks.beats import augmentation
from ecgrnn.tasks.beats.augmentation import BeatAugmentation
from ecgrnn.tasks.beats.options import AugmentationConfig


def leads_left(leads: int, chance: list[float]) -> torch.Tensor:
    """Give which leads of 4,000 sequences are left, ``(sequence, lead)``."""
    torch.manual_seed(0)
    n = 4000
    batch = SequenceBatch(
        signal=torch.ones(n, 1, leads, 8, 2),
        lengths=torch.ones(n, dtype=torch.int64),
        features=torch.ones(n, 1, leads),
        label=torch.zeros(n, 1, dtype=torch.int64),
        index=torch.zeros(n, 1, dtype=torch.int64),
    )
    names = [f"height:{lead}" for lead in range(leads)]
    config = AugmentationConfig(lead_dropout=chance, features=0.0)
    changed = BeatAugmentation(config, feature_names=names, fs_hz=125.0)(batch)
    left = changed.signal.abs().amax(dim=(1, 3, 4)) > 0
    assert torch.equal(left, changed.features[:, 0] > 0)
    return left


@pytest.mark.parametrize(("leads", "chance"), [(1, [0.1]), (2, [0.1, 0.25]), (3, [0.9, 0.9, 0.9])])
def test_one_lead_always_stays(leads, chance):
    assert leads_left(leads, chance).any(dim=1).all()


def test_leads_are_left_out_as_often_as_they_are_meant_to_be():
    left = leads_left(2, [0.1, 0.25])
    # Where both were to go, which is one in 40, the one nearer to staying does.
    assert 0.07 < 1 - float(left[:, 0].float().mean()) < 0.1
    assert 0.22 < 1 - float(left[:, 1].float().mean()) < 0.26


def test_all_leads_but_one_may_be_lost():
    left = leads_left(3, [0.9, 0.9, 0.9])
    assert float((left.sum(dim=1) == 1).float().mean()) > 0.6
    assert all(left[:, lead].any() for lead in range(3))


@pytest.mark.parametrize("by", [-9, -7, -2, 0, 3, 7, 9])
def test_a_shift_repeats_the_edge_however_far_it_is(by, monkeypatch):
    signal = torch.randn(2, 3, 2, 7, 2)
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(by))
    expected = signal[:, :, :, (torch.arange(7) + by).clamp(0, 6)]
    assert torch.equal(augmentation._shifted(signal, 9), expected)
