import itertools
import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import wfdb

from ecgrnn.data.databases import DATABASES, open_database
from ecgrnn.data.databases.database import Database
from ecgrnn.data.databases.mitdb import DS1, DS2
from ecgrnn.data.databases.patients import resolve_patients
from ecgrnn.data.splits.build import build_split, listed_patients
from ecgrnn.data.splits.split import SUBSETS, Split
from ecgrnn.data.splits.stratify import choose_validation, stratified_folds
from ecgrnn.errors import SplitError

MITDB = DATABASES["mitdb"]
MITDB_COUNTS = {record: np.array([2000, 10 + index, 80]) for index, record in enumerate(MITDB.records)}
AAMI = dict(zip("NLRejaAJSVEF/fQ", "NNNNNSSSSVVFQQQ", strict=True))


def random_database(seed: int) -> tuple[Database, dict[str, np.ndarray]]:
    """A database with one to three records per patient, and classes that few patients have."""
    rng = np.random.default_rng(seed)
    patients = int(rng.integers(8, 40))
    names = [(f"r{p}-{r}", f"p{p}") for p in range(patients) for r in range(rng.integers(1, 4))]
    counts = {
        record: rng.poisson([900, 20, 2]) * np.array([1, *rng.integers(0, 2, size=2)]) for record, _ in names
    }
    folds = {record: 1 + int(patient[1:]) % 10 for record, patient in names}
    records = tuple(sorted(counts, key=lambda _: rng.random()))
    database = replace(
        DATABASES["synthetic"],
        name="random",
        records=records,
        patients=dict(names),
        folds=folds,
        validation_fold=9,
        test_fold=10,
        exclusions={records[0]: "damaged"},
    )
    return database, counts


def patients_on(split: Split, subset: str) -> set[str]:
    return {split.patients[record] for record in split.subsets[subset]}


def split_of(**changes: object) -> Split:
    given: dict[str, object] = {
        "name": "mine",
        "train": ("a", "b"),
        "validation": ("c",),
        "test": ("d",),
        "patients": {"a": "1", "b": "1", "c": "2", "d": "3"},
    }
    return Split(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["holdout", "kfold", "strips", "published"])
def test_no_split_shares_a_patient_or_loses_a_record(name: str) -> None:
    for seed in range(25):
        database, counts = random_database(seed)
        if name == "published" and len({database.patient_of(r) for r in database.records}) < 12:
            continue
        split = build_split(name, database=database, counts=counts, seed=seed, fold=seed % 5)
        for one, other in itertools.combinations(SUBSETS, 2):
            assert not patients_on(split, one) & patients_on(split, other)
        named = [*split.train, *split.validation, *split.test]
        assert sorted(named) == sorted(database.included)


@pytest.mark.parametrize("name", ["holdout", "kfold", "ds1ds2"])
def test_the_same_seed_gives_the_same_split(name: str) -> None:
    first = build_split(name, database=MITDB, counts=MITDB_COUNTS, seed=7)
    assert build_split(name, database=MITDB, counts=MITDB_COUNTS, seed=7) == first


def test_folds_hold_out_every_patient_once() -> None:
    for name in ("kfold", "strips"):
        database, counts = random_database(3)
        tests = [
            build_split(name, database=database, counts=counts, folds=4, fold=fold).test for fold in range(4)
        ]
        assert sorted(record for test in tests for record in test) == sorted(database.included)


def test_the_folds_of_strips_do_not_depend_on_the_seed() -> None:
    database, counts = random_database(5)
    splits = [build_split("strips", database=database, counts=counts, seed=seed) for seed in (0, 1)]
    assert splits[0].test == splits[1].test
    assert splits[0].validation  # out of the other folds, and drawn by the seed
    assert not set(splits[0].validation) & set(splits[0].test)


