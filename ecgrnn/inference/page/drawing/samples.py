"""Samples for the enlarged view, stored so compactly that a day of them fits into a page."""

import base64
import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.drawing.wavelet import analyse
from ecgrnn.signals.recording import Recording

LEVELS = 5
"""How often the slow half of the signal is split again; two seconds then have few slow values."""

MOST_BYTES = 4_500_000
"""All samples of a page, compressed; written as text they are a third longer."""

_MOST_SAMPLES = 24_000_000
"""Samples that fit into these bytes: two leads of a day at 125 Hz."""

_RATES_HZ = (500.0, 250.0, 125.0)
"""A screen shows about 100 points for each second at 25 mm/s."""

_FINE_MV, _COARSE_MV = 0.01, 0.06
"""Steps of the stored values. Samples are off by 0.3 steps as a rule: at 0.06 mV that is 0.2 mm on paper,
less than a point of the screen."""

_COARSER, _LITTLE_COARSER = 1.25, 1.1

_LIMIT_MV = 300.0
"""Samples beyond are held there."""

_DEAD = 0.62
"""Values of the fast bands up to so many steps are noise for the most part, and are stored as zero."""

_COARSEST_MV = 1000.0
"""Noise of a loose lead would take all the room of the others: it is stored as coarsely as need be."""

_LOOKS, _LOOK_S = 24, 30.0
"""Where a long recording is looked at to choose the steps of all of it."""

_BORROWED, _LOUDEST = 0.2, 4.0
"""Share of the room that may be used early, and how many times its share a piece may use."""

_MARGIN = 16
"""Stored samples read beyond both ends of a piece, farther than the filter reaches."""


@dataclass(frozen=True)
class Plan:
    """How a recording is stored.

    Attributes:
        columns: leads that are stored.
        factor: samples of the recording for one that is stored.
        step_mv: step of the stored samples, doubled where a piece would be too large.
        bytes_per_s: room for the samples, which may be used later where it is not used at once.
    """

    columns: tuple[int, ...]
    factor: int
    step_mv: float
    bytes_per_s: float


def plan(recording: Recording, order: tuple[int, ...]) -> Plan:
    """Choose how fine samples are stored, and of how many leads.

    Args:
        recording: the recording.
        order: its leads, the one that matters most first.
    """

    def stored(n_leads: int, rate_hz: float) -> float:
        """Count the samples that so many leads take at a rate."""
        return n_leads * recording.duration_s * min(rate_hz, recording.fs_hz)

    rate = next((r for r in _RATES_HZ if stored(len(order), r) <= _MOST_SAMPLES), _RATES_HZ[-1])
    n_leads = max(1, min(len(order), int(_MOST_SAMPLES / max(stored(1, rate), 1.0))))
    fine = stored(n_leads, rate) < _MOST_SAMPLES / 6
    return Plan(
        columns=tuple(sorted(order[:n_leads])),
        factor=max(1, round(recording.fs_hz / rate)),
        step_mv=_FINE_MV if fine else _COARSE_MV,
        bytes_per_s=MOST_BYTES / recording.duration_s,
    )


def fitted(recording: Recording, how: Plan) -> Plan:
    """Choose steps at which looks at a long recording take their share of the room: all has the same."""
    if how.step_mv == _FINE_MV:
        return how
    length = round(_LOOK_S * recording.fs_hz)
    starts = np.linspace(0, recording.n_samples - length, _LOOKS).astype(np.int64).tolist()
    looks = [piece(recording, how, start=start, stop=start + length) for start in starts]
    step_mv, most = how.step_mv, how.bytes_per_s * _LOOK_S
    while step_mv < _COARSEST_MV:
        sizes = [
            min(len(encode(one, step_mv=step_mv, most_bytes=np.inf).packed), _LOUDEST * most) for one in looks
        ]
        if sum(sizes) <= _LOOKS * most:
            break
        step_mv *= _LITTLE_COARSER
    return replace(how, step_mv=step_mv)


def room(how: Plan, *, start_s: float, stop_s: float, used: int) -> float:
    """Give the bytes that a piece may take, where those before it took so many."""
    left = how.bytes_per_s * stop_s + _BORROWED * MOST_BYTES - used
    return min(left, _LOUDEST * how.bytes_per_s * (stop_s - start_s))


@dataclass(frozen=True)
class Stored:
    """A piece of a recording as it is stored.

    Attributes:
        n_samples: samples of each lead.
        step_mv: what 1 stands for.
        packed: the samples as bands of a wavelet.
    """

    n_samples: int
    step_mv: float
    packed: bytes

    def as_json(self) -> dict[str, float | str]:
        """Give the piece as the page has it."""
        return {
            "n": self.n_samples,
            "step": self.step_mv,
            "bytes": base64.b64encode(self.packed).decode("ascii"),
        }


def encode(signal: NDArray[np.float32], *, step_mv: float, most_bytes: float) -> Stored:
    """Store a piece ``(time, lead)`` in mV.

    Its bands, the slowest first and of each band a lead behind the other, are written as whole steps of 24
    bit, the sign in the lowest: first all low bytes, then the others, which are nearly all zero; then a bit
    for each sample that is missing; then zlib. The slowest band is written as differences of half steps. A
    piece that takes too much room is stored in coarser steps.
    """
    missing = np.isnan(signal)
    held = np.clip(_held(signal, missing) if missing.any() else signal, -_LIMIT_MV, _LIMIT_MV)
    bands, gaps = analyse(held.astype(np.float64), LEVELS), np.packbits(missing.T, axis=1).tobytes()
    while True:
        packed = zlib.compress(_planes(bands, step_mv) + gaps)
        if len(packed) <= most_bytes or step_mv >= _COARSEST_MV:
            return Stored(len(signal), step_mv, packed)
        step_mv *= _COARSER


def _planes(bands: list[NDArray[np.float64]], step_mv: float) -> bytes:
    slowest = np.rint(bands[0] * (2.0 / step_mv))
    whole = [np.diff(slowest, axis=0, prepend=0.0)]
    whole += [np.sign(band) * np.floor(np.abs(band) / step_mv + (1.0 - _DEAD)) for band in bands[1:]]
    steps = np.concatenate([band.T.ravel() for band in whole]).astype(np.int32)
    coded = ((steps << 1) ^ (steps >> 31)).astype("<u4")
    return coded.view(np.uint8).reshape(-1, 4).T[:3].tobytes()


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
    whole = _held(signal, missing) if missing.any() else signal
    from scipy.signal import resample_poly  # takes long, and few recordings need it

    kept = np.asarray(resample_poly(whole, 1, factor, axis=0, padtype="edge"), np.float32)
    kept[missing[::factor]] = np.nan
    return kept


def _held(signal: NDArray[np.float32], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Hold the last known sample of each lead through its gaps, and before it the first; 0 without any."""
    at = np.maximum.accumulate(np.where(missing, 0, np.arange(len(signal))[:, np.newaxis]), axis=0)
    first = (~missing).argmax(axis=0)
    held = np.take_along_axis(signal, np.maximum(at, first), axis=0)
    return np.where(np.isnan(held), np.float32(0.0), held)
