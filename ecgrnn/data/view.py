"""What a task sees of records: the contract between a task and everything that serves its items."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord


class View(Protocol):
    """What a task makes of records: its items, their labels and how they are counted.

    Attributes:
        by_length: whether items of about one length make a batch; the dataset then has their ``lengths``.
    """

    by_length: ClassVar[bool]

    @property
    def annotators(self) -> Sequence[str]:
        """The annotation files the task learns from."""

    def counts(self, records: Sequence[CachedRecord]) -> Mapping[str, NDArray[Any]]:
        """Count each record's items by class, so that a split can spread them evenly."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> Any:
        """Give the dataset of the records' items; a list of indices gives a batch."""
