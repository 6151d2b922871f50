"""A checkpoint asks for no more memory or time than its own file holds."""

import time
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from ecgrnn.errors import CheckpointError
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.tasks.checkpoint_file import read_plain


@pytest.fixture
def checkpoint(trained) -> dict:
    return torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)


def saved(content, folder: Path) -> Path:
    path = folder / "some.ckpt"
    torch.save(content, path)
    return path


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = saved({"state_dict": {"w": torch.zeros(10_000_000)}}, tmp_path)
    packed = tmp_path / "packed.ckpt"
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for name in plain.namelist():
            out.writestr(name, plain.read(name))
    assert packed.stat().st_size < 100_000
    assert torch.load(packed, weights_only=True)["state_dict"]["w"].numel() == 10_000_000  # torch unpacks it
    with pytest.raises(CheckpointError, match=r"packed\.ckpt .*\(its parts are far larger together"):
        read_plain(packed)


def test_parts_that_lie_over_each_other_are_refused(tmp_path, monkeypatch):
    path = saved({"w": torch.zeros(1000)}, tmp_path)
    parts = zipfile.ZipFile.infolist
    monkeypatch.setattr(zipfile.ZipFile, "infolist", lambda archive: 50 * parts(archive))
    with pytest.raises(CheckpointError, match="far larger together than the file"):
        read_plain(path)


def nested(kind, times: int):
    value = kind
    for _ in range(times):
        value = [value] * 10
    return value


def deep(times: int):
    value: list = []
    for _ in range(times):
        value = [value]
    return value


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"w": torch.zeros(1).expand(1_000_000, 1_000_000)}},
        {"state_dict": dict.fromkeys(map(str, range(1000)), torch.zeros(1000))},
        {"ecgrnn": nested("x", 9)},
        {"ecgrnn": nested("x" * 1000, 6)},
        {"ecgrnn": deep(200)},
        {"state_dict": {"w": torch.zeros(2, 2).to_sparse()}},
        {"state_dict": {"w": torch.zeros(2, device="meta")}},
        {"ecgrnn": {"format": 10**5000}},
        {"optimizer_states": OrderedDict(a=10**30)},
    ],
    ids=["one number", "one tensor", "lists", "texts", "depth", "sparse", "nowhere", "digits", "number"],
)
def test_what_stands_for_more_than_the_file_holds_is_refused_at_once(content, tmp_path):
    path = saved(content, tmp_path)
    begun = time.perf_counter()
    with pytest.raises(CheckpointError, match=r"some\.ckpt is not a checkpoint of plain data, or is damaged"):
        read_plain(path)
    assert time.perf_counter() - begun < 10


def test_weights_that_stand_in_several_places_are_kept(tmp_path):
    weights = torch.rand(1000)
    content = {"state_dict": {"a": weights, "b": weights}, "current_model_state": {"a": weights}}
    assert torch.equal(read_plain(saved(content, tmp_path))["state_dict"]["b"], weights)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (("encoder", "num_layers"), 1_000_000),
        (("encoder", "hidden_size"), 1_000_000),
        (("encoder", "hidden_size"), 20_000),
        (("encoder", "frame_s"), 1e9),
        (("head_size",), 2**40),
        (("head_size",), 2**31),
    ],
)
def test_a_network_larger_than_its_weights_is_not_built(option, value, checkpoint, tmp_path):
    place = checkpoint["ecgrnn"]["network"]["options"]
    for name in option[:-1]:
        place = place[name]
    assert place[option[-1]] != value
    place[option[-1]] = value
    begun = time.perf_counter()
    with pytest.raises(CheckpointError, match=r"cannot be rebuilt \(.*larger network than its weights"):
        load_model(saved(checkpoint, tmp_path))
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize("key", ["state_dict", "ecgrnn_weight_digests", "optimizer_states"])
@pytest.mark.parametrize("value", [1, None, "x", [], {}, {1: 2}, [torch.tensor(1.0)]])
def test_a_part_that_is_something_else_is_no_traceback(key, value, checkpoint, tmp_path):
    checkpoint[key] = value
    path = saved(checkpoint, tmp_path)
    if key == "state_dict":
        with pytest.raises(CheckpointError, match=r"some\.ckpt"):
            load_model(path)
    else:
        load_model(path)
