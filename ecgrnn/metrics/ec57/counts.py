"""Counts paired beats into the matrix of ANSI/AAMI EC57 and derives the statistics of records from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.pairing import (
    CLASSES,
    BeatAnnotations,
    BeatStream,
    inside,
    pair_beats,
    read_beats,
)
from ecgrnn.metrics.ratios import ratios

ROWS = "NSVFQOX"
"""Reference side of the matrix: the classes, O for no beat, X for no beat where it is unreadable."""

COLUMNS = "nsvfqox"
"""Test side of the matrix: the classes, o for a missed beat, x for one missed during a shutdown."""

_O, _X = 5, 6

STATISTICS = {
    "qrs_sensitivity": ("[NSVFQ][nsvfq]", "[NSVFQ][nsvfqox]"),
    "qrs_positive_predictivity": ("[NSVFQ][nsvfq]", "[NSVFQOX][nsvfq]"),
    "veb_sensitivity": ("[V][v]", "[V][nsvfqox]"),
    "veb_positive_predictivity": ("[V][v]", "[NSVOX][v]"),
    "sveb_sensitivity": ("[S][s]", "[S][nsvfqox]"),
    "sveb_positive_predictivity": ("[S][s]", "[NSVFOX][s]"),
    "veb_false_alarms": ("[NS][v]", "[NSFQ][nsfq] [NS][v]"),
    "sveb_false_alarms": ("[NVF][s]", "[NVFQ][nvfq] [NVF][s]"),
}
"""Each statistic as the matrix cells that are hits over the cells that are counted, ``[rows][columns]``.

