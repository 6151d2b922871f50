from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgrnn.data.collection import find_records
from ecgrnn.data.databases import DATABASES, find_database, open_database
from ecgrnn.data.databases.database import PublishedSplit
from ecgrnn.data.databases.record_names import headers_in
from ecgrnn.data.splits.build import build_split, check_split_name
from ecgrnn.data.splits.scored_records import scored_split
from ecgrnn.errors import ConfigError, DataError, SplitError
from ecgrnn.options.data import DataConfig


def write_record(folder: Path, name: str, *, fs: int = 250, leads: tuple[str, ...] = ("II",)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    signal = np.arange(100 * len(leads)).reshape(100, len(leads))
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        d_signal=signal,
        fmt=["16"] * len(leads),
        adc_gain=[200.0] * len(leads),
        baseline=[0] * len(leads),
        write_dir=str(folder),
    )


def write_ptbxl(folder: Path, rows: list[str]) -> None:
    for row in rows:
        path = folder / f"{row.split(',')[-1]}.hea"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "ptbxl_database.csv").write_text("patient_id,strat_fold,filename_lr\n" + "\n".join(rows))


def test_mitdb_has_48_records_of_47_patients_and_leaves_out_the_paced_ones() -> None:
    mitdb = DATABASES["mitdb"]
    assert len(mitdb.records) == mitdb.n_records == 48
    assert len({mitdb.patient_of(record) for record in mitdb.records}) == 47
    assert mitdb.patient_of("201") == mitdb.patient_of("202")
    assert set(mitdb.records) - set(mitdb.included) == {"102", "104", "107", "217"}
    assert all("paced" in reason for reason in mitdb.exclusions.values())


def test_every_entry_says_what_a_user_must_know() -> None:
    for name, database in DATABASES.items():
        assert database.name == name
        if name == "folder":
            continue  # what is in it is known to its owner
        assert database.licence
        assert database.citation
        assert database.n_records > 0
        assert database.leads
        assert len(database.records) in (0, database.n_records)


def test_an_unknown_database_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mitdb'"):
        find_database("mitbd")


def test_any_folder_of_records_is_a_database(tmp_path: Path) -> None:
    write_record(tmp_path / "ward", "b")
    write_record(tmp_path, "c", leads=("V5", "II"))
    write_record(tmp_path / ".hidden", "d")
    database = open_database("folder", tmp_path, annotator="qrs", patients={"c": "somebody"})
    assert database.records == ("c", "ward/b")
    assert database.annotators == ("qrs",)
    assert (database.fs_hz, database.leads) == (250.0, ("V5", "II"))
    assert [database.patient_of(record) for record in database.records] == ["somebody", "ward/b"]


def test_a_folder_may_have_an_annotation_file_for_each_lead(tmp_path: Path) -> None:
    write_record(tmp_path, "c", leads=("V5", "II"))
    assert open_database("folder", tmp_path, annotator="lead").annotators == ("v5", "ii")


def test_a_records_file_says_which_records_and_in_which_order(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_record(tmp_path / "ward", name)
    (tmp_path / "RECORDS").write_text("ward/\n")
    (tmp_path / "ward" / "RECORDS").write_text("c\n\na\n")
    assert open_database("folder", tmp_path).records == ("ward/c", "ward/a")


def test_a_records_file_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "RECORDS").write_text("../../secret\n")
    with pytest.raises(DataError, match="is not the name of a record"):
        open_database("folder", tmp_path)


def test_a_listed_record_without_header_is_an_error(tmp_path: Path) -> None:
    write_record(tmp_path, "a")
    (tmp_path / "RECORDS").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"1 of 2 records have no header \(b\); expected b.hea"):
        open_database("folder", tmp_path)


