"""A WFDB record as a recording: its ECG leads, read stretch by stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.detection.ecg_leads import ecg_columns
from ecgrnn.signals.formats.wfdb.header import Header, read_header
from ecgrnn.signals.formats.wfdb.record import chosen_columns, read_record
from ecgrnn.signals.recording import Recording


def wfdb_recording(path: Path, *, leads: Sequence[str] | None = None) -> Recording:
    """Open a WFDB record; its signal is read when it is asked for.

    Args:
        path: the record, without suffix.
        leads: names of the leads, in the order wanted; None takes the ECG leads of the highest frequency.

    Raises:
        DataError: the header cannot be read, or the record has not these leads.
    """
    header = read_header(path)
    columns = (
        _ecg_leads(header) if leads is None else chosen_columns(header, path=path, leads=leads, n_leads=None)
    )
    narrowed = header.narrowed(columns)
    return Recording.of_source(
        _WfdbSource(path, header, tuple(columns)),
        n_samples=narrowed.n_samples,
        fs_hz=narrowed.fs_hz,
        leads=narrowed.leads,
        name=path.name,
        path=path,
        frame_hz=header.frame_hz,
    )


def _ecg_leads(header: Header) -> list[int]:
    columns = ecg_columns(header) or list(range(len(header.leads)))
    fastest = header.narrowed(columns).samples_per_frame
    return [column for column in columns if header.stored[column].samples_per_frame == fastest]


@dataclass(frozen=True)
class _WfdbSource:
    path: Path
    header: Header
    columns: tuple[int, ...]

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch of the record."""
        chosen = [self.columns[column] for column in columns]
        return read_record(self.path, columns=chosen, start=start, stop=stop, header=self.header).signal
