"""From the signal on disk to the signal a network reads: leads, gaps, filters, sampling frequency, scale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError, MisfitError, names_there
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.filters.causal import CausalFilter, CausalState, causal_filter
from ecgrnn.signals.filters.resample import rate_ratio, resampled_length
from ecgrnn.signals.filters.zero_phase import filter_signal
from ecgrnn.signals.formats.wfdb.record import Record, first_columns
from ecgrnn.signals.leads import find_lead, is_other
from ecgrnn.signals.normalise import robust_spread, scale_signal

LONGEST_RAMP_S = 10.0
"""A longer gap is level but for so much before its end; three times what the filters reach."""

_FADE_S, LEVEL_S = 0.1, 1.0
"""A gap is left for the level, and ends at its own, within so much; a level is the median over so much."""

GAP_REACH_S = LONGEST_RAMP_S + LEVEL_S
"""What a filled sample depends on lies so near, but for the level before a long gap."""


@dataclass(frozen=True)
class Before:
    """What is known of a record before a part of it.

    Attributes:
        level: ``(lead,)``, the level before the last sample that is valid up to 1 s into the part; the first
            level of the record where there is none.
        n_samples: samples before the part.
    """

    level: NDArray[np.float32]
    n_samples: int


@dataclass(frozen=True)
class PreparedRecord:
    """A record as a network reads it.

    Attributes:
        name: record name.
        signal: ``(time, lead)``, in mV, or without unit where it is normalised; never NaN.
        fs_hz: its sampling frequency.
        leads: lead names, one per column.
        missing: ``(lead,)``, how many samples of the source were missing and are interpolated.
        spread: ``(lead,)``, what each lead was divided by, in mV; 1 without normalisation.
        source_fs_hz: sampling frequency of the record on disk.
        source_samples: its length.
        valid: ``(time, lead)``, which samples of ``signal`` are at the place of a valid one of the source.
    """

    name: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    missing: NDArray[np.int64]
    spread: NDArray[np.float32]
    source_fs_hz: float
    source_samples: int
    valid: NDArray[np.bool_]

    @property
    def n_samples(self) -> int:
        """Length of ``signal``."""
        return len(self.signal)


def prepare_record(
    record: Record, config: PreprocessingConfig, *, before: Before | None = None
) -> PreparedRecord:
    """Choose the leads, fill gaps, filter and resample in one pass, and normalise.

    Missing samples are filled, see ``fill_missing``, and do not count for normalisation. With ``causal``
    they are left out, see ``CausalFilter``.

    Args:
        record: the record, or a part of it; left as it is.
        config: what is done to the signal.
        before: what comes before the part, for the leads of ``record``; None for a whole record.

    Raises:
        ConfigError: the options ask for leads that the record does not have.
        DataError: the record is empty, a lead has no sample at all, or the filters do not fit its sampling
            frequency.
    """
    chosen = choose_leads(record, config)
    columns = lead_columns(record.leads, config, name=record.name)
    known = None if before is None else replace(before, level=before.level[columns])
    filled = fill_missing(chosen, before=known)
    if config.causal:
        return prepare_causally(record, config)[0]
    to_hz = record.fs_hz if config.fs_hz is None else config.fs_hz
    signal = _filtered(filled, config, to_hz=to_hz)
    valid = _valid(chosen, missing=filled.missing, to_hz=to_hz)
    spread = np.ones(len(chosen.leads), np.float32)
    if config.normalisation is Normalisation.robust:
        spread = robust_spread(signal, valid, fs_hz=to_hz)
        signal = scale_signal(signal, spread)
    return PreparedRecord(
        name=record.name,
        signal=np.ascontiguousarray(signal),
        fs_hz=to_hz,
        leads=chosen.leads,
        missing=filled.missing,
        spread=spread,
        source_fs_hz=record.fs_hz,
        source_samples=len(record.signal),
        valid=valid,
    )


def prepare_causally(
    record: Record, config: PreprocessingConfig, state: CausalState | None = None
) -> tuple[PreparedRecord, CausalState]:
    """Prepare the next part of a record so that no sample depends on a later one, bit for bit.

    Args:
        record: the part.
        config: what is done to the signal, with ``causal``.
        state: what the part before gave; None at the beginning. All parts but the last must be as long as
            whole new samples, so that the next one begins with one.

    Raises:
        ConfigError: the options ask for leads that the record does not have.
        DataError: the filters do not fit its sampling frequency.
    """
    chosen = choose_leads(record, config)
    to_hz = record.fs_hz if config.fs_hz is None else config.fs_hz
    missing = np.count_nonzero(~np.isfinite(chosen.signal), axis=0)
    signal, after = filter_of(record, config).apply(chosen.signal, state)
    prepared = PreparedRecord(
        name=record.name,
        signal=signal,
        fs_hz=to_hz,
        leads=chosen.leads,
        missing=np.asarray(missing, np.int64),
        spread=np.ones(len(chosen.leads), np.float32),
        source_fs_hz=record.fs_hz,
        source_samples=len(record.signal),
        valid=_valid(chosen, missing=missing, to_hz=to_hz),
    )
    return prepared, after


def filter_of(record: Record, config: PreprocessingConfig) -> CausalFilter:
    """Design the one-sided filters for a record; their ``delay_s`` says how late its waves come.

    Raises:
        DataError: the filters do not fit its sampling frequency.
    """
    return filters_for(record.fs_hz, config, name=record.name)


def filters_for(fs_hz: float, config: PreprocessingConfig, *, name: str) -> CausalFilter:
    """Design the one-sided filters for signals of a sampling frequency; ``name`` is for the message.

    Raises:
        DataError: the filters do not fit it.
    """
    try:
        return causal_filter(
            fs_hz=fs_hz,
            to_hz=fs_hz if config.fs_hz is None else config.fs_hz,
            highpass_hz=config.highpass_hz,
            lowpass_hz=config.lowpass_hz,
            notch_hz=config.notch_hz,
        )
    except ConfigError as error:
        raise misfit(name, fs_hz, error) from None


def choose_leads(record: Record, config: PreprocessingConfig) -> Record:
    """Keep the leads that the options name, in that order, or ``n_leads`` with ``first_lead`` first.

    Raises:
        ConfigError: the record has not these leads, or not so many.
    """
    columns = lead_columns(record.leads, config, name=record.name)
    if columns == list(range(len(record.leads))):
        return record
    return replace(
        record,
        signal=record.signal.T[columns].T,
        leads=tuple(record.leads[column] for column in columns),
        missing=record.missing[columns],
    )


def lead_columns(leads: Sequence[str], config: PreprocessingConfig, *, name: str) -> list[int]:
    """Find the columns of the leads that the options choose: names may repeat, and do not tell leads apart.

    Args:
        leads: the lead names of a record, one per column.
        config: the options.
        name: the record's name, for the message.

    Raises:
        ConfigError: the record has not these leads, or not so many.
    """
    if config.leads is not None:
        return [_column(leads, lead, name=name) for lead in config.leads]
    if config.n_leads == 0:
        columns = [column for column, lead in enumerate(leads) if not is_other(lead)]
        if not columns:
            raise ConfigError(
                f"record {name} has no ECG lead by name ({', '.join(leads)}); choose leads=[...]"
            )
        return columns
    if not 1 <= config.n_leads <= len(leads):
        raise ConfigError(
            f"preprocessing.n_leads={config.n_leads}, and record {name} has {len(leads)} "
            f"({', '.join(leads)}); set preprocessing.n_leads to at most that"
        )
    return first_columns(leads, config.n_leads, first_lead=config.first_lead)


def fill_missing(record: Record, *, before: Before | None = None) -> Record:
    """Fill missing samples and count them; the record itself is left as it is.

    A gap of up to 0.2 s is interpolated linearly between its neighbours. In a longer one the signal goes to
    its level (the median over 1 s) within 0.1 s, and to the level behind the gap within the last 10 s of it:
    a gap that begins in a QRS would else be a step for the high-pass, and no part of a record needs to see
    farther than that. At the ends of a record there is one level.

    Args:
        record: a record, or a part of it.
        before: what comes before the part; None where the part is all there is.

    Raises:
        DataError: the record is empty, or a lead has no sample at all.
    """
    if not len(record.signal):
        raise DataError(f"record {record.name} is empty: expected samples, got none; leave it out")
    # A sum is finite only where every term is, and cheaper than a look at each.
    missing = np.array(
        [0 if np.isfinite(lead.sum()) else _count_missing(lead) for lead in record.signal.T], np.int64
    )
    if not missing.any():
        return replace(record, missing=missing)
    filled = record.signal.T.copy()
    known = Before(np.full(len(filled), np.nan, np.float32), 0) if before is None else before
    leads = zip(filled, record.leads, missing, known.level, strict=True)
    for lead, name, count, level in leads:
        if count == len(lead) and not np.isfinite(level):
            raise DataError(
                f"record {record.name}: lead {name!r} has no valid sample in {count}; "
                "choose other leads or leave the record out"
            )
        if count:
            _fill(lead, before=float(level), begins=known.n_samples == 0, fs_hz=record.fs_hz)
    return replace(record, signal=filled.T, missing=missing)


def misfit(name: str, fs_hz: float, error: ConfigError) -> MisfitError:
    """Say which record the filters do not fit: others of its folder may have another sampling frequency."""
    return MisfitError(f"record {name} at {fs_hz:g} Hz does not fit preprocessing: {error}")


def _filtered(record: Record, config: PreprocessingConfig, *, to_hz: float) -> NDArray[np.float32]:
    try:
        return filter_signal(
            record.signal,
            fs_hz=record.fs_hz,
            to_hz=to_hz,
            highpass_hz=config.highpass_hz,
            lowpass_hz=config.lowpass_hz,
            notch_hz=config.notch_hz,
        )
    except ConfigError as error:
        raise misfit(record.name, record.fs_hz, error) from None


def _valid(record: Record, *, missing: NDArray[np.int64], to_hz: float) -> NDArray[np.bool_]:
    """Say of each new sample whether the source has a valid one there: the last before it, or at it."""
    n_samples = len(record.signal)
    shape = (resampled_length(n_samples, fs_hz=record.fs_hz, to_hz=to_hz), len(record.leads))
    if not missing.any():
        return np.broadcast_to(np.True_, shape)  # takes no memory
    ratio = rate_ratio(fs_hz=record.fs_hz, to_hz=to_hz)
    at = np.arange(shape[0]) * ratio.denominator // ratio.numerator
    return np.isfinite(record.signal)[np.minimum(at, n_samples - 1)]


def _column(leads: Sequence[str], lead: str, *, name: str) -> int:
    column = find_lead(lead, leads)
    if column is None:
        raise ConfigError(
            f"preprocessing.leads asks for {lead!r}, which record {name} does not have; "
            f"{names_there(lead, leads, 'leads')}"
        )
    return column


def _count_missing(lead: NDArray[np.float32]) -> int:
    return int(np.count_nonzero(~np.isfinite(lead)))


def _fill(lead: NDArray[np.float32], *, before: float, begins: bool, fs_hz: float) -> None:
    """Fill each gap of a lead by straight lines: from its edge to the level there, and to the other side."""
    fade, ramp = round(_FADE_S * fs_hz), round(LONGEST_RAMP_S * fs_hz)
    unseen = 0 if begins else round(LEVEL_S * fs_hz)  # a gap that begins sooner has its level before the part
    raw = lead.copy()
    missing = np.concatenate([[False], ~np.isfinite(lead), [False]])
    for start, stop in np.flatnonzero(np.diff(missing.astype(np.int8))).reshape(-1, 2).tolist():
        behind = last_level(raw[stop:][::-1], np.nan, fs_hz=fs_hz)
        level = before if start < max(unseen, 1) else last_level(raw[:start], before, fs_hz=fs_hz)
        level = level if np.isfinite(level) else behind
        behind = behind if np.isfinite(behind) else level
        corners = [(start - 1, lead[start - 1])] if start else []
        if stop - start > 2 * fade:
            leave = max(start - 1 + fade, stop - ramp)
            corners += [(start - 1 + fade, level), (leave, level), (stop - fade, behind)]
        corners += [(stop, lead[stop])] if stop < len(lead) else []
        at, values = np.array(corners or [(start, level)]).T
        lead[start:stop] = np.interp(np.arange(start, stop), at, values)


def last_level(lead: NDArray[np.float32], before: float, *, fs_hz: float) -> float:
    """Give the level of the last samples before the last valid one: the median over 1 s.

    Args:
        lead: ``(time,)`` in mV; NaN where a sample is missing.
        before: what is given where no sample is valid.
        fs_hz: sampling frequency.
    """
    width = round(LEVEL_S * fs_hz)
    stop = len(lead)
    for first in range(max(stop - width, 0), -width, -width):
        valid = np.flatnonzero(np.isfinite(lead[max(first, 0) : first + width]))
        if len(valid):
            last = max(first, 0) + int(valid[-1]) + 1
            part = lead[max(last - width, 0) : last]
            return float(np.median(part[np.isfinite(part)]))
    return before
