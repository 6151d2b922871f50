"""Read the annotations that networks learn from, without what cannot be true of their record."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.annotations import Annotations, annotation_file, read_annotations
from ecgrnn.signals.detection.detect import REFRACTORY_S
from ecgrnn.signals.symbols import AAMI, BEAT_SYMBOLS

_FURTHEST_OUTSIDE_S = 5.0
"""Annotations further outside a record than a long RR interval or two are of a record of another length."""

_MOST_OUTSIDE = 0.05
"""So large a share of a file's annotations may lie outside the record; one always may."""

_RANKS = {"N": 1, "Q": 2}


@dataclass(frozen=True)
class Reference:
    """The annotations of a record, cleaned.

    Attributes:
        annotations: inside the record, and no two beats closer than the refractory period.
        merged: how many beats were merged with another one.
        outside: how many annotations were left out since they lie outside the record.
    """

    annotations: Annotations
    merged: int
    outside: int


def read_reference(
    path: Path, annotator: str, *, fs_hz: float, n_samples: int, frame_hz: float | None = None
) -> Reference:
    """Read the annotations of a record that its beats are taken from.

    Scoring by EC57 does not come here: it counts every annotation as the reference software does.

    Args:
        path: the record's path without a suffix.
        annotator: suffix of the annotation file, e.g. ``atr``.
        fs_hz: sampling frequency of the record.
        n_samples: length of the record.
        frame_hz: see ``read_annotations``.

    Raises:
        DataError: the file cannot be read, or is of another record: many annotations, or some by far, lie
            outside this one.
    """
    annotations = read_annotations(path, annotator, fs_hz=fs_hz, frame_hz=frame_hz, before=True)
    inside = _inside(annotations, n_samples=n_samples, file=annotation_file(path, annotator))
    merged = merge_beats(inside)
    return Reference(
        annotations=merged,
        merged=len(inside.sample) - len(merged.sample),
        outside=len(annotations.sample) - len(inside.sample),
    )


def merge_beats(annotations: Annotations) -> Annotations:
    """Keep one of the beats at one place, or closer together than the refractory period of 0.2 s.

    No heart beats so fast: such beats are one beat that was annotated twice. Of two, the first is kept,
    unless only the second is ectopic (of class S, V or F), or the first is unclassifiable (Q) and the second
    is not. All other annotations stay.
    """
    beats = np.flatnonzero(np.isin(annotations.symbol, sorted(BEAT_SYMBOLS)))
    sample, closest = annotations.sample[beats], REFRACTORY_S * annotations.fs_hz
    if not (np.diff(sample) < closest).any():
        return annotations
    ranks = [_RANKS.get(AAMI.symbols[symbol], 0) for symbol in annotations.symbol[beats].tolist()]
    kept: list[int] = []
    for beat, (at, rank) in enumerate(zip(sample.tolist(), ranks, strict=True)):
        if not kept or at - sample[kept[-1]] >= closest:
            kept.append(beat)
        elif rank < ranks[kept[-1]]:
            kept[-1] = beat
    keep = np.ones(len(annotations.sample), bool)
    keep[np.delete(beats, kept)] = False
    return _picked(annotations, keep)


def reference_notes(merged: int, outside: int) -> list[str]:
    """Say how many annotations were merged or left out; nothing where none were.

    >>> reference_notes(2, 0)
    ['2 beats closer than 0.2 s to another one merged with it']
    """
    beats, marks = "beat" if merged == 1 else "beats", "annotation" if outside == 1 else "annotations"
    said = {
        f"{merged} {beats} closer than {REFRACTORY_S:g} s to another one merged with it": merged,
        f"{outside} {marks} outside the record left out": outside,
    }
    return [note for note, count in said.items() if count]


def _inside(annotations: Annotations, *, n_samples: int, file: Path) -> Annotations:
    sample = annotations.sample
    inside = (sample >= 0) & (sample < n_samples)
    if inside.all():
        return annotations
    outside = int((~inside).sum())
    furthest = max(int(sample[0]), int(sample[-1]), key=lambda at: max(-at, at - n_samples + 1))
    beyond = max(-furthest, furthest - n_samples + 1)
    few = outside <= max(1, _MOST_OUTSIDE * len(sample))
    if not few or beyond > _FURTHEST_OUTSIDE_S * annotations.fs_hz:
        raise DataError(
            f"{file}: {outside} of {len(sample)} annotations lie outside the record of {n_samples} samples, "
            f"the furthest at sample {furthest}; check that file and record belong together"
        )
    return _picked(annotations, inside)


def _picked(annotations: Annotations, keep: NDArray[np.bool_]) -> Annotations:
    return replace(
        annotations,
        sample=annotations.sample[keep],
        symbol=annotations.symbol[keep],
        subtype=annotations.subtype[keep],
        aux_note=annotations.aux_note[keep],
    )
