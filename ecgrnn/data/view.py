"""What a task sees of records: the contract between a task and everything that serves its items."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord

if TYPE_CHECKING:
    from ecgrnn.data.beats import BeatView


class Items(Protocol):
    """The items of some records; asked for a list of indices, they give a batch."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: Sequence[int]) -> Any: ...


class ItemsByLength(Items, Protocol):
    """Items of which those of about one length make a batch."""

    lengths: NDArray[np.int64]


class SimulatedItems(Items, Protocol):
    """Items of which some were not recorded."""

    def counts(self, n_classes: int) -> list[int]:
        """Count how often an epoch learns from each class."""


class View(Protocol):
    """What a task makes of records: its items, their labels and how they are counted.

    Attributes:
        by_length: whether items of about one length make a batch; the dataset is then `ItemsByLength`.
    """

    by_length: ClassVar[bool]

    @property
    def simulates(self) -> bool:
        """Whether training items are added that were not recorded; the dataset is then `SimulatedItems`."""

    @property
    def annotators(self) -> Sequence[str]:
        """The annotation files the task learns from."""

    def counts(self, records: Sequence[CachedRecord]) -> Mapping[str, NDArray[Any]]:
        """Count each record's items by class, so that a split can spread them evenly."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> Items:
        """Give the dataset of the records' items."""

    def compared_windows(self, *, quick: bool) -> "BeatView | None":
        """Give the windows that the leak audit compares between subsets; None where items are whole records.

        Args:
            quick: leave out what takes longer than the rest of a start.
        """
