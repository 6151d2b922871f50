import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.formats.wfdb.record import Record, read_record
from ecgrnn.signals.preprocessing import choose_leads, fill_missing, lead_columns, prepare_record

AS_IT_IS = {"fs_hz": None, "highpass_hz": None, "lowpass_hz": None}


def make(signal: np.ndarray, leads=("MLII", "V5"), fs_hz: float = 360.0) -> Record:
    signal = np.asarray(signal, np.float32)
    return Record("rec", signal, fs_hz, tuple(leads), np.isnan(signal).sum(axis=0))


def noise(n_samples: int = 5000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n_samples, 2)).astype(np.float32)


def test_a_prepared_record_says_what_it_is_and_where_it_came_from():
    prepared = prepare_record(make(noise(4999)), PreprocessingConfig())
    assert prepared.signal.shape == (2500, 2)
    assert prepared.signal.dtype == np.float32
    assert prepared.signal.flags.c_contiguous
    assert (prepared.name, prepared.fs_hz, prepared.leads) == ("rec", 180.0, ("MLII", "V5"))
    assert (prepared.source_fs_hz, prepared.source_samples) == (360.0, 4999)
    assert (prepared.missing.tolist(), prepared.spread.tolist()) == ([0, 0], [1.0, 1.0])


def test_without_options_the_signal_is_the_records_own():
    signal = noise()
    prepared = prepare_record(make(signal), PreprocessingConfig(**AS_IT_IS))
    np.testing.assert_array_equal(prepared.signal, signal)
    assert not np.shares_memory(prepared.signal, signal)
    assert prepared.fs_hz == 360.0


def test_the_record_is_left_as_it_is():
    signal = noise()
    signal[100:200, 0] = np.nan
    record = make(signal)
    before = record.signal.copy()
    prepare_record(record, PreprocessingConfig(normalisation=Normalisation.robust))
    np.testing.assert_array_equal(record.signal, before)


def test_leads_are_read_by_name_in_the_networks_order():
    signal = noise()
    prepared = prepare_record(make(signal), PreprocessingConfig(leads=["V5", "MLII"], **AS_IT_IS))
    assert prepared.leads == ("V5", "MLII")
    np.testing.assert_array_equal(prepared.signal, signal[:, ::-1])


def test_the_order_of_leads_on_disk_does_not_matter():
    signal = noise()
    config = PreprocessingConfig(leads=["MLII", "V5"])
    one = prepare_record(make(signal), config).signal
    other = prepare_record(make(signal[:, ::-1], leads=("V5", "MLII")), config).signal
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_without_names_the_first_leads_are_taken():
    assert choose_leads(make(noise()), PreprocessingConfig(n_leads=1)).leads == ("MLII",)


def test_leads_of_one_name_stay_two_leads():
    signal = noise()
    record = make(signal, leads=("ECG", "ECG"))
    assert lead_columns(record.leads, PreprocessingConfig(), name="rec") == [0, 1]
    np.testing.assert_array_equal(choose_leads(record, PreprocessingConfig()).signal, signal)


def test_too_many_leads_are_an_error():
    with pytest.raises(ConfigError, match=r"n_leads=3, and record rec has 2 \(MLII, V5\)"):
        prepare_record(make(noise()), PreprocessingConfig(n_leads=3))


def test_an_unknown_lead_names_those_that_are_there():
    with pytest.raises(ConfigError, match=r"asks for 'MLIII', .* there: MLII, V5; did you mean MLII\?"):
        prepare_record(make(noise()), PreprocessingConfig(leads=["MLIII"]))


def test_a_lead_is_found_by_its_alias():
    by_alias = prepare_record(make(noise()), PreprocessingConfig(leads=["V5", "II"]))
    by_name = prepare_record(make(noise()), PreprocessingConfig(leads=["V5", "MLII"]))
    np.testing.assert_array_equal(by_alias.signal, by_name.signal)


