"""Which items are in which batch: a function of seed, epoch and rank, so that any batch is found again."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from ecgrnn.data.large_arrays import large_array
from ecgrnn.errors import DataError


class TrainingBatches(Sampler[list[int]]):
    """Batches of one rank in random order: over all ranks, every item is in exactly one batch of an epoch.

    All ranks shuffle alike and cut the order into the batches of all, of ``batch_size * ranks`` items; each
    takes every so-manieth item of them. All have equally many batches, which differ by one item at most:
    nothing is padded, so nothing counts twice. A last batch of all too small to give every rank an item is
    joined to the one before.

    Args:
        n_items: items of the dataset.
        batch_size: items of a batch of one rank.
        seed: seed of every order.
        rank: which rank this is.
        ranks: how many there are.
        epoch: the epoch that is begun with.
        done: batches of that epoch that are done already: it goes on behind them.

    Raises:
        DataError: when there are more ranks than items.
    """

    def __init__(
        self,
        n_items: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        epoch: int = 0,
        done: int = 0,
    ) -> None:
        if 0 < n_items < ranks:
            raise DataError(f"{n_items} training items cannot be shared by {ranks} processes; take fewer")
        self.n_items, self.batch_size, self.seed = n_items, batch_size * ranks, seed
        self.rank, self.ranks = rank, ranks
        self.epoch = epoch
        self._begun = (epoch, done)

    @property
    def sampler(self) -> "TrainingBatches":
        """Itself: Lightning looks here for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches of a whole epoch, those that are done too."""
        whole, rest = divmod(self.n_items, self.batch_size)
        return max(1, whole + (rest >= self.ranks)) if self.n_items else 0

    def __iter__(self) -> Iterator[list[int]]:
        """Give the batches of the epoch, and count it."""
        epoch, (begun, done) = self.epoch, self._begun
        self.epoch += 1
        return self._batches(self._order(epoch), first=done if epoch == begun else 0)

    def _order(self, epoch: int) -> np.ndarray:
        """Give the order that an epoch's batches are cut from."""
        order = large_array((self.n_items,), np.int64)
        order.fill(1)
        np.cumsum(order, out=order)
        order -= 1  # 0, 1, 2, ... without a second array of that length
        np.random.default_rng([self.seed, epoch]).shuffle(order)
        return order

    def _batches(self, order: np.ndarray, *, first: int) -> Iterator[list[int]]:
        last = len(self) - 1
        for index in range(first, len(self)):
            stop = self.n_items if index == last else (index + 1) * self.batch_size
            yield order[index * self.batch_size : stop][self.rank :: self.ranks].tolist()


class OrderedShare(Sampler[int]):
    """One rank's part of a dataset, in its order: parts touch without overlap and differ by one item at most.

    Args:
        n_items: items of the dataset.
        rank: which rank this is.
        ranks: how many there are.
    """

    def __init__(self, n_items: int, *, rank: int = 0, ranks: int = 1) -> None:
        self._part = range(n_items * rank // ranks, n_items * (rank + 1) // ranks)

    def __len__(self) -> int:
        return len(self._part)

    def __iter__(self) -> Iterator[int]:
        return iter(self._part)
