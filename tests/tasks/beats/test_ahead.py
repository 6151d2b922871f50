import threading

import pytest

from ecgrnn.tasks.beats.stretches import one_ahead


def test_items_come_in_order_and_one_is_made_ahead():
    made, waiting = [], threading.Event()

    def items():
        for n in range(4):
            made.append(n)
            if n == 1:
                waiting.set()
            yield n

    given = one_ahead(items())
    assert next(given) == 0
    assert waiting.wait(10)  # the second is made though nobody has asked for it
    assert len(made) == 2
    assert list(given) == [1, 2, 3]


def test_an_error_is_raised_where_its_item_would_have_been_given():
    def items():
        yield 1
        raise ValueError("no second")

    given = one_ahead(items())
    assert next(given) == 1
    with pytest.raises(ValueError, match="no second"):
        next(given)


def test_nothing_gives_nothing_and_an_empty_item_is_one():
    assert list(one_ahead([])) == []
    assert list(one_ahead([None, 0])) == [None, 0]