def test_gaps_are_interpolated_and_counted():
    signal = np.stack([np.arange(100), np.arange(100) * 2], axis=1).astype(np.float32)
    gappy = signal.copy()
    gappy[10:30, 0] = np.nan
    gappy[[0, 50, 99], 1] = np.nan
    filled = fill_missing(make(gappy))
    assert filled.missing.tolist() == [20, 3]
    expected = signal.copy()
    expected[[0, 99], 1] = signal[[1, 98], 1]  # the nearest value at an end
    np.testing.assert_allclose(filled.signal, expected, rtol=1e-6)


def test_infinite_samples_are_missing_too():
    signal = noise(100)
    signal[5, 0], signal[6, 1] = np.inf, -np.inf
    filled = fill_missing(make(signal))
    assert filled.missing.tolist() == [1, 1]
    assert np.isfinite(filled.signal).all()


def test_a_prepared_record_has_no_nan():
    signal = noise()
    signal[:300, 0] = np.nan
    signal[2000:2500] = np.nan
    prepared = prepare_record(make(signal), PreprocessingConfig(normalisation=Normalisation.robust))
    assert np.isfinite(prepared.signal).all()
    assert prepared.missing.tolist() == [800, 500]


def test_a_lead_without_any_sample_is_an_error():
    signal = noise()
    signal[:, 1] = np.nan
    with pytest.raises(DataError, match="'V5' has no valid sample in 5000"):
        prepare_record(make(signal), PreprocessingConfig())
    assert prepare_record(make(signal), PreprocessingConfig(leads=["MLII"])).leads == ("MLII",)


def test_an_empty_record_is_an_error():
    with pytest.raises(DataError, match="rec is empty"):
        prepare_record(make(np.zeros((0, 2))), PreprocessingConfig())


def test_filters_that_do_not_fit_the_records_frequency_are_an_error():
    config = PreprocessingConfig(fs_hz=None, lowpass_hz=60.0)
    with pytest.raises(DataError, match="record rec at 100 Hz does not fit preprocessing: lowpass_hz=60"):
        prepare_record(make(noise(), fs_hz=100.0), config)


def test_normalisation_makes_records_of_any_amplitude_alike():
    config = PreprocessingConfig(normalisation=Normalisation.robust)
    one, ten = prepare_record(make(noise()), config), prepare_record(make(10 * noise()), config)
    np.testing.assert_allclose(one.signal, ten.signal, atol=1e-4)
    np.testing.assert_allclose(ten.spread, 10 * one.spread, rtol=1e-5)


