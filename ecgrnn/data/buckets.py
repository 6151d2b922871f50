"""Batches of items of about one length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from ecgrnn.data.order import TrainingBatches

_BATCHES_SORTED_TOGETHER = 20
"""Items are drawn at random and sorted by length only among this many batches: neighbours keep changing."""


class BucketBatches(TrainingBatches):
    """Batches of one rank in random order, each of items of about one length.

    Args:
        lengths: length of each item.
        order: ``batch_size``, ``seed`` and all else that `TrainingBatches` takes.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, **order: int) -> None:
        super().__init__(len(lengths), **order)
        self.lengths = np.asarray(lengths)

    def _order(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(self.n_items)
        for start in range(0, self.n_items, self.batch_size * _BATCHES_SORTED_TOGETHER):
            part = order[start : start + self.batch_size * _BATCHES_SORTED_TOGETHER]
            part[:] = part[np.argsort(self.lengths[part], kind="stable")]
        whole = self.n_items // self.batch_size * self.batch_size  # what is left over stays at the end
        batches = order[:whole].reshape(-1, self.batch_size)
        return np.concatenate([batches[rng.permutation(len(batches))].ravel(), order[whole:]])


class LengthBatches(Sampler[list[int]]):
    """One rank's part of all items, the shortest first: for items that nothing is learned from.

    Args:
        lengths: length of each item.
        batch_size: items of a batch.
        rank: which rank this is.
        ranks: how many there are.
    """

    def __init__(
        self, lengths: Sequence[int] | np.ndarray, *, batch_size: int, rank: int = 0, ranks: int = 1
    ) -> None:
        self.order = np.argsort(lengths, kind="stable")[rank::ranks]
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.order), self.batch_size):
            yield self.order[start : start + self.batch_size].tolist()
