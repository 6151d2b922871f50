import json
import shutil

import pytest
import torch

from ecgrnn.cli import main


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
    for side in ("train", "validation", "test"):
        assert " ".join(proof["split"][side]) in said
    assert "temperature: validation" in said


def test_a_checkpoint_trained_on_other_files_is_refused(checkpoint, tmp_path, capsys):
    other = with_facts(checkpoint, tmp_path / "other.ckpt", fingerprint="0" * 64)
    assert main(["audit", f"checkpoint={other}", f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr()
    assert "FAILED      the files at hand are those trained on" in said.out
    assert "is refused" in said.err


def test_a_manifest_with_a_patient_on_two_sides_is_refused_by_audit_and_evaluate(
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
        assert f"patient {patient} is on two sides" in said
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
