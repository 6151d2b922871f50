import csv

import pytest

from ecgrnn.errors import DataError
from ecgrnn.reports.tables import write_table


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    rows = [["II, long", 3], ['a "b"', 4]]
    write_table(tmp_path / "a.csv", ["lead", "beats"], iter(rows))
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["lead", "beats"], ["II, long", "3"], ['a "b"', "4"]]
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()


def test_a_table_that_breaks_off_leaves_the_one_that_was_there(tmp_path):
    def rows():
        yield ["x"]
        raise RuntimeError("the record ends here")

    (tmp_path / "a.csv").write_text("before")
    with pytest.raises(RuntimeError, match="ends here"):
        write_table(tmp_path / "a.csv", ["lead"], rows())
    assert (tmp_path / "a.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_table_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere/a\.csv cannot be written .* name another run_dir"):
        write_table(tmp_path / "nowhere" / "a.csv", ["lead"], [])
