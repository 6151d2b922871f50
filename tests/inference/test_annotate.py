import json
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.result import KINDS
from ecgrnn.signals.annotations import read_annotations, waves_of
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.recording import Recording


@pytest.fixture(scope="module")
def recording(small_database):
    return read(small_database / "s003")


@pytest.fixture(scope="module")
def result(recording):
    return annotate(recording)


def test_the_models_of_the_package_annotate_a_recording_together(result, recording):
    assert result.models == {"beats": "beats", "waves": "waves", "rhythms": "rhythm"}
    assert len(result.beats) > 40
    assert set(result.waves["lead"]) == set(recording.leads)
    assert result.rhythms[["onset", "offset"]].values.tolist() == [[0, 21_600]]
    for kind in KINDS:
        frame = getattr(result, kind)
        assert list(frame.columns) == list(KINDS[kind])
        assert [frame[name].dtype.kind for name in ("sample", "onset") if name in frame] == ["i"]
    beats = result.beats
    np.testing.assert_allclose(beats["time_s"], beats["sample"] / 360)
    np.testing.assert_allclose(beats.filter(like="p_").sum(axis=1), 1, atol=1e-6)
    assert (
        beats.filter(like="p_").to_numpy().argmax(axis=1) == ["NSVFQ".index(c) for c in beats["class"]]
    ).all()


def test_an_array_gets_the_annotations_of_the_record_it_is_of(result, recording):
    array = Recording(recording.signal, fs=360, leads=recording.leads)
    assert_equal(annotate(array), result)


def assert_equal(one, other):
    for kind in KINDS:
        for name in KINDS[kind]:
            np.testing.assert_array_equal(one.columns(kind)[name], other.columns(kind)[name], err_msg=name)


