import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.simulator.simulate import write_database

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "robustness"))
import left_behind

WHOLE = {
    "summary.json": '{"a": 1}\n',
    "rows.jsonl": '{"a": 1}\n{"a": 2}\n',
    "table.csv": "a,b\n1,2\n",
    "report.html": "<html><body></body></html>\n",
}


@pytest.fixture
def left(tmp_path):
    for name, text in WHOLE.items():
        (tmp_path / name).write_text(text)
    np.save(tmp_path / "signal.npy", np.arange(100))
    write_database(tmp_path / "records", n_patients=1, seed=0, duration_s=10.0)
    (tmp_path / ".hidden.json").write_text("{")
    return tmp_path


def test_whole_files_are_whole(left):
    assert left_behind.half_file(left) == ""
    assert [path.name for path in left_behind.hidden(left)] == [".hidden.json"]


@pytest.mark.parametrize("name", [*WHOLE, "signal.npy", "records/s001.dat", "records/s001.atr"])
def test_a_half_file_is_named(name, left):
    content = (left / name).read_bytes()
    (left / name).write_bytes(content[: len(content) // 2 + 1])
    assert Path(name).stem in left_behind.half_file(left)


def test_results_are_compared_without_seconds_and_paths(tmp_path):
    def left_by(folder, *, seconds, figure):
        (folder / "run").mkdir(parents=True)
        text = json.dumps({"fit_seconds": seconds, "f1": figure, "at": str(folder / "run")})
        (folder / "run" / "summary.json").write_text(text)
        (folder / "run" / "report.html").write_text(f"<p>{figure}, took {seconds} s</p>")
        return left_behind.run_of(folder)

    first = left_by(tmp_path / "a", seconds=1.25, figure=0.5)
    assert left_by(tmp_path / "b", seconds=77.0, figure=0.5) == first
    assert left_by(tmp_path / "c", seconds=1.25, figure=0.6) != first
