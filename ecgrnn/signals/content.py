"""What a recording holds, whatever its file is called, how it is stored and how it is prepared."""

import hashlib

import numpy as np
from numpy.typing import NDArray

HEAD = 5000
"""Samples at a lead's beginning that have a digest of their own: a copy may have been cut short."""

_PER_MV = 1000.0
"""Samples are compared in microvolts: converters have coarser steps, and formats round differently below."""

_OFF_CENTRE = 0.137
"""Moves the borders of the microvolts away from the values of converters, which are simple fractions."""

_CHANGES = 50
"""A lead that changes less often is flat, but for an artefact."""

_MISSING = np.iinfo(np.int32).min


def lead_digests(signal: NDArray[np.float32]) -> tuple[str, ...]:
    """Give digests of each lead of a recording: of the whole of it and, where it is longer, of its beginning.

    Recordings that share one hold the same lead. A lead that hardly changes has none: those are alike.

    Args:
        signal: ``(time, lead)`` in mV as read, before any filter; NaN where a sample is missing.
    """
    missing = ~np.isfinite(signal)
    scaled = np.where(missing, 0.0, signal.astype(np.float64) * _PER_MV)
    whole = np.floor(np.clip(scaled, -1e9, 1e9) + 0.5 + _OFF_CENTRE).astype(np.int32)
    whole[missing] = _MISSING
    lengths = sorted({min(HEAD, len(signal)), len(signal)})
    parts = (lead[:length] for lead in whole.T for length in lengths)
    return tuple(_digest(part) for part in parts if _changes(part))


def _changes(part: NDArray[np.int32]) -> bool:
    known = part[part != _MISSING]
    return int(np.count_nonzero(np.diff(known))) >= _CHANGES


def _digest(part: NDArray[np.int32]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(part, "<i4").data, digest_size=8).hexdigest()
