"""``predict`` on files of any kind with the models that come with the package."""

import csv
import json

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.inference.annotate import annotate
from ecgrnn.signals.annotations import read_annotations
from ecgrnn.signals.formats import read


@pytest.fixture
def ward(small_database, tmp_path):
    """Give a folder with a good array file, a good record, a record cut short and an empty EDF file."""
    folder = tmp_path / "ward"
    folder.mkdir()
    recording = read(small_database / "s001")
    np.save(folder / "array.npy", recording.signal)
    for name in ("s002", "s003"):
        for end in (".hea", ".dat"):
            (folder / f"{name}{end}").write_bytes((small_database / f"{name}{end}").read_bytes())
    (folder / "s003.dat").write_bytes(b"short")
    (folder / "broken.edf").write_bytes(b"0       broken")
    return folder


def test_one_recording_gets_annotations_tables_lines_and_a_page(small_database, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["predict", f"record={small_database / 's003'}", f"run_dir={run}"]) == 0
    names = sorted(path.name for path in run.iterdir())
    assert names == [
        "config.yaml",
        "report.html",
        "s003.ecg",
        "s003.jsonl",
        "s003.mlii",
        "s003.v1",
        "s003_beats.csv",
        "s003_episodes.csv",
        "s003_families.csv",
        "s003_rhythms.csv",
        "s003_waves.csv",
    ]
    result = annotate(read(small_database / "s003"))
    rows = list(csv.DictReader((run / "s003_beats.csv").read_text().splitlines()))
    assert [int(row["sample"]) for row in rows] == result.beats["sample"].tolist()
    marks = read_annotations(run / "s003", "ecg", fs_hz=360.0)
    assert sorted(marks.symbol.tolist()) == sorted([*result.beats["class"], *["+"] * len(result.rhythms)])
    said = capsys.readouterr().out
    assert f"report         {run / 'report.html'}" in said
    assert "rhythms" in said


def test_of_a_folder_a_bad_file_is_told_and_the_others_are_done(ward, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["predict", f"record={ward}", f"run_dir={run}", "fs=360", "unit=mV", "workers=2"]) == 2
    captured = capsys.readouterr()
    assert "2 of 4 records could not be annotated (broken.edf, s003)" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out.count("not annotated  ") == 2
    assert sorted(path.name for path in run.glob("*.html")) == ["array.html", "s002.html"]
    assert {json.loads(path.read_text().splitlines()[0])["name"] for path in run.glob("*.jsonl")} == {
        "array",
        "s002",
    }
    assert "annotating" in captured.err  # a bar of progress


def test_a_frequency_that_one_file_tells_otherwise_costs_no_other(ward, tmp_path, capsys):
    assert main(["predict", f"record={ward}", f"run_dir={tmp_path / 'run'}", "fs=250", "unit=mV"]) == 2
    captured = capsys.readouterr()
    assert "not annotated  fs=250 was given, and" in captured.out
    assert "array.html" in {path.name for path in (tmp_path / "run").iterdir()}


def test_a_file_that_is_not_there_is_told_with_one_that_is(ward, tmp_path, capsys):
    assert main(["predict", f"record={ward / 'aray.npy'}", f"run_dir={tmp_path / 'run'}"]) == 2
    line = capsys.readouterr().err
    assert "aray.npy is not there; expected a recording; did you mean 'array.npy'?" in line


def test_workers_change_no_result(small_database, tmp_path):
    for workers in (1, 3):
        words = [f"record={small_database}/s00[1-4].hea", f"workers={workers}"]
        assert main(["predict", *words, f"run_dir={tmp_path / str(workers)}"]) == 0
    one, three = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.name != "config.yaml"}
        for name in ("1", "3")
    )
    assert one == three
    assert len(one) == 4 * 10


def test_an_array_file_is_annotated_as_its_record_is(small_database, ward, tmp_path):
    words = [f"record={ward / 'array.npy'}", "fs=360", "unit=mV", f"run_dir={tmp_path / 'run'}"]
    assert main(["predict", *words]) == 0
    rows = list(csv.DictReader((tmp_path / "run" / "array_beats.csv").read_text().splitlines()))
    result = annotate(read(small_database / "s001"), models="beats")
    assert [row["class"] for row in rows] == result.beats["class"].tolist()


def test_options_that_a_file_needs_are_asked_for(ward, tmp_path, capsys):
    assert main(["predict", f"record={ward / 'array.npy'}", f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err
    assert "fs=" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_leads_and_extension_are_taken(small_database, tmp_path):
    run = tmp_path / "run"
    words = [f"record={small_database / 's003'}", "leads=[V1]", "extension=mine", f"run_dir={run}"]
    assert main(["predict", *words]) == 0
    assert {path.suffix for path in run.glob("s003.*")} == {".mine", ".v1", ".jsonl"}
    facts = json.loads((run / "s003.jsonl").read_text().splitlines()[0])
    assert facts["models"]["beats"] == "beats_one_lead"