def test_strips_spreads_one_label_per_record_to_within_one_record() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(4, size=403, p=[0.6, 0.1, 0.27, 0.03])
    records = tuple(f"A{index:05d}" for index in range(len(labels)))
    database = replace(DATABASES["cinc2017"], name="mine", records=records, fixed_folds=dict)
    counts = dict(zip(records, np.eye(4, dtype=np.int64)[labels], strict=True))
    tests = [
        sum(counts[r] for r in build_split("strips", database=database, counts=counts, fold=f).test)
        for f in range(5)
    ]
    assert (np.ptp(np.stack(tests), axis=0) <= 1).all()


def cinc2017(layout: str) -> tuple[Database, dict[str, np.ndarray]]:
    """All records of CinC 2017, flat or in the folders in which PhysioNet publishes them."""
    bare = list(DATABASES["cinc2017"].fixed_folds())
    records = tuple(bare if layout == "flat" else [f"training/{name[:3]}/{name}" for name in bare])
    labels = np.eye(4, dtype=np.int64)[np.random.default_rng(0).integers(0, 4, len(records))]
    return replace(DATABASES["cinc2017"], records=records), dict(zip(records, labels, strict=True))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("strips", {"fold": fold}) for fold in range(5)),
        *(("holdout", {"seed": seed}) for seed in (2, 4)),
        ("kfold", {"fold": 1}),
    ],
)
def test_cinc2017_is_split_alike_flat_and_in_folders_with_double_recordings_together(
    name: str, options: dict[str, int]
) -> None:
    splits = []
    for layout in ("flat", "folders"):
        database, counts = cinc2017(layout)
        splits.append(build_split(name, database=database, counts=counts, **options))
    flat, folders = splits
    for subset, records in folders.subsets.items():
        assert [PurePosixPath(record).name for record in records] == list(flat.subsets[subset])
    for first, second in (("A01176", "A00227"), ("A03123", "A02656")):
        one, other = (f"training/{record[:3]}/{record}" for record in (first, second))
        assert folders.patients[one] == folders.patients[other]
        assert sum(one in records and other in records for records in folders.subsets.values()) == 1


def test_a_record_that_the_kept_folds_do_not_know_is_refused() -> None:
    database, counts = cinc2017("flat")
    database = replace(database, records=(*database.records, "A09999"))
    with pytest.raises(SplitError, match="record A09999 is in none of the folds"):
        build_split("strips", database=database, counts=counts | {"A09999": np.eye(4, dtype=np.int64)[0]})


def test_what_the_catalogue_knows_and_a_split_file_are_put_together() -> None:
    found = ["training/A00/A00227", "training/A01/A01176", "training/A02/A02001"]
    catalogue = {"A01176": "A00227"}
    assert len(set(resolve_patients(found, catalogue, {}).values())) == 2
    assert resolve_patients(found, catalogue, {found[1]: "anna"}) == {
        found[0]: "anna",
        found[1]: "anna",
        found[2]: found[2],
    }
    # two recordings of one person under two patients' names: these are one patient, wherever they are named
    two_names = {found[0]: "anna", found[1]: "berta", found[2]: "berta"}
    assert set(resolve_patients(found, catalogue, two_names).values()) == {"anna"}
    # the file's patients may have the numbers of other records
    assert resolve_patients(["1", "2", "3"], {}, {"1": "3", "2": "1", "3": "2"}) == {
        "1": "3",
        "2": "1",
        "3": "2",
    }


def test_a_split_file_cannot_part_what_the_catalogue_knows_to_be_one_man(tmp_path: Path) -> None:
    text = "train: [201, 101]\nvalidation: [108]\ntest: [202]\npatients: {202: somebody}\n"
    with pytest.raises(SplitError, match="patient somebody is in two subsets"):
        build_split(str(write_split(tmp_path, text)), database=MITDB, counts={})


