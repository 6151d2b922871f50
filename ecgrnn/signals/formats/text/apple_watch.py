"""The ECG export of Apple Watch: a header in the language of the phone, then one sample in a line.

The words of the header and the decimal mark are those of the phone's language and region. The file is known
by what does not change: rows of ``key,value`` with the date in one form, the sampling frequency near 512 Hz
with a word behind it, and the unit.
"""

import re
from datetime import datetime
from pathlib import Path

import numpy as np

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints
from ecgrnn.signals.formats.kinds import decoded
from ecgrnn.signals.leads import lead_name
from ecgrnn.signals.units import millivolts

_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4}")
_RATE = re.compile(r"(\d+(?:[.,]\d+)?)\s*[^\W\d_].*")
_SAMPLE = re.compile(r"-?\d+(?:[.,]\d+)?")
_RATES_HZ = (400.0, 600.0)
"""A number in the header between these, with a word behind it, is the sampling frequency: 510 to 514 Hz."""

_LINES = 30


def looks_like(text: str) -> bool:
    """Tell whether a text begins as such an export."""
    values = _values(text.splitlines()[:_LINES])
    return any(map(_DATE.fullmatch, values)) and _rate(values) is not None and _unit(values) is not None


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read an export.

    Raises:
        DataError: it has no samples, or a line between them is none.
    """
    lines = decoded(path.read_bytes()).splitlines()
    header = next((at for at, line in enumerate(lines) if _SAMPLE.fullmatch(line.strip())), len(lines))
    values = _values(lines[:header])
    samples = [line.strip() for line in lines[header:] if line.strip()]
    wrong = next((line for line in samples if not _SAMPLE.fullmatch(line)), None)
    fs_hz, unit = _rate(values), _unit(values)
    if not samples or wrong is not None or fs_hz is None or unit is None:
        got = "no sample" if not samples else f"the line {(wrong or '')[:40]!r}"
        raise DataError(f"{path}: expected the samples of an Apple Watch ECG, got {got}; export it again")
    signal = np.array([line.replace(",", ".") for line in samples], np.float64)
    leads = [
        lead_name(value.split()[-1]) or lead_name(value.split()[0]) for value in values[-2:] if value.split()
    ]
    name = next((lead for lead in leads if lead is not None), "I")
    date = next((value for value in values if _DATE.fullmatch(value)), None)
    start = datetime.strptime(date, "%Y-%m-%d %H:%M:%S %z").replace(tzinfo=None) if date else None
    return Contents((Channel(name, unit, fs_hz, len(signal)),), ArraySamples((signal,)), start)


def _values(lines: list[str]) -> list[str]:
    """Give the values of the header's ``key,value`` rows."""
    return [line.partition(",")[2].strip().strip('"').strip() for line in lines if "," in line]


def _rate(values: list[str]) -> float | None:
    found = [float(rate[1].replace(",", ".")) for value in values if (rate := _RATE.fullmatch(value))]
    return next((rate for rate in found if _RATES_HZ[0] <= rate <= _RATES_HZ[1]), None)


def _unit(values: list[str]) -> str | None:
    return next((value for value in reversed(values) if millivolts(value) is not None), None)
