"""Beats as WFDB annotations, with what could not be read between them."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.annotations import Annotations

UNREADABLE, READABLE = -1, 0
"""Subtypes of a noise mark ``~``: from here on nothing can be read, or all (WFDB Applications Guide, bxb)."""


def marked_beats(
    symbols: NDArray[np.str_], sample: NDArray[np.int64], unreadable: NDArray[np.int64], *, fs_hz: float
) -> Annotations:
    """Give beats as annotations, and where what cannot be read begins and ends.

    Args:
        symbols: ``(beat,)``; AAMI's letters N, S, V, F and Q are WFDB's symbols for these classes, too.
        sample: ``(beat,)``, rising.
        unreadable: ``(stretch, 2)``, without a beat in it.
        fs_hz: sampling frequency of both.
    """
    n = len(sample)
    return with_noise_marks(
        Annotations(sample, symbols, np.zeros(n, np.int64), np.full(n, ""), fs_hz), unreadable
    )


def with_noise_marks(annotations: Annotations, unreadable: NDArray[np.int64]) -> Annotations:
    """Add ``~`` where each stretch ``(stretch, 2)`` that cannot be read begins, and at its last sample."""
    if not len(unreadable):
        return annotations
    edges = (unreadable - [0, 1]).reshape(-1)
    at = np.concatenate([edges, annotations.sample])
    order = np.argsort(at, kind="stable")
    subtype = np.concatenate([np.tile([UNREADABLE, READABLE], len(unreadable)), annotations.subtype])
    return Annotations(
        sample=at[order],
        symbol=np.concatenate([np.full(len(edges), "~"), annotations.symbol])[order],
        subtype=subtype[order],
        aux_note=np.concatenate([np.full(len(edges), ""), annotations.aux_note])[order],
        fs_hz=annotations.fs_hz,
    )
