"""Compares runs of ectopic beats of two annotators by ANSI/AAMI EC57, as the WFDB software's ``rxr`` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import Ratio, samples
from ecgrnn.metrics.ec57.episodes import episodes
from ecgrnn.metrics.ec57.pairing import CLASSES, BeatAnnotations, read_beats

RunKind = Literal["VE", "SVE"]

LONGEST = 6
"""Runs of six beats and more are one length: a long run."""

RUNS = {"couplet": (2, 2), "short_run": (3, 5), "long_run": (LONGEST, LONGEST)}
"""Each kind of run as its fewest and most beats."""

_BEAT = {"VE": CLASSES.index("V"), "SVE": CLASSES.index("S")}


@dataclass(frozen=True)
class RunComparison:
    """All that EC57 wants to know of one record's runs of ectopic beats.

    Attributes:
        kind: ``VE`` (ventricular) or ``SVE`` (supraventricular).
        reference: reference runs ``(length 0 to 6, length 0 to 6)``, by their own length and that of the
            longest run that the test annotator has there.
        test: test runs ``(length 0 to 6, length 0 to 6)``, by the length of the longest run that the
            reference has there and their own.
    """

    kind: RunKind
    reference: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def statistics(self) -> dict[str, Ratio]:
        """Sensitivity and positive predictivity of couplets, short runs (3 to 5 beats) and long runs.

        A run is found if the other annotator has, in the same place, one of at least the fewest beats of its
        kind: a couplet inside what the other calls a short run is found.
        """
        found: dict[str, Ratio] = {}
        for name, (fewest, most) in RUNS.items():
            own = slice(fewest, most + 1)
            for what, runs in (("sensitivity", self.reference), ("positive_predictivity", self.test.T)):
                found[f"{name}_{what}"] = Ratio(int(runs[own, fewest:].sum()), int(runs[own].sum()))
        return found

    @property
    def n_runs(self) -> int:
        """Couplets and runs of both annotators."""
        return int(self.reference.sum() + self.test.sum())


def compare_runs(
    reference: BeatAnnotations,
    test: BeatAnnotations,
    *,
    fs_hz: float,
    kind: RunKind = "VE",
    start_s: float = 300.0,
    stop_s: float | None = None,
    window_s: float = 0.15,
) -> RunComparison:
    """Compare two annotators of one record run by run.

    A run is two or more beats of class V (or S) in sequence: a couplet, a short run of three to five, or a
    long run of six and more. Each reference run is looked for between one match window before its first beat
    and one behind its last: what counts is the longest run of the test annotator there, of which only the
    beats in that place are counted. The same is done for each test run with the annotators exchanged.

    Ventricular flutter or fibrillation (``[`` to ``]``) counts as one long ventricular run, and atrial
    fibrillation (``(AFIB`` to the next rhythm) as one long supraventricular run, whatever the beats in it.
    A run across the start or the stop counts with the part between them.

    Args:
        reference: annotations that are taken to be right.
        test: annotations that are scored.
        fs_hz: sampling frequency that both are written in.
        kind: ``VE`` or ``SVE``.
        start_s: beginning of the test period; EC57 wants the first five minutes left out.
        stop_s: end of the test period; None is the end of both files.
        window_s: how far before and behind a run the other annotator's run may lie.

    Raises:
        DataError: the kind is unknown, or an annotator's arrays are inconsistent.
    """
    if kind not in _BEAT:
        raise DataError(f"runs of kind {kind!r} are not known; use 'VE' or 'SVE'")
    window, start = samples(window_s, fs_hz), samples(start_s, fs_hz)
    stop = np.iinfo(np.int64).max - window if stop_s is None else samples(stop_s, fs_hz)
    R, T = (_runs(a, kind, window=window, start=start, stop=stop) for a in (reference, test))
    return RunComparison(kind, _table(R, T, window=window), _table(T, R, window=window).T)


def gross_runs(comparisons: Sequence[RunComparison]) -> dict[str, Ratio]:
    """Add up hits and totals over records, so that each run has the same weight."""
    statistics = [c.statistics for c in comparisons]
    names = statistics[0] if statistics else {}
    return {
        name: Ratio(sum(s[name].hits for s in statistics), sum(s[name].total for s in statistics))
        for name in names
    }


def average_runs(comparisons: Sequence[RunComparison]) -> dict[str, float]:
    """Average each statistic in percent over the records that have it: each record weighs the same."""
    statistics = [c.statistics for c in comparisons]
    names = statistics[0] if statistics else {}
    defined = {name: [s[name].percent for s in statistics if s[name].total] for name in names}
    return {name: sum(v) / len(v) if v else float("nan") for name, v in defined.items()}


@dataclass(frozen=True)
class _Runs:
    """Ectopic beats ``(beat,)``, the number of their run, and stretches ``(stretch, 2)`` of a long run."""

    sample: NDArray[np.int64]
    run: NDArray[np.int64]
    stretches: NDArray[np.int64]

    def longest(self, first: int, last: int) -> int:
        """Give the length of the longest run between two samples, both included."""
        if np.any((self.stretches[:, 0] <= last) & (self.stretches[:, 1] >= first)):
            return LONGEST
        inside = slice(*np.searchsorted(self.sample, [first, last + 1]))
        _, lengths = np.unique(self.run[inside], return_counts=True)
        return min(int(lengths.max(initial=0)), LONGEST)

    def each(self) -> list[tuple[int, int, int]]:
        """List first sample, last sample and length of each couplet and run."""
        _, begins, lengths = np.unique(self.run, return_index=True, return_counts=True)
        runs = [
            (int(self.sample[b]), int(self.sample[b + n - 1]), int(n))
            for b, n in zip(begins, lengths, strict=True)
        ]
        long = [(int(first), int(last), LONGEST) for first, last in self.stretches]
        return [(first, last, min(n, LONGEST)) for first, last, n in (*runs, *long) if n >= 2]


def _runs(annotations: BeatAnnotations, kind: RunKind, *, window: int, start: int, stop: int) -> _Runs:
    beats = read_beats(annotations, window=window)
    stretches = beats.flutter if kind == "VE" else episodes(annotations, "AF")
    within = (beats.sample >= start) & (beats.sample < stop)
    sample, ectopic = beats.sample[within], beats.beat_class[within] == _BEAT[kind]
    # the stretch that began last before a beat: two beats on either side of a stretch are no sequence
    episode = np.searchsorted(stretches[:, 0], sample, side="right") - 1
    hidden = (episode >= 0) & (sample < np.append(stretches[:, 1], 0)[episode])
    ends = ~ectopic | hidden | (np.diff(episode, prepend=-1) != 0)
    run = np.cumsum(ends)
    kept = ectopic & ~hidden
    clipped = stretches[(stretches[:, 1] > start) & (stretches[:, 0] < stop)]
    return _Runs(sample[kept], run[kept], np.clip(clipped, start, stop))


def _table(own: _Runs, other: _Runs, *, window: int) -> NDArray[np.int64]:
    table = np.zeros((LONGEST + 1, LONGEST + 1), dtype=np.int64)
    for first, last, length in own.each():
        table[length, other.longest(first - window, last + window)] += 1
    return table
