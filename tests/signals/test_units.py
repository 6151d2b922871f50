import re

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.content import no_ecg
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.paths import recordings_at
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.units import known_unit, millivolts

EVERY = {"mitdb": 6, "svdb": 6, "ludb": 25, "ptbxl": 50, "cinc2017": 200}
"""Databases, of which every so many records are looked at; all of them were, once, by hand."""


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("mV", 1),
        ("MV", 1),
        ("uV", 1e-3),
        ("µV", 1e-3),
        ("μV", 1e-3),
        ("microvolts", 1e-3),
        ("V", 1e3),
        ("nV", 1e-6),
    ],
)
def test_units_of_voltage_in_every_spelling(unit, scale):
    assert millivolts(unit) == known_unit(unit) == scale


@pytest.mark.parametrize("unit", ["mmHg", "", "adu", "g", "s", "%", None, 5])
def test_what_is_no_voltage_is_not_taken_for_one(unit):
    with pytest.raises(ConfigError, match=re.escape(f"unit={unit} is not known")):
        known_unit(unit)


@pytest.mark.parametrize("database", EVERY)
def test_no_real_record_is_refused_and_none_of_its_leads_is_taken_for_something_else(database, real_database):
    for path in recordings_at(real_database(database))[:: EVERY[database]]:
        recording = read(path)
        assert len(recording.leads) == len(read_header(path).leads)
        signal = recording.stretch(stop=min(recording.n_samples, int(60 * recording.fs_hz))).signal
        assert [no_ecg(lead, recording.fs_hz) for lead in signal.T if lead.std() > 0] == [""] * signal.shape[
            1
        ]


@pytest.mark.parametrize("database", EVERY)
def test_a_real_record_in_a_wrong_unit_is_refused_with_the_right_one(database, real_database):
    for path in recordings_at(real_database(database))[:: 4 * EVERY[database]]:
        recording = read(path)
        signal = recording.stretch(stop=min(recording.n_samples, int(30 * recording.fs_hz))).signal
        for factor, likely in ((1000, "uV"), (1e-3, "V"), (1e6, "nV")):
            with pytest.raises(DataError, match=f"give unit={likely}"):
                Recording(signal * np.float32(factor), fs=recording.fs_hz)


def test_counts_of_a_converter_are_refused(real_database):
    signal = read(real_database("mitdb") / "100").stretch(stop=36_000).signal
    with pytest.raises(DataError, match="if they are counts of a converter, scale them to mV first"):
        Recording(np.rint(signal * 200 + 1024).astype(np.int16), fs=360)


def test_slow_and_digital_signals_are_no_ecg():
    time_s = np.arange(15_000) / 250
    assert no_ecg(np.sin(2 * np.pi * 0.3 * time_s), 250) == "it changes too slowly"
    pulse = np.sin(2 * np.pi * 1.2 * time_s) + 0.3 * np.sin(2 * np.pi * 2.4 * time_s + 1)
    assert no_ecg(pulse, 250) == "it changes too slowly"
    assert no_ecg((time_s % 3 > 2).astype(float), 250) == "2 value(s) only"
    assert no_ecg(np.arange(15_000.0), 250) == "it only rises"
    assert no_ecg(np.full(100, np.nan), 250) == "0 value(s) only"
