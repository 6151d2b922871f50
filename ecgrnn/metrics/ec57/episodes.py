"""Compares rhythm episodes of two annotators by ANSI/AAMI EC57, as the WFDB software's ``epicmp`` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import Ratio, samples
from ecgrnn.metrics.ec57.pairing import BeatAnnotations

RhythmKind = Literal["AF", "VF"]


@dataclass(frozen=True)
class EpisodeComparison:
    """All that EC57 wants to know of one record's atrial or ventricular fibrillation.

    Attributes:
        kind: ``AF`` or ``VF``.
        reference: first and one past the last sample of each reference episode ``(episode, 2)``.
        test: first and one past the last sample of each test episode ``(episode, 2)``.
        found: reference episodes that a test episode overlaps.
        right: test episodes that a reference episode overlaps.
        overlap: samples that are in an episode of both.
        fs_hz: sampling frequency that the episodes are written in.
    """

    kind: RhythmKind
    reference: NDArray[np.int64]
    test: NDArray[np.int64]
    found: int
    right: int
    overlap: int
    fs_hz: float

    @property
    def reference_samples(self) -> int:
        """Duration of the reference episodes in samples."""
        return _duration(self.reference)

    @property
    def test_samples(self) -> int:
        """Duration of the test episodes in samples."""
        return _duration(self.test)

    @property
    def statistics(self) -> dict[str, Ratio]:
        """Sensitivity and positive predictivity, by episodes and by samples."""
        return {
            "episode_sensitivity": Ratio(self.found, len(self.reference)),
            "episode_positive_predictivity": Ratio(self.right, len(self.test)),
            "duration_sensitivity": Ratio(self.overlap, self.reference_samples),
            "duration_positive_predictivity": Ratio(self.overlap, self.test_samples),
        }


def compare_episodes(
    reference: BeatAnnotations,
    test: BeatAnnotations,
    *,
    fs_hz: float,
    kind: RhythmKind = "AF",
    start_s: float = 300.0,
    stop_s: float | None = None,
) -> EpisodeComparison:
    """Compare two annotators of one record episode by episode.

    An episode of AF begins with a rhythm mark ``(AFIB`` and ends with a rhythm mark of another rhythm; an
    episode of VF begins with ``[`` and ends with ``]``. A mark that repeats the rhythm it stands in begins
    nothing. Where no mark ends it, the episode lasts until the stop. An episode across the start or the stop
    counts with the part that lies between them, and any overlap at all makes an episode a true positive.
    Atrial flutter ``(AFL`` is no AF, and calling it AF counts as wrong: ``epicmp`` excludes it with ``-x``
    alone.

    Args:
        reference: annotations that are taken to be right.
        test: annotations that are scored.
        fs_hz: sampling frequency that both are written in.
        kind: ``AF`` or ``VF``.
        start_s: beginning of the test period; EC57 wants the first five minutes left out.
        stop_s: end of the record; None is the last annotation of the reference.

    Raises:
        DataError: the kind is unknown, or the times are out of order.
    """
    if kind not in ("AF", "VF"):
        raise DataError(f"episodes of kind {kind!r} are not known; use 'AF' or 'VF'")
    if not (fs_hz > 0 and start_s >= 0 and (stop_s is None or stop_s > start_s)):
        raise DataError(f"expected fs_hz > 0 and stop_s > start_s >= 0; got {fs_hz=}, {start_s=}, {stop_s=}")
    start = samples(start_s, fs_hz)
    last = int(reference.sample[-1]) if len(reference.sample) else start
    stop = max(start, last if stop_s is None else samples(stop_s, fs_hz))
    R, T = (_clip(episodes(a, kind), start, stop) for a in (reference, test))
    overlap = np.minimum(R[:, None, 1], T[None, :, 1]) - np.maximum(R[:, None, 0], T[None, :, 0])
    meets = overlap > 0
    found, right = int(meets.any(axis=1).sum()), int(meets.any(axis=0).sum())
    return EpisodeComparison(kind, R, T, found, right, int(overlap[meets].sum()), fs_hz)


def episodes(annotations: BeatAnnotations, kind: RhythmKind) -> NDArray[np.int64]:
    """List first and one past the last sample of each episode ``(episode, 2)``; an open one ends never."""
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for sample, inside in _marks(annotations, kind):
        if inside and begun is None:
            begun = sample
        elif not inside and begun is not None:
            found.append((begun, sample))
            begun = None
    if begun is not None:
        found.append((begun, int(np.iinfo(np.int64).max)))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def gross_episodes(comparisons: Sequence[EpisodeComparison]) -> dict[str, Ratio]:
    """Add up hits and totals over records, so that each episode and each second has the same weight.

    Raises:
        DataError: the records differ in sampling frequency, so that samples cannot be added.
    """
    if len({c.fs_hz for c in comparisons}) > 1:
        raise DataError(
            "samples of different lengths cannot be added; score each sampling frequency separately"
        )
    statistics = [c.statistics for c in comparisons]
    names = statistics[0] if statistics else {}
    return {
        name: Ratio(sum(s[name].hits for s in statistics), sum(s[name].total for s in statistics))
        for name in names
    }


def has_rhythm(annotations: BeatAnnotations, *, kind: RhythmKind) -> bool:
    """Tell whether an annotator marks rhythms (AF) or ventricular flutter and fibrillation (VF) at all."""
    return bool(np.any(np.asarray(annotations.symbol) == ("+" if kind == "AF" else "[")))


def _marks(annotations: BeatAnnotations, kind: RhythmKind) -> list[tuple[int, bool]]:
    symbol = np.asarray(annotations.symbol)
    at = np.flatnonzero(np.isin(symbol, ["+"] if kind == "AF" else ["[", "]"]))
    if kind == "AF":
        # texts read from a file may end in the zero byte of the format
        begins = [str(annotations.aux_note[k]).rstrip("\0 ") == "(AFIB" for k in at.tolist()]
    else:
        begins = [bool(symbol[k] == "[") for k in at.tolist()]
    return list(zip(np.asarray(annotations.sample)[at].tolist(), begins, strict=True))


def _clip(stretches: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
    clipped = np.clip(stretches, start, stop)
    return clipped[clipped[:, 1] > clipped[:, 0]]


def _duration(episodes: NDArray[np.int64]) -> int:
    return int((episodes[:, 1] - episodes[:, 0]).sum())
