"""Samples for the enlarged view, stored so compactly that a day of them fits into a page."""

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecgrnn.signals.recording import Recording

MISSING = -32768
"""What stands for a sample that is missing."""

MOST_BYTES = 9_000_000
"""All samples of a page, compressed; written as text they are a third longer."""

_MOST_SAMPLES = 24_000_000
"""Samples that fit into these bytes: two leads of a day at 125 Hz."""

_RATES_HZ = (500.0, 250.0, 125.0)
"""A screen shows about 100 points for each second at 25 mm/s."""

_FINE_MV, _COARSE_MV = 0.005, 0.01
"""Steps of the stored samples; on paper 0.01 mV is 0.1 mm, less than a point of the screen."""

_COARSEST_MV = 0.08

_MARGIN = 16
"""Stored samples read beyond both ends of a piece, farther than the filter reaches."""


@dataclass(frozen=True)
class Plan:
    """How a recording is stored.

    Attributes:
        columns: leads that are stored.
        factor: samples of the recording for one that is stored.
        step_mv: step of the stored samples, doubled where a piece would be too large.
        most_bytes: for each second of the recording.
    """

    columns: tuple[int, ...]
    factor: int
    step_mv: float
    most_bytes: float


def plan(recording: Recording, order: tuple[int, ...]) -> Plan:
    """Choose how fine samples are stored, and of how many leads.

    Args:
        recording: the recording.
        order: its leads, the one that matters most first.
    """

    def stored(n_leads: int, rate_hz: float) -> float:
        return n_leads * recording.duration_s * min(rate_hz, recording.fs_hz)

    rate = next((r for r in _RATES_HZ if stored(len(order), r) <= _MOST_SAMPLES), _RATES_HZ[-1])
    n_leads = max(1, min(len(order), int(_MOST_SAMPLES / max(stored(1, rate), 1.0))))
    fine = stored(n_leads, rate) < _MOST_SAMPLES / 6
    return Plan(
        columns=tuple(sorted(order[:n_leads])),
        factor=max(1, round(recording.fs_hz / rate)),
        step_mv=_FINE_MV if fine else _COARSE_MV,
        most_bytes=MOST_BYTES / recording.duration_s,
    )


def encode(signal: NDArray[np.float32], *, step_mv: float, most_bytes: float) -> dict[str, object]:
    """Store a piece ``(time, lead)`` in mV.

    Each lead is written as differences of 16 bit that wrap around; first the low bytes of all leads, then the
    high ones, which are nearly always alike; then zlib and Base64. A piece that takes too much room is stored
    in coarser steps.

    Returns:
        ``n`` samples of each lead, ``step`` in mV and ``bytes``, as JSON takes them.
    """
    while True:
        packed = zlib.compress(_differences(signal, step_mv), 6)
        if len(packed) <= most_bytes or step_mv >= _COARSEST_MV:
            return {"n": len(signal), "step": step_mv, "bytes": base64.b64encode(packed).decode("ascii")}
        step_mv *= 2.0


def _differences(signal: NDArray[np.float32], step_mv: float) -> bytes:
    limit = -(MISSING + 1)
    known = np.isfinite(signal)
    steps = np.clip(np.rint(np.where(known, signal, 0.0) / step_mv), -limit, limit).astype(np.int16)
    steps[~known] = MISSING
    differences = np.diff(steps.T, axis=1, prepend=np.int16(0)).ravel().astype("<i2")
    low_and_high = differences.view(np.uint8).reshape(-1, 2)
    return low_and_high.T.tobytes()


def piece(recording: Recording, how: Plan, *, start: int, stop: int) -> NDArray[np.float32]:
    """Read the stored samples ``(time, lead)`` of a piece of a recording, from ``start`` on."""
    margin = _MARGIN * how.factor
    before = min(start, margin) // how.factor * how.factor
    after = min(stop + margin, recording.n_samples)
    signal = recording.stretch(columns=how.columns, start=start - before, stop=after).signal
    first = before // how.factor
    return thinned(signal, how.factor)[first : first + -(-(stop - start) // how.factor)]


def thinned(signal: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Keep one of ``factor`` samples ``(time, lead)`` of a signal, filtered before; missing ones stay so."""
    if factor == 1:
        return signal
    missing = np.isnan(signal)
    level = np.array(
        [
            np.median(lead[~gap]) if not gap.all() else 0.0
            for lead, gap in zip(signal.T, missing.T, strict=True)
        ]
    )
    whole = np.where(missing, _held(signal, missing, level), signal) - level
    kept = np.asarray(resample_poly(whole.astype(np.float32), 1, factor, axis=0) + level, np.float32)
    kept[missing[::factor]] = np.nan
    return kept


def _held(
    signal: NDArray[np.float32], missing: NDArray[np.bool_], level: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Hold the last known sample of each lead through its gaps."""
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(signal))[:, np.newaxis]), axis=0)
    held = np.take_along_axis(signal, np.maximum(last, 0), axis=0)
    return np.where(last < 0, level, held).astype(np.float32)
