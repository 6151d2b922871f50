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
    config = AugmentationConfig(lead_dropout=chance, features=0.0)
    changed = BeatAugmentation(config, rhythm_names=(), fs_hz=125.0)(batch)
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


def many_leads(leads=5, *, there=5, n=400):
    """Give sequences whose leads hold their own number, from 1, in the signal and in two features."""
    number = torch.arange(1.0, leads + 1) * (torch.arange(leads) < there)
    swing = torch.tensor([-1.0, 1.0]).repeat(4)
    return SequenceBatch(
        signal=(number[:, None] * swing)[None, None, :, :, None].expand(n, 2, -1, -1, 2).clone(),
        lengths=torch.full((n,), 2),
        features=torch.cat([torch.zeros(n, 2, 1), number.repeat_interleave(2).expand(n, 2, -1)], dim=-1),
        label=torch.zeros(n, 2, dtype=torch.int64),
        index=torch.zeros(n, 2, dtype=torch.int64),
    )


def still(**changes):
    nothing = {
        "amplitude": 0.0,
        "noise": 0.0,
        "wander": 0.0,
        "shift_s": 0.0,
        "features": 0.0,
        "heart_rate": 0.0,
    }
    return AugmentationConfig(**({"lead_dropout": []} | nothing | changes))


def augmented(config, batch):
    torch.manual_seed(0)
    return BeatAugmentation(config, rhythm_names=("before_near",), fs_hz=125.0)(batch)


def test_leads_are_drawn_with_their_features_and_those_that_are_there_first():
    changed = augmented(still(most_leads=2), many_leads(there=3))
    drawn = changed.signal[:, 0, :, 1, 0]
    assert changed.signal.shape[2] == 2
    assert torch.equal(changed.features[:, 0, 1:], drawn.repeat_interleave(2, dim=1))
    assert (drawn > 0).all()
    assert len(drawn.sort(dim=1).values.unique(dim=0)) == 3


def test_half_of_the_sequences_may_have_one_lead_which_is_there():
    changed = augmented(still(one_lead=0.5), many_leads(there=3))
    left = (changed.signal != 0).any(dim=(1, 3, 4)).sum(dim=1)
    assert set(left.tolist()) == {1, 3}
    assert 0.4 < float((left == 1).float().mean()) < 0.6


def test_a_lead_turned_over_is_so_in_beat_and_template_while_its_features_stay():
    batch = many_leads()
    changed = augmented(still(turned_over=0.5), batch)
    sign = changed.signal / batch.signal
    assert torch.equal(sign, sign[:, :1, :, :1, :1].expand_as(sign))
    assert 0.4 < float((sign < 0).float().mean()) < 0.6
    assert torch.equal(changed.features, batch.features)
