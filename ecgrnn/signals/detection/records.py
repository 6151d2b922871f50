"""QRS complexes of a record on disk or of a recording, marked in the leads that a network reads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.detection.detect import QrsDetector, detect_record
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import chosen_columns
from ecgrnn.signals.preprocessing import lead_columns
from ecgrnn.signals.recording import Recording

_STRETCH_S = 600.0
"""How much is read at once; changes no result."""


def find_beats(path: Path, config: PreprocessingConfig) -> NDArray[np.int64]:
    """Find the beats of a record in all its ECG leads, and mark them in those that a model reads.

    Args:
        path: the record, without suffix.
        config: the preprocessing, which chooses the leads that are read.

    Returns:
        ``(beat,)``, positions at the record's own sampling frequency, rising.

    Raises:
        DataError: the record cannot be read, or its sampling frequency is too low.
        ConfigError: the record has not the leads that the options choose.
    """
    header = read_header(path)
    if config.leads is None and config.n_leads == 0:
        return detect_record(path, marked=chosen_columns(header, path=path, leads=None, n_leads=0))
    return detect_record(path, marked=lead_columns(header.leads, config, name=path.name))


def find_beats_of(recording: Recording, config: PreprocessingConfig) -> NDArray[np.int64]:
    """Find the beats of a recording in all its leads, and mark them in those that a model reads.

    Args:
        recording: the recording, whose leads are ECG leads.
        config: the preprocessing, which chooses the leads that are read.

    Returns:
        ``(beat,)``, positions at the recording's own sampling frequency, rising.

    Raises:
        DataError: the recording cannot be read, or its sampling frequency is too low.
        ConfigError: the recording has not the leads that the options choose.
    """
    marked = lead_columns(recording.leads, config, name=recording.name)
    order = list(dict.fromkeys([*marked, *range(len(recording.leads))]))
    detector = QrsDetector(fs_hz=recording.fs_hz, n_leads=len(recording.leads), marked=order)
    hop = max(round(_STRETCH_S * recording.fs_hz), 1)
    found = []
    for start in range(0, max(recording.n_samples, 1), hop):
        part = recording.stretch(start=start, stop=min(start + hop, recording.n_samples))
        found.append(detector.push(part.signal))
    return np.concatenate([*found, detector.finish()])
