import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from ecgrnn.cli import main
from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats import read

SPLIT = {"train": ["s001", "s002", "s003", "s004"], "test": ["s005", "s006"]}


@pytest.fixture
def folder(small_database, tmp_path, monkeypatch) -> Path:
    """A folder of eight good records and a split file, for a test to spoil; the working folder is beside."""
    copied = tmp_path / "ward"
    shutil.copytree(small_database, copied)
    (copied / "split.yaml").write_text(yaml.safe_dump(SPLIT))
    monkeypatch.chdir(tmp_path)
    return copied


@pytest.fixture
def complaint(folder, tmp_path, capsys):
    """Give the one line that a failing command says about the folder."""

    def run(command: str, *words: str) -> str:
        data = ["data=folder", f"data.root={folder}", f"data.split={folder / 'split.yaml'}", "data.workers=0"]
        status = main([command, *data, "run_dir=run", *words])
        return _the_line(status, capsys.readouterr().err, tmp_path / "run")

    return run


def _the_line(status: int, said: str, run_dir: Path) -> str:
    assert status == 2
    assert "Traceback" not in said
    lines = said.replace("\r", "\n").splitlines()  # behind progress bars, where there were any
    assert [line.startswith("ecgrnn: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("ecgrnn: ")
    assert not run_dir.exists()
    return lines[-1]


def test_the_unspoilt_folder_is_good(folder, tmp_path, capsys):
    assert main(["prepare", "data=folder", f"data.root={folder}", "run_dir=run"]) == 0
    assert "records     8" in capsys.readouterr().out


def test_a_missing_folder_is_named(complaint, tmp_path):
    line = complaint("prepare", f"data.root={tmp_path / 'nowhere'}")
    assert f"{tmp_path / 'nowhere'}" in line
    assert "give the folder" in line


def test_a_folder_without_records_is_named(complaint, tmp_path):
    (tmp_path / "empty").mkdir()
    line = complaint("prepare", f"data.root={tmp_path / 'empty'}")
    assert f"{tmp_path / 'empty'} holds no WFDB record" in line


def test_a_missing_record_is_named(complaint, folder):
    (folder / "s003.hea").unlink()
    line = complaint("prepare")
    assert str(folder) in line
    assert "s003.hea" in line
    assert "get the missing files" in line


def test_a_record_that_was_never_there_is_named_with_the_nearest(complaint):
    assert "'s01'" in (line := complaint("prepare", "data.records=[s01]"))
    assert "did you mean 's0" in line


def test_a_header_without_signal_is_named(complaint, folder):
    (folder / "s003.dat").unlink()
    line = complaint("prepare")
    assert "s003.dat" in line
    assert "fetch" in line


def test_a_truncated_signal_is_named(complaint, folder):
    os.truncate(folder / "s003.dat", 5000)
    line = complaint("prepare")
    assert "s003.dat" in line
    assert "5000" in line or "bytes" in line or "samples" in line
    assert "fetch" in line


def test_an_unreadable_header_is_named(complaint, folder):
    (folder / "s003.hea").write_text("s003 two 360\n")
    line = complaint("prepare")
    assert "s003.hea" in line
    assert "fetch" in line


def test_an_unknown_lead_is_named_with_those_that_are_there(complaint):
    line = complaint("prepare", "preprocessing.leads=[MLI]")
    assert "'MLI'" in line
    assert "did you mean MLII?" in line


def test_a_filter_that_does_not_fit_can_be_changed_in_training(complaint):
    assert "lowpass_hz=170.0 must lie" not in (line := complaint("prepare", "preprocessing.highpass_hz=200"))
    assert "set it to null" in line


def test_too_many_leads_are_refused(complaint):
    assert "2 lead" in complaint("prepare", "preprocessing.n_leads=3")


def test_stretches_of_missing_samples_are_counted_and_filled(folder, tmp_path, capsys):
    content = bytearray((folder / "s003.dat").read_bytes())
    for frame in (*range(1000, 1100), *range(4000, 4050)):
        content[3 * frame : 3 * frame + 3] = b"\x00\x88\x00"  # -2048 twice: format 212's missing sample
    (folder / "s003.dat").write_bytes(content)
    words = ["data=folder", f"data.root={folder}", "data.cache=cache", "data.workers=0", "run_dir=run"]
    assert main(["prepare", *words]) == 0
    (record,) = prepare_records(
        [RecordSource("s003", folder / "s003", "s003", ("atr",))],
        PreprocessingConfig(),
        cache=tmp_path / "other",
        workers=0,
        progress=lambda items, total: items,
    )
    assert record.missing == (150, 150)
    assert np.isfinite(record.signal).all()


def test_a_record_without_annotations_is_named(complaint, folder):
    (folder / "s003.atr").unlink()
    line = complaint("prepare")
    assert "s003.atr" in line
    assert "missing" in line


def test_test_records_without_a_beat_are_refused_before_the_training(complaint, folder):
    no_beats = Annotations(
        sample=np.array([100]),
        symbol=np.array(["+"]),
        subtype=np.zeros(1, np.int64),
        aux_note=np.array(["(N"]),
        fs_hz=360.0,
    )
    for name in SPLIT["test"]:
        write_annotations(folder / name, "atr", no_beats)
    line = complaint("train", "task=beats")  # its run folder would be there if training had begun
    assert "s005, s006" in line
    assert "evaluate_test=false" in line


def test_another_annotator_that_is_not_there_is_named(complaint):
    assert "'ann'" in complaint("prepare", "data.annotator=ann")


def test_an_annotation_beyond_the_end_is_named(complaint, folder):
    beyond = Annotations(
        sample=np.array([100, 50_000]),
        symbol=np.array(["N", "N"]),
        subtype=np.zeros(2, np.int64),
        aux_note=np.array(["", ""]),
        fs_hz=360.0,
    )
    write_annotations(folder / "s003", "atr", beyond)
    line = complaint("prepare")
    assert "s003.atr" in line
    assert "50000" in line
    assert "21600" in line


def test_a_class_that_no_training_patient_has_is_named(complaint):
    line = complaint("train", "task.macro_f1_classes=[N,Q]")
    assert "class Q" in line
    assert "task.macro_f1_classes" in line


def test_a_class_that_is_in_no_scheme_is_named(complaint):
    line = complaint("train", "task.macro_f1_classes=[N,X]")
    assert "X" in line
    assert "N, S, V, F, Q" in line


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({**SPLIT, "test": []}, "test must be a list of records"),
        ({**SPLIT, "train": ["s001"]}, "at least 2, one of them for validation"),
        ({**SPLIT, "test": ["s001"]}, "s001"),
        ({**SPLIT, "test": ["s099"]}, "s099"),
    ],
    ids=["empty subset", "one patient", "twice", "unknown"],
)
def test_a_split_that_cannot_be_is_named(content, wanted, complaint, folder):
    (folder / "split.yaml").write_text(yaml.safe_dump(content))
    line = complaint("train")
    assert wanted in line
    assert "split" in line


