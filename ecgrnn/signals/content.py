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


def no_ecg(signal: NDArray[np.floating], fs_hz: float) -> str:
    """Say what shows that a signal is no ECG; empty where nothing does.

    It is meant for signals whose names tell nothing: a lead that fell off is flat, too.

    Args:
        signal: ``(time,)``, in any unit; NaN where a sample is missing.
        fs_hz: sampling frequency.
    """
    known = signal[np.isfinite(signal)].astype(np.float64)
    values = np.unique(known[:: max(len(known) // 5000, 1)])
    if len(values) <= _FEW_VALUES:
        return f"{len(values)} value(s) only"
    steps = np.diff(known)
    if (steps > 0).all() or ((steps >= 0).all() and len(values) > len(known) // 2):
        return "it only rises"
    slow = _smoothed(known, max(round(_BEAT_S * fs_hz), 1))
    wander = _smoothed(slow, max(round(fs_hz), 1))
    fast, beside = float(np.std(known - slow)), float(np.std(slow - wander))
    return "it changes too slowly" if fast < _SLOW * beside else ""


_FEW_VALUES = 3
"""Markers and digital inputs take no more."""

_BEAT_S = 0.06
"""Averaged over this time a QRS complex is gone, and a breath or a pulse wave hardly changes."""

_SLOW = 0.05
"""Largest part that is fast, compared with the slow one, in signals that are no ECG."""


def _smoothed(signal: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Average a signal over a length; its ends are left out of what the mean does not cover."""
    if len(signal) <= length:
        return np.full_like(signal, signal.mean())
    return np.convolve(
        np.pad(signal, (length // 2, length - 1 - length // 2), "edge"), np.ones(length) / length, "valid"
    )


def _changes(part: NDArray[np.int32]) -> bool:
    known = part[part != _MISSING]
    return int(np.count_nonzero(np.diff(known))) >= _CHANGES


def _digest(part: NDArray[np.int32]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(part, "<i4").data, digest_size=8).hexdigest()
