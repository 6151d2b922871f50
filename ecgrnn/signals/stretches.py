"""Prepare a recording stretch by stretch, so that a day of ECG needs no more memory than a few minutes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.filters.causal import CausalState
from ecgrnn.signals.filters.resample import rate_ratio
from ecgrnn.signals.filters.zero_phase import filter_kernel
from ecgrnn.signals.normalise import (
    block_samples,
    block_spreads,
    joined_blocks,
    median_spread,
    scale_signal,
)
from ecgrnn.signals.preprocessing import (
    GAP_REACH_S,
    LEVEL_S,
    Before,
    PreparedRecord,
    last_level,
    lead_columns,
    misfit,
    prepare_causally,
    prepare_record,
)
from ecgrnn.signals.recording import Recording


@dataclass(frozen=True)
class PreparedStretch:
    """A part of a prepared record.

    Attributes:
        start: index of its first sample in the whole prepared record.
        record: the part, as ``prepare_record`` gives it; its ``source_samples`` and ``missing`` count the
            part alone.
    """

    start: int
    record: PreparedRecord


def prepare_stretches(
    recording: Recording, config: PreprocessingConfig, *, stretch_s: float = 600.0
) -> Iterator[PreparedStretch]:
    """Read and prepare a recording in stretches that follow each other without a gap or an overlap.

    Joined they equal ``prepare_record`` of the whole record, to the precision of float32 and of the filters'
    stop bands (1e-4 of the signal), since each stretch is filtered together with as much of its neighbours as
    the filters and the filling of gaps reach. Causal filters hand their state on instead, and the stretches
    equal the whole to the last bit. Normalisation reads the record twice.

    Args:
        recording: the recording.
        config: what is done to the signal.
        stretch_s: length of a stretch, as near as whole output samples allow (from 360.01 to 180 Hz they are
            a minute and a half apart); the last one may be shorter.

    Raises:
        DataError: the recording cannot be read, a lead has no sample at all, or the filters do not fit its
            sampling frequency.
        ConfigError: the options ask for leads that the recording does not have.
    """
    if recording.n_samples == 0:
        raise DataError(f"record {recording.place} is empty: it holds no sample; leave it out")
    if config.normalisation is Normalisation.none:
        yield from _stretches(recording, config, stretch_s=stretch_s)
        return
    plain = replace(config, normalisation=Normalisation.none)
    spread = _spread(_stretches(recording, plain, stretch_s=stretch_s))
    for stretch in _stretches(recording, plain, stretch_s=stretch_s):
        signal = scale_signal(stretch.record.signal, spread)
        yield replace(stretch, record=replace(stretch.record, signal=signal, spread=spread))


@dataclass(frozen=True)
class OverlappingStretch:
    """A part of a prepared record with some of what lies around it.

    Attributes:
        start: index of its first sample in the whole prepared record.
        record: the part with its surroundings; all but the signal is that of the last piece read.
        first: where the part itself begins in ``record.signal``.
        stop: where the part itself ends. Joined, the parts are the whole record.
    """

    start: int
    record: PreparedRecord
    first: int
    stop: int


def overlapping_stretches(
    recording: Recording, config: PreprocessingConfig, *, stretch_s: float, overlap_s: float, step: int
) -> Iterator[OverlappingStretch]:
    """Prepare a recording in stretches that each come with the end and the beginning of their neighbours.

    Args:
        recording: the recording.
        config: what is done to the signal.
        stretch_s: length of a stretch; a recording as long as one, or shorter, is one stretch.
        overlap_s: how much of each neighbour comes along, at least.
        step: stretches begin and end at multiples of so many prepared samples.

    Raises:
        DataError: as ``prepare_stretches``.
        ConfigError: as ``prepare_stretches``.
    """
    start = done = 0
    kept: NDArray[np.float32] | None = None
    for piece, is_last in with_last(prepare_stretches(recording, config, stretch_s=stretch_s)):
        overlap = -(-round(overlap_s * piece.record.fs_hz) // step) * step
        kept = piece.record.signal if kept is None else np.concatenate([kept, piece.record.signal])
        stop = start + len(kept)
        until = stop if is_last else max((stop - overlap) // step * step, done)
        if until > done:
            record = replace(piece.record, signal=kept)
            yield OverlappingStretch(start, record, done - start, until - start)
        done, begin = until, max(until - overlap, start)
        kept, start = kept[begin - start :].copy(), begin


def readable_leads(recording: Recording, *, stretch_s: float = 600.0) -> list[int]:
    """List the columns of the leads that have a valid sample anywhere."""
    hop = max(round(stretch_s * recording.fs_hz), 1)
    unread = np.arange(len(recording.leads))
    for start in range(0, recording.n_samples if len(unread) else 0, hop):
        stop = min(start + hop, recording.n_samples)
        part = recording.stretch(columns=unread.tolist(), start=start, stop=stop).signal
        unread = unread[~np.isfinite(part).any(axis=0)]
        if not len(unread):
            break
    return [column for column in range(len(recording.leads)) if column not in unread]


_Item = TypeVar("_Item")


def with_last(items: Iterator[_Item]) -> Iterator[tuple[_Item, bool]]:
    """Tell of each item whether it is the last one; there is at least one.

    Example:
        >>> list(with_last(iter("ab")))
        [('a', False), ('b', True)]
    """
    before = next(items)
    for item in items:
        yield before, False
        before = item
    yield before, True


def _spread(stretches: Iterator[PreparedStretch]) -> NDArray[np.float32]:
    """Find the spread of the whole record; blocks go on from one stretch into the next."""
    spreads = []
    rest: NDArray[np.float32] | None = None
    for stretch in stretches:
        block = block_samples(stretch.record.fs_hz)
        signal = np.where(stretch.record.valid, stretch.record.signal, np.float32(np.nan))
        joined = signal if rest is None else np.concatenate([rest, signal])
        whole = len(joined) // block * block
        rest = joined[whole:]
        if whole:
            spreads.append(block_spreads(joined[:whole], fs_hz=stretch.record.fs_hz))
    if not spreads and rest is not None:  # a record shorter than a block
        spreads.append(block_spreads(rest, fs_hz=stretch.record.fs_hz))
    return median_spread(joined_blocks(spreads))


def _stretches(
    recording: Recording, config: PreprocessingConfig, *, stretch_s: float
) -> Iterator[PreparedStretch]:
    columns = lead_columns(recording.leads, config, name=recording.name)
    n_samples, fs_hz = recording.n_samples, recording.fs_hz
    to_hz = fs_hz if config.fs_hz is None else config.fs_hz
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    up, down = ratio.numerator, ratio.denominator
    try:
        hop, reach = stretch_lengths(config, fs_hz=fs_hz, to_hz=to_hz, stretch_s=stretch_s)
    except ConfigError as error:
        raise misfit(recording.place, fs_hz, error) from None
    # The leads that were named, or come first, are read in their order.
    chosen = replace(config, leads=None, n_leads=len(columns), first_lead=None)
    level = _first_levels(recording, columns, piece=hop)
    state: CausalState | None = None
    for first in range(0, n_samples, hop):
        last, before = min(first + hop, n_samples), max(first - reach, 0)
        after = min(last + reach, n_samples)
        record = recording.stretch(columns=columns, start=before, stop=after)
        if chosen.causal:
            prepared, state = prepare_causally(record, chosen, state)
        else:
            prepared = prepare_record(record, chosen, before=Before(level, before))
            if (following := first + hop - reach) > 0:
                width = round(LEVEL_S * fs_hz)
                seen = record.signal[: following - before + width]
                # What is valid only in the first second has its level partly before this part: it is known.
                is_new = np.isfinite(seen[width if before else 0 :]).any(axis=0)
                level = np.where(is_new, last_levels(seen, level, fs_hz=fs_hz), level)
        missing = np.count_nonzero(np.isnan(record.signal[first - before : last - before]), axis=0)
        skipped, kept = (first - before) // down * up, -(-(last - first) * up // down)
        part = replace(
            prepared,
            signal=prepared.signal[skipped : skipped + kept],
            valid=prepared.valid[skipped : skipped + kept],
            missing=missing.astype(np.int64),
            source_samples=last - first,
        )
        yield PreparedStretch(start=first // down * up, record=part)


def _first_levels(recording: Recording, columns: Sequence[int], *, piece: int) -> NDArray[np.float32]:
    """Find each lead's level at its first valid sample, to which what is missing before it is filled."""
    held: NDArray[np.float32] | None = None
    for start in range(0, recording.n_samples, piece):
        stop = min(start + piece, recording.n_samples)
        record = recording.stretch(columns=columns, start=start, stop=stop)
        unknown = np.full(len(record.leads), np.nan, np.float32)
        first = last_levels(record.signal[::-1], unknown, fs_hz=recording.fs_hz)
        held = first if held is None else np.where(np.isfinite(held), held, first)
        if np.isfinite(held).all():
            return held
    if held is None:
        raise DataError(f"record {recording.place} is empty: expected samples, got none; leave it out")
    empty = record.leads[int(np.flatnonzero(~np.isfinite(held))[0])]
    raise DataError(
        f"record {recording.place}: lead {empty!r} has no valid sample; choose other leads or leave it out"
    )


