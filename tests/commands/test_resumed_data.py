import copy
import json
import shutil

import pytest
import torch
import yaml

from ecgrnn.commands.resume import stretches_trained
from ecgrnn.data.splits.seen import seen_leads, split_digest
from ecgrnn.errors import ConfigError

FACTS = {
    "split": {
        "name": "mine",
        "train": {"a": "a", "b": "b"},
        "validation": {"c": "c"},
        "test": {"d": "d", "e": "e"},
        "notes": [],
        "accepted_overlaps": [],
    },
    "fingerprint": "f" * 64,
    "contents": {name: f"files-{name} lead-{name}" for name in "abcde"},
    "scheme": {"name": "aami", "classes": ["N", "S"], "symbols": {"N": "N"}, "citation": "x"},
    "signal": {"fs_hz": 180.0, "leads": [""], "unit": "mV"},
}


def changed(*path, to):
    facts = copy.deepcopy(FACTS)
    place = facts
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return facts


def last(facts=FACTS, step=120):
    return {"ecgrnn": facts, "global_step": step}


def test_a_new_training_has_one_stretch_and_a_resumed_one_more(tmp_path):
    first = stretches_trained(None, FACTS, run_dir=tmp_path)
    assert first == [{"from_step": 0, "split": split_digest(FACTS["split"]), "fingerprint": "f" * 64}]
    again = stretches_trained(last({**FACTS, "stretches": first}), FACTS, run_dir=tmp_path)
    assert [stretch["from_step"] for stretch in again] == [0, 120]
    assert stretches_trained(last(), FACTS, run_dir=tmp_path) == again  # an older checkpoint


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed("split", "train", to={"a": "a", "d": "d"}), "b was in train and is not in it now"),
        (changed("split", "test", to={"d": "d"}), "e was in test and is not in it now"),
        (
            {
                **FACTS,
                "split": {**FACTS["split"], "train": {"a": "a"}, "test": {"b": "b", "d": "d", "e": "e"}},
            },
            "b was in train and is in test now",
        ),
        (changed("split", "train", "b", to="d"), "b was of patient b and is of d now"),
        (changed("split", "accepted_overlaps", to=[["a", "d"]]), "its named overlaps changed"),
        (
            {**changed("contents", "b", to="other lead-b"), "fingerprint": "0" * 64},
            r"the files of its records \(or their labels\) changed .*: b\.",
        ),
        (changed("fingerprint", to="0" * 64), "changed since it was trained on them"),
        (
            changed("scheme", "classes", to=["N", "V"]),
            r"scheme\.classes was \['N', 'S'\] and is \['N', 'V'\]",
        ),
        (changed("scheme", "symbols", to={"N": "N", "A": "S"}), r"scheme\.symbols was"),
        (changed("signal", "fs_hz", to=250.0), r"signal\.fs_hz was 180\.0 and is 250\.0 now"),
    ],
)
def test_what_a_training_was_not_trained_on_is_refused_by_name(now, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        stretches_trained(last(), now, run_dir=tmp_path)


def test_the_name_and_the_notes_of_a_split_may_change(tmp_path):
    other = {**FACTS, "split": {**FACTS["split"], "name": "moved/mine.yaml", "notes": ["copied"]}}
    assert len(stretches_trained(last(), other, run_dir=tmp_path)) == 2


@pytest.fixture(scope="module")
def begun(command_line, small_training, tmp_path_factory):
    """Give the folder of a training by a split file, which can be resumed."""
    folder = tmp_path_factory.mktemp("begun")
    names = [f"s00{k}" for k in range(1, 9)]
    split = {"train": names[:4], "validation": names[4:6], "test": names[6:]}
    (folder / "split.yaml").write_text(yaml.safe_dump(split))
    words = [*small_training, f"data.split={folder / 'split.yaml'}", "evaluate_test=false"]
    assert command_line(*words, f"run_dir={folder / 'run'}") == 0
    (folder / "run" / "training.json").unlink()  # as if it had been killed before its end
    return folder


def test_a_changed_split_file_is_refused_and_the_run_stays_as_it_was(begun, command_line, tmp_path, capsys):
    shutil.copytree(begun / "run", tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.ckpt")}
    text = (begun / "split.yaml").read_text()
    split = yaml.safe_load(text)
    split["train"][0], split["test"][0] = split["test"][0], split["train"][0]
    try:
        (begun / "split.yaml").write_text(yaml.safe_dump(split))
        assert command_line("train", f"resume={tmp_path / 'run'}") == 2
    finally:
        (begun / "split.yaml").write_text(text)
    said = capsys.readouterr().err.splitlines()[-1]
    assert "s001 was in train and is in test now, s007 was in test and is in train now" in said
    assert {path: path.read_bytes() for path in before} == before
    assert command_line("train", f"resume={tmp_path / 'run'}") == 0


def test_a_last_checkpoint_that_is_not_finite_or_damaged_is_not_resumed(
    begun, command_line, tmp_path, capsys
):
    for damage, said in ((torch.nan, "are not finite"), (0.0, "is not what was saved")):
        run_dir = tmp_path / str(damage)
        shutil.copytree(begun / "run", run_dir)
        path = run_dir / "checkpoints" / "last.ckpt"
        content = torch.load(path, weights_only=True)
        content["state_dict"]["network.head.4.bias"].fill_(damage)
        torch.save(content, path)
        assert command_line("train", f"resume={run_dir}") == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert said in error
        assert "last.ckpt" in error


def test_the_proof_is_of_every_stretch(begun, command_line, small_data, tmp_path, capsys):
    checkpoint = begun / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    stretch = content["ecgrnn"]["stretches"][0]
    where = [word for word in small_data if word.startswith(("data.root", "data.cache"))]
    for name, more, status, said in (
        ("same", stretch, 0, "the same in all 2 stretches of its training"),
        ("split", {**stretch, "split": "0" * 16}, 2, "from step 6 on it was trained on another split"),
        ("files", {**stretch, "fingerprint": "0" * 64}, 2, "from step 6 on it was trained on other files"),
    ):
        content["ecgrnn"]["stretches"] = [stretch, {**more, "from_step": 6}]
        torch.save(content, tmp_path / f"{name}.ckpt")
        words = [f"checkpoint={tmp_path / name}.ckpt", *where, f"run_dir={tmp_path / name}"]
        assert command_line("audit", *words) == status
        assert said in capsys.readouterr().out


def test_a_checkpoint_of_a_folder_knows_its_recordings_without_it(
    begun, small_database, command_line, tmp_path, capsys
):
    """The records have other names, the folder trained on is gone, and the cache is another."""
    content = torch.load(begun / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    content["ecgrnn"]["data"] |= {"database": "folder", "root": str(tmp_path / "gone")}
    torch.save(content, tmp_path / "of_folder.ckpt")
    assert len(seen_leads(content["ecgrnn"], "train", "validation")) == 6 * 2 * 2
    other = tmp_path / "other"
    other.mkdir()
    names = ["s007", "s008", "s002"]
    for number, name in enumerate(names):
        renamed = f"r{number}"
        header = (small_database / f"{name}.hea").read_text().replace(name, renamed)
        (other / f"{renamed}.hea").write_text(header)
        for ending in ("dat", "atr"):
            shutil.copy(small_database / f"{name}.{ending}", other / f"{renamed}.{ending}")
    for test, status in ((["r2"], 2), (["r0"], 0)):
        rest = [name for name in ("r0", "r1", "r2") if name not in test]
        subsets = {"train": rest[:1], "validation": rest[1:], "test": test}
        (tmp_path / "split.yaml").write_text(yaml.safe_dump(subsets))
        words = [
            "evaluate",
            f"checkpoint={tmp_path / 'of_folder.ckpt'}",
            "data=folder",
            f"data.root={other}",
            f"data.split={tmp_path / 'split.yaml'}",
            f"data.cache={tmp_path / 'cache'}",
            "data.workers=0",
            "resamples=100",
        ]
        assert command_line(*words, f"run_dir={tmp_path / test[0]}") == status
        said = capsys.readouterr()
        if status:
            assert "trained or validated on (r2; r2 is its record s002)" in said.err
    assert "proved      no held-out signal was seen in training" in said.out
    audit = json.loads((tmp_path / "r0" / "audit.json").read_text())
    assert any(line.startswith("no window is in two subsets") for line in audit["not_checked"])
    assert "Not checked" in (tmp_path / "r0" / "report.html").read_text()