def test_ds1ds2_is_the_published_division_and_says_what_is_wrong_with_it() -> None:
    split = build_split("ds1ds2", database=MITDB, counts=MITDB_COUNTS)
    assert sorted(split.train + split.validation) == sorted(DS1)
    assert split.test == DS2
    assert len(DS1) == len(DS2) == 22
    assert set(DS1) | set(DS2) == set(MITDB.included)
    assert split.accepted_overlaps == (("201", "202"),)
    assert any("same man" in note and "2004" in note for note in split.notes)


def test_ds1ds2_strict_keeps_the_test_side_and_shares_nobody() -> None:
    split = build_split("ds1ds2_strict", database=MITDB, counts=MITDB_COUNTS)
    assert split.test == DS2
    assert sorted(split.train + split.validation) == sorted(set(DS1) - {"201"})
    assert split.accepted_overlaps == ()
    assert not (patients_on(split, "train") | patients_on(split, "validation")) & patients_on(split, "test")
    assert any("201" in note for note in split.notes)


def test_published_takes_the_last_folds_to_choose_and_to_judge_on() -> None:
    database, _ = random_database(1)
    split = build_split("published", database=database, counts={})
    assert {database.folds[record] for record in split.validation} == {9}
    assert {database.folds[record] for record in split.test} == {10}


def test_records_limit_a_split() -> None:
    kept = ("101", "106", "108", "100", "103")
    split = build_split("ds1ds2", database=MITDB, counts=MITDB_COUNTS, records=kept)
    assert sorted(split.train + split.validation + split.test) == sorted(kept)
    assert split.notes == split.accepted_overlaps == ()


def test_a_patient_in_two_subsets_cannot_be_built() -> None:
    with pytest.raises(
        SplitError, match="patient 1 is in two subsets, record a in train and record d in test"
    ):
        split_of(patients={"a": "1", "b": "1", "c": "2", "d": "1"})
    with pytest.raises(SplitError, match="patient 3 is in two subsets, record c in validation and record d"):
        split_of(patients={"a": "1", "b": "1", "c": "3", "d": "3"})


def test_a_published_overlap_is_accepted_for_its_records_alone_and_with_a_note() -> None:
    shared = {"a": "1", "b": "2", "c": "3", "d": "1"}
    assert split_of(patients=shared, accepted_overlaps=(("d", "a"),), notes=("published so",))
    with pytest.raises(SplitError, match="needs a note"):
        split_of(patients=shared, accepted_overlaps=(("a", "d"),))
    with pytest.raises(SplitError, match="record b in train and record d in test"):
        split_of(patients=shared | {"b": "1"}, accepted_overlaps=(("a", "d"),), notes=("published so",))


@pytest.mark.parametrize("subset", SUBSETS)
def test_an_empty_side_is_an_error(subset: str) -> None:
    with pytest.raises(SplitError, match=f"the {subset} subset has no record"):
        split_of(**{subset: ()})


def test_a_record_named_twice_or_without_patient_is_an_error() -> None:
    with pytest.raises(SplitError, match="record a is in train and again in test"):
        split_of(test=("a", "d"))
    with pytest.raises(SplitError, match="no patient is given for record e of test"):
        split_of(test=("e",))


def test_a_manifest_is_plain_data_and_comes_back_as_the_same_split() -> None:
    split = build_split("ds1ds2", database=MITDB, counts=MITDB_COUNTS)
    manifest = json.loads(json.dumps(split.manifest()))
    back = Split.from_manifest(manifest)
    assert back.manifest() == split.manifest()
    assert back.test == split.test
    assert manifest["test"]["202"] == "201"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": ["d"]}, "needs test as a table"),
        ({"name": None}, "needs a name"),
        ({"notes": "none"}, "needs a name, and lists of notes"),
        ({"accepted_overlaps": [["a"]]}, "must be pairs of records"),
        ({"test": {"d": "1"}}, "patient 1 is in two subsets"),
    ],
)
def test_a_manifest_that_is_not_one_is_an_error(change: dict[str, object], message: str) -> None:
    with pytest.raises(SplitError, match=message):
        Split.from_manifest(split_of().manifest() | change)


