"""Headers that promise or ask for what cannot be: refused in a line, before memory is asked for."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import chosen_header, read_record
from ecgrnn.signals.preprocessing import prepare_record

LEAD = "rec.dat 212 200(0)/mV 12 0 0 0 0 I"
LONG = "9" * 400


def record_of(folder: Path, header: str) -> Path:
    (folder / "rec.hea").write_text(header)
    (folder / "rec.dat").write_bytes(bytes(range(250)) * 6)
    (folder / "one.hea").write_text(f"one 1 360 1000\n{LEAD}\n")
    return folder / "rec"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (f"rec 1 1e9 1000\n{LEAD}\n", "expected a sampling frequency of 0.0001 to 1000000 Hz"),
        (f"rec 1 1e-300 1000\n{LEAD}\n", "expected a sampling frequency of"),
        (f"rec 1 0.5 1000\n{LEAD}\n", "sampled at 0.5 Hz by its header; expected 1 to 100000 Hz"),
        (f"rec 1 ² 1000\n{LEAD}\n", "expected 'NAME"),
        (f"rec 1 360 1_000\n{LEAD}\n", "expected 'NAME"),
        (f"rec 1 360 {'1' * 4301}\n{LEAD}\n", "lines of at most 4000 characters, one has 4311"),
        (f"rec 1 360 {LONG}\n{LEAD}\n", "expected 'NAME"),
        (f"rec 1 360 1000\n{LEAD}{'x' * 100_000}\n", "lines of at most 4000 characters"),
        (f"rec 1000000 360 1000\n{LEAD}\n", "at most 4096 leads"),
        (f"rec/1000000 1 360 1000\n{LEAD}\n", "and 200000 segments"),
        (f"rec 1000000 360 1000\n{(LEAD + chr(10)) * 300_000}", "is not a header"),
        (f"rec 1 360 217728000\n{LEAD}\n", "is truncated"),
        (f"rec 1 360 1000000000000\n{LEAD}\n", "is truncated"),
        ("rec 1 360 1000000000000\n~ 0 200 12 0 0 0 0 I\n", "1000000000000 samples are missing"),
        (f"rec 2 360 1000000000000\n~ 0 200 12 0 0 0 0 I\n{LEAD}\n", "is truncated"),
        ("rec/2 1 360 1000000001000\none 1000\n~ 1000000000000\n", "samples are missing and 1000 are stored"),
        (f"rec/2 1 360 1\none 1000\n~ {LONG}\n", "'SEGMENT SAMPLES'"),
        ("rec/2 1 360 1\none 1000\n~ ²\n", "'SEGMENT SAMPLES'"),
        *(
            (f"rec 1 360 1000\nrec.dat {fields} 0 0 0 I\n", wanted)
            for fields, wanted in {
                "16x1000000000 200 12 0": "at most 100000 samples per frame",
                f"16x{LONG} 200 12 0": "'FILE FORMAT",
                "212:1000000000 200 12 0": "a skew of 1000000",
                "16+900000000000000 200 12 0": "is truncated",
                f"212 200({LONG}) 12 0": "'FILE FORMAT",
                "212 200(2147483648) 12 0": "a baseline and first value of 32 bits",
                "212 1e-45 12 0": "a gain of 1e-09 to 1e",
                "212 1e309 12 0": "a gain of 1e-09 to 1e",
                "212 2\uff10\uff10 12 0": "'FILE FORMAT",
            }.items()
        ),
        ("rec 1 360 1000\nrec.dat 8 200 12 0 2147483648 0 0 I\n", "first value of 32 bits"),
        (
            f"rec 1 360 1000\n{'a' * 300} 212 200 12 0 0 0 0 I\n",
            "with 300 bytes; expected a name of at most 250",
        ),
    ],
)
def test_a_header_that_cannot_be_true_is_refused_before_memory_is_asked_for(header, wanted, tmp_path):
    path = record_of(tmp_path, header)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as refused:
            read_record(path)
        assert tracemalloc.get_traced_memory()[1] < 2.2 * len(header.encode()) + 20e6
    finally:
        tracemalloc.stop()
    assert wanted in str(refused.value)
    assert "rec" in str(refused.value)
    assert len(str(refused.value)) < 600


def test_0_samples_per_frame_are_one(tmp_path):
    path = record_of(tmp_path, "rec 1 360 500\nrec.dat 16x0 200 12 0 0 0 0 I\n")
    assert read_record(path).signal.shape == (500, 1)


def test_a_skew_beyond_the_file_leaves_a_lead_without_a_sample(tmp_path):
    path = record_of(tmp_path, "rec 1 360 1000\nrec.dat 212:100000 200 12 0 0 0 0 I\n")
    record = read_record(path)
    assert record.missing.tolist() == [1000]
    with pytest.raises(DataError, match="no valid sample"):
        prepare_record(record, PreprocessingConfig(n_leads=1))
    verify_checksums(path)


def test_the_frequency_of_a_header_is_looked_at_before_a_network_plans_with_it(tmp_path):
    path = record_of(tmp_path, "rec 1 360 1\nrec.dat 16x1000 200 12 0 0 0 0 I\n")
    assert read_header(path).fs_hz == 360_000
    with pytest.raises(DataError, match="sampled at 360000 Hz"):
        chosen_header(path)


@pytest.mark.parametrize("option", ["highpass_hz=1e-6", "fs_hz=1e9", "fs_hz=1e-300"])
def test_options_that_ask_for_endless_filters_are_refused(option):
    name, value = option.split("=")
    with pytest.raises(ConfigError, match=f"preprocessing.{name} must be at"):
        PreprocessingConfig(lowpass_hz=None, **{name: float(value)})


def test_a_filter_too_long_for_a_record_is_said_to_be_so():
    from ecgrnn.signals.filters.zero_phase import filter_signal

    with pytest.raises(ConfigError, match=r"would have [0-9]+ taps; expected at most 1048576"):
        filter_signal(np.zeros((9, 1), np.float32), fs_hz=100_000.0, highpass_hz=0.05)


@pytest.mark.parametrize("fs_hz", [1001.7, 9_999.0, 100_000.0])
def test_a_high_sampling_frequency_takes_no_long_time(fs_hz):
    from ecgrnn.signals.filters.zero_phase import filter_signal

    signal = np.random.default_rng(0).normal(size=(3000, 1)).astype(np.float32)
    out = filter_signal(signal, fs_hz=fs_hz, to_hz=180.0, highpass_hz=0.5, lowpass_hz=40.0)
    assert np.isfinite(out).all()


def test_kernels_joined_by_transforms_are_those_joined_by_sums(monkeypatch):
    from ecgrnn.signals.filters import zero_phase

    asked = {"fs_hz": 360.0, "to_hz": 180.0, "highpass_hz": 0.5, "lowpass_hz": 40.0, "notch_hz": 50.0}
    sums = zero_phase.filter_kernel.__wrapped__(**asked)
    monkeypatch.setattr(zero_phase, "_MOST_PRODUCTS", 0)
    np.testing.assert_allclose(zero_phase.filter_kernel.__wrapped__(**asked), sums, atol=1e-12)