@pytest.mark.parametrize(
    ("database", "name"), [("mitdb", "114"), ("ludb", "data/50"), ("cinc2017", "A00005")]
)
def test_real_records_are_prepared_alike(real_database, database, name):
    record = read_record(real_database(database) / name)
    config = PreprocessingConfig(n_leads=min(2, len(record.leads)), normalisation=Normalisation.robust)
    prepared = prepare_record(record, config)
    assert prepared.fs_hz == 180.0
    assert len(prepared.signal) == -(-len(record.signal) * 180 // round(record.fs_hz))
    assert np.isfinite(prepared.signal).all()
    assert np.abs(np.median(prepared.signal, axis=0)).max() < 0.2  # no baseline is left
    assert 0.5 < np.quantile(np.abs(prepared.signal), 0.99) * 2 < 3  # beats about 1 tall


def beating(seconds: float, fs_hz: float = 360.0, height_mv: float = 1.0) -> np.ndarray:
    """Give two leads with a beat each 0.8 s, the second one half as tall."""
    t = np.arange(round(seconds * fs_hz)) / fs_hz % 0.8
    lead = height_mv * np.exp(-(((t - 0.4) / 0.02) ** 2))
    return np.stack([lead, lead / 2], axis=1).astype(np.float32)


ROBUST = PreprocessingConfig(normalisation=Normalisation.robust)
GAP = np.full((240 * 360, 2), np.nan, np.float32)


@pytest.mark.parametrize("filling", [np.nan, 0.0, -0.4])
@pytest.mark.parametrize("place", ["before", "behind", "both", "inside", "scattered"])
def test_a_gap_of_twice_a_records_length_does_not_change_its_scale(place, filling):
    signal = beating(120)
    gap = np.full_like(GAP, filling)
    parts = {
        "before": [gap, signal],
        "behind": [signal, gap],
        "both": [gap, signal, gap],
        "inside": [signal[:20_000], gap, signal[20_000:]],
        "scattered": [some for part in np.split(signal, 24) for some in (part, gap[: 2 * len(part)])],
    }[place]
    wanted = prepare_record(make(signal), ROBUST)
    found = prepare_record(make(np.concatenate(parts)), ROBUST)
    np.testing.assert_allclose(found.spread, wanted.spread, rtol=0.1)
    assert 0.8 < np.abs(found.signal).max() < 1.6
    if np.isnan(filling):
        assert found.valid.sum() == wanted.valid.sum() == 2 * len(wanted.signal)


def test_a_record_that_is_mostly_gap_is_scaled_by_what_is_there():
    signal = np.concatenate([GAP, beating(1.5), GAP])  # less than a block of 2 s
    found = prepare_record(make(signal), ROBUST)
    np.testing.assert_allclose(found.spread, prepare_record(make(beating(60)), ROBUST).spread, rtol=0.1)


def test_a_gap_rings_at_neither_edge():
    signal = 5.0 + beating(120)  # electrodes have offsets of millivolts
    gappy = signal.copy()
    gappy[10_000:14_000] = gappy[20_000:34_000, 1] = np.nan
    whole, found = (prepare_record(make(one), PreprocessingConfig()) for one in (signal, gappy))
    edges = found.valid & (np.abs(found.signal - whole.signal) > 0.1)
    assert not edges.any()
    assert np.abs(found.signal[~found.valid]).max() < 0.2


@pytest.mark.parametrize("causal", [False, True])
def test_a_gap_that_begins_or_ends_in_a_qrs_moves_nothing_beside_it(causal):
    signal = 5.0 + beating(120)
    peak = round(0.4 * 360)
    for n_samples in (100, 1_000, 10_000):
        for beat in (20, 21):
            gappy = signal.copy()
            start = peak + round(beat * 0.8 * 360)
            gappy[start : start + n_samples] = np.nan
            config = PreprocessingConfig(causal=causal)
            whole, found = (prepare_record(make(one), config) for one in (signal, gappy))
            away = found.valid.copy()
            away[start // 2 - 36 : (start + n_samples) // 2 + 108] = False  # 0.2 s before, 0.6 s behind
            assert np.abs(found.signal - whole.signal)[away].max() < 0.1


def test_what_is_valid_is_said_for_each_new_sample():
    signal = beating(20)
    signal[3600:5400, 1] = np.nan
    valid = prepare_record(make(signal), PreprocessingConfig(fs_hz=125.0)).valid
    assert valid.shape == (2500, 2)
    assert valid[:, 0].all()
    np.testing.assert_array_equal(np.flatnonzero(~valid[:, 1]), np.arange(1250, 1875))


def test_a_long_gap_is_level_but_for_its_end():
    signal = np.zeros((20_000, 2), np.float32)
    signal[15_000:] = 1.0
    signal[1_000:15_000, 0] = signal[14_000:15_000, 1] = signal[:300] = np.nan
    filled = fill_missing(make(signal)).signal
    np.testing.assert_array_equal(filled[: 15_000 - 3_601, 0], 0)
    np.testing.assert_allclose(filled[15_000 - 1_801, 0], 0.5, atol=1e-2)
    np.testing.assert_allclose(filled[14_500, 1], 0.5, atol=1e-2)


def test_gaps_of_a_real_record_do_not_make_it_taller(real_database):
    record = read_record(real_database("mitdb") / "100", n_leads=2)
    gap = np.full((2 * len(record.signal), 2), np.nan, np.float32)
    alone = prepare_record(record, ROBUST)
    for parts in ([record.signal, gap], [gap, record.signal]):
        found = prepare_record(make(np.concatenate(parts)), ROBUST)
        np.testing.assert_allclose(found.spread, alone.spread, rtol=0.02)
