"""Scoring on databases never seen: parts of what was trained on, and classes that are not told apart."""

import json
from dataclasses import replace

import pytest

from ecgrnn.cli import main
from ecgrnn.data.databases import DATABASES
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.simulator.simulate import write_database


@pytest.fixture
def checkpoint(trained):
    return trained / "checkpoints" / "best.ckpt"


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Give a function that adds a database of three simulated records to the table."""
    folder = tmp_path / "stranger"
    write_database(folder, n_patients=3, seed=9, duration_s=30.0)

    def add(**changes):
        entry = replace(
            DATABASES["folder"],
            name="stranger",
            marker="s001.hea",
            leads=("MLII", "V1"),
            place=None,
            **changes,
        )
        monkeypatch.setitem(DATABASES, "stranger", entry)

    return add


@pytest.fixture
def evaluate(checkpoint, tmp_path, capsys):
    def run(*words):
        given = [f"checkpoint={checkpoint}", "data=folder", "data.database=stranger", f"data.root={tmp_path}"]
        more = [f"data.cache={tmp_path / 'cache'}", "resamples=200", f"run_dir={tmp_path / 'run'}"]
        status = main(["evaluate", *given, *words, *more])
        said = capsys.readouterr()
        return status, said.out + said.err, tmp_path / "run"

    return run


def kept_names(database, folder):
    return replace(database, records=("s001", "s002", "s003"), n_records=3, annotators=("atr",))


def test_records_made_of_what_was_trained_on_are_left_out(checkpoint, stranger, evaluate):
    seen = next(iter(load_model(checkpoint).trained.split.train))
    unseen = next(iter(load_model(checkpoint).trained.split.test))
    origins = {"s001": ("synthetic", seen), "s002": ("synthetic", unseen), "s003": ("mitdb", seen)}
    stranger(read=kept_names, excerpt_of=origins)
    status, said, run_dir = evaluate()
    assert status == 0, said
    assert "left out    1 made of records of synthetic that the checkpoint has seen: s001" in said
    assert json.loads((run_dir / "summary.json").read_text())["record_names"] == ["s002", "s003"]


def test_a_record_made_of_what_was_trained_on_is_refused_where_it_is_named(checkpoint, stranger, evaluate):
    seen = next(iter(load_model(checkpoint).trained.split.validation))
    stranger(read=kept_names, excerpt_of={"s001": ("synthetic", seen)})
    status, said, run_dir = evaluate("data.records=[s001,s002]")
    assert status == 2
    assert (
        "1 of 2 records of stranger cannot be tested on (s001): they were made of records of synthetic"
        in said
    )
    assert not run_dir.exists()


def test_a_class_that_a_database_lacks_is_not_counted_against_it(stranger, evaluate):
    stranger(read=kept_names, lacks=("V", "F"))
    status, said, run_dir = evaluate()
    assert status == 0, said
    assert "classes     V, F not told apart here" in said
    rows = (run_dir / "confusion.csv").read_text().splitlines()
    place = rows[0].split(",").index("V")
    assert sum(int(row.split(",")[place]) for row in rows[1:]) == 0


def test_unnamed_beats_score_positions_only(stranger, evaluate):
    stranger(read=kept_names, unnamed_beats=("atr",))
    status, said, run_dir = evaluate()
    assert status == 0, said
    assert "classes     S, V, F, Q not told apart here" in said
    assert {row.split(",")[2] for row in (run_dir / "confusion.csv").read_text().splitlines()} >= {"0"}
