"""Annotations written by hand for tests of EC57: at 1000 Hz, so that samples are ms."""

import numpy as np

from ecgrnn.metrics.ec57.counts import compare_beats
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations

FS_HZ = 1000.0


def marks(*items: tuple) -> ScoredAnnotations:
    """Annotations from (sample, symbol) or (sample, symbol, subtype)."""
    return ScoredAnnotations(
        sample=np.array([item[0] for item in items], dtype=np.int64),
        symbol=[item[1] for item in items],
        subtype=np.array([item[2] if len(item) > 2 else 0 for item in items], dtype=np.int64),
        aux_note=[""] * len(items),
    )


def beats(*samples: int, symbol: str = "N") -> ScoredAnnotations:
    return marks(*((sample, symbol) for sample in samples))


def compared(reference: ScoredAnnotations, test: ScoredAnnotations, **options):
    return compare_beats(reference, test, fs_hz=FS_HZ, **{"start_s": 0.0, **options})
