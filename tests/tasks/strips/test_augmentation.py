import pytest
import torch

from ecgrnn.data.batch import ClassBatch
from ecgrnn.tasks.strips.augmentation import augmented
from ecgrnn.tasks.strips.options import StripAugmentationConfig

NOTHING = {"longest_s": 0.0, "cut": 0.0, "flip": False, "stretch": 0.0, "gain": 0.0, "noise": 0.0}


def batch_of(*lengths: int) -> ClassBatch:
    """Give rows that count their samples from 1, zero behind their length."""
    time = torch.arange(1.0, max(lengths) + 1)
    length = torch.tensor(lengths)
    signal = torch.where(time <= length[:, None], time, 0)[..., None]
    nothing = torch.zeros(len(lengths), 0)
    return ClassBatch(
        signal=signal, lengths=length, features=nothing, label=length, index=torch.arange(len(lengths))
    )


def changed(batch: ClassBatch, **options: float | bool) -> ClassBatch:
    torch.manual_seed(0)
    return augmented(batch, StripAugmentationConfig(**{**NOTHING, **options}), fs_hz=10.0)


def test_nothing_changes_where_nothing_is_asked_for():
    batch = batch_of(40, 25)
    after = changed(batch)
    torch.testing.assert_close(after.signal, batch.signal)
    torch.testing.assert_close(after.lengths, batch.lengths)


def test_a_cut_keeps_a_stretch_in_one_piece():
    after = changed(batch_of(400, 400, 90), longest_s=10.0, cut=0.5)
    assert after.signal.shape[1] == 100
    for row, length in zip(after.signal[..., 0], after.lengths.tolist(), strict=True):
        assert 45 <= length <= 100
        assert row[:length].diff().eq(1).all()
        assert row[length:].eq(0).all()
    assert after.signal[0, 0, 0] != after.signal[1, 0, 0]


def test_a_stretch_moves_every_sample_and_keeps_the_time_axis():
    batch = batch_of(400, 200)
    after = changed(batch, stretch=0.5)
    factor = after.lengths[1].item() / 200
    assert factor != 1
    assert after.signal.shape == batch.signal.shape
    middle = after.signal[0, 100:110, 0]
    torch.testing.assert_close(middle, torch.arange(101.0, 111.0) / factor, atol=1.5, rtol=0)


@pytest.mark.parametrize("option", [{"flip": True}, {"gain": 0.5}, {"noise": 0.5}])
def test_padding_stays_zero(option):
    after = changed(batch_of(50, 20, 30, 40), **option)
    assert not torch.equal(after.signal, batch_of(50, 20, 30, 40).signal)
    assert after.signal[1, 20:].eq(0).all()
