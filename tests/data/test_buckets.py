import numpy as np
import pytest

from ecgrnn.data.buckets import BucketBatches, LengthBatches
from ecgrnn.data.databases import DATABASES

LENGTHS = np.random.default_rng(0).integers(9, 62, size=103)


@pytest.mark.parametrize("ranks", [1, 2])
def test_every_item_is_served_once_in_an_epoch(ranks):
    for make, extra in ((BucketBatches, {"seed": 0}), (LengthBatches, {})):
        parts = [make(LENGTHS, batch_size=4, rank=rank, ranks=ranks, **extra) for rank in range(ranks)]
        served = [list(part) for part in parts]
        assert [len(batches) for batches in served] == [len(part) for part in parts]
        assert sorted(k for batches in served for batch in batches for k in batch) == list(range(103))


def test_a_batch_holds_items_of_about_one_length():
    for sampler in (BucketBatches(LENGTHS, batch_size=4, seed=0), LengthBatches(LENGTHS, batch_size=4)):
        spread = [np.ptp(LENGTHS[batch]) for batch in list(sampler)[:-1]]
        assert np.mean(spread) < 10


def test_the_order_of_an_epoch_is_found_again_from_any_batch_on():
    first, second = (list(BucketBatches(LENGTHS, batch_size=4, seed=1, epoch=epoch)) for epoch in (0, 1))
    assert first != second
    assert list(BucketBatches(LENGTHS, batch_size=4, seed=1, epoch=1, done=7)) == second[7:]


def test_a_recording_under_two_names_lies_in_one_fold():
    folds = DATABASES["cinc2017"].fixed_folds()
    assert len(folds) == 8528
    assert set(folds.values()) == {0, 1, 2, 3, 4}
    assert folds["A01176"] == folds["A00227"]
    assert folds["A03123"] == folds["A02656"]