def test_an_empty_and_a_missing_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no WFDB record"):
        open_database("folder", tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        open_database("folder", tmp_path / "nowhere")


def test_a_damaged_header_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_text("this is not a header\n")
    with pytest.raises(DataError, match=r"a\.hea is not a WFDB header"):
        open_database("folder", tmp_path)


def test_records_limit_a_database(tmp_path: Path) -> None:
    for name in ("100", "101"):
        write_record(tmp_path, name)
    assert open_database("mitdb", tmp_path, records=["101", "100", "101"]).records == ("101", "100")
    with pytest.raises(DataError, match="46 of 48 records have no header"):
        open_database("mitdb", tmp_path)
    with pytest.raises(DataError, match="mitdb has no record '1000'; did you mean '100'"):
        open_database("mitdb", tmp_path, records=["1000"])


def test_the_simulated_database_has_as_many_records_as_its_folder(tmp_path: Path) -> None:
    for name in ("s001", "s002", "s041"):
        write_record(tmp_path, name)
    assert open_database("synthetic", tmp_path).records == ("s001", "s002", "s041")


@pytest.mark.parametrize("layout", ["", "training/A00/"])
def test_cinc2017_is_read_from_the_flat_and_the_published_layout(tmp_path: Path, layout: str) -> None:
    write_record(tmp_path / layout, "A00001")
    write_record(tmp_path / layout, "A00002")
    (tmp_path / "REFERENCE-v3.csv").write_text("A00002,N\nA00001,~\n")
    if layout:
        write_record(tmp_path / "validation", "A00001")
    assert open_database("cinc2017", tmp_path).records == (f"{layout}A00002", f"{layout}A00001")


def test_cinc2017_without_a_listed_record_is_an_error(tmp_path: Path) -> None:
    write_record(tmp_path, "A00001")
    (tmp_path / "REFERENCE-v3.csv").write_text("A00001,N\nA00002,N\n")
    with pytest.raises(DataError, match="1 have no header here, first A00002"):
        open_database("cinc2017", tmp_path)


def test_ptbxl_takes_patients_and_folds_from_its_table(tmp_path: Path) -> None:
    write_ptbxl(tmp_path, ["15709.0,3,records100/00000/00001_lr", "15709.0,3,records100/00000/00002_lr"])
    database = open_database("ptbxl", tmp_path)
    assert database.records == ("records100/00000/00001_lr", "records100/00000/00002_lr")
    assert {database.patient_of(record) for record in database.records} == {"15709"}
    assert set(database.folds.values()) == {3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("patient_id,strat_fold\n1,2\n", "row 1: no patient_id, strat_fold or filename_lr"),
        ("patient_id,strat_fold,filename_lr\n,2,a\n", "row 1"),
        ("patient_id,strat_fold,filename_lr\n1,2,../a\n", "is not the name of a record"),
        ("patient_id,strat_fold,filename_lr\n", "lists no record"),
        ("patient_id,strat_fold,filename_lr\ninf,2,a\n", "row 1"),
        ("patient_id,strat_fold,filename_lr\n1,2\n", "row 1"),
        (f"patient_id,strat_fold,filename_lr\n1,2,{'a' * 140_000}\n", "field larger than field limit"),
    ],
    ids=range(7),
)
def test_a_damaged_ptbxl_table_is_an_error_that_names_it(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "ptbxl_database.csv").write_text(content)
    with pytest.raises(DataError, match=rf"ptbxl_database\.csv.*{message}"):
        open_database("ptbxl", tmp_path)


@pytest.mark.parametrize("codes", ["(" * 5000, "{'NORM': inf" + "}" * 900, "[1]", "9" * 5000, ""])
def test_damaged_statements_of_ptbxl_are_an_error_that_names_the_row(tmp_path: Path, codes: str) -> None:
    (tmp_path / "scp_statements.csv").write_text(",diagnostic_class\nNORM,NORM\n")
    (tmp_path / "ptbxl_database.csv").write_text(f'filename_lr,scp_codes\na,"{codes}"\n')
    with pytest.raises(DataError, match=r"ptbxl_database\.csv, row 1: no scp_codes"):
        DATABASES["ptbxl"].strip_labels(tmp_path)


