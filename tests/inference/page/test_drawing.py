import base64
import io
import re
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ecgrnn.inference.page.annotated import Beats, Waves
from ecgrnn.inference.page.drawing import charts, hours, samples
from ecgrnn.inference.page.drawing.strips import annotated_strip
from ecgrnn.inference.page.findings.rate import rr_intervals
from ecgrnn.inference.page.times import Times
from ecgrnn.signals.recording import Recording

NO_WAVES = Waves(np.zeros(0, "U3"), np.zeros(0, "U3"), np.zeros(0), np.zeros(0))


def decoded(stored: samples.Stored, n_leads: int) -> np.ndarray:
    """Decode a piece as the page's script does."""
    piece = stored.as_json()
    packed = np.frombuffer(zlib.decompress(base64.b64decode(piece["bytes"])), np.uint8)
    n, lengths = piece["n"], [piece["n"]]
    for _ in range(samples.LEVELS):
        lengths.append(-(-lengths[-1] // 2))
    lengths = [lengths[-1], *lengths[:0:-1]]
    n_all = n_leads * sum(lengths)
    planes = packed[: 3 * n_all].reshape(3, n_all).astype(np.int64)
    coded = planes[0] + (planes[1] << 8) + (planes[2] << 16)
    steps, signal, first = (coded >> 1) ^ -(coded & 1), None, 0
    for length in lengths:
        band = steps[first : first + n_leads * length].reshape(n_leads, length).T * piece["step"]
        first += n_leads * length
        signal = np.cumsum(band, axis=0) / 2 if signal is None else joined(signal[:length], band)
    missing = np.unpackbits(packed[3 * n_all :].reshape(n_leads, -1), axis=1)[:, :n].T == 1
    return np.where(missing, np.nan, signal[:n])


def joined(slow: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Undo one step of the 9/7 wavelet."""
    slow, fast = slow / 1.149604398860241, fast * 1.149604398860241
    for slow_factor, fast_factor in (
        (0.443506852043971, 0.882911075530934),
        (-0.052980118572961, -1.586134342059924),
    ):
        slow = slow - slow_factor * (fast + np.concatenate([fast[:1], fast[:-1]]))
        fast = fast - fast_factor * (slow + np.concatenate([slow[1:], slow[-1:]]))
    return np.stack([slow, fast], axis=1).reshape(2 * len(slow), -1)


def test_stored_samples_are_those_of_the_recording_to_a_third_of_a_step():
    rng = np.random.default_rng(0)
    signal = np.cumsum(rng.normal(size=(5003, 3)), axis=0).astype(np.float32)
    signal[100:200, 1] = np.nan
    piece = samples.encode(signal, step_mv=0.01, most_bytes=1e9)
    back = decoded(piece, 3)
    assert np.array_equal(np.isnan(back), np.isnan(signal))
    assert np.nanstd(back - signal) <= 0.0034
    assert np.nanmax(np.abs(back - signal)) <= 0.015


def test_a_piece_that_would_be_too_large_is_stored_in_coarser_steps():
    signal = np.random.default_rng(0).normal(size=(20000, 1)).astype(np.float32)
    fine = samples.encode(signal, step_mv=0.005, most_bytes=1e9)
    coarse = samples.encode(signal, step_mv=0.005, most_bytes=0.8 * len(fine.packed))
    assert coarse.step_mv > fine.step_mv
    assert len(coarse.packed) <= 0.8 * len(fine.packed)
    assert np.abs(decoded(coarse, 1) - signal).max() <= 1.5 * coarse.step_mv


def test_the_steps_of_a_long_recording_are_those_that_fit_on_the_whole():
    noise = np.random.default_rng(0).normal(size=(120_000, 1)).astype(np.float32)
    noise[60_000:] *= 0.1  # its noisy half comes first, and would use up the room of the quiet one
    recording, how = Recording(noise, fs=100.0), samples.Plan((0,), 1, 0.06, bytes_per_s=20.0)
    step_mv = samples.fitted(recording, how).step_mv
    packed = samples.encode(noise, step_mv=step_mv, most_bytes=np.inf).packed
    assert 0.06 < step_mv < 10.0
    assert 0.7 * 20.0 * 1200 < len(packed) < 1.1 * 20.0 * 1200
    assert samples.fitted(recording, replace(how, bytes_per_s=1e6)).step_mv == 0.06


def test_values_beyond_the_stored_range_are_held_at_its_end():
    signal = np.array([[1e9], [-1e9], [0.0]], np.float32)
    back = decoded(samples.encode(signal, step_mv=0.01, most_bytes=1e9), 1)[:, 0]
    assert back.tolist() == pytest.approx([300.0, -300.0, 0.0], abs=0.01)


def test_pieces_join_as_if_they_were_read_at_once():
    t = np.arange(10000) / 500.0
    signal = np.stack([np.sin(2 * np.pi * 5 * t) + 3.0, np.cos(2 * np.pi * 3 * t)], axis=1).astype(np.float32)
    recording = Recording(signal, fs=500.0)
    how = samples.Plan(columns=(0, 1), factor=4, step_mv=0.005, bytes_per_s=1e9)
    whole = samples.piece(recording, how, start=0, stop=10000)
    parts = [
        samples.piece(recording, how, start=a, stop=b) for a, b in ((0, 4000), (4000, 8000), (8000, 10000))
    ]
    assert np.abs(np.concatenate(parts) - whole).max() < 0.01
    assert np.abs(whole[50:-50] - signal[::4][50:-50]).max() < 0.02  # 5 Hz passes


def test_thinning_leaves_gaps_where_they_are():
    signal = np.ones((1000, 1), np.float32)
    signal[400:600] = np.nan
    kept = samples.thinned(signal, 2)[:, 0]
    assert np.isnan(kept[200:300]).all()
    assert np.abs(kept[[0, 199, 300, 499]] - 1.0).max() < 0.05


@pytest.mark.parametrize(
    ("hours_long", "fs_hz", "n_leads", "kept", "factor"),
    [
        (0.5, 360.0, 2, 2, 1),
        (24.0, 250.0, 2, 2, 2),
        (24.0, 128.0, 3, 2, 1),
        (0.1, 1000.0, 12, 12, 2),
        (48.0, 1000.0, 12, 1, 8),
    ],
)
def test_longer_recordings_are_stored_with_fewer_samples(hours_long, fs_hz, n_leads, kept, factor):
    n_samples = round(hours_long * 3600 * fs_hz)
    recording = Recording.of_source(
        None, n_samples=n_samples, fs_hz=fs_hz, leads=[str(k) for k in range(n_leads)], name="x"
    )
    how = samples.plan(recording, tuple(reversed(range(n_leads))))
    assert len(how.columns) == kept
    assert how.factor == factor
    assert how.columns == tuple(range(n_leads))[-kept:]


def test_an_hour_has_a_row_a_minute_and_colours_around_ectopic_beats():
    fs_hz, t = 100.0, np.arange(12000) / 100.0
    lead = np.sin(2 * np.pi * t).astype(np.float32)
    how = hours.layout(duration_s=3600.0, span_mv=2.0)
    ends = hours.envelope(lead, fs_hz=fs_hz, how=how)
    assert ends.shape == (2, 2000)
    image = hours.rows_of(ends, how=how, ectopic=[(30.0, hours.V), (90.0, hours.S)])
    top, bottom = image[:18], image[36:]
    assert (top[:, 500] == hours.V).any()
    assert not (image[:, 100] == hours.V).any()
    assert (bottom[:, 500] == hours.S).any()


def test_missing_samples_are_left_blank_in_an_hour():
    lead = np.full(12000, np.nan, np.float32)
    lead[:3000] = np.sin(np.arange(3000) / 10.0)
    how = hours.layout(duration_s=3600.0, span_mv=2.0)
    image = hours.rows_of(hours.envelope(lead, fs_hz=100.0, how=how), how=how, ectopic=())
    assert image[:, :500].any(axis=0).all()
    assert not image[:, 500:].any()
    assert not image[-18:].any()


def test_the_picture_of_an_hour_is_a_picture_with_labels():
    how = hours.layout(duration_s=3600.0, span_mv=2.0)
    image = np.zeros((54, 1000), np.uint8)
    image[10, 20], image[20, 30] = hours.V, hours.TRACE
    lost = np.array([[3570.0, 3580.0], [3630.0, 3690.0]])
    made = hours.hour_svg(
        image, how=how, start_s=3600.0, unreadable_s=lost, labels=["<1>", "2"], name='a "b"'
    )
    root = ElementTree.fromstring(made)
    assert root.get("aria-label") == 'a "b"'
    assert [node.text for node in root if node.tag == "text"] == ["<1>", "2"]
    data = next(node for node in root if node.tag == "image").get("href").partition(",")[2]
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")).swapaxes(0, 1)
    assert picture[10, 20].tolist() == [194, 84, 0, 255]
    assert picture[20, 30].tolist() == [21, 23, 26, 255]
    assert picture[0, 0, 3] == 0
    boxes = re.findall(
        r"M(\d+) \d+H(\d+)", next(node for node in root if node.get("class") == "lost").get("d")
    )
    assert boxes == [("580", "1080"), ("80", "580")]  # half of the first row, half of the second


def test_a_strip_shows_classes_intervals_and_waves_and_escapes_names():
    beats = Beats(np.array([1.0, 1.8, 12.0]), np.array(["N", "V", "N"]), np.ones(3))
    waves = Waves(
        np.array(["<b>", "<b>"]), np.array(["P", "T"]), np.array([0.8, 20.0]), np.array([0.9, 20.3])
    )
    made = annotated_strip(
        np.zeros((1000, 1), np.float32),
        fs_hz=100.0,
        leads=["<b>"],
        start_s=0.0,
        start="0:00",
        beats=beats,
        waves=waves,
        focus_s=[(1.7, 1.9), (1.8, 2.0)],
    )
    root = ElementTree.fromstring(made)
    assert re.findall(r'class="label beat (\w)"', made) == ["N", "V"]
    assert "800" in [node.text for node in root if node.tag == "text"]
    assert len(re.findall(r'class="wave ', made)) == 1
    assert "<b>" in [node.text for node in root if node.tag == "text"]
    focus = [node for node in root if node.get("class") == "focus"]
    assert [float(node.get("width")) for node in focus] == [7.5]  # what overlaps is shaded once


def test_a_strip_without_any_sample_is_drawn_empty():
    none = Beats(np.zeros(0), np.zeros(0, "U1"), np.zeros(0))
    made = annotated_strip(
        np.full((500, 1), np.nan, np.float32),
        fs_hz=100.0,
        leads=["II"],
        start_s=0.0,
        start="0:00",
        beats=none,
        waves=NO_WAVES,
    )
    assert "nan" not in made


def test_charts_of_nothing_are_none_and_of_much_are_small():
    none = Beats(np.zeros(0), np.zeros(0, "U1"), np.zeros(0))
    nothing = rr_intervals(none.time_s, np.zeros((0, 2)))
    times = Times()
    assert charts.trend_chart(np.full(3, np.nan), duration_s=30.0, times=times) is None
    assert charts.tachogram(none, nothing, duration_s=30.0, times=times) is None
    assert charts.lorenz(none, nothing) is charts.rr_histogram(nothing) is None
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.normal(0.8, 0.05, 100_000))
    many = Beats(time_s, rng.choice(list("NVS"), 100_000), np.ones(100_000))
    intervals = rr_intervals(time_s, np.zeros((0, 2)))
    drawn = charts.tachogram(many, intervals, duration_s=80_100.0, times=times)
    assert len(drawn) < 1_500_000
    assert drawn.count("<path") == 3
    assert len(charts.lorenz(many, intervals)) < 500_000


def test_a_trend_is_broken_where_the_rate_is_not_known():
    rates = np.full(60, 70.0)
    rates[20:30] = np.nan
    made = charts.trend_chart(rates, duration_s=600.0, times=Times())
    assert made.count("<polyline") == 2
    assert "nan" not in made