def test_a_patient_in_two_subsets_is_named(complaint, folder):
    shared = {"s001": "one man", "s005": "one man"}
    (folder / "split.yaml").write_text(yaml.safe_dump({**SPLIT, "patients": shared}))
    line = complaint("train")
    assert "one man" in line
    assert "s001" in line
    assert "s005" in line


def test_a_split_file_that_is_missing_is_named(complaint, tmp_path):
    assert str(tmp_path / "none.yaml") in complaint("train", f"data.split={tmp_path / 'none.yaml'}")


@pytest.mark.parametrize(
    ("command", "words", "content"),
    [
        ("inspect", [], None),
        ("inspect", [], b""),
        ("evaluate", [], b"some text\n"),
        ("predict", ["record=ward/s001"], b"some text\n"),
    ],
    ids=["missing", "empty", "text", "text to predict with"],
)
def test_a_checkpoint_that_is_none_is_named(content, command, words, folder, tmp_path, capsys):
    if content is not None:
        (tmp_path / "some.ckpt").write_bytes(content)
    status = main([command, "checkpoint=some.ckpt", *words, "run_dir=run"])
    line = _the_line(status, capsys.readouterr().err, tmp_path / "run")
    assert "some.ckpt" in line
    assert "best.ckpt" in line


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ("ward/s01", "did you mean s0"),
        ("nowhere/s001", "nowhere does not exist"),
    ],
)
def test_a_record_to_predict_that_is_missing_is_named(record, wanted, trained, folder, tmp_path, capsys):
    checkpoint = trained / "checkpoints" / "best.ckpt"
    status = main(["predict", f"checkpoint={checkpoint}", f"record={record}", "run_dir=run"])
    line = _the_line(status, capsys.readouterr().err, tmp_path / "run")
    assert record in line
    assert wanted in line


def test_a_record_to_predict_with_too_few_leads_is_named(trained, folder, tmp_path, capsys):
    header = (folder / "s001.hea").read_text().splitlines()
    header[0] = header[0].replace("s001 2", "s001 1")
    (folder / "s001.hea").write_text("\n".join(header[:2]) + "\n")
    checkpoint = trained / "checkpoints" / "best.ckpt"
    status = main(["predict", f"checkpoint={checkpoint}", "record=ward/s001", "run_dir=run"])
    line = _the_line(status, capsys.readouterr().err, tmp_path / "run")
    assert "ward/s001" in line
    assert "1 lead" in line


