import torch

from ecgrnn.datasets.buckets import BucketSampler
from ecgrnn.datasets.strip_tables import fixed_folds

LENGTHS = [30, 9, 60, 31, 10, 29, 61, 11]


def test_every_item_is_served_once_in_each_order():
    for generator in (None, torch.Generator().manual_seed(0)):
        batches = list(BucketSampler(LENGTHS, batch_size=3, generator=generator))
        assert len(batches) == 3
        assert sorted(k for batch in batches for k in batch) == list(range(8))


def test_a_batch_holds_items_of_about_one_length():
    batches = list(BucketSampler(LENGTHS, batch_size=2, generator=torch.Generator().manual_seed(0)))
    assert max(max(LENGTHS[k] for k in batch) - min(LENGTHS[k] for k in batch) for batch in batches) <= 19


def test_the_order_changes_by_the_epoch_and_comes_back_with_the_seed():
    sampler = BucketSampler(range(100), batch_size=4, generator=torch.Generator().manual_seed(1))
    first, second = list(sampler), list(sampler)
    assert first != second
    again = BucketSampler(range(100), batch_size=4, generator=torch.Generator().manual_seed(1))
    assert list(again) == first


def test_a_recording_under_two_names_lies_in_one_fold():
    folds = fixed_folds("cinc2017")
    assert len(folds) == 8528
    assert set(folds.values()) == {0, 1, 2, 3, 4}
    assert folds["A01176"] == folds["A00227"]
    assert folds["A03123"] == folds["A02656"]
