"""Batches of items of about one length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

_BATCHES_SORTED_TOGETHER = 20
"""Items are drawn at random and sorted by length only among this many batches: neighbours keep changing."""


class BucketSampler(Sampler[list[int]]):
    """Serves batches of indices whose items are of about one length.

    Args:
        lengths: length of each item.
        batch_size: items of a batch.
        generator: draws the order of the items and of the batches; None serves all items, the shortest first.
    """

    def __init__(
        self, lengths: Sequence[int], *, batch_size: int, generator: torch.Generator | None = None
    ) -> None:
        self.lengths = torch.as_tensor(lengths, dtype=torch.int64)
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if self.generator is None:
            batches = self.lengths.argsort(stable=True).split(self.batch_size)
            yield from (batch.tolist() for batch in batches)
            return
        order = torch.randperm(len(self.lengths), generator=self.generator)
        batches = [
            batch
            for part in order.split(self.batch_size * _BATCHES_SORTED_TOGETHER)
            for batch in part[self.lengths[part].argsort(stable=True)].split(self.batch_size)
        ]
        for place in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[place].tolist()
