"""Write a recording as a WFDB record, stretch by stretch, with finer steps than its source has."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.writer import write_whole
from ecgrnn.signals.recording import Recording

_STRETCH = 2**18
"""Samples per lead that are read and written at once."""

_FINEST_MV = 2e-4
"""Steps of a source are not taken to be smaller: noise of electrodes is 10 µV."""

_FINER = 2
"""The steps written are at least so many times smaller than those of the source."""

_BITS = (16, 24)
"""24 are enough for all that single precision tells apart."""


@dataclass(frozen=True)
class _Scale:
    """How a lead is stored: ``digital = round(mv * gain) + baseline``."""

    gain: float
    baseline: int


def write_recording(
    path: Path,
    recording: Recording,
    *,
    leads: Sequence[str] | None = None,
    start: datetime | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Write a recording as ``path.dat`` and ``path.hea``, in 16 bits, or in 24 where it needs them.

    Args:
        path: the record's path without a suffix; its folder is made.
        recording: the recording; missing samples are written as missing.
        leads: lead names; None takes the recording's.
        start: date and time of the first sample; None writes none.
        comments: lines to put under the header.

    Raises:
        DataError: there is such a record, or the recording cannot be read or has an infinite sample.
    """
    header, signal = path.with_name(f"{path.name}.hea"), path.with_name(f"{path.name}.dat")
    for file in (header, signal):
        if file.exists():
            raise DataError(f"{file} already exists and is not overwritten; choose another folder")
    lows, highs, steps = _ranges(recording)
    bits, scales = _scales(lows, highs, steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.dat.part")
    try:
        first, sums = _write_samples(part, recording, bits, scales)
        part.replace(signal)
    finally:
        part.unlink(missing_ok=True)
    named = recording.leads if leads is None else leads
    when = f" {start:%H:%M:%S}.{start.microsecond // 1000:03d} {start:%d/%m/%Y}" if start else ""
    lines = [f"{path.name} {len(named)} {recording.fs_hz:.12g} {recording.n_samples}{when}"]
    for at, (lead, scale) in enumerate(zip(named, scales, strict=True)):
        gain = f"{scale.gain:.12g}({scale.baseline})/mV"
        lines.append(f"{path.name}.dat {bits} {gain} {bits} 0 {first[at]} {sums[at] & 0xFFFF} 0 {lead}")
    lines += [f"# {comment}" for comment in comments]
    write_whole(header, ("\n".join(lines) + "\n").encode())


def safe_name(name: str) -> str:
    """Give a record's name that WFDB programs take: letters, digits, ``_``, ``-`` and ``.``.

    >>> safe_name("My ECG (2).final"), safe_name("..")
    ('My_ECG_2_.final', 'record')
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip(".-") or "record"


def _stretches(recording: Recording) -> Iterator[NDArray[np.float32]]:
    for start in range(0, recording.n_samples, _STRETCH):
        yield recording.stretch(start=start, stop=min(start + _STRETCH, recording.n_samples)).signal


def _ranges(recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the lowest and the highest value of each lead, and the steps that it was stored in."""
    n_leads = len(recording.leads)
    lows, highs = np.full(n_leads, np.inf), np.full(n_leads, -np.inf)
    steps = np.full(n_leads, np.inf)
    for signal in _stretches(recording):
        lows = np.minimum(lows, np.min(signal, axis=0, initial=np.inf, where=np.isfinite(signal)))
        highs = np.maximum(highs, np.max(signal, axis=0, initial=-np.inf, where=np.isfinite(signal)))
        steps = np.minimum(steps, [_step(lead) for lead in signal.T])
    missing = ~np.isfinite(lows)
    lows[missing] = highs[missing] = 0.0
    return lows, highs, np.maximum(steps, _FINEST_MV)


def _step(lead: NDArray[np.float32]) -> float:
    """Give the smallest difference between two values that is more than single precision's own."""
    values = np.unique(lead[np.isfinite(lead)]).astype(np.float64)
    differences = np.diff(values)
    real = differences[differences > 1e-6 * max(float(np.abs(values).max(initial=0)), 1.0)]
    if not real.size:
        return float("inf")
    span, step = float(values[-1] - values[0]), float(real.min())
    return span / round(span / step)  # a difference of two is rounded more than that of the farthest


def _scales(
    lows: NDArray[np.float64], highs: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[int, list[_Scale]]:
    """Choose the bits that all leads need, and the gain and baseline of each."""
    steps = np.where(np.isfinite(steps), steps, np.maximum(highs - lows, _FINEST_MV))
    needed = float(((highs - lows) / steps).max()) * _FINER + 4
    bits = next((bits for bits in _BITS if needed <= 2**bits - 4), _BITS[-1])
    scales = []
    for low, high, step in zip(lows, highs, steps, strict=True):
        finer = max(int((2**bits - 4) * step / max(high - low, step)), 1)
        gain = float(f"{min(finer, 1000) / step:.12g}")
        scales.append(_Scale(gain, -round((low + high) / 2 * gain)))
    return bits, scales


def _write_samples(
    file: Path, recording: Recording, bits: int, scales: Sequence[_Scale]
) -> tuple[list[int], list[int]]:
    """Write the samples; give the first one of each lead and their sums."""
    gains = np.array([scale.gain for scale in scales])
    baselines = np.array([scale.baseline for scale in scales])
    first: list[int] = []
    sums = np.zeros(len(scales), np.int64)
    with file.open("wb") as out:
        for signal in _stretches(recording):
            missing = np.isnan(signal)
            scaled = np.rint(np.where(missing, 0, signal).astype(np.float64) * gains).astype(np.int64)
            digital = np.where(missing, -(1 << bits - 1), scaled + baselines)
            first = first or digital[0].tolist()
            sums += digital.sum(axis=0)
            out.write(_ENCODED[bits](digital))
    return first, sums.tolist()


def _three_bytes(digital: NDArray[np.int64]) -> bytes:
    return np.ascontiguousarray(digital.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


_ENCODED: dict[int, Callable[[NDArray[np.int64]], bytes]] = {
    16: lambda digital: digital.astype("<i2").tobytes(),
    24: _three_bytes,
}
