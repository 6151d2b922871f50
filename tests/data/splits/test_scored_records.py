"""Who an existing model is scored on, without anybody to train on."""

from dataclasses import replace

import pytest

from ecgrnn.data.databases import DATABASES, open_database
from ecgrnn.data.databases.database import Database
from ecgrnn.data.databases.mitdb import DS1, DS2
from ecgrnn.data.splits.build import build_split, check_split_name
from ecgrnn.data.splits.scored_records import scored_split
from ecgrnn.data.splits.split import Split
from ecgrnn.errors import DataError, SplitError

MITDB = DATABASES["mitdb"]
NAMES = tuple("abcdef")


def own(**changes: object) -> Database:
    given = {"name": "own", "records": NAMES, "patients": {"b": "anna"}, "exclusions": {}, "folds": {}}
    return replace(DATABASES["synthetic"], **(given | changes))


def test_published_divisions_give_their_test_side_and_nobody_to_train_on():
    for name in ("ds1ds2", "ds1ds2_strict"):
        split = scored_split(name, database=MITDB, records=None, folds=5, fold=0)
        assert (split.test, split.train, split.validation) == (DS2, (), ())
        assert split.patients["202"] == "201"
    folds = {name: 9 + place % 2 for place, name in enumerate(NAMES)}
    split = scored_split("published", database=own(folds=folds, test_fold=10), records=None, folds=5, fold=0)
    assert split.test == ("b", "d", "f")


def test_all_takes_every_record_that_is_not_excluded():
    split = scored_split("all", database=own(exclusions={"c": "paced"}), records=None, folds=5, fold=0)
    assert split.test == tuple("abdef")
    assert split.patients["b"] == "anna"


def test_the_kept_folds_of_cinc2017_are_the_test_sets_of_strips():
    records = tuple(f"A{number:05d}" for number in range(1, 41))
    database = replace(DATABASES["cinc2017"], records=records)
    subsets = [
        scored_split("strips", database=database, records=None, folds=5, fold=fold).test for fold in range(5)
    ]
    assert sorted(record for subset in subsets for record in subset) == sorted(records)
    assert scored_split("strips", database=database, records=None, folds=4, fold=0) is None


@pytest.mark.parametrize("name", ["holdout", "kfold", "strips"])
def test_a_drawn_split_needs_the_classes_of_the_records(name):
    assert scored_split(name, database=own(), records=None, folds=5, fold=0) is None


@pytest.mark.parametrize(
    ("name", "records", "wanted"),
    [
        ("ds1ds2", ["100", "101"], r"1 of 2 records that split ds1ds2 does not hold out \(101\).*\[100\]"),
        ("ds1ds2", list(DS1), "22 of 22 records"),
        ("published", None, "mitdb publishes no folds"),
        ("ds1ds3", None, "did you mean 'ds1ds2'"),
    ],
)
def test_what_cannot_be_scored_is_refused(name, records, wanted):
    database = MITDB if records is None else replace(MITDB, records=tuple(records))
    with pytest.raises(SplitError, match=wanted):
        scored_split(name, database=database, records=records, folds=5, fold=0)


def test_a_split_of_another_database_is_refused():
    with pytest.raises(SplitError, match="divides the records of mitdb"):
        scored_split("ds1ds2", database=own(), records=None, folds=5, fold=0)


def test_a_file_with_test_alone_has_its_patients(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("test: [a, c]\npatients: {a: otto}\n")
    split = scored_split(str(path), database=own(), records=None, folds=5, fold=0)
    assert (split.name, split.test, split.patients["a"], split.patients["b"]) == (
        *("mine", ("a", "c")),
        *("otto", "anna"),
    )
    path.write_text("test: [a, x]\n")
    with pytest.raises(SplitError, match="names 'x'"):
        scored_split(str(path), database=own(), records=None, folds=5, fold=0)


def test_nothing_can_be_trained_with_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("test: [a]\n")
    with pytest.raises(SplitError, match="the key train is missing"):
        check_split_name(str(path))
    with pytest.raises(SplitError, match="the key train is missing"):
        build_split(str(path), database=own(), counts={})
    with pytest.raises(SplitError, match="leaves no patient to train on"):
        check_split_name("all")
    with pytest.raises(SplitError, match="the training set has no record"):
        Split.from_manifest({"name": "a", "train": {}, "validation": {}, "test": {"a": "a"}})
    check_split_name("holdout")
    check_split_name(None)


def test_a_record_asked_for_that_the_database_leaves_out_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"record 102 of mitdb is paced.*take it out"):
        open_database("mitdb", tmp_path, records=["100", "102"])
