import tracemalloc

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.detection.detect import detect_record
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb import header as header_module
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.stretches import prepare_stretches


def write(folder, n_samples: int, fs_hz: float = 360):
    """Write a record of two leads of noise with wander, format 16, at 1000 per mV."""
    rng = np.random.default_rng(n_samples)
    wander = 500 * np.sin(np.arange(n_samples) / 900)[:, None]
    digital = (rng.normal(0, 300, (n_samples, 2)) + wander).astype("<i2")
    (folder / "rec.dat").write_bytes(digital.tobytes())
    lines = [f"rec.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in ("I", "II")]
    (folder / "rec.hea").write_text("\n".join([f"rec 2 {fs_hz} {n_samples}", *lines]) + "\n")
    return folder / "rec"


def make_missing(path, first: int, last: int, lead: int) -> None:
    digital = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(-1, 2)
    digital[first:last, lead] = -32768
    path.with_suffix(".dat").write_bytes(digital.tobytes())


@pytest.mark.parametrize("normalisation", Normalisation)
@pytest.mark.parametrize(
    ("fs_hz", "options"),
    [
        (360, {}),
        (360, {"notch_hz": 50.0, "fs_hz": 250.0, "n_leads": 1}),
        (300, {"leads": ["II", "I"]}),
        (360, {"fs_hz": None, "highpass_hz": None, "lowpass_hz": None}),
    ],
)
def test_stretches_joined_equal_the_whole(tmp_path, fs_hz, options, normalisation):
    path = write(tmp_path, 40_001, fs_hz=fs_hz)
    config = PreprocessingConfig(normalisation=normalisation, **options)
    whole = prepare_record(read_record(path), config)
    stretches = list(prepare_stretches(read(path), config, stretch_s=20.0))
    assert len(stretches) > 4
    at = 0
    for stretch in stretches:
        assert stretch.start == at
        at += len(stretch.record.signal)
    joined = np.concatenate([stretch.record.signal for stretch in stretches])
    assert joined.shape == whole.signal.shape
    np.testing.assert_allclose(joined, whole.signal, atol=2e-4)
    assert {stretch.record.leads for stretch in stretches} == {whole.leads}
    assert sum(stretch.record.source_samples for stretch in stretches) == 40_001
    for stretch in stretches:
        np.testing.assert_allclose(stretch.record.spread, whole.spread, rtol=1e-3)


@pytest.mark.parametrize("normalisation", Normalisation)
def test_stretches_of_an_odd_clock_are_about_as_long_as_asked_for(tmp_path, normalisation):
    path = write(tmp_path, 200_000, fs_hz=360.01)
    config = PreprocessingConfig(fs_hz=180.0, normalisation=normalisation)
    stretches = list(prepare_stretches(read(path), config, stretch_s=100.0))
    assert max(stretch.record.source_samples for stretch in stretches) < 150 * 360.01
    whole = prepare_record(read_record(path), config)
    joined = np.concatenate([stretch.record.signal for stretch in stretches])
    np.testing.assert_allclose(joined, whole.signal, atol=5e-4)


@pytest.mark.parametrize("n_samples", [1, 100, 7_200, 7_201])
def test_a_short_record_is_one_stretch_or_two(tmp_path, n_samples):
    path = write(tmp_path, n_samples)
    config = PreprocessingConfig(normalisation=Normalisation.robust)
    joined = np.concatenate(
        [stretch.record.signal for stretch in prepare_stretches(read(path), config, stretch_s=20.0)]
    )
    np.testing.assert_allclose(joined, prepare_record(read_record(path), config).signal, atol=2e-4)


def test_gaps_within_reach_are_filled_as_in_the_whole_and_counted_once(tmp_path):
    path = write(tmp_path, 40_001)
    make_missing(path, 7_100, 7_300, 1)  # across the end of the first stretch
    config = PreprocessingConfig()
    whole = prepare_record(read_record(path), config)
    stretches = list(prepare_stretches(read(path), config, stretch_s=20.0))
    np.testing.assert_allclose(np.concatenate([s.record.signal for s in stretches]), whole.signal, atol=2e-4)
    assert [s.record.missing.tolist() for s in stretches[:3]] == [[0, 100], [0, 100], [0, 0]]


@pytest.mark.parametrize("highpass_hz", [0.5, None])
@pytest.mark.parametrize("normalisation", Normalisation)
def test_long_gaps_are_filled_as_in_the_whole(tmp_path, highpass_hz, normalisation):
    path = write(tmp_path, 60_001)
    for first, last, lead in ((0, 13_000, 0), (14_000, 15_000, 0), (20_000, 45_000, 1), (50_000, 60_001, 0)):
        make_missing(path, first, last, lead)
    config = PreprocessingConfig(highpass_hz=highpass_hz, normalisation=normalisation)
    whole = prepare_record(read_record(path), config)
    for stretch_s in (10.0, 20.0, 33.0):
        stretches = [s.record for s in prepare_stretches(read(path), config, stretch_s=stretch_s)]
        np.testing.assert_allclose(np.concatenate([s.signal for s in stretches]), whole.signal, atol=3e-4)
        np.testing.assert_array_equal(np.concatenate([s.valid for s in stretches]), whole.valid)
        np.testing.assert_allclose(stretches[0].spread, whole.spread, rtol=1e-3)


def test_a_lead_may_be_missing_for_a_stretch_but_not_for_a_record(tmp_path):
    path = write(tmp_path, 40_001)
    make_missing(path, 5_000, 30_000, 0)
    signal = np.concatenate(
        [s.record.signal for s in prepare_stretches(read(path), PreprocessingConfig(), stretch_s=10.0)]
    )
    assert np.isfinite(signal).all()
    np.testing.assert_allclose(signal[5_500:11_000, 0], 0.0, atol=1e-3)
    make_missing(path, 0, 40_001, 0)
    with pytest.raises(DataError, match="'I' has no valid sample"):
        list(prepare_stretches(read(path), PreprocessingConfig(), stretch_s=10.0))


def test_a_lead_that_is_missing_is_found_behind_one_of_the_same_name(tmp_path):
    path = write(tmp_path, 8_000)
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(" II\n", " I\n"))
    make_missing(path, 1_000, 1_100, 1)
    (stretch,) = prepare_stretches(read(path), PreprocessingConfig())
    assert stretch.record.missing.tolist() == [0, 100]
    make_missing(path, 0, 8_000, 1)
    with pytest.raises(DataError, match=r"'I \(2\)' has no valid sample"):
        list(prepare_stretches(read(path), PreprocessingConfig()))


