import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ecgrnn.errors import CheckpointError
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.choices import Cell
from ecgrnn.options.networks import read_network
from ecgrnn.tasks.checkpoint_file import FORMAT, read_checkpoint
from ecgrnn.tasks.summary import versions


class Payload:
    """An object whose unpickling makes a folder: code that a checkpoint must never run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def checkpoint(trained) -> dict:
    return torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)


def saved(content, folder: Path) -> Path:
    path = folder / "some.ckpt"
    torch.save(content, path)
    return path


def test_a_model_comes_back_as_it_was_trained(trained, checkpoint):
    model = load_model(trained / "checkpoints" / "best.ckpt")
    assert not model.network.training
    for name, weights in model.network.state_dict().items():
        torch.testing.assert_close(weights, checkpoint["state_dict"][f"network.{name}"], rtol=0, atol=0)
    encoder = read_network(model.trained.network).encoder
    assert (encoder.hidden_size, encoder.cell) == (8, Cell.lstm)
    assert (model.signal.fs_hz, model.signal.leads, model.signal.unit) == (180.0, ("", ""), "mV")
    assert model.scheme.classes == ("N", "S", "V", "F", "Q")
    assert model.preprocessing.highpass_hz == 0.5
    assert model.data.database == "synthetic"
    assert set(model.trained.split.train).isdisjoint(model.trained.split.test)


def test_a_checkpoint_is_plain_data(checkpoint):
    def plain(value) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (str, int, float, bool)

    assert plain(checkpoint["ecgrnn"])
    assert checkpoint["ecgrnn"]["format"] == FORMAT
    assert checkpoint["ecgrnn"]["versions"] == versions()
    assert "ecgrnn" in versions()
    assert sum(checkpoint["ecgrnn"]["counts"]["train"].values()) > 100
    assert "hyper_parameters" not in checkpoint


def test_best_and_last_are_both_models(trained):
    for name in ("best", "last"):
        assert load_model(trained / "checkpoints" / f"{name}.ckpt").trained.fingerprint


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*none\.ckpt; training writes"):
        load_model(tmp_path / "none.ckpt")


@pytest.mark.parametrize("content", [b"", b"PK", b"some text\n", b"\x80\x02}q\x00.", bytes(range(256))])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "some.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"some\.ckpt"):
        load_model(path)


def test_a_checkpoint_that_is_cut_short_is_refused(trained, tmp_path):
    content = (trained / "checkpoints" / "best.ckpt").read_bytes()
    path = tmp_path / "some.ckpt"
    for length in (10, len(content) // 2, len(content) - 20):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"some\.ckpt is not a checkpoint of plain data"):
            load_model(path)


@pytest.mark.parametrize("how", ["pickle", "torch", "inside"])
def test_code_in_a_file_is_refused_and_never_run(how, checkpoint, tmp_path):
    payload = Payload(tmp_path / "made")
    path = tmp_path / "some.ckpt"
    match how:
        case "pickle":
            path.write_bytes(pickle.dumps(payload))
        case "torch":
            torch.save(payload, path)
        case "inside":
            checkpoint["ecgrnn"]["split"] = payload
            torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        load_model(path)
    assert not (tmp_path / "made").exists()
    torch.load(io.BytesIO(_as_torch(payload)), weights_only=False)
    assert (tmp_path / "made").exists(), "the payload does nothing, so this test proves nothing"


def _as_torch(payload: Payload) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("content", [nn.Linear(2, 2).state_dict(), {"state_dict": {}}, [1, 2], torch.ones(3)])
def test_weights_of_something_else_are_refused(content, tmp_path):
    with pytest.raises(CheckpointError, match="has no 'ecgrnn' entry"):
        load_model(saved(content, tmp_path))


def test_another_format_is_refused(checkpoint, tmp_path):
    checkpoint["ecgrnn"]["format"] = FORMAT + 1
    with pytest.raises(CheckpointError, match=f"has format {FORMAT + 1}; this version reads format {FORMAT}"):
        read_checkpoint(saved(checkpoint, tmp_path))


@pytest.mark.parametrize("key", ["network", "task", "signal", "scheme", "data", "preprocessing", "split"])
def test_a_checkpoint_that_lacks_a_fact_is_refused(key, checkpoint, tmp_path):
    del checkpoint["ecgrnn"][key]
    with pytest.raises(CheckpointError, match=f"cannot be rebuilt .*{key}"):
        load_model(saved(checkpoint, tmp_path))


@pytest.mark.parametrize("value", ["lstm", None, 3, [], {"form": "tree", "options": {}}])
def test_a_fact_of_the_wrong_kind_is_refused(value, checkpoint, tmp_path):
    checkpoint["ecgrnn"]["network"] = value
    with pytest.raises(CheckpointError, match="cannot be rebuilt"):
        load_model(saved(checkpoint, tmp_path))


def test_an_option_of_another_version_is_refused(checkpoint, tmp_path):
    checkpoint["ecgrnn"]["network"]["options"]["colour"] = "red"
    with pytest.raises(CheckpointError, match="colour"):
        load_model(saved(checkpoint, tmp_path))


def test_weights_that_do_not_fit_the_network_are_refused(checkpoint, tmp_path):
    checkpoint["ecgrnn"]["network"]["options"]["encoder"]["hidden_size"] = 9
    with pytest.raises(CheckpointError, match="size mismatch"):
        load_model(saved(checkpoint, tmp_path))


def test_a_lost_weight_is_refused(checkpoint, tmp_path):
    del checkpoint["state_dict"]["network.head.1.weight"]
    with pytest.raises(CheckpointError, match=r"head\.1\.weight"):
        load_model(saved(checkpoint, tmp_path))


@pytest.mark.parametrize("key", ["network.head.1.weight", "network.head.4.bias"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(key, value, checkpoint, tmp_path):
    checkpoint["state_dict"][key].view(-1)[0] = value
    with pytest.raises(CheckpointError, match=rf"{key} holds numbers that are not finite"):
        read_checkpoint(saved(checkpoint, tmp_path))


def test_weights_that_are_not_those_saved_are_refused(checkpoint, tmp_path):
    checkpoint["state_dict"]["network.head.1.weight"].zero_()
    with pytest.raises(CheckpointError, match=r"head\.1\.weight is not what was saved"):
        load_model(saved(checkpoint, tmp_path))
    del checkpoint["ecgrnn_weight_digests"]  # an older checkpoint
    load_model(saved(checkpoint, tmp_path))


def test_a_checkpoint_damaged_on_disk_is_refused_or_the_same(trained, checkpoint, tmp_path):
    """A byte beside the contents, such as a date or padding, may change; a weight or a fact may not."""
    content = (trained / "checkpoints" / "best.ckpt").read_bytes()
    whole = load_model(trained / "checkpoints" / "best.ckpt")
    rng = np.random.default_rng(0)
    path, refused = tmp_path / "some.ckpt", 0
    for at in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[at : at + 8] = rng.bytes(8)
        path.write_bytes(damaged)
        try:
            model = load_model(path)
        except CheckpointError:
            refused += 1
            continue
        assert model.facts == whole.facts
        for name, weights in whole.network.state_dict().items():
            assert torch.equal(weights, model.network.state_dict()[name])
    assert refused > 20


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("signal", "fs_hz", "abc"),
        ("signal", "fs_hz", 0.0),
        ("signal", "fs_hz", -360.0),
        ("signal", "fs_hz", float("nan")),
        ("signal", "fs_hz", True),
        ("signal", "leads", []),
        ("signal", "leads", "II"),
        ("signal", "leads", [1, 2]),
        ("scheme", "classes", ["N", "N", "V", "F", "Q"]),
        ("scheme", "classes", []),
        ("scheme", "symbols", {"N": "normal"}),
        ("preprocessing", "highpass_hz", "0.5"),
        ("preprocessing", "highpass_hz", float("inf")),
        ("preprocessing", "n_leads", 2.5),
        ("data", "workers", None),
        ("split", "train", []),
        ("counts", "train", {"N": -1}),
        ("counts", "test", "many"),
        (None, "seed", "zero"),
        (None, "fingerprint", 7),
    ],
)
def test_a_fact_that_cannot_be_true_is_refused(group, key, value, checkpoint, tmp_path):
    facts = checkpoint["ecgrnn"]
    (facts if group is None else facts[group])[key] = value
    with pytest.raises(CheckpointError, match="cannot be rebuilt"):
        load_model(saved(checkpoint, tmp_path))


def test_whole_numbers_are_no_weights(checkpoint, tmp_path):
    weights = checkpoint["state_dict"]["network.head.1.weight"]
    checkpoint["state_dict"]["network.head.1.weight"] = (weights * 100).to(torch.int32)
    del checkpoint["ecgrnn_weight_digests"]
    with pytest.raises(CheckpointError, match=r"head\.1\.weight holds torch\.int32"):
        load_model(saved(checkpoint, tmp_path))


@pytest.mark.parametrize("command", ["evaluate", "predict", "audit", "inspect", "generate"])
def test_every_command_refuses_weights_that_are_not_finite(
    command, checkpoint, command_line, small_database, tmp_path, capsys
):
    checkpoint["state_dict"]["network.head.4.bias"][2] = float("nan")
    words = [command, f"checkpoint={saved(checkpoint, tmp_path)}", f"run_dir={tmp_path / 'run'}"]
    if command == "predict":
        words.append(f"record={small_database / 's001'}")
    if command == "generate":
        words.append("beat=N")
    assert command_line(*words) == 2
    said = capsys.readouterr().err
    assert "network.head.4.bias holds numbers that are not finite" in said
    assert said.count("\n") == 1
    assert not any((tmp_path / "run").glob("*.*"))
