"""OpenSignals text files, of BITalino and biosignalsplux: a header in JSON, then digital values."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints
from ecgrnn.signals.formats.text.delimited import parsed
from ecgrnn.signals.formats.text.dialect import Dialect

_END = "# EndOfHeader"
_SUPPLY_V = {"bitalino": 3.3}
_GAIN = {"bitalino": 1100.0}
_PLUX_V, _PLUX_GAIN = 3.0, 1000.0
"""From the data sheets of the ECG sensors: V = (ADC / 2^bits - 1/2) * supply / gain."""


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read a file of one device; sensors that are no ECG keep their names and have no unit.

    Raises:
        DataError: its header cannot be read, or it is of several devices.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        head = [file.readline() for _ in range(3)]
    if not head[2].startswith(_END):
        raise DataError(
            f"{path} is damaged: expected its header to end in line 3 with {_END}; export it again"
        )
    devices = json.loads(head[1].lstrip("# "))
    if not isinstance(devices, dict) or len(devices) != 1:
        raise DataError(f"{path} holds {len(devices)} devices; expected one, export each for itself")
    device = next(iter(devices.values()))
    names, sensors = [str(name) for name in device["column"]], [str(name) for name in device["sensor"]]
    dialect = Dialect("\t", ".", 3, (), ("",) * len(names), ())
    columns = parsed(path, dialect, "utf-8")
    first = len(names) - len(sensors)
    bits = list(device.get("resolution", []))[-len(sensors) :] or [10] * len(sensors)
    fs_hz = float(device["sampling rate"])
    channels, signals = [], []
    for at, sensor in enumerate(sensors):
        ecg = "ECG" in sensor.upper()
        signal = columns[first + at].astype(np.float64)
        if ecg and not device.get("convertedValues"):
            signal = _millivolts(
                signal, int(bits[at]), str(device.get("device", device.get("device name", "")))
            )
        name = names[first + at] if sensor.upper() == "RAW" else f"{sensor} {names[first + at]}"
        name = "ECG" if ecg and sum("ECG" in other.upper() for other in sensors) == 1 else name
        channels.append(Channel(name, "mV" if ecg else "", fs_hz, len(signal), whole=not ecg))
        signals.append(signal)
    return Contents(tuple(channels), ArraySamples(tuple(signals)), _start(device))


def _millivolts(counts: NDArray[np.float64], bits: int, device: str) -> NDArray[np.float64]:
    kind = next((kind for kind in _SUPPLY_V if device.casefold().startswith(kind)), "")
    supply, gain = _SUPPLY_V.get(kind, _PLUX_V), _GAIN.get(kind, _PLUX_GAIN)
    return (counts / 2.0**bits - 0.5) * supply / gain * 1000


def _start(device: dict[str, object]) -> datetime | None:
    try:
        year, month, day = (int(part) for part in str(device["date"]).split("-"))
        hour, minute, second = str(device["time"]).split(":")
        time_s = timedelta(hours=int(hour), minutes=int(minute), seconds=float(second))
        return datetime(year, month, day) + time_s  # noqa: DTZ001 - the file tells no time zone
    except (KeyError, ValueError, TypeError):
        return None