def test_options_that_do_not_fit_are_errors(tmp_path):
    path = write(tmp_path, 1_000, fs_hz=100)
    with pytest.raises(DataError, match=r"record .*rec at 100 Hz does not fit preprocessing: lowpass_hz=60"):
        next(prepare_stretches(read(path), PreprocessingConfig(lowpass_hz=60.0)))
    with pytest.raises(ConfigError, match="asks for 'V1'"):
        next(prepare_stretches(read(path), PreprocessingConfig(leads=["V1"])))


def peak_memory(path, n_samples: int) -> int:
    tracemalloc.start()
    try:
        assert sum(
            len(s.record.signal) for s in prepare_stretches(read(path), PreprocessingConfig(), stretch_s=60.0)
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_record(tmp_path):
    short, long = (
        peak_memory(write(tmp_path, 100_000), 100_000),
        peak_memory(write(tmp_path, 800_000), 800_000),
    )
    assert long < 1.2 * short


def test_a_record_without_a_sample_is_an_error(tmp_path):
    (tmp_path / "rec.dat").write_bytes(b"")
    (tmp_path / "rec.hea").write_text("rec 1 360 0\nrec.dat 16 200 16 0 0 0 0 I\n")
    with pytest.raises(DataError, match="rec holds no sample"):
        list(prepare_stretches(read(tmp_path / "rec"), PreprocessingConfig(n_leads=1)))


@pytest.mark.parametrize(("n_leads", "wanted"), [(1, ("II",)), (2, ("II", "V5"))])
def test_the_lead_that_comes_first_is_found_before_leads_are_counted(tmp_path, n_leads, wanted):
    path = write(tmp_path, 20_000)
    header = path.with_suffix(".hea")
    lines = header.read_text().splitlines()
    names = ["V5", "MLII"]
    named = [f"{line.rsplit(' ', 1)[0]} {name}" for line, name in zip(lines[1:], names, strict=True)]
    header.write_text("\n".join([lines[0], *named]) + "\n")
    config = PreprocessingConfig(n_leads=n_leads, first_lead="MLII")
    stretches = list(prepare_stretches(read(path), config, stretch_s=10.0))
    assert {stretch.record.leads for stretch in stretches} == {wanted}
    whole = read_record(path, n_leads=n_leads, first_lead="MLII")
    assert whole.leads == ("MLII", "V5")[:n_leads] == prepare_record(whole, config).leads


def test_headers_are_read_once_however_many_stretches_there_are(tmp_path, monkeypatch):
    path = write(tmp_path, 20_000)
    headers = []
    parsed = header_module.header_lines

    def counted(source):
        headers.append(source.name)
        return parsed(source)

    monkeypatch.setattr(header_module, "header_lines", counted)
    assert len(list(prepare_stretches(read(path), PreprocessingConfig(), stretch_s=5.0))) > 5
    detect_record(path, stretch_s=5.0)
    assert headers == ["rec.hea"] * 2