def test_of_a_folder_to_predict_a_damaged_record_costs_no_other(trained, folder, tmp_path, capsys):
    (folder / "s003.dat").write_bytes(b"short")
    header = (folder / "s001.hea").read_text()
    (folder / "s001.hea").write_text(header.replace(" 360 ", " 75 "))  # a low-pass of 40 Hz does not fit
    checkpoint = trained / "checkpoints" / "best.ckpt"
    status = main(["predict", f"checkpoint={checkpoint}", "record=ward", f"run_dir={tmp_path / 'run'}"])
    captured = capsys.readouterr()
    assert status == 2
    names = sorted(path.stem for path in folder.glob("*.hea"))
    written = sorted(path.stem for path in (tmp_path / "run").glob("*.ecg"))
    assert "s003" in names
    assert written == [name for name in names if name not in {"s001", "s003"}]
    assert f"2 of {len(names)} records could not be annotated (s001, s003)" in captured.err
    assert "s001 at 75 Hz does not fit preprocessing: lowpass_hz=40" in captured.out
    assert "the checkpoint fixes the preprocessing: give a recording of a higher" in captured.out
    assert "set it to null" not in captured.out  # predict has no such option
    assert "s003.dat" in captured.out
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError()], ids=["disk", "memory"])
def test_a_record_the_system_refuses_costs_no_other(error, trained, folder, tmp_path, monkeypatch, capsys):
    from ecgrnn.commands import predict

    def refused(path, **options):
        if path.name == "s003":
            raise error
        return read(path, **options)

    monkeypatch.setattr(predict, "read", refused)
    words = [f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}", "record=[ward/s003,ward/s004]"]
    assert main(["predict", *words, "workers=1", f"run_dir={tmp_path / 'run'}"]) == 2
    assert [path.stem for path in (tmp_path / "run").rglob("*.ecg")] == ["s004"]
    assert "not annotated  " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("symbols", "notes", "wanted"),
    [
        ("++", ["(N", "(AFIB"], "2 annotations: 2 '+' (rhythm changes)"),
        ("~~|", [""] * 3, "3 annotations: 2 '~' (signal quality), 1 '|' (artefacts)"),
        ("", [], "no annotation"),
    ],
    ids=["rhythms", "noise", "empty"],
)
def test_an_annotator_without_beats_is_told_by_what_it_holds(
    symbols, notes, wanted, trained, folder, tmp_path, capsys
):
    held = Annotations(
        sample=np.arange(100, 100 * len(symbols) + 1, 100),
        symbol=np.array(list(symbols), "<U1"),
        subtype=np.zeros(len(symbols), np.int64),
        aux_note=np.array(notes, "<U8"),
        fs_hz=360.0,
    )
    write_annotations(folder / "s001", "own", held)
    words = [f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}", "record=ward/s001", "annotator=own"]
    status = main(["predict", *words, "run_dir=run"])
    line = _the_line(status, capsys.readouterr().err, tmp_path / "run")
    assert "s001.own holds no beat" in line
    assert wanted in line
    assert "look at the signal" not in line


@pytest.mark.parametrize("extension", ["csv", "hea", "dat"])
def test_annotations_take_the_place_of_no_other_file(extension, capsys):
    words = ["predict", "checkpoint=some.ckpt", "record=some", f"extension={extension}"]
    assert main(words) == 2
    assert f"extension={extension} belongs to other files" in capsys.readouterr().err


def test_a_folder_without_a_record_is_not_predicted(trained, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    checkpoint = trained / "checkpoints" / "best.ckpt"
    words = [f"checkpoint={checkpoint}", f"record={tmp_path / 'empty'}", f"run_dir={tmp_path / 'run'}"]
    status = main(["predict", *words])
    assert "has no recording that can be read" in _the_line(status, capsys.readouterr().err, tmp_path / "run")


def test_a_run_folder_that_cannot_be_written_is_named(folder, capsys):
    status = main(["prepare", "data=folder", f"data.root={folder}", "run_dir=/dev/null/run"])
    assert "/dev/null" in _the_line(status, capsys.readouterr().err, Path("/dev/null/run"))


def test_a_cache_that_cannot_be_written_is_named(complaint):
    line = complaint("prepare", "data.cache=/dev/null/cache")
    assert "/dev/null/cache" in line
    assert "data.cache" in line
