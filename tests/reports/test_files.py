import json

import pytest

from ecgrnn.errors import DataError
from ecgrnn.reports.files import write_csv, write_json, write_text


def test_files_are_whole_and_nothing_is_left_beside_them(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": 0.1})
    write_csv(tmp_path / "c.csv", [{"k": 1, "v": float("nan")}, {"k": 2, "v": None}])
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": 0.1}
    assert (tmp_path / "c.csv").read_text() == "k,v\n1,\n2,\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b.json", "c.csv"]


def test_a_number_that_json_has_not_is_refused_and_the_old_file_stays(tmp_path):
    write_json(tmp_path / "b.json", {"x": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert json.loads((tmp_path / "b.json").read_text()) == {"x": 1}


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="run_dir"):
        write_text(tmp_path / "file" / "x.txt", "")
