import numpy as np
import pytest

from ecgrnn.data.order import OrderedShare, TrainingBatches
from ecgrnn.errors import DataError

SIZES = [
    (1, 4, 1),
    (12, 4, 1),
    (13, 4, 1),
    (13, 4, 3),
    (24, 4, 3),
    (25, 4, 3),
    (26, 4, 3),
    (3, 8, 3),
    (1000, 7, 8),
]


def ranks_of(n_items, batch_size, ranks, **options):
    return [
        TrainingBatches(n_items, batch_size=batch_size, seed=0, rank=rank, ranks=ranks, **options)
        for rank in range(ranks)
    ]


@pytest.mark.parametrize(("n_items", "batch_size", "ranks"), SIZES)
def test_every_item_is_in_one_batch_of_one_rank(n_items, batch_size, ranks):
    samplers = ranks_of(n_items, batch_size, ranks)
    epochs = [list(sampler) for sampler in samplers]
    assert sorted(item for epoch in epochs for batch in epoch for item in batch) == list(range(n_items))
    assert [len(epoch) for epoch in epochs] == [len(sampler) for sampler in samplers]
    assert len({len(epoch) for epoch in epochs}) == 1
    for together in zip(*epochs, strict=True):
        sizes = [len(batch) for batch in together]
        assert min(sizes) >= 1
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= batch_size + 1


def test_together_ranks_read_the_batches_of_one_process():
    alone = list(TrainingBatches(100, batch_size=12, seed=5))
    shared = [list(TrainingBatches(100, batch_size=4, seed=5, rank=rank, ranks=3)) for rank in range(3)]
    for batch, parts in zip(alone, zip(*shared, strict=True), strict=True):
        assert sorted(batch) == sorted(item for part in parts for item in part)


def test_the_order_is_that_of_seed_and_epoch_however_it_was_come_to():
    sampler = TrainingBatches(50, batch_size=8, seed=1)
    epochs = [list(sampler) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    sampler.set_epoch(1)
    assert list(sampler) == epochs[1]
    later = TrainingBatches(50, batch_size=8, seed=1, epoch=1, done=3)
    assert list(later) == epochs[1][3:]
    assert list(later) == epochs[2]
    assert len(later) == 7


def test_more_ranks_than_items_are_refused():
    with pytest.raises(DataError, match="3 training items cannot be shared by 4 processes"):
        TrainingBatches(3, batch_size=8, seed=0, ranks=4)


@pytest.mark.parametrize(("n_items", "ranks"), [(0, 2), (1, 2), (7, 3), (9, 3), (10, 4)])
def test_parts_in_order_touch_and_leave_nothing_out(n_items, ranks):
    parts = [OrderedShare(n_items, rank=rank, ranks=ranks) for rank in range(ranks)]
    np.testing.assert_array_equal([item for part in parts for item in part], np.arange(n_items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
