import numpy as np

from ecgrnn.metrics.ratios import ratio, ratios


def test_a_ratio_of_counts_is_undefined_where_nothing_is_below_the_line():
    assert ratio(1, 4) == 0.25
    assert np.isnan([ratio(0, 0), ratio(3, np.int64(0))]).all()


def test_ratios_of_arrays_are_those_of_their_elements():
    above, below = np.arange(6).reshape(2, 3), np.array([[2, 0, 4], [1, 5, 0]])
    each = [[ratio(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(above, below, strict=True)]
    np.testing.assert_array_equal(ratios(above, below), each)
    np.testing.assert_array_equal(ratios(above, 2), above / 2)
    assert np.isnan(ratios(above, 0)).all()
