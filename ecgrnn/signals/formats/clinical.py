"""Files of electrocardiographs that ecgdatakit reads: SCP-ECG, HL7 aECG, GE MUSE, Philips and Kardia JSON."""

from datetime import datetime
from pathlib import Path

import numpy as np
from ecgdatakit import FileParser
from ecgdatakit.models import Lead
from numpy.typing import NDArray

from ecgrnn.signals.formats.contents import ArraySamples, Channel, Contents, Hints, caught_warnings

_MOST_NOTES = 3


def read_contents(path: Path, hints: Hints) -> Contents:
    """Read a file; the rhythm leads are taken, median beats are not.

    Raises:
        Exception: the file is damaged; of ecgdatakit's classes.
    """
    with caught_warnings() as said:
        record = FileParser.parse(path, units="mV")
    date = record.recording.date
    return Contents(
        channels=tuple(_channel(lead) for lead in record.leads),
        samples=ArraySamples(tuple(_samples(lead) for lead in record.leads)),
        start=date.replace(tzinfo=None) if isinstance(date, datetime) else None,
        notes=tuple(line for line in said if "FirstSampleBaseline" not in line)[:_MOST_NOTES],
    )


def _channel(lead: Lead) -> Channel:
    unit = "" if lead.is_raw else lead.units
    return Channel(lead.label, unit, float(lead.sampling_rate), len(lead.samples), whole=lead.is_raw)


def _samples(lead: Lead) -> NDArray[np.float64]:
    """Give the samples without the constant that MUSE keeps beside them, which ecgdatakit leaves in."""
    baseline = float(lead.annotations.get("FirstSampleBaseline", 0) or 0)
    samples = np.asarray(lead.samples, np.float64)
    scale = {"mV": 1e-3, "uV": 1.0, "V": 1e-6}.get(lead.units)
    if not baseline or lead.is_raw or scale is None:
        return samples - baseline
    per_count = lead.resolution * {"mV": 1e3, "uV": 1.0, "V": 1e6}[lead.resolution_unit]
    return samples - baseline * per_count * scale
