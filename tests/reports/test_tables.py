import csv

import pytest

from ecgrnn.errors import DataError
from ecgrnn.reports.files import write_csv
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


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", " =1"])
def test_a_text_that_a_spreadsheet_program_would_run_is_written_as_text(text, tmp_path):
    write_table(tmp_path / "a.csv", [text, "beats"], [[text, -3]])
    write_csv(tmp_path / "b.csv", [{text: text, "beats": -3.5}])
    for name, number in {"a.csv": "-3", "b.csv": "-3.5"}.items():
        with (tmp_path / name).open(newline="") as file:
            assert list(csv.reader(file)) == [[f"'{text}", "beats"], [f"'{text}", number]]


def test_names_and_numbers_stay_as_they_are(tmp_path):
    write_csv(tmp_path / "b.csv", [{"lead": "aVR", "x": "-0.5", "y": "~", "z": -1e-9}])
    assert (tmp_path / "b.csv").read_text() == "lead,x,y,z\naVR,-0.5,~,-1e-09\n"


def test_a_line_break_in_a_text_ends_no_row(tmp_path):
    write_table(tmp_path / "a.csv", ["lead"], [["a\r=1"], ["b\nc"]])
    assert (tmp_path / "a.csv").read_text() == "lead\na =1\nb c\n"
