"""What scripts/fuzz.py found in files of recordings, one case of each kind."""

import time
import warnings

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.recording_writer import write_recording
from ecgrnn.signals.formats.wfdb.writer import write_signal
from ecgrnn.signals.recording import Recording


def ecg(n_samples=3000, *, fs=250.0):
    time_s = np.arange(n_samples) / fs
    return np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2)[:, None]


LONG = {
    "a number that never ends": "1" * 60_000 + "x\n1,2\n1,2\n1,2\n",
    "a name of blanks": "a" + " " * 60_000 + "b,c\n1,2\n1,2\n",
    "a comment of one word": "# " + "sampl" * 12_000 + "\n1,2\n3,4\n",
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_texts_take_no_long_time(text, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    begun = time.process_time()
    with pytest.raises(DataError):
        read(tmp_path / "a.csv", fs=250, unit="mV")
    assert time.process_time() - begun < 2.0


def test_texts_of_an_archive_that_hold_no_letters_are_refused(tmp_path):
    unit = np.array(["mV"])
    unit.view(np.uint32)[0] = 0x7FFFFFFF
    np.savez(tmp_path / "a.npz", signal=ecg(), fs=250.0, unit=unit)
    with pytest.raises(DataError, match="stand for no letter"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("value", [1e10, 1e30, np.inf, -np.inf])
def test_a_sample_that_no_body_has_is_refused_before_anything_is_computed(value, tmp_path):
    signal = ecg()
    signal[1777] = value
    with pytest.raises(DataError, match="expected samples in mV, got "):
        Recording(signal, fs=250).stretch()


def test_a_lead_that_is_alive_where_the_other_is_not_does_not_silence_both():
    signal = np.repeat(ecg(9000), 2, axis=1)
    signal[:, 1] *= 3
    expected = len(detect_qrs(signal, fs_hz=250.0))
    signal[4000:4700, 0] = 0.0
    signal[4250:4450, 1] += 40 * np.sin(np.arange(200))
    signal[:4250, 1] = signal[4450:, 1] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = detect_qrs(signal.astype(np.float32), fs_hz=250.0)
    assert expected - 6 <= len(found) <= expected + 6


@pytest.mark.parametrize("name", ["x" * 300, "", "a\0b"])
def test_a_path_that_cannot_be_is_one_line(name):
    with pytest.raises(DataError) as refused:
        read(name)
    assert len(str(refused.value)) < 500


def test_samples_that_are_not_those_of_the_checksum_are_told_of(tmp_path):
    write_signal(tmp_path / "rec", ecg(), fs_hz=250.0, leads=["II"])
    assert read(tmp_path / "rec").notes == ()
    content = bytearray((tmp_path / "rec.dat").read_bytes())
    content[1000] ^= 4
    (tmp_path / "rec.dat").write_bytes(content)
    (note,) = read(tmp_path / "rec").notes
    assert "lead 'II' has the checksum" in note


def test_a_record_that_cannot_be_written_whole_is_not_there_in_half(tmp_path, monkeypatch):
    def full(self, *rest, **more):
        raise OSError(28, "No space left on device", str(self))

    recording = Recording(ecg(), fs=250, leads=["II"])
    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_recording(tmp_path / "rec", recording)
    with pytest.raises(OSError, match="No space left"):
        write_signal(tmp_path / "other", ecg(), fs_hz=250.0, leads=["II"])
    assert not list(tmp_path.iterdir())
