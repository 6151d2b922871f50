"""A checkpoint says where its records were, and not where files are written."""

from dataclasses import replace

import pytest

from ecgrnn.errors import DataError
from ecgrnn.evaluation.held_out import own_records
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.data import DataConfig


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Work in an empty folder, and note where records would be simulated."""
    folders = []

    def note(folder, **options):
        beside = folder.resolve().parent  # hidden, and renamed when it is whole
        folders.append(beside.parent / folder.name)
        raise DataError("nothing is simulated here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ecgrnn.simulator.simulate.write_database", note)
    return folders


def test_simulated_records_are_not_written_where_a_checkpoint_says(trained, made, tmp_path):
    model = load_model(trained / "checkpoints" / "best.ckpt")
    (tmp_path / "home").mkdir()
    model = replace(model, data=replace(model.data, root=str(tmp_path / "home")))
    own_records(model, DataConfig(database=None, cache="cache"))
    own_records(model, DataConfig(database=None, cache="cache", root=str(tmp_path / "mine")))
    assert made == [tmp_path / "data/synthetic/n8-60s-seed0", tmp_path / "mine/n8-60s-seed0"]
    assert not list((tmp_path / "home").iterdir())


def test_simulated_records_are_read_where_a_checkpoint_says(trained, made):
    model = load_model(trained / "checkpoints" / "best.ckpt")
    records, why = own_records(model, DataConfig(database=None, cache="cache", workers=0))
    assert (len(records["test"]), why, made) == (2, "", [])
