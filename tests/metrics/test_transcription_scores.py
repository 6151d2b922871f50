from itertools import product

import pytest

from ecgrnn.metrics.transcription import edit_operations, score_strip, sum_transcriptions


def distance(reference, test):
    """The edit distance by its recursive definition."""
    if not reference or not test:
        return len(reference) + len(test)
    return min(
        distance(reference[1:], test[1:]) + (reference[0] != test[0]),
        distance(reference[1:], test) + 1,
        distance(reference, test[1:]) + 1,
    )


def test_operations_add_up_to_the_edit_distance_of_all_short_sequences():
    every = [sequence for n in range(4) for sequence in product(range(2), repeat=n)]
    for reference, test in product(every, every):
        found = edit_operations(reference, test)
        assert sum(found) == distance(reference, test)
        assert len(reference) - found.deleted + found.inserted == len(test)


def test_scores_of_strips_add_up():
    total = sum_transcriptions([score_strip([0, 1, 0], [0, 1, 0]), score_strip([0, 0], [0, 1, 1])])
    assert (total.symbols, total.errors, total.strips, total.exact) == (5, 2, 2, 1)
    assert total.token_error_rate == pytest.approx(0.4)
    assert total.exact_share == 0.5
