"""From the signal on disk to the signal a network reads: leads, gaps, filters, sampling frequency, scale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.choices import Normalisation
from ecgrnn.config import PreprocessingConfig
from ecgrnn.errors import ConfigError, DataError, MisfitError
from ecgrnn.signals.filters import filter_signal
from ecgrnn.signals.header import nearest
from ecgrnn.signals.normalise import robust_spread, scale_signal
from ecgrnn.signals.record import Record


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
    """

    name: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    missing: NDArray[np.int64]
    spread: NDArray[np.float32]
    source_fs_hz: float
    source_samples: int


def prepare_record(record: Record, config: PreprocessingConfig) -> PreparedRecord:
    """Choose the leads, fill gaps, filter and resample in one pass, and normalise.

    Missing samples are interpolated linearly between their neighbours, and take the nearest value at the
    ends.

    Raises:
        ConfigError: the options ask for leads that the record does not have.
        DataError: the record is empty, a lead has no sample at all, or the filters do not fit its sampling
            frequency.
    """
    chosen = fill_missing(choose_leads(record, config))
    to_hz = record.fs_hz if config.fs_hz is None else config.fs_hz
    signal = _filtered(chosen, config, to_hz=to_hz)
    spread = np.ones(len(chosen.leads), np.float32)
    if config.normalisation is Normalisation.robust:
        spread = robust_spread(signal, fs_hz=to_hz)
        signal = scale_signal(signal, spread)
    return PreparedRecord(
        name=record.name,
        signal=np.ascontiguousarray(signal),
        fs_hz=to_hz,
        leads=chosen.leads,
        missing=chosen.missing,
        spread=spread,
        source_fs_hz=record.fs_hz,
        source_samples=len(record.signal),
    )


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
    if not 1 <= config.n_leads <= len(leads):
        raise ConfigError(
            f"preprocessing.n_leads={config.n_leads}, and record {name} has {len(leads)} "
            f"({', '.join(leads)}); set preprocessing.n_leads to at most that"
        )
    columns = list(range(config.n_leads))
    names = list(leads[: config.n_leads])
    if config.first_lead in names:
        columns.insert(0, columns.pop(names.index(config.first_lead)))
    return columns


def fill_missing(record: Record) -> Record:
    """Interpolate missing samples linearly and count them; the record itself is left as it is.

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
    for lead, name, count in zip(filled, record.leads, missing, strict=True):
        if count == len(lead):
            raise DataError(
                f"record {record.name}: lead {name!r} has no valid sample in {count}; "
                "choose other leads or leave the record out"
            )
        if count:
            _interpolate(lead)
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


def _column(leads: Sequence[str], lead: str, *, name: str) -> int:
    if lead not in leads:
        raise ConfigError(
            f"preprocessing.leads asks for {lead!r}, which record {name} has not; "
            f"{nearest(lead, leads, what='leads')}"
        )
    return list(leads).index(lead)


def _count_missing(lead: NDArray[np.float32]) -> int:
    return int(np.count_nonzero(~np.isfinite(lead)))


def _interpolate(lead: NDArray[np.float32]) -> None:
    valid = np.isfinite(lead)
    at = np.arange(len(lead))
    lead[~valid] = np.interp(at[~valid], at[valid], lead[valid])