def test_unknown_names_give_the_nearest_right_one() -> None:
    with pytest.raises(SplitError, match="no split 'ds1ds3'; did you mean 'ds1ds2"):
        build_split("ds1ds3", database=MITDB, counts=MITDB_COUNTS)
    with pytest.raises(SplitError, match="mitdb has no record '99'"):
        build_split("ds1ds2", database=MITDB, counts=MITDB_COUNTS, records=["99"])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ds1ds2", {"database": DATABASES["ludb"]}, "divides the records of mitdb, and the database is ludb"),
        ("published", {}, "mitdb publishes no folds"),
        ("kfold", {"fold": 5}, "fold 5 is not one of 5 folds"),
        ("kfold", {"folds": 60}, "cannot make 60 folds of 43 patients"),
        ("strips", {"fold": 5}, "fold 5 is not one of 5 folds"),
        ("holdout", {"counts": {}}, "no class counts for record 100"),
        ("holdout", {"test_fraction": 1.5}, "must lie between 0 and 1; it is 1.5"),
        ("ds1ds2", {"records": ["101", "100"]}, "1 patients to train on; expected at least 2"),
        ("ds1ds2", {"records": ["101", "106"]}, "the test subset has no record"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(name: str, options: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"database": MITDB, "counts": MITDB_COUNTS}
    with pytest.raises(SplitError, match=message):
        build_split(name, **(given | options))  # type: ignore[arg-type]


def write_split(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_lists_in_a_file_are_a_split(tmp_path: Path) -> None:
    path = write_split(tmp_path, "train: [101, 106]\nvalidation: [108]\ntest:\n- 100\n- 103\n")
    split = build_split(str(path), database=MITDB, counts={})
    assert (split.name, split.train, split.validation, split.test) == (
        "mine",
        ("101", "106"),
        ("108",),
        ("100", "103"),
    )


def test_validation_patients_come_out_of_a_files_training_subset(tmp_path: Path) -> None:
    path = write_split(
        tmp_path, "train: [101, 106, 108, 109, 112]\ntest: [100]\npatients: {101: x, 106: x}\n"
    )
    split = build_split(str(path), database=MITDB, counts=MITDB_COUNTS)
    assert sorted(split.train + split.validation) == ["101", "106", "108", "109", "112"]
    assert len({"101", "106"} & set(split.train)) in (0, 2)
    assert split.patients["106"] == "x"
    assert listed_patients(str(path)) == {"101": "x", "106": "x"}


def test_record_names_in_a_file_stay_as_they_are_written(tmp_path: Path) -> None:
    database = replace(MITDB, name="mine", records=("0100", "1e3", "no"), exclusions={})
    path = write_split(tmp_path, "train: [0100]\nvalidation: [1e3]\ntest: [no]\n")
    assert build_split(str(path), database=database, counts={}).subsets["test"] == ("no",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [101]\n", "the key test is missing"),
        ("train: [101]\ntests: [100]\n", "unknown key 'tests'; did you mean 'test'"),
        ("train: 101\ntest: [100]\n", "train must be a list of records"),
        ("train: []\ntest: [100]\n", "train must be a list of records"),
        ("train: [[101]]\ntest: [100]\n", "train must be a list of records"),
        ("train: [101]\nvalidation:\ntest: [100]\n", "validation must be a list of records"),
        ("train: [101]\ntest: [100]\npatients: [1]\n", "patients must be a table of record: patient"),
        ("- 101\n", "expected the keys train, validation, test, patients"),
        ("train: [101\n", "cannot be read as a split file"),
        ("train: [101, 106]\ntest: [99]\n", "test names '99'; mitdb has no such record"),
        ("train: [101, 106]\ntest: [100]\npatients: {'98': a}\n", "patients names '98'"),
        ("train: [101, 106]\ntest: [102]\n", "test names 102, which is paced"),
    ],
)
def test_a_wrong_split_file_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    path = write_split(tmp_path, text)
    with pytest.raises(SplitError, match=rf"mine\.yaml: .*{message}"):
        build_split(str(path), database=MITDB, counts=MITDB_COUNTS)


def test_a_file_that_shares_a_patient_cannot_be_built(tmp_path: Path) -> None:
    path = write_split(tmp_path, "train: [101, 201]\nvalidation: [108]\ntest: [202]\n")
    with pytest.raises(SplitError, match="patient 201 is in two subsets"):
        build_split(str(path), database=MITDB, counts={})


def test_a_missing_split_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match=r"nowhere\.yaml: cannot be read"):
        build_split(str(tmp_path / "nowhere.yaml"), database=MITDB, counts={})


