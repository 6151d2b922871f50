"""DICOM ECG waveforms: pydicom reads the file; sensitivity, baseline and units are applied here.

PS3.3 C.10.9: a sample is its stored value by the channel's sensitivity and correction factor, and the
baseline is added, in the units of the sensitivity.
"""

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.waveforms.numpy_handler import multiplex_array

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints, caught_warnings


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read the longest group of channels, and those that are as long and as fast.

    Raises:
        DataError: the file holds no waveform.
    """
    with caught_warnings():
        # from memory: of a file pydicom asks for as many bytes as any number in it says
        data = pydicom.dcmread(io.BytesIO(path.read_bytes()))
        groups = list(data.get("WaveformSequence", []))
        if not groups:
            raise DataError(f"{path} is a DICOM file without a waveform; expected an ECG")
        lengths = [int(group.NumberOfWaveformSamples) / float(group.SamplingFrequency) for group in groups]
        longest = groups[int(np.argmax(lengths))]
        kept = [at for at, group in enumerate(groups) if _shape(group) == _shape(longest)]
        found = [part for at in kept for part in _channels(data, at)]
        start = _start(data)
    left = [
        str(group.get("MultiplexGroupLabel", at + 1)) for at, group in enumerate(groups) if at not in kept
    ]
    notes = (f"left out, shorter groups of waveforms: {', '.join(left)}",) if left else ()
    channels, signals = zip(*found, strict=True)
    return Contents(tuple(channels), ArraySamples(tuple(signals)), start, notes)


def _shape(group: pydicom.Dataset) -> tuple[int, float]:
    return int(group.NumberOfWaveformSamples), float(group.SamplingFrequency)


def _channels(data: pydicom.Dataset, at: int) -> list[tuple[Channel, NDArray[np.float64]]]:
    group = data.WaveformSequence[at]
    stored = multiplex_array(data, at, as_raw=True)
    n_samples, fs_hz = _shape(group)
    padding = group.get("WaveformPaddingValue")
    missing = int.from_bytes(padding, "little", signed=True) if isinstance(padding, bytes) else padding
    found = []
    for column, channel in enumerate(group.ChannelDefinitionSequence):
        signal = stored[:, column].astype(np.float64)
        if missing is not None:
            signal[stored[:, column] == missing] = np.nan
        unit = ""
        if "ChannelSensitivity" in channel:
            correction = float(channel.get("ChannelSensitivityCorrectionFactor", 1) or 1)
            signal = signal * float(channel.ChannelSensitivity) * correction
            signal += float(channel.get("ChannelBaseline", 0) or 0)
            units = channel.get("ChannelSensitivityUnitsSequence") or []
            unit = str(units[0].get("CodeValue", "")) if units else ""
        name = _name(channel) or f"ECG{column + 1}"
        found.append((Channel(name, unit, fs_hz, n_samples, whole=not unit), signal))
    return found


def _name(channel: pydicom.Dataset) -> str:
    sources = channel.get("ChannelSourceSequence") or []
    meaning = str(sources[0].get("CodeMeaning", "")) if sources else ""
    return meaning or str(channel.get("ChannelLabel", ""))


def _start(data: pydicom.Dataset) -> datetime | None:
    text = str(data.get("AcquisitionDateTime", "")).split("+")[0]
    for form in ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone was cut off
        except ValueError:
            continue
    return None
