import json
import subprocess
import sys

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.signals.annotations import Annotations, write_annotations

FS_HZ = 100.0


@pytest.fixture
def folders(tmp_path):
    for name, record, annotator, symbols in (
        ("reference", "100", "atr", "NNVNNNAN"),
        ("reference", "101", "atr", "NNVN"),
        ("test", "100", "abc", "NNVNVNNN"),
    ):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if name == "reference":
            lead = f"{record}.dat 16 200 16 0 0 0 0 I"
            (folder / f"{record}.hea").write_text(f"{record} 1 {FS_HZ:g} 6000\n{lead}\n")
        sample = np.arange(1, len(symbols) + 1) * 80
        zeros = np.zeros(len(symbols), np.int64)
        notes = np.full(len(symbols), "")
        write_annotations(
            folder / record, annotator, Annotations(sample, np.array(list(symbols)), zeros, notes, FS_HZ)
        )
    return tmp_path


def words(folders, *more):
    return [
        "score",
        f"reference={folders / 'reference'}",
        f"test={folders / 'test'}",
        "test_annotator=abc",
        f"run_dir={folders / 'run'}",
        *more,
    ]


def test_records_with_digits_are_names_and_every_file_is_written(folders, capsys):
    assert main(words(folders, "records=[100]", "start_s=0")) == 0
    run = folders / "run"
    assert {"line.txt", "shutdown.txt", "matrix.txt", "sumstats.txt", "score.json", "config.yaml"} == {
        path.name for path in run.iterdir()
    }
    score = json.loads((run / "score.json").read_text())
    assert score["records"]["100"]["matrix"]["N"]["v"] == 1
    assert score["records"]["100"]["matrix"]["S"]["n"] == 1
    assert score["gross"]["veb_sensitivity"] == {"hits": 1, "total": 1, "percent": 100.0}
    assert (run / "sumstats.txt").read_text() in capsys.readouterr().out


def test_the_window_and_the_period_are_as_asked(folders):
    assert main(words(folders, "records=[100]", "start_s=2", "stop_s=4", "window_s=0.1")) == 0
    score = json.loads((folders / "run" / "score.json").read_text())
    assert (score["start_s"], score["stop_s"], score["window_s"]) == (2.0, 4.0, 0.1)
    assert score["gross"]["qrs_sensitivity"]["total"] == 2  # at 2.4 s and 3.2 s; the one at 4 s is outside


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (["records=[100]"], "record 100 lasts 60 s"),
        (["records=[101]", "start_s=0"], "abc"),
        (["records=[109]", "start_s=0"], "109"),
        (["records=[../100]", "start_s=0"], "is not the name of a record"),
        (["records=[]"], "records=[]"),
        (["start_s=5", "stop_s=4"], "stop_s=4"),
        (["test_annotator=''"], "test_annotator"),
        (["start_s=0", "test_annotator=none"], "no record has both"),
    ],
)
def test_what_cannot_be_scored_is_one_line_that_says_why(folders, capsys, more, part):
    assert main(words(folders, *more)) == 2
    said = capsys.readouterr().err
    assert part in said
    assert said.count("\n") == 1
    assert not (folders / "run").exists()


def test_scoring_does_not_import_torch():
    code = "import sys, ecgrnn.commands.score; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
