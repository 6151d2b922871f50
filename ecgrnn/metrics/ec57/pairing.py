"""Pairs the beats of two annotators by the rules of ANSI/AAMI EC57, as the WFDB software's ``bxb`` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError

CLASSES = "NSVFQ"
"""Beat classes in the order of the tables: normal, supraventricular, ventricular, fusion, unclassifiable."""

SYMBOLS = {"N": "NLRB", "S": "AaJSejn", "V": "VEr", "F": "F", "Q": "/fQ?"}
"""Annotation symbols of each class as ``bxb`` groups them; unlike the papers' AAMI scheme, e and j are S."""

_CLASS_OF_SYMBOL = {symbol: CLASSES.index(name) for name, symbols in SYMBOLS.items() for symbol in symbols}
# bits 4 and 5 of a noise mark's subtype, both set: the signal is unreadable (subtype -1 has them set)
_SHUTDOWN_BITS = 0x30
_END = np.iinfo(np.int64).max
_NEVER = 1 << 60


class BeatAnnotations(Protocol):
    """Annotations of one record by one annotator, in order of time; all four have the same length."""

    @property
    def sample(self) -> NDArray[np.int64]:
        """Sample numbers, never falling."""

    @property
    def symbol(self) -> Sequence[str] | NDArray[np.str_]:
        """Symbols: beats, ``+`` rhythm, ``~`` noise, ``[`` and ``]`` around ventricular flutter."""

    @property
    def subtype(self) -> NDArray[np.int64]:
        """Subtypes; read for noise marks alone."""

    @property
    def aux_note(self) -> Sequence[str] | NDArray[np.str_]:
        """Texts; read for rhythm marks alone, for instance ``(AFIB``."""


@dataclass(frozen=True)
class ScoredAnnotations:
    """Plain arrays that can be scored; any other object with these attributes will do as well.

    Attributes:
        sample: sample numbers ``(annotation,)``, never falling.
        symbol: annotation symbols ``(annotation,)``.
        subtype: subtypes ``(annotation,)``.
        aux_note: texts ``(annotation,)``.
    """

    sample: NDArray[np.int64]
    symbol: Sequence[str] | NDArray[np.str_]
    subtype: NDArray[np.int64]
    aux_note: Sequence[str] | NDArray[np.str_]


@dataclass(frozen=True)
class BeatStream:
    """The beats that count, and the stretches in which nothing counts.

    Attributes:
        index: position of each beat among the annotations ``(beat,)``.
        sample: sample number of each beat ``(beat,)``.
        beat_class: position of each beat's class in ``CLASSES`` ``(beat,)``.
        whole: whether the RR interval that ends at each beat is one ``(beat,)``: there is a beat before it,
            and neither flutter nor shutdown begins between the two.
        flutter: first and last sample of each ventricular flutter or fibrillation ``(stretch, 2)``.
        shutdown: first and last sample of each stretch marked as unreadable ``(stretch, 2)``.
    """

    index: NDArray[np.int64]
    sample: NDArray[np.int64]
    beat_class: NDArray[np.int64]
    whole: NDArray[np.bool_]
    flutter: NDArray[np.int64]
    shutdown: NDArray[np.int64]


def read_beats(annotations: BeatAnnotations, *, window: int) -> BeatStream:
    """Take the beats, the flutter stretches and the shutdown stretches out of one annotation file.

    Between ``[`` and ``]`` everything is passed over: beats there are no beats to EC57, and noise marks there
    do not shut down. A ``[`` inside an open stretch and a ``]`` outside one mean nothing, so that a forgotten
    ``]`` leaves the stretch open until the next one, or until the end of the record.

    A noise mark ``~`` whose subtype has bits 4 and 5 set shuts down. Only if the very next annotation is a
    noise mark of another subtype does the shutdown last from the one mark to the other. Otherwise, beats
    between two such marks included, it is read by the AHA convention of a single mark: it begins one match
    window after the annotation before the mark and ends one match window before the annotation that follows
    it (WFDB Applications Guide, bxb).

    Args:
        annotations: annotations of one record.
        window: match window in samples.

    Raises:
        DataError: the arrays differ in length, or the sample numbers fall.
    """
    sample = np.asarray(annotations.sample, dtype=np.int64)
    symbol = np.asarray(annotations.symbol, dtype=np.str_)
    subtype = np.asarray(annotations.subtype, dtype=np.int64)
    _check(sample, len(symbol), len(subtype))
    flutter, outside = _flutter(sample, symbol.tolist())
    beat_class = np.array([_CLASS_OF_SYMBOL.get(s, -1) for s in symbol.tolist()], dtype=np.int64)
    index = np.flatnonzero((beat_class >= 0) & outside)
    noise = symbol == "~"
    shuts = noise & ((subtype & _SHUTDOWN_BITS) == _SHUTDOWN_BITS)
    shutdown = _shutdown(sample, np.flatnonzero(shuts & outside), resumes=noise & ~shuts, window=window)
    whole = _whole(index, (shuts & outside) | (~outside))
    return BeatStream(index, sample[index], beat_class[index], whole, flutter, shutdown)