def last_levels(
    signal: NDArray[np.float32], before: NDArray[np.float32], *, fs_hz: float
) -> NDArray[np.float32]:
    """Give each lead's level at its last valid sample, and where it has none the one it had before."""
    leads = zip(signal.T, before, strict=True)
    return np.array([last_level(lead, level, fs_hz=fs_hz) for lead, level in leads], np.float32)


def stretch_lengths(
    config: PreprocessingConfig, *, fs_hz: float, to_hz: float, stretch_s: float
) -> tuple[int, int]:
    """Give the length of a stretch and how far filters and the filling of gaps reach, in source samples.

    Both are whole output samples, so that the filters do not see where a stretch begins.
    """
    down = rate_ratio(fs_hz=fs_hz, to_hz=to_hz).denominator
    hop = max(round(stretch_s * fs_hz / down), 1) * down
    if config.causal:
        return hop, 0
    kernel = filter_kernel(
        fs_hz=fs_hz,
        to_hz=to_hz,
        highpass_hz=config.highpass_hz,
        lowpass_hz=config.lowpass_hz,
        notch_hz=config.notch_hz,
    )
    half = 0 if kernel is None else len(kernel) // 2
    reach = half + round(GAP_REACH_S * fs_hz) + 1
    return hop, -(-reach // down) * down
