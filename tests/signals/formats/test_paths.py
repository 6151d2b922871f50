import os
import sys
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.errors import DataError
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.paths import recordings_at

sys.path.insert(0, str(Path(__file__).parent))
import writers

SIGNAL = np.tile(np.sin(np.arange(500) / 20)[:, None], (4, 2))


def listed(folder, found):
    return [path.relative_to(folder).as_posix() for path in found]


def test_a_folder_lists_recordings_of_every_kind_and_nothing_else(tmp_path):
    inside = tmp_path / "b"
    inside.mkdir()
    writers.wfdb(tmp_path / "rec", SIGNAL, 250, ["I", "II"])
    writers.wfdb(inside / "seg1", SIGNAL, 250, ["I", "II"])
    writers.wfdb(inside / "seg2", SIGNAL, 250, ["I", "II"])
    (inside / "whole.hea").write_text("whole/2 2 250 4000\nseg1 2000\nseg2 2000\n")
    writers.edf(inside / "x.bin", SIGNAL, 250, ["I", "II"])
    writers.csv(tmp_path / "y.csv", SIGNAL, 250, ["I", "II"])
    for other in (
        "rec.atr",
        "rec.qrs",
        "notes.txt",
        "REFERENCE.csv",
        ".hidden.csv",
        "RECORDS",
        "empty.edf",
        "x.pdf",
    ):
        (tmp_path / other).write_bytes(
            {"RECORDS": b"100\n101\n102\n", ".hidden.csv": b"1,2\n3,4\n"}.get(other, b"")
        )
    (tmp_path / "notes.txt").write_text("what was done\n")
    (tmp_path / "REFERENCE.csv").write_text("A1,N\nA2,A\n")
    (tmp_path / "rec.csv").write_text("sample,time_s,class\n10,0.1,N\n")
    assert listed(tmp_path, recordings_at(tmp_path)) == ["b/whole", "b/x.bin", "empty.edf", "rec", "y.csv"]
    assert read(inside / "whole").n_samples == 4000


def test_a_pattern_and_a_single_path(tmp_path):
    for name in ("a1", "a2", "b1"):
        writers.wfdb(tmp_path / name, SIGNAL, 250, ["I", "II"])
    assert listed(tmp_path, recordings_at(f"{tmp_path}/a*")) == ["a1", "a2"]
    assert listed(tmp_path, recordings_at(f"{tmp_path}/*.hea")) == ["a1", "a2", "b1"]
    assert recordings_at(tmp_path / "a1") == [tmp_path / "a1"]
    assert recordings_at(tmp_path / "nothing") == [tmp_path / "nothing"]
    odd = tmp_path / "x[1].csv"
    writers.csv(odd, SIGNAL, 250, ["I", "II"])
    assert recordings_at(odd) == [odd]


def test_a_folder_or_pattern_without_recordings_is_said(tmp_path):
    (tmp_path / "x.txt").write_text("nothing\n")
    with pytest.raises(DataError, match="has no recording"):
        recordings_at(tmp_path)
    with pytest.raises(DataError, match="matches no recording"):
        recordings_at(f"{tmp_path}/*.edf")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_loop_of_links_ends(tmp_path):
    writers.wfdb(tmp_path / "a", SIGNAL, 250, ["I", "II"])
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert listed(tmp_path, recordings_at(tmp_path)) == ["a"]


def test_real_databases_are_listed_by_their_records(real_database):
    assert len(recordings_at(real_database("mitdb"))) == 48
    ludb = recordings_at(real_database("ludb"))
    assert len(ludb) == 200
    assert ludb[0].name == "1"
