"""What commands say and keep beside their figures; each sentence was a mutant that no other test noticed."""

import json
import re
import shutil

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.writer import write_digital


@pytest.fixture
def checkpoint(trained):
    return f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"


def test_score_names_its_scheme_first_and_every_file_it_wrote(small_database, tmp_path, capsys):
    same = [f"reference={small_database}", f"test={small_database}", "test_annotator=atr", "start_s=0"]
    assert main(["score", *same, "records=[s001]", f"run_dir={tmp_path / 'run'}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("scheme      bxb (escape beats e, j, n count as S)")
    written = re.findall(r"^written     (.*)$", said, re.MULTILINE)
    assert sorted(written) == sorted(
        str(path) for path in (tmp_path / "run").iterdir() if path.name != "config.yaml"
    )


def test_prepare_says_how_much_there_is_and_who_is_left_out(tmp_path, capsys):
    root = tmp_path / "mitdb"
    root.mkdir()
    noise = np.random.default_rng(0).integers(-500, 500, (360 * 6, 2)).astype(np.int16)
    beat = Annotations(
        sample=np.array([100]),
        symbol=np.array(["N"]),
        subtype=np.zeros(1, np.int64),
        aux_note=np.array([""]),
        fs_hz=360.0,
    )
    numbers = [*range(100, 125), *range(200, 235)]
    missing = {110, 120, 204, 206, 211, 216, 218, 224, 225, 226, 227, 229}
    for number in numbers:
        if number not in missing:
            name = root / str(number)
            write_digital(name, noise, fmt="16", fs_hz=360.0, leads=("MLII", "V1"), gain_per_mv=1000.0)
            write_annotations(name, "atr", beat)
    places = [f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}", f"run_dir={tmp_path / 'run'}"]
    assert main(["prepare", "data=mitdb", *places]) == 0
    said = capsys.readouterr().out
    assert "records     44, 0.1 h, prepared in " in said  # 44 times 6 s
    for record in ("102", "104", "107", "217"):
        assert f"left out    {record}: paced; left out as AAMI EC57 recommends" in said
    assert f"signals     {root}" in said


def test_predict_keeps_the_folders_of_records_and_the_extension_asked_for(
    checkpoint, small_database, tmp_path, capsys
):
    for ward in ("a", "b"):
        (tmp_path / "all" / ward).mkdir(parents=True)
        for suffix in (".hea", ".dat"):
            shutil.copy(small_database / f"s001{suffix}", tmp_path / "all" / ward)
    words = [f"record={tmp_path / 'all'}", "extension=mine", "batch_size=7", f"run_dir={tmp_path / 'run'}"]
    assert main(["predict", checkpoint, *words]) == 0
    written = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("s001*")}
    assert written == {"a/s001.mine", "a/s001.csv", "b/s001.mine", "b/s001.csv"}
    said = capsys.readouterr().out
    assert "record         a/s001" in said
    assert said.count("leads          MLII, V1") == 2


def test_evaluate_says_what_was_proved_and_shows_the_course_of_the_training(checkpoint, tmp_path, capsys):
    assert main(["evaluate", checkpoint, "resamples=200", f"run_dir={tmp_path / 'run'}"]) == 0
    said = capsys.readouterr().out
    proof = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert [f"proved      {check['name']}: {check['detail']}" in said for check in proof["checks"]] == [
        True
    ] * 5
    assert "Learning curves" in (tmp_path / "run" / "report.html").read_text()


def test_train_counts_its_items_and_keeps_its_seed(command_line, small_training, tmp_path, capsys):
    words = ["seed=7", "evaluate_test=false", f"run_dir={tmp_path / 'run'}"]
    assert command_line(*small_training, *words) == 0
    said = capsys.readouterr().out
    facts = load_model(tmp_path / "run" / "checkpoints" / "best.ckpt").trained
    assert facts.seed == 7
    for subset in ("train", "validation", "test"):
        counts = "  ".join(f"{name} {count:,}" for name, count in facts.counts[subset].items())
        assert f"{subset:<11} {len(facts.split.subsets[subset]):>4} records  {counts}" in said
    assert "test        skipped (evaluate_test=false)" in said


def test_evaluate_asks_for_as_many_processes_as_were_asked_for(checkpoint, tmp_path, monkeypatch):
    asked = []

    def together(keys):
        asked.append((keys["devices"], keys["strategy"]))
        raise KeyboardInterrupt

    monkeypatch.setattr("ecgrnn.commands.evaluate.together", together)
    assert main(["evaluate", checkpoint, "processes=3", f"run_dir={tmp_path / 'run'}"]) == 130
    assert asked == [(3, "ddp")]