A fusion or unclassifiable beat called V is neither right nor wrong, and so is an unclassifiable beat called
S: these cells are left out (EC57). The false alarms are not EC57's false positive rates, which count other
cells: they are the share of false calls among the beats of another class that have a partner, for without a
reference beat there is no negative to count."""

LINE_CELLS = {
    "Nn'": "[N][nfq]",
    "Sn'": "[S][nfq]",
    "Vn'": "[V][nfq]",
    "Fn'": "[FQ][nfq]",
    "On'": "[OX][nfq]",
    "Ns": "[N][s]",
    "Ss": "[S][s]",
    "Vs": "[V][s]",
    "Fs'": "[FQ][s]",
    "Os'": "[OX][s]",
    "Nv": "[N][v]",
    "Sv": "[S][v]",
    "Vv": "[V][v]",
    "Fv'": "[FQ][v]",
    "Ov'": "[OX][v]",
    "No'": "[N][ox]",
    "So'": "[S][ox]",
    "Vo'": "[V][ox]",
    "Fo'": "[FQ][ox]",
}
"""Columns of the line format; a prime says that several cells of the matrix are added up in the column."""

# sumstats: hits and what else is counted, in columns of the line format; Fs' is not among them, see gross()
_LINE_STATISTICS = {
    "qrs_sensitivity": ("Nn' Sn' Vn' Fn' Ns Ss Vs Fs' Nv Sv Vv Fv'", "No' So' Vo' Fo'"),
    "qrs_positive_predictivity": ("Nn' Sn' Vn' Fn' Ns Ss Vs Fs' Nv Sv Vv Fv'", "On' Os' Ov'"),
    "veb_sensitivity": ("Vv", "Vn' Vs Vo'"),
    "veb_positive_predictivity": ("Vv", "Nv Sv Ov'"),
    "sveb_sensitivity": ("Ss", "Sn' Sv So'"),
    "sveb_positive_predictivity": ("Ss", "Ns Vs Os'"),
}


class Ratio(NamedTuple):
    """Hits over all that were counted."""

    hits: int
    total: int

    @property
    def percent(self) -> float:
        """The ratio in percent, or nan where nothing was counted."""
        return 100.0 * self.hits / self.total if self.total else float("nan")


@dataclass(frozen=True)
class BeatComparison:
    """All that EC57 wants to know of one record, beat by beat.

    Attributes:
        matrix: beat counts ``(row, column)`` in the order of ``ROWS`` and ``COLUMNS``; rows O and X have no o
            and x.
        pairs: annotation indices ``(pair, 2)`` of reference and test beat, -1 for none, in order of time.
        rows: row of the matrix that each pair is counted in ``(pair,)``.
        columns: column of the matrix that each pair is counted in ``(pair,)``.
        rr_error_sum_ms2: sum of the squared RR errors in ms².
        rr_error_count: how many RR intervals were compared.
        shutdown_s: how long the test annotator had shut down in the test period, in seconds.
    """

    matrix: NDArray[np.int64]
    pairs: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    rr_error_sum_ms2: float
    rr_error_count: int
    shutdown_s: float

    @property
    def rr_error_ms(self) -> float:
        """Root of the mean squared RR error in ms, or nan where no interval was compared."""
        if self.rr_error_count == 0:
            return float("nan")
        return float(np.sqrt(self.rr_error_sum_ms2 / self.rr_error_count))

    @property
    def statistics(self) -> dict[str, Ratio]:
        """Every statistic in ``STATISTICS`` of this record."""
        return matrix_statistics(self.matrix)


def compare_beats(
    reference: BeatAnnotations,
    test: BeatAnnotations,
    *,
    fs_hz: float,
    start_s: float = 300.0,
    stop_s: float | None = None,
    window_s: float = 0.15,
) -> BeatComparison:
    """Compare two annotators of one record beat by beat.

    The pairing is made over the whole record; the test period [start, stop) decides what is counted. A pair
    is counted if its reference beat lies in the period, so that a pair across the start or the stop is
    neither a missed nor an extra beat. An extra test beat is counted if it lies in the period itself: in row
    X where the reference is marked as unreadable, not at all inside the reference's ventricular flutter,
    otherwise in row O. A missed beat is counted in column x where the test annotator had shut down, otherwise
    in column o; a reference beat inside the test annotator's flutter is a missed one.

    Args:
        reference: annotations that are taken to be right.
        test: annotations that are scored.
        fs_hz: sampling frequency that both are written in.
        start_s: beginning of the test period; EC57 wants the first five minutes left out.
        stop_s: end of the test period; None is the end of both files.
        window_s: largest distance of two matching beats.

    Raises:
        DataError: an annotator's arrays are inconsistent, or times are out of order.
    """
    if not (fs_hz > 0 and window_s >= 0 and start_s >= 0 and (stop_s is None or stop_s > start_s)):
        raise DataError(
            "expected fs_hz > 0, window_s >= 0, start_s >= 0 and stop_s > start_s; "
            f"got fs_hz={fs_hz}, window_s={window_s}, start_s={start_s}, stop_s={stop_s}"
        )
    window, start = samples(window_s, fs_hz), samples(start_s, fs_hz)
    stop = np.iinfo(np.int64).max if stop_s is None else samples(stop_s, fs_hz)
    R, T = read_beats(reference, window=window), read_beats(test, window=window)
    test_of, reference_of = pair_beats(R.sample, T.sample, window=window)
    i = np.flatnonzero((R.sample >= start) & (R.sample < stop))
    j = np.flatnonzero((T.sample >= start) & (T.sample < stop) & (reference_of < 0))
    squared, n = _rr_errors(R, T, (i, test_of[i], j))
    j = j[~inside(T.sample[j], R.flutter)]
    pairs, rows, columns = _cells(R, T, (i, test_of[i], j))
    matrix = np.zeros((len(ROWS), len(COLUMNS)), dtype=np.int64)
    np.add.at(matrix, (rows, columns), 1)
    end = stop if stop_s is not None else _last_sample(reference, test)
    rr_sum = squared * (1000.0 / fs_hz) ** 2
    return BeatComparison(matrix, pairs, rows, columns, rr_sum, n, _length(T.shutdown, start, end) / fs_hz)


def samples(time_s: float, fs_hz: float) -> int:
    """Give a time in samples as the WFDB library does: rounded up at a half, not to the even number."""
    return math.floor(time_s * fs_hz + 0.5)


def cells(matrix: NDArray[np.int64], pattern: str) -> NDArray[np.int64]:
    """Add up the cells of a matrix or of many matrices ``(..., row, column)`` that a pattern names.

    >>> import numpy as np
    >>> int(cells(np.ones((7, 7), dtype=np.int64), "[NS][v] [V][nsf]"))
    5
    """
    total: NDArray[np.int64] = (matrix * _mask(pattern)).sum(axis=(-2, -1))
    return total


def matrix_statistics(matrix: NDArray[np.int64]) -> dict[str, Ratio]:
    """Derive every statistic in ``STATISTICS`` from one matrix ``(row, column)``."""
    return {
        name: Ratio(int(cells(matrix, hits)), int(cells(matrix, total)))
        for name, (hits, total) in STATISTICS.items()
    }


def share(matrix: NDArray[np.int64] | NDArray[np.float64], statistic: str) -> NDArray[np.float64]:
    """Give a statistic of many matrices ``(..., row, column)`` at once, from 0 to 1; 0/0 is nan."""
    hits, total = ((matrix * _mask(pattern)).sum(axis=(-2, -1)) for pattern in STATISTICS[statistic])
    return ratios(hits, total)


def line_counts(matrix: NDArray[np.int64]) -> dict[str, int]:
    """Add the matrix up into the columns of the line format."""
    return {name: int(cells(matrix, pattern)) for name, pattern in LINE_CELLS.items()}


def shutdown_ratios(matrix: NDArray[np.int64]) -> list[Ratio]:
    """Give the beats missed during shutdown out of all beats, for each class in the order of ``CLASSES``."""
    return [Ratio(int(row[_X]), int(row.sum())) for row in matrix[: len(CLASSES)]]


def pooled_matrix(comparisons: Sequence[BeatComparison]) -> NDArray[np.int64]:
    """Add up the matrices of several records."""
    return np.sum([c.matrix for c in comparisons], axis=0, dtype=np.int64).reshape(len(ROWS), len(COLUMNS))


def gross(comparisons: Sequence[BeatComparison]) -> dict[str, Ratio]:
    """Derive gross statistics as ``sumstats`` does: each beat of each record has the same weight.

    ``sumstats`` reads the line format, in which fusion and unclassifiable beats share a column. It therefore
    leaves fusion beats called S out of SVEB +P, which ``bxb`` counts for a single record; statistics of
    ``pooled_matrix`` count them.
    """
    return _line_statistics(pooled_matrix(comparisons))


def average(comparisons: Sequence[BeatComparison]) -> dict[str, float]:
    """Derive average statistics in percent as ``sumstats`` does: each record has the same weight.

    Each record's statistics are derived from its line as for ``gross``, so that the average of SVEB +P is not
    that of the values printed above it. A record in which a statistic is not defined takes no part in that
    statistic's average. ``rr_error_ms`` is the average of the printed values, two digits after the point, in
    ms.
    """
    lines = [_line_statistics(c.matrix) for c in comparisons]
    means = {name: _mean([line[name].percent for line in lines]) for name in _LINE_STATISTICS}
    return means | {"rr_error_ms": _mean([round(c.rr_error_ms, 2) for c in comparisons])}


@cache
def _mask(pattern: str) -> NDArray[np.int64]:
    mask = np.zeros((len(ROWS), len(COLUMNS)), dtype=np.int64)
    for block in pattern.split():
        rows, columns = block[1:-1].split("][")
        for row in rows:
            mask[ROWS.index(row), [COLUMNS.index(column) for column in columns]] = 1
    return mask


def _line_statistics(matrix: NDArray[np.int64]) -> dict[str, Ratio]:
    counts = line_counts(matrix)
    sums = {
        name: [sum(counts[column] for column in columns.split()) for columns in pair]
        for name, pair in _LINE_STATISTICS.items()
    }
    return {name: Ratio(hits, hits + misses) for name, (hits, misses) in sums.items()}


def _mean(values: Sequence[float]) -> float:
    defined = [v for v in values if not np.isnan(v)]
    return sum(defined) / len(defined) if defined else float("nan")


def _cells(
    R: BeatStream, T: BeatStream, paired: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    i, partner, extra = paired
    missed = np.where(inside(R.sample[i], T.shutdown), _X, _O)
    # a missed beat has partner -1: its class is looked up and thrown away, which an empty test file cannot do
    called = np.append(T.beat_class, _O)[partner]
    columns = np.concatenate([np.where(partner >= 0, called, missed), T.beat_class[extra]])
    rows = np.concatenate([R.beat_class[i], np.where(inside(T.sample[extra], R.shutdown), _X, _O)])
    left = np.concatenate([R.index[i], np.full(len(extra), -1)])
    right = np.concatenate([np.where(partner >= 0, np.append(T.index, -1)[partner], -1), T.index[extra]])
    order = np.argsort(np.concatenate([R.sample[i], T.sample[extra]]), kind="stable")
    return np.stack([left, right], axis=1)[order], rows[order], columns[order]


def _rr_errors(
    R: BeatStream, T: BeatStream, paired: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
) -> tuple[int, int]:
    """Sum the squared differences of RR intervals in samples², and count them.

    At each pair, each missed and each extra beat the interval that ends at the current reference beat is
    compared with the interval that ends at the current test beat; at a missed beat the current test beat is
    the next one to come, at an extra beat the current reference beat is. A missed or extra beat is thus seen
    twice, as it should be where one interval stands against two. The interval may begin before the test
    period. An interval that touches flutter or shutdown is none, and the first beat of a file ends none.
    """
    i, partner, extra = paired
    a = np.concatenate([i, np.searchsorted(R.sample, T.sample[extra], side="right")])
    coming = np.searchsorted(T.sample, R.sample[i], side="left")
    b = np.concatenate([np.where(partner >= 0, partner, coming), extra])
    known = (a < len(R.sample)) & (b < len(T.sample))
    a, b = a[known], b[known]
    whole = R.whole[a] & T.whole[b]
    a, b = a[whole], b[whole]
    e = (R.sample[a] - R.sample[a - 1]) - (T.sample[b] - T.sample[b - 1])
    return int((e * e).sum()), len(e)


def _last_sample(reference: BeatAnnotations, test: BeatAnnotations) -> int:
    ends = [int(a.sample[-1]) for a in (reference, test) if len(a.sample)]
    return max(ends, default=0)


def _length(stretches: NDArray[np.int64], start: int, stop: int) -> int:
    clipped = np.clip(stretches, start, max(start, stop))
    return int((clipped[:, 1] - clipped[:, 0]).sum())
