from pathlib import Path

import pytest

from ecgrnn.data.databases.record_names import checked_name, records_below
from ecgrnn.errors import DataError


@pytest.mark.parametrize(
    "name", ["", "..", "../100", "a/../../b", "/etc/passwd", "a//b", "a\\b", "s3://b/c", "a\0b", "100 "]
)
def test_a_record_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"RECORDS: .* is not the name of a record"):
        checked_name(name, source="RECORDS")


@pytest.mark.parametrize("name", ["100", "data/1", "records100/00000/00001_lr", "p.1-a_b"])
def test_a_record_name_below_the_folder_is_kept(name: str) -> None:
    assert checked_name(name, source="RECORDS") == name


def test_segments_and_the_layout_of_a_record_are_no_records_of_their_own(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    texts = {
        "rec": "rec/3 1 360 80\nlayout 0\none 40\n~ 40\n",
        "layout": "layout 1 360 0\n~ 0 200/mV 0 0 0 0 0 II\n",
        "one": "one 1 360 40\none.dat 16 200/mV 16 0 0 0 0 II\n",
        "other": "other 1 360 40\none.dat 16 200/mV 16 0 0 0 0 II\n",
        "damaged": "damaged/x\n",
        "empty": "",
    }
    for name, text in texts.items():
        (inside / f"{name}.hea").write_text(text)
    assert records_below(tmp_path) == ("inside/damaged", "inside/empty", "inside/other", "inside/rec")


def test_a_bad_header_hides_no_record_that_it_names_as_its_segment(tmp_path: Path) -> None:
    (tmp_path / "good.hea").write_text("good 1 360 40\ngood.dat 16 200/mV 16 0 0 0 0 II\n")
    for number, text in enumerate(
        ["rec/2 1 360 80\ngood 40\n", "rec/1 1 360 80\ngood 40\n", "rec/1 1 500 40\ngood 40\n", "/1\ngood 40"]
    ):
        (tmp_path / "rec.hea").write_text(text)
        assert records_below(tmp_path) == ("good", "rec"), number
    (tmp_path / "rec.hea").write_text("rec/1 1 360 40\ngood 40\n")
    assert records_below(tmp_path) == ("rec",)
