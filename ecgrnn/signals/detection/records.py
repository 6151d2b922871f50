"""QRS complexes of a record on disk, marked in the leads that a network reads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.detection.detect import detect_record
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.preprocessing import lead_columns


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
    return detect_record(path, marked=lead_columns(read_header(path).leads, config, name=path.name))
