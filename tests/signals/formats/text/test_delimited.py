import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.formats import read


def ecg(n_samples=2000, n_leads=2, *, fs=500.0):
    rng = np.random.default_rng(0)
    time_s = np.arange(n_samples)[:, None] / fs
    beats = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.012) ** 2)
    return np.round(
        beats * np.linspace(1, 0.7, n_leads) + 0.02 * rng.standard_normal((n_samples, n_leads)), 3
    )


SIGNAL = ecg()
ROWS = [[f"{value:.3f}" for value in row] for row in SIGNAL]
TIMES = {
    "time": [f"{at * 0.002:.3f}" for at in range(2000)],
    "time_ms": [str(at * 2) for at in range(2000)],
    "timestamp [us]": [str(1_700_000_000_000_000 + at * 2000) for at in range(2000)],
    "t": [f"0:{at * 0.002:06.3f}" for at in range(2000)],
    "date": [f"2024-03-01T10:00:{at * 0.002:06.3f}" for at in range(2000)],
    "Time of day": [f"23:59:{58 + at * 0.002:06.3f}" if at < 1000 else f"00:00:{(at - 1000) * 0.002:06.3f}"
                    for at in range(2000)],
}  # fmt: skip


def table(path, rows, *, header=None, delimiter=",", before=(), encoding="utf-8", end="\n"):
    lines = [*before, *([delimiter.join(header)] if header else []), *(delimiter.join(row) for row in rows)]
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def with_times(times, rows=ROWS):
    return [[time, *row] for time, row in zip(times, rows, strict=True)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   "])
@pytest.mark.parametrize("header", [None, ["II", "V5"]])
def test_delimiters_with_and_without_header(delimiter, header, tmp_path):
    path = table(tmp_path / "x.csv", ROWS, header=header, delimiter=delimiter)
    recording = read(path, fs=500, unit="mV")
    np.testing.assert_allclose(recording.signal, SIGNAL, atol=1e-6)
    assert recording.leads == (("II", "V5") if header else ("1", "2"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_and_line_ends(encoding, tmp_path):
    before = ["# Prüfung, 5 µV"]
    for end in ("\n", "\r\n"):
        path = table(tmp_path / "x.csv", ROWS, header=["II", "V5"], before=before, encoding=encoding, end=end)
        np.testing.assert_allclose(read(path, fs=500, unit="mV").signal, SIGNAL, atol=1e-6)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_decimal_comma_beside_another_delimiter(delimiter, tmp_path):
    rows = [[value.replace(".", ",") for value in row] for row in ROWS]
    path = table(tmp_path / "x.csv", rows, header=["II", "V5"], delimiter=delimiter)
    np.testing.assert_allclose(read(path, fs=500, unit="mV").signal, SIGNAL, atol=1e-6)
    path = table(tmp_path / "y.csv", [[f'"{value}"' for value in row] for row in rows], header=["II", "V5"])
    np.testing.assert_allclose(read(path, fs=500, unit="mV").signal, SIGNAL, atol=1e-6)


@pytest.mark.parametrize(("scale", "unit"), [(1, "mV"), (1000, "uV")])
@pytest.mark.parametrize("header", [None, ["ECG"]])
def test_one_column_with_a_decimal_comma_is_not_two(scale, unit, header, tmp_path):
    rows = [[f"{value:.3f}".replace(".", ",")] for value in SIGNAL[:, 0] * scale]
    recording = read(table(tmp_path / "x.csv", rows, header=header), fs=500, unit=unit)
    assert len(recording.leads) == 1
    np.testing.assert_allclose(recording.signal[:, 0], SIGNAL[:, 0], atol=1e-6)


def test_two_columns_of_whole_numbers_are_not_one(tmp_path):
    rows = [[str(round(value * 200 + 1024)) for value in row] for row in SIGNAL]
    recording = read(table(tmp_path / "x.csv", rows, header=None), fs=500, unit="uV")
    assert len(recording.leads) == 2


@pytest.mark.parametrize("name", TIMES)
def test_a_time_column_gives_the_frequency(name, tmp_path):
    path = table(tmp_path / "x.csv", with_times(TIMES[name]), header=[name, "II", "V5"])
    recording = read(path, unit="mV")
    assert recording.fs_hz == 500.0
    assert recording.leads == ("II", "V5")
    assert recording.notes == ()
    assert (recording.start is not None) == (name == "date")
    np.testing.assert_allclose(recording.signal, SIGNAL, atol=1e-6)


def test_times_without_a_header_are_known_by_their_steps(tmp_path):
    recording = read(table(tmp_path / "x.csv", with_times(TIMES["time"])), unit="mV")
    assert (recording.fs_hz, len(recording.leads)) == (500.0, 2)
    counted = table(tmp_path / "y.csv", with_times([str(at) for at in range(2000)]))
    with pytest.raises(ConfigError, match="does not state its sampling frequency; give it with fs="):
        read(counted, unit="mV")
    recording = read(counted, unit="mV", fs=500)
    assert recording.notes == ("left out, no ECG: 1 (it only rises)",)


@pytest.mark.parametrize("fs", [360.0, 128.0, 300.0, 999.0, 130.0])
def test_times_that_are_rounded_give_the_frequency(fs, tmp_path):
    signal = ecg(int(fs * 30), 1, fs=fs)
    rows = [[f"{at / fs:.3f}", f"{value:.3f}"] for at, value in enumerate(signal[:, 0])]
    recording = read(table(tmp_path / "x.csv", rows, header=["time", "ECG"]), unit="mV")
    assert recording.fs_hz == fs
    np.testing.assert_allclose(recording.signal, signal, atol=1e-6)


def test_gaps_in_the_times_are_missing_samples(tmp_path):
    rows = with_times(TIMES["time"])
    kept = rows[:500] + rows[750:1200] + rows[1201:]
    recording = read(table(tmp_path / "x.csv", kept, header=["time", "II", "V5"]), unit="mV")
    assert recording.n_samples == 2000
    assert recording.notes == ("2 gap(s) in its times, 0.5 s together, are missing samples",)
    expected = SIGNAL.copy()
    expected[500:750] = expected[1200] = np.nan
    np.testing.assert_allclose(recording.signal, expected, atol=1e-6)


def test_times_that_are_not_regular_are_refused_unless_the_frequency_is_given(tmp_path):
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0, 4, 2000))
    path = table(
        tmp_path / "x.csv", with_times([f"{time:.4f}" for time in times]), header=["time", "II", "V5"]
    )
    with pytest.raises(DataError, match="are not regular"):
        read(path, unit="mV")
    recording = read(path, unit="mV", fs=500)
    assert recording.notes == ("its times are not regular, and its rows are taken as evenly spaced",)
    back = table(tmp_path / "y.csv", with_times(TIMES["time"][::-1]), header=["time", "II", "V5"])
    with pytest.raises(DataError, match="its times go back"):
        read(back, unit="mV")


def test_a_frequency_that_the_file_contradicts_is_refused(tmp_path):
    path = table(tmp_path / "x.csv", with_times(TIMES["time"]), header=["time", "II", "V5"])
    assert read(path, unit="mV", fs=500).fs_hz == 500
    with pytest.raises(ConfigError, match=r"fs=250 was given, and .* says 500 Hz; leave out fs="):
        read(path, unit="mV", fs=250)


def test_lines_before_the_table_tell_frequency_and_unit(tmp_path):
    before = ["Patient: Doe", "Sampling rate: 500 Hz", "Unit: mV", ""]
    recording = read(table(tmp_path / "x.csv", ROWS, header=["II", "V5"], before=before))
    assert recording.fs_hz == 500
    np.testing.assert_allclose(recording.signal, SIGNAL, atol=1e-6)


def test_the_layout_of_physionet_is_read(tmp_path):
    lines = ["'Elapsed time','MLII','V5'", "'hh:mm:ss.mmm','mV','mV'"]
    lines += [f"'0:{at * 0.002:06.3f}',{','.join(row)}" for at, row in enumerate(ROWS)]
    (tmp_path / "samples.csv").write_text("\n".join(lines))
    recording = read(tmp_path / "samples.csv")
    assert (recording.leads, recording.fs_hz) == (("II", "V5"), 500.0)
    np.testing.assert_allclose(recording.signal, SIGNAL, atol=1e-6)


def test_other_columns_are_left_out_and_said(tmp_path):
    rng = np.random.default_rng(3)
    slow = np.sin(np.arange(2000) * 0.002 * 2 * np.pi * 0.3)
    more = [
        [f"{slow[at]:.3f}", str(at % 256), f"{rng.standard_normal():.3f}", str(int(at > 900))]
        for at in range(2000)
    ]
    rows = [[*row, *other] for row, other in zip(ROWS, more, strict=True)]
    path = table(tmp_path / "x.csv", rows, header=["II", "V5", "belt", "nSeq", "acc_x", "button"])
    recording = read(path, fs=500, unit="mV")
    assert recording.leads == ("II", "V5")
    assert recording.notes == (
        "left out, no ECG: belt (it changes too slowly), nSeq (by its name), acc_x (by its name), "
        "button (2 value(s) only)",
    )


def test_names_for_columns_without_header(tmp_path):
    path = table(tmp_path / "x.csv", ROWS)
    assert read(path, fs=500, unit="mV", leads=["V1", "V2"]).leads == ("V1", "V2")
    with pytest.raises(ConfigError, match="has 2 column"):
        read(path, fs=500, unit="mV", leads=["V1"])
    named = table(tmp_path / "y.csv", ROWS, header=["MLII", "V5"])
    chosen = read(named, fs=500, unit="mV", leads=["V5", "D2"])
    assert chosen.leads == ("V5", "II")
    np.testing.assert_allclose(chosen.signal, SIGNAL[:, ::-1], atol=1e-6)
    with pytest.raises(DataError, match="has no lead 'V9'; leads that are there: MLII, V5"):
        read(named, fs=500, unit="mV", leads=["V9"])


def test_a_word_among_the_numbers_is_named_with_its_row(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[1500][1] = "lead off"
    with pytest.raises(DataError, match="expected numbers in column 2, got 'lead off' in row 1501"):
        read(table(tmp_path / "x.csv", rows, header=["II", "V5"]), fs=500, unit="mV")


def test_missing_values_are_missing_samples(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[3][0], rows[700][1], rows[701][1] = "", "NaN", "-"
    recording = read(table(tmp_path / "x.csv", rows, header=["II", "V5"]), fs=500, unit="mV")
    assert list(recording.stretch().missing) == [1, 2]


def test_a_clock_that_drifts_is_followed(tmp_path):
    at = np.arange(130 * 600)
    times = at / 130 + 0.01 * np.sin(at / len(at) * np.pi)  # 1.3 samples away in the middle
    signal = ecg(len(at), 1, fs=130.0)[:, 0]
    rows = [[f"{time:.6f}", f"{value:.3f}"] for time, value in zip(times, signal, strict=True)]
    recording = read(table(tmp_path / "x.csv", rows, header=["time", "ECG"]), unit="mV")
    assert recording.fs_hz == pytest.approx(130, rel=1e-4)
    assert recording.n_samples == len(at)


def test_a_lead_that_is_named_twice_by_its_aliases_is_refused(tmp_path):
    path = table(tmp_path / "x.csv", ROWS, header=["MLII", "V5"])
    with pytest.raises(ConfigError, match=r"names a lead of .* twice"):
        read(path, fs=500, unit="mV", leads=["MLII", "II"])
