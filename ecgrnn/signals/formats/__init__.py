"""Files of ECG recordings: one module per kind of file, and ``read``, which finds out the kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgrnn.signals.recording import Recording


def read(
    path: str | Path,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Sequence[str] | None = None,
) -> "Recording":
    """Read a recording from a file of any supported format, which is recognised by its content.

    The file is read stretch by stretch, when the samples are asked for. Signals that are not ECG leads are
    left out, and listed in ``notes``.

    Args:
        path: a WFDB record, with or without suffix, or a file: EDF, CSV, NumPy, DICOM, ...
        fs: sampling frequency in Hz, where the file does not state it.
        unit: unit of the samples, V, mV, uV or nV: where the file does not state it, or states it wrongly.
        leads: the leads to read, by any of their names, in the order wanted; for a file without names, the
            names of its columns.

    Raises:
        DataError: the file is missing, damaged, of no known kind, or no ECG; or its amplitudes show that the
            unit is another one.
        ConfigError: an argument is not valid, or one that the file needs is missing.
    """
    from ecgrnn.signals.formats.reading import read_recording  # imports this package

    return read_recording(Path(path), fs=fs, unit=unit, leads=leads)