def test_a_field_of_140_kb_in_the_table_of_cinc2017_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "REFERENCE-v3.csv").write_text(f"A00001,{'N' * 140_000}\n")
    with pytest.raises(DataError, match=r"REFERENCE-v3\.csv is damaged: field larger"):
        open_database("cinc2017", tmp_path)


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*ptbxl_database\.csv"):
        open_database("ptbxl", tmp_path)


def test_a_new_line_of_the_table_is_all_that_finding_and_splitting_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c", "d"):
        write_record(tmp_path, name)
    halves = PublishedSplit(("a", "b"), ("c", "d"), overlaps={("a", "c"): "a and c are one patient"})
    mine = replace(
        DATABASES["mitdb"],
        name="mine",
        marker="a.hea",
        records=("a", "b", "c", "d"),
        patients={"c": "a"},
        exclusions={"d": "too short"},
        splits={"halves": halves},
    )
    monkeypatch.setitem(DATABASES, "mine", mine)
    folder, database = find_records(DataConfig(database="mine", root=str(tmp_path)))
    assert (folder, database.included) == (tmp_path, ("a", "b", "c"))
    check_split_name("halves")
    counts = {record: np.array([9, 1]) for record in database.records}
    split = build_split("halves", database=database, counts=counts)
    assert (split.test, split.accepted_overlaps) == (("c",), (("a", "c"),))
    assert split.notes == ("a and c are one patient",)
    assert scored_split("halves", database=database, records=None, folds=5, fold=0).test == ("c",)
    with pytest.raises(
        SplitError, match="divides the records of mine, and the database is mitdb; take data=mine"
    ):
        build_split("halves", database=DATABASES["mitdb"], counts=counts)


def test_svdb_is_listed_as_published_and_a_copy_with_a_part_is_what_its_records_file_says(
    tmp_path: Path,
) -> None:
    published = DATABASES["svdb"].records
    assert len(published) == 78
    assert (published[0], published[-1]) == ("800", "894")
    assert not {"813", "819", "830", "839"} & set(published)
    for name in ("800", "802", "804"):
        write_record(tmp_path, name, fs=128, leads=("ECG1", "ECG2"))
    (tmp_path / "RECORDS").write_text("800\n802\n")
    assert open_database("svdb", tmp_path).records == ("800", "802")


def test_the_real_svdb_has_the_published_records_and_beats(real_database) -> None:
    folder = real_database("svdb")
    database = open_database("svdb", folder)
    assert set(database.records) <= set(DATABASES["svdb"].records)
    if len(database.records) != 39:
        pytest.skip("the beats were counted in every second record")
    beats: Counter[str] = Counter()
    for record in database.records:
        header = wfdb.rdheader(str(folder / record))
        assert (header.fs, header.sig_len, tuple(header.sig_name)) == (128, 230_400, database.leads)
        beats.update(wfdb.rdann(str(folder / record), "atr").symbol)
    assert {s: beats[s] for s in "NSaVFQ"} == {"N": 79_371, "S": 7_421, "a": 1, "V": 4_707, "F": 21, "Q": 54}
    assert set(beats) == set("NSaVFQ|~")


@pytest.mark.parametrize(("name", "n"), [("mitdb", 48), ("ludb", 200), ("cinc2017", 8528)])
def test_the_table_agrees_with_the_real_folder(real_database, name: str, n: int) -> None:
    folder = real_database(name)
    database = open_database(name, folder)
    listed = (folder / "RECORDS").read_text().split()
    assert len(database.records) == n
    assert set(database.records) == set(listed) == set(headers_in(folder))


def test_the_real_ptbxl_keeps_the_published_folds_by_patient(real_database) -> None:
    database = open_database("ptbxl", real_database("ptbxl"))
    fold_of: dict[str, set[int]] = {}
    for record in database.records:
        fold_of.setdefault(database.patient_of(record), set()).add(database.folds[record])
    assert all(len(folds) == 1 for folds in fold_of.values())
    assert len(fold_of) < len(database.records)