def test_several_threads_get_equal_results(result, recording):
    found = []
    threads = [threading.Thread(target=lambda: found.append(annotate(recording))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for one in found:
        assert_equal(one, result)


def test_a_strip_too_short_for_a_rhythm_has_beats_and_waves_and_says_so(recording):
    short = Recording(recording.signal[: 6 * 360], fs=360, leads=recording.leads)
    result = annotate(short)
    assert set(result.models) == {"beats", "waves"}
    assert result.rhythms.empty
    assert list(result.rhythms.columns) == list(KINDS["rhythms"])
    (note,) = (note for note in result.notes if note.startswith("rhythm left out"))
    assert "lasts 6 s, and a rhythm is named in 9 s or more" in note


def test_one_lead_is_read_by_the_model_for_one(recording):
    alone = Recording(recording.signal[:, 0], fs=360, leads=["II"])
    assert annotate(alone, models="beats").models == {"beats": "beats_one_lead"}
    named = annotate(recording, models="beats", leads=recording.leads[1:])
    assert named.models == {"beats": "beats_one_lead"}


def test_of_many_leads_those_of_training_are_read(recording):
    noise = np.random.default_rng(0).normal(0, 0.02, (recording.n_samples, 1)).astype(np.float32)
    signal = np.hstack([noise, recording.signal[:, ::-1]])
    result = annotate(Recording(signal, fs=360, leads=["I", "V1", "II"]), models="beats")
    assert any(note.startswith("beats read II, V1") for note in result.notes)


def test_a_lead_without_a_valid_sample_is_left_out_and_said(recording):
    signal = recording.signal.copy()
    signal[:, 1] = np.nan
    result = annotate(Recording(signal, fs=360, leads=recording.leads))
    assert f"left out, without a valid sample: {recording.leads[1]}" in result.notes
    assert result.models["beats"] == "beats_one_lead"
    assert set(result.waves["lead"]) == {recording.leads[0]}


def test_a_recording_without_any_sample_is_one_clear_line():
    with pytest.raises(
        DataError, match="nothing: no lead has a valid sample, so there is nothing to annotate"
    ):
        annotate(Recording(np.full((5000, 2), np.nan), fs=250, name="nothing"))


def test_a_flat_line_has_no_beat_and_says_so():
    result = annotate(Recording(np.zeros((5000, 2)), fs=250, name="flat"))
    assert result.beats.empty
    assert any("flat: no beat was found" in note for note in result.notes)


@pytest.mark.parametrize("n_samples", [1, 30, 200])
def test_less_than_a_second_has_empty_tables_or_one_clear_line(recording, n_samples):
    result = annotate(Recording(recording.signal[:n_samples, 0], fs=360))
    assert len(result.beats) <= 2
    assert result.rhythms.empty


def test_mistakes_are_told(recording, small_database, trained):
    with pytest.raises(ConfigError, match=r"expected a Recording, got ndarray; .*Recording\(array, fs=...\)"):
        annotate(np.zeros((1000, 2)))
    with pytest.raises(ConfigError, match=r"expected a Recording, got str; read the file first"):
        annotate(str(small_database / "s003"))
    with pytest.raises(ConfigError, match=r"leads=\[\] must name one lead"):
        annotate(recording, leads=[])
    with pytest.raises(DataError, match="no lead 'V9'"):
        annotate(recording, leads=["V9"])
    with pytest.raises(ConfigError, match="names no model"):
        annotate(recording, models=[])
    with pytest.raises(ConfigError, match="beats and beats_tiny both mark beats"):
        annotate(recording, models=["beats", "beats_tiny"])


def test_a_model_is_named_given_by_its_path_or_loaded(recording, trained):
    path = trained / "checkpoints" / "best.ckpt"
    by_path = annotate(recording, models=path)
    assert by_path.models == {"beats": str(path)}
    assert_equal(annotate(recording, models=load_model(path)), by_path)


def test_a_model_gives_its_network_and_prepares_a_recording_for_it(recording):
    model = load_model("beats")
    signal = model.preprocess(recording)
    assert isinstance(model.network, torch.nn.Module)
    assert signal.shape == (60 * 125, 2)
    assert load_model("waves").preprocess(recording).shape == (60 * 250, 2)


def test_wave_annotations_do_not_depend_on_where_stretches_end(recording, monkeypatch):
    monkeypatch.setattr("ecgrnn.tasks.delineation.prediction._STRETCH_S", 1e9)
    whole = annotate(recording, models="waves")
    monkeypatch.setattr("ecgrnn.tasks.delineation.prediction._STRETCH_S", 14.0)
    assert_equal(annotate(recording, models="waves"), whole)


def test_a_long_recording_has_its_rhythm_in_strips_that_are_joined(recording):
    signal = np.tile(recording.signal, (3, 1))
    signal[20_000:46_000] = np.nan
    result = annotate(Recording(signal, fs=360, leads=recording.leads), models="rhythm")
    rhythms = result.rhythms
    assert rhythms["onset"].iloc[0] == 0
    assert rhythms["offset"].iloc[-1] == len(signal)
    gap = rhythms["onset"].to_numpy()[1:] - rhythms["offset"].to_numpy()[:-1]
    assert (gap >= 0).all()
    assert gap.max() == 21_600  # two strips of 30 s without a sample
    same = rhythms["rhythm"].to_numpy()[1:] == rhythms["rhythm"].to_numpy()[:-1]
    assert not (same & (gap == 0)).any()


def test_the_files_of_a_result_hold_its_tables(result, recording, tmp_path):
    files = result.to_wfdb(tmp_path / "out", signal=True)
    assert [file.suffix for file in files] == [".ecg", ".mlii", ".v1"]
    marks = read_annotations(tmp_path / "out" / "s003", "ecg", fs_hz=360.0)
    is_beat = marks.symbol != "+"
    assert marks.sample[is_beat].tolist() == result.beats["sample"].tolist()
    assert marks.symbol[is_beat].tolist() == result.beats["class"].tolist()
    assert marks.sample[~is_beat].tolist() == result.rhythms["onset"].tolist()
    waves = waves_of(read_annotations(tmp_path / "out" / "s003", "v1", fs_hz=360.0))
    of_lead = result.waves[result.waves["lead"] == "V1"]
    assert sorted(waves.peak.tolist()) == sorted(of_lead["peak"].tolist())
    written = read_record(tmp_path / "out" / "s003")
    np.testing.assert_allclose(written.signal, recording.signal, atol=6e-4)

    names = [file.name for file in result.to_csv(tmp_path / "csv")]
    assert names == ["s003_beats.csv", "s003_waves.csv", "s003_rhythms.csv", "s003_episodes.csv"]
    lines = (tmp_path / "csv" / "s003_beats.csv").read_text().splitlines()
    assert lines[0].split(",") == list(result.beats.columns)
    assert len(lines) == len(result.beats) + 1

    rows = [json.loads(line) for line in result.to_jsonl(tmp_path / "s003.jsonl").read_text().splitlines()]
    assert rows[0]["kind"] == "recording"
    assert rows[0]["models"] == dict(result.models)
    kinds = [row["kind"] for row in rows[1:]]
    assert [kinds.count(kind) for kind in ("beat", "wave", "rhythm", "episode")] == [
        len(result.beats),
        len(result.waves),
        len(result.rhythms),
        len(result.episodes),
    ]
    assert rows[1]["sample"] == int(result.beats["sample"].iloc[0])


def test_the_page_of_a_result_names_its_models_and_needs_no_pandas(result, tmp_path):
    page = result.to_html(tmp_path / "page.html").read_text()
    assert "s003" in page
    assert all(name in page for name in result.models.values())


def test_a_record_that_was_wfdb_gets_annotations_and_no_second_signal(result, tmp_path):
    result.to_wfdb(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s003.ecg", "s003.mlii", "s003.v1"]


def test_a_name_cannot_lead_out_of_the_folder(recording, tmp_path):
    result = annotate(Recording(recording.signal, fs=360, name="../out"), models="beats")
    for write in (result.to_wfdb, result.to_csv):
        with pytest.raises(DataError, match=r"'../out' cannot name files"):
            write(tmp_path / "folder")
    assert not list(tmp_path.rglob("*.*"))


def test_a_drawing_shows_the_seconds_that_were_asked_for(result):
    figure = result.plot(start_s=20, seconds=5)
    axes = figure.axes
    assert len(axes) == 2
    np.testing.assert_allclose(axes[0].get_xlim(), (20, 25))
    inside = result.beats[result.beats["time_s"].between(20, 25)]
    assert [text.get_text() for text in axes[0].texts[: len(inside)]] == inside["class"].tolist()
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="start_s=100 lies outside s003, which lasts 60 s"):
        result.plot(start_s=100)
    with pytest.raises(ConfigError, match="seconds=0 must be above 0"):
        result.plot(seconds=0)


def test_annotating_imports_nothing_that_takes_long_beside_torch(small_database, tmp_path):
    """Half of a short annotation was imports: of what only tables, drawings or other filters need."""
    script = f"""
import sys
from pathlib import Path
import ecgrnn, ecgrnn.commands.predict
result = ecgrnn.annotate(ecgrnn.read({str(small_database / "s003")!r}))
result.to_wfdb({str(tmp_path)!r}), result.to_csv({str(tmp_path)!r})
heavy = "pandas", "matplotlib", "pytorch_lightning", "scipy.signal", "scipy.stats", "scipy.optimize"
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
