import json
import shutil

import numpy as np
import pytest
import torch

from ecgrnn.cli import main
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.filters.zero_phase import filter_signal
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.writer import write_signal
from ecgrnn.tasks.beats.prediction import beats_and_quality


@pytest.fixture
def checkpoint(trained):
    return trained / "checkpoints" / "best.ckpt"


def with_facts(checkpoint, path, **changes):
    """Write the checkpoint again with other facts."""
    content = torch.load(checkpoint, weights_only=True)
    content["ecgrnn"] = content["ecgrnn"] | changes
    torch.save(content, path)
    return path


def test_the_proof_is_printed_and_written(checkpoint, small_data, tmp_path, capsys):
    wanted = [word for word in small_data if word.startswith(("data.root", "data.cache"))]
    assert main(["audit", f"checkpoint={checkpoint}", *wanted, f"run_dir={tmp_path / 'run'}"]) == 0
    said = capsys.readouterr().out
    proof = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert [check["passed"] for check in proof["checks"]] == [True] * 5
    assert (tmp_path / "run" / "audit.txt").read_text() in said
    for subset in ("train", "validation", "test"):
        assert " ".join(proof["split"][subset]) in said
    assert "temperature: validation" in said


def test_a_network_trained_at_the_records_own_frequency_keeps_it_and_its_proof(
    command_line, small_training, small_data, small_database, tmp_path, capsys
):
    run_dir = tmp_path / "own"
    assert command_line(*small_training, "preprocessing.fs_hz=null", f"run_dir={run_dir}") == 0
    checkpoint = run_dir / "checkpoints" / "best.ckpt"
    model = load_model(checkpoint)
    assert (model.preprocessing.fs_hz, model.signal.fs_hz) == (360.0, 360.0)
    wanted = [word for word in small_data if word.startswith(("data.root", "data.cache"))]
    capsys.readouterr()
    assert main(["audit", f"checkpoint={checkpoint}", *wanted, f"run_dir={tmp_path / 'audit'}"]) == 0
    assert "preparing" not in capsys.readouterr().err
    proof = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert [check["passed"] for check in proof["checks"]] == [True] * 5
    record = read_record(small_database / "s003")
    slower = filter_signal(record.signal, fs_hz=360.0, to_hz=250.0)
    write_signal(tmp_path / "slower", slower, fs_hz=250.0, leads=record.leads)
    at, there = ([100, 700, 1400], [144, 1008, 2016])
    one, other = (
        beats_and_quality(model, read(path), np.array(sample), batch_size=9)[0].logits
        for path, sample in ((tmp_path / "slower", at), (small_database / "s003", there))
    )
    assert np.abs(one - other).max() < 0.02 * np.abs(other).max()


def test_a_checkpoint_trained_on_other_files_is_refused(checkpoint, tmp_path, capsys):
    other = with_facts(checkpoint, tmp_path / "other.ckpt", fingerprint="0" * 64)
    assert main(["audit", f"checkpoint={other}", f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr()
    assert "FAILED      the files at hand are those trained on" in said.out
    assert "is refused" in said.err


def test_a_manifest_with_a_patient_in_two_subsets_is_refused_by_audit_and_evaluate(
    checkpoint, tmp_path, capsys
):
    split = dict(torch.load(checkpoint, weights_only=True)["ecgrnn"]["split"])
    (seen, patient), *_ = split["train"].items()
    record, *_ = split["test"]
    split["test"] = dict(split["test"]) | {record: patient}
    other = with_facts(checkpoint, tmp_path / "other.ckpt", split=split)
    for command in ("audit", "evaluate"):
        assert main([command, f"checkpoint={other}", f"run_dir={tmp_path / command}"]) == 2
        said = capsys.readouterr().err
        assert f"patient {patient} is in two subsets" in said
        assert seen in said


def test_records_that_are_gone_are_named(checkpoint, small_database, tmp_path, capsys):
    elsewhere = tmp_path / "copy" / small_database.name
    shutil.copytree(small_database, elsewhere)
    split = torch.load(checkpoint, weights_only=True)["ecgrnn"]["split"]
    gone, *_ = split["test"]
    (elsewhere / f"{gone}.dat").unlink()
    words = [f"checkpoint={checkpoint}", f"data.root={elsewhere.parent}", f"data.cache={tmp_path / 'cache'}"]
    assert main(["audit", *words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert gone in capsys.readouterr().err
