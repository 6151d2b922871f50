"""ISHNE Holter files: a header of fixed places, then samples of 16 bits, read stretch by stretch.

Badilini, Annals of Noninvasive Electrocardiology 3 (1998) 263-266.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import Channel, Contents, Hints

_FIXED = struct.Struct("<8sHiiiih40s40s20shh3h3h3h3hh12h12h12hh40sh80s80s88s")
_LEADS = ("", "bipolar", "X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5",
          "V6", "ES", "AS", "AI")  # fmt: skip
_MOST_LEADS = 12


def read_contents(path: Path, hints: Hints) -> Contents:
    """Describe a Holter file.

    Raises:
        DataError: it is damaged, or shorter than its header says.
    """
    with path.open("rb") as file:
        head = file.read(_FIXED.size)
    if len(head) < _FIXED.size:
        raise DataError(f"{path} is cut short in its header; fetch it again")
    fields = _FIXED.unpack(head)
    told, begin = fields[3], fields[5]
    day, month, year = fields[15:18]
    hour, minute, second = fields[21:24]
    n_leads, specs, resolutions, fs_hz = fields[24], fields[25:37], fields[49:61], fields[63]
    if not 1 <= n_leads <= _MOST_LEADS or begin < _FIXED.size or fs_hz <= 0:
        raise DataError(f"{path} is damaged: its header says {n_leads} leads at {fs_hz} Hz; fetch it again")
    names = [_LEADS[spec] if 0 < spec < len(_LEADS) else "" for spec in specs[:n_leads]]
    n_samples = _length(path, told, begin, n_leads)
    channels = tuple(
        Channel(
            name or f"ECG{at + 1}", "nV" if resolutions[at] > 0 else "", float(fs_hz), n_samples, whole=True
        )
        for at, name in enumerate(names)
    )
    steps = tuple(float(step) if step > 0 else 1.0 for step in resolutions[:n_leads])
    start = _date(year, month, day, hour, minute, second)
    return Contents(channels, _IshneSamples(path, begin, steps), start)


def _length(path: Path, told: int, begin: int, n_leads: int) -> int:
    """Give the samples of a lead; some recorders say how many all leads have together."""
    stored = max(path.stat().st_size - begin, 0) // 2
    there = stored // n_leads
    if told <= there or told == stored:
        return told if 0 < told <= there else there
    raise DataError(
        f"{path} is truncated: its header says {told} samples of {n_leads} lead(s), and {there} of each are "
        "there; fetch it again"
    )


def _date(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the format has no time zone
    except ValueError:
        return None


@dataclass(frozen=True)
class _IshneSamples:
    """Samples, the leads in turn.

    Attributes:
        path: the file.
        begin: bytes before the first sample.
        steps: nV of a digital step, per lead.
    """

    path: Path
    begin: int
    steps: tuple[float, ...]

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float64]:
        """Read a stretch in nV, or in digital steps where their size is not told."""
        n_leads = len(self.steps)
        count, offset = (stop - start) * n_leads, self.begin + 2 * start * n_leads
        stored = np.fromfile(self.path, "<i2", count=count, offset=offset)
        if len(stored) < count:
            raise DataError(f"{self.path} is truncated: sample {stop} is not there; fetch it again")
        part = stored.reshape(-1, n_leads)[:, list(columns)]
        scaled: NDArray[np.float64] = part * np.array([self.steps[column] for column in columns])
        return scaled