def test_chosen_patients_have_the_wanted_share_of_every_class() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = rng.poisson([2000, 40, 60], size=(30, 3))
        chosen = choose_validation(counts, fraction=0.2, rng=rng)
        share = counts[chosen].sum(axis=0) / counts.sum(axis=0)
        assert np.abs(share - 0.2).max() < 0.02


def test_a_class_of_two_patients_is_kept_on_both_subsets() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        counts = np.column_stack([rng.poisson(500, size=16), np.zeros((16, 3), dtype=np.int64)])
        for label in (1, 2, 3):
            counts[[2 * label, 2 * label + 1], label] = rng.integers(1, 9, size=2)
        chosen = np.isin(np.arange(16), choose_validation(counts, fraction=0.2, rng=rng))
        assert (counts[chosen].sum(axis=0) > 0).all()
        assert (counts[~chosen].sum(axis=0) > 0).all()


def test_at_least_one_patient_is_chosen_and_one_is_left() -> None:
    for patients, fraction in itertools.product((2, 3, 5), (0.01, 0.5, 0.99)):
        counts = np.full((patients, 2), 10)
        chosen = choose_validation(counts, fraction=fraction, rng=np.random.default_rng(0))
        assert 1 <= len(chosen) < patients


def test_choosing_does_not_write_to_the_counts_and_needs_two_patients() -> None:
    counts = np.ones((4, 2), dtype=np.int64)
    counts.flags.writeable = False
    choose_validation(counts, fraction=0.3, rng=np.random.default_rng(0))
    with pytest.raises(SplitError, match="cannot take patients out of 1"):
        choose_validation(counts[:1], fraction=0.3, rng=np.random.default_rng(0))


def test_folds_are_balanced_and_none_is_empty() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = rng.poisson([1000, 30, 30], size=(25, 3))
        fold = stratified_folds(counts, folds=5, rng=rng)
        load = np.stack([counts[fold == index].sum(axis=0) for index in range(5)]) / counts.sum(axis=0)
        assert np.abs(load - 0.2).max() < 0.06
        few = stratified_folds(counts[:5], folds=5, rng=rng)
        assert sorted(few) == [0, 1, 2, 3, 4]


def test_the_real_mitdb_has_the_published_class_counts(real_database) -> None:
    folder = real_database("mitdb")
    database = open_database("mitdb", folder)
    counts = {}
    for record in database.included:
        symbols = wfdb.rdann(str(folder / record), "atr").symbol
        labels = [AAMI[symbol] for symbol in symbols if symbol in AAMI]
        counts[record] = np.array([labels.count(name) for name in "NSVFQ"])
    split = build_split("ds1ds2", database=database, counts=counts)
    fitted = sum(counts[record] for record in split.train + split.validation)
    assert list(fitted) == [45866, 944, 3788, 415, 8]
    assert list(sum(counts[record] for record in split.test)) == [44259, 1837, 3221, 388, 7]
    share = sum(counts[record] for record in split.validation) / fitted
    # One man has 373 of the 415 fusion beats, so F alone cannot come near a fifth.
    assert np.abs(share - 0.2)[[0, 1, 2]].max() < 0.1
    assert (share > 0).all()
