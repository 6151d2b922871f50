"""Scores of a transcription: how many symbols are wrong, too many or missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ecgrnn.metrics.ratios import ratio


class EditOperations(NamedTuple):
    """What turns one sequence into another with the fewest changes.

    Attributes:
        substituted: symbols of the reference that are another in the test.
        deleted: symbols of the reference that the test lacks.
        inserted: symbols of the test that the reference lacks.
    """

    substituted: int
    deleted: int
    inserted: int


@dataclass(frozen=True)
class TranscriptionScore:
    """How well strips are read; scores of strips add up.

    Attributes:
        symbols: symbols of the reference.
        substituted: see `EditOperations`.
        deleted: see `EditOperations`.
        inserted: see `EditOperations`.
        strips: strips read.
        exact: strips without any error.
    """

    symbols: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    strips: int = 0
    exact: int = 0

    @property
    def errors(self) -> int:
        """The edit distance, summed over the strips."""
        return self.substituted + self.deleted + self.inserted

    @property
    def token_error_rate(self) -> float:
        """Errors per symbol of the reference; above 1 where far too much was written."""
        return ratio(self.errors, self.symbols)

    @property
    def exact_share(self) -> float:
        """Share of the strips without any error."""
        return ratio(self.exact, self.strips)


def edit_operations(reference: Sequence[int], test: Sequence[int]) -> EditOperations:
    """Count the fewest substitutions, deletions and insertions that turn the reference into the test.

    Source: Wagner and Fischer, The string-to-string correction problem, Journal of the ACM 21 (1974).

    >>> edit_operations([0, 1, 0, 2], [0, 0, 3])
    EditOperations(substituted=1, deleted=1, inserted=0)
    """
    # best[j]: the cheapest way from what was read of the reference to test[:j], as (cost, operations)
    best = [(j, EditOperations(0, 0, j)) for j in range(len(test) + 1)]
    for symbol in reference:
        cost, operations = best[0]
        row = [(cost + 1, operations._replace(deleted=operations.deleted + 1))]
        for j, other in enumerate(test):
            row.append(_cheapest(best[j], best[j + 1], row[j], same=symbol == other))
        best = row
    return best[-1][1]


def score_strip(reference: Sequence[int], test: Sequence[int]) -> TranscriptionScore:
    """Score one strip."""
    operations = edit_operations(reference, test)
    return TranscriptionScore(len(reference), *operations, strips=1, exact=int(not any(operations)))


def sum_transcriptions(scores: Iterable[TranscriptionScore]) -> TranscriptionScore:
    """Add up the scores of many strips."""
    rows = [(s.symbols, s.substituted, s.deleted, s.inserted, s.strips, s.exact) for s in scores]
    return TranscriptionScore(*(sum(column) for column in zip(*rows, strict=True)))


_Way = tuple[int, EditOperations]


def _cheapest(diagonal: _Way, above: _Way, left: _Way, *, same: bool) -> _Way:
    if same:
        return diagonal
    ways = (
        (diagonal[0] + 1, diagonal[1]._replace(substituted=diagonal[1].substituted + 1)),
        (above[0] + 1, above[1]._replace(deleted=above[1].deleted + 1)),
        (left[0] + 1, left[1]._replace(inserted=left[1].inserted + 1)),
    )
    return min(ways, key=lambda way: way[0])
