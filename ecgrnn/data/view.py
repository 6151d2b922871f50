"""What a task sees of records: the contract between a task and everything that serves its items."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord

if TYPE_CHECKING:
    from ecgrnn.data.beats import BeatView


class View(Protocol):
    """What a task makes of records: its items, their labels and how they are counted.

    Attributes:
        by_length: whether items of about one length make a batch; the dataset then has their ``lengths``.
    """

    by_length: ClassVar[bool]

    @property
    def simulates(self) -> bool:
        """Whether training items are added that were not recorded; the dataset then has their ``counts``."""

    @property
    def annotators(self) -> Sequence[str]:
        """The annotation files the task learns from."""

    def counts(self, records: Sequence[CachedRecord]) -> Mapping[str, NDArray[Any]]:
        """Count each record's items by class, so that a split can spread them evenly."""

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> Any:
        """Give the dataset of the records' items; a list of indices gives a batch."""

    def compared_windows(self, *, quick: bool) -> "BeatView | None":
        """Give the windows that the leak audit compares between subsets; None where items are whole records.

        Args:
            quick: leave out what takes longer than the rest of a start.
        """
