"""Databases that nobody was trained on: who is in their records, and what their publications count."""

from collections import Counter
from pathlib import Path

import pytest
import wfdb

from ecgrnn.data.databases import DATABASES, open_database
from ecgrnn.errors import DataError

BEATS = set("NLRBAaJSVrFejnE/fQ?")
"""Symbols of beats in WFDB."""


def write_header(folder: Path, name: str, *comments: str) -> None:
    lines = [
        f"{name} 1 250 100",
        f"{name}.dat 16 200 16 0 0 0 0 V5",
        *(f"#{comment}" for comment in comments),
    ]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def test_patients_of_incartdb_are_numbered_in_the_headers(tmp_path: Path) -> None:
    for name, patient in (("I01", 1), ("I02", 1), ("I03", 2)):
        write_header(tmp_path, name, "<age>: 65 <sex>: F", f" patient {patient}", " PVCs, noise")
    database = open_database("incartdb", tmp_path)
    assert [database.patient_of(record) for record in database.records] == [
        "patient 1",
        "patient 1",
        "patient 2",
    ]


def test_a_header_of_incartdb_without_a_patient_is_refused(tmp_path: Path) -> None:
    write_header(tmp_path, "I01", " PVCs, noise")
    with pytest.raises(DataError, match=r"I01\.hea: expected a comment '# patient N'"):
        open_database("incartdb", tmp_path)


def test_records_of_edb_whose_headers_say_the_same_are_of_one_patient(tmp_path: Path) -> None:
    write_header(tmp_path, "e0123", "Age: 51  Sex: M", "Mixed angina", "Recorder type: ICR 7200")
    write_header(tmp_path, "e0126", "Mixed angina", "Age: 51 Sex: M", "Recorder type: ICR 7200")
    write_header(tmp_path, "e0206", "Age: 55  Sex: M", "3-vessel disease")
    write_header(tmp_path, "e0210", "Age: 53  Sex: M", "3-vessel disease")
    write_header(tmp_path, "e0303", "Age: 55  Sex: F", "3-vessel disease")
    write_header(tmp_path, "e0418")
    database = open_database("edb", tmp_path)
    who = {record: database.patient_of(record) for record in database.records}
    assert who["e0123"] == who["e0126"]
    assert who["e0206"] == who["e0210"]
    assert len(set(who.values())) == 4
    assert who["e0418"] == "e0418"


def test_excerpts_know_what_they_are_taken_from() -> None:
    qtdb, nstdb = DATABASES["qtdb"], DATABASES["nstdb"]
    origins = Counter(database for database, _ in qtdb.excerpt_of.values())
    assert origins == {"mitdb": 15, "svdb": 13, "edb": 33}  # Table 1 of the publication
    assert qtdb.excerpt_of["sel100"] == ("mitdb", "100")
    assert qtdb.excerpt_of["sele0704"] == ("edb", "e0704")
    assert {nstdb.excerpt_of[f"118e{db}"] for db in ("24", "_6")} == {("mitdb", "118")}
    for database in (qtdb, nstdb):
        for origin, record in database.excerpt_of.values():
            assert record in DATABASES[origin].records or origin == "edb"


def test_noise_without_beats_and_records_without_a_signal_are_in_no_split() -> None:
    assert set(DATABASES["nstdb"].exclusions) == {"bw", "em", "ma"}
    assert len(DATABASES["nstdb"].included) == 12
    assert set(DATABASES["afdb"].exclusions) == {"00735", "03665"}


@pytest.mark.parametrize("name", ["svdb", "incartdb", "edb", "qtdb", "nstdb", "afdb", "ltafdb"])
def test_strangers_are_scored_as_a_whole(name: str) -> None:
    assert DATABASES[name].scored_split == "all"


def beats_of(folder: Path, annotator: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for path in sorted(folder.glob(f"*.{annotator}")):
        counted.update(wfdb.rdann(str(path.with_suffix("")), annotator).symbol)
    return Counter({symbol: count for symbol, count in counted.items() if symbol in BEATS})


def test_the_real_incartdb_has_32_patients_and_its_beats(real_database) -> None:
    folder = real_database("incartdb")
    database = open_database("incartdb", folder)
    assert len(database.records) == 75
    assert len({database.patient_of(record) for record in database.records}) == 32
    beats = beats_of(folder, "atr")
    assert beats.total() == 175_907
    assert (beats["N"], beats["V"]) == (150_410, 20_013)


def test_the_real_edb_has_79_patients_and_its_beats(real_database) -> None:
    folder = real_database("edb")
    database = open_database("edb", folder)
    assert len(database.records) == 90
    assert len({database.patient_of(record) for record in database.records}) == 79
    assert beats_of(folder, "atr").total() == 790_565


def test_the_real_qtdb_has_beats_in_82_records(real_database) -> None:
    folder = real_database("qtdb")
    assert len(open_database("qtdb", folder).records) == 105
    assert len(list(folder.glob("*.atr"))) == 82


def test_the_real_afdb_has_beats_without_classes(real_database) -> None:
    folder = real_database("afdb")
    assert len(open_database("afdb", folder).included) == 23
    assert beats_of(folder, "qrs") == {"N": 1_221_559}


def test_the_real_ltafdb_tells_no_fusion_beats_apart(real_database) -> None:
    folder = real_database("ltafdb")
    assert len(open_database("ltafdb", folder).records) == 84
    beats = beats_of(folder, "atr")
    assert set(beats) == set("NAVQ")
    assert beats.total() > 9_000_000