def pair_beats(
    reference: NDArray[np.int64], test: NDArray[np.int64], *, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each beat the beat of the other annotator that it is paired with, or -1.

    Both lists are read from the front. Call the next reference beats T and T', the next test beats t and t'.
    T and t are a pair if they are at most a window apart, a distance of exactly one window included, and

    * t before T: t is nearer to T than t' is, or T' is nearer to t' than T is, so that t' has a partner of
      its own;
    * t at or after T: T is nearer to t than T' is, or t' is nearer to T' than t is.

    Otherwise the earlier of the two has no partner: t is an extra beat, or T is missed. Of two candidates at
    the same distance the later one is thus taken, unless the beat after it is nearer to that one.

    Only beats that stand within a window of each other can influence each other, so that the beats fall into
    clusters. A cluster of one reference and one test beat is a pair, a cluster of one annotator has none;
    these are settled all at once, and the few crowded clusters are read beat by beat.

    Args:
        reference: sample numbers ``(reference beat,)``, never falling.
        test: sample numbers ``(test beat,)``, never falling.
        window: match window in samples.

    Returns:
        Index of the test beat of each reference beat, and index of the reference beat of each test beat.
    """
    test_of = np.full(len(reference), -1, dtype=np.int64)
    reference_of = np.full(len(test), -1, dtype=np.int64)
    cluster_r, cluster_t = _clusters(reference, test, window=window)
    n = int(max(cluster_r.max(initial=-1), cluster_t.max(initial=-1))) + 1
    n_r, n_t = np.bincount(cluster_r, minlength=n), np.bincount(cluster_t, minlength=n)
    lone = (n_r == 1) & (n_t == 1)
    i, j = np.flatnonzero(lone[cluster_r]), np.flatnonzero(lone[cluster_t])
    test_of[i], reference_of[j] = j, i
    for c in np.flatnonzero((n_r > 0) & (n_t > 0) & ~lone):
        R, T = np.flatnonzero(cluster_r == c), np.flatnonzero(cluster_t == c)
        for i_, j_ in _walk(reference[R].tolist(), test[T].tolist(), window=window):
            test_of[R[i_]], reference_of[T[j_]] = T[j_], R[i_]
    return test_of, reference_of


def inside(sample: NDArray[np.int64], stretches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each sample number whether it lies in one of the stretches, their ends included."""
    if len(stretches) == 0:
        return np.zeros(len(sample), dtype=np.bool_)
    k = np.searchsorted(stretches[:, 0], sample, side="right") - 1
    within: NDArray[np.bool_] = (k >= 0) & (sample <= stretches[np.maximum(k, 0), 1])
    return within


def _check(sample: NDArray[np.int64], n_symbols: int, n_subtypes: int) -> None:
    if not len(sample) == n_symbols == n_subtypes:
        raise DataError(
            f"sample, symbol and subtype must be equally long; "
            f"they have {len(sample)}, {n_symbols} and {n_subtypes} items"
        )
    falls = np.flatnonzero(np.diff(sample) < 0)
    if len(falls):
        k = int(falls[0]) + 1
        raise DataError(
            f"annotations must be in order of time; annotation {k} at sample {sample[k]} "
            f"follows sample {sample[k - 1]}: "
            "sort them before scoring"
        )


def _flutter(sample: NDArray[np.int64], symbol: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    outside = np.ones(len(sample), dtype=np.bool_)
    stretches: list[tuple[int, int]] = []
    opened: int | None = None
    for i in (i for i, s in enumerate(symbol) if s in "[]"):
        if symbol[i] == "[" and opened is None:
            opened = i
        elif symbol[i] == "]" and opened is not None:
            stretches.append((int(sample[opened]), int(sample[i])))
            outside[opened : i + 1] = False
            opened = None
    if opened is not None:
        stretches.append((int(sample[opened]), int(_END)))
        outside[opened:] = False
    return _stretches(stretches), outside


def _shutdown(
    sample: NDArray[np.int64], marks: NDArray[np.int64], *, resumes: NDArray[np.bool_], window: int
) -> NDArray[np.int64]:
    """Give the stretches that the marks at these positions begin, joined where they touch."""
    found: list[tuple[int, int]] = []
    for k in marks.tolist():
        if k + 1 < len(sample) and resumes[k + 1]:
            found.append((int(sample[k]), int(sample[k + 1])))
        else:
            first = int(sample[k - 1]) + window if k > 0 else 0
            last = int(sample[k + 1]) - window if k + 1 < len(sample) else int(_END)
            found.append((first, last))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(stretch for stretch in found if stretch[0] <= stretch[1]):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return _stretches(merged)


def _whole(index: NDArray[np.int64], breaks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    before = np.cumsum(breaks)[index]
    whole: NDArray[np.bool_] = np.diff(before, prepend=-1) == 0
    return whole


def _stretches(pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _clusters(
    reference: NDArray[np.int64], test: NDArray[np.int64], *, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    sample = np.concatenate([reference, test])
    order = np.argsort(sample, kind="stable")
    cluster = np.empty(len(sample), dtype=np.int64)
    cluster[order] = np.cumsum(np.diff(sample[order], prepend=sample[order][:1]) > window)
    return cluster[: len(reference)], cluster[len(reference) :]


def _walk(reference: Sequence[int], test: Sequence[int], *, window: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    # the beats after the last ones stand too far away to be nearer to anything
    R, S = [*reference, _NEVER], [*test, 3 * _NEVER]
    i = j = 0
    while i < len(reference) and j < len(test):
        (T, T_next), (t, t_next) = R[i : i + 2], S[j : j + 2]
        rival = abs(T - t_next) if t < T else abs(T_next - t)
        if abs(T - t) <= window and (abs(T - t) < rival or abs(T_next - t_next) < rival):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif t < T:
            j += 1
        else:
            i += 1
    return pairs
