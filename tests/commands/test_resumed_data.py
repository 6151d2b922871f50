import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from ecgrnn.data.splits.split import Split, Stretch
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.facts import Facts, read_facts
from ecgrnn.training.continued import Last, continued

PATIENTS = {name: name for name in "abcde"}
SPLIT = Split(name="mine", train=("a", "b"), validation=("c",), test=("d", "e"), patients=PATIENTS)
COUNTS = {"N": 3, "S": 1}
FACTS = Facts(
    signal=SignalSpec(fs_hz=180.0, leads=("",)),
    scheme=LabelScheme(name="aami", classes=("N", "S"), symbols={"N": "N"}, citation="x"),
    task={"form": "beats", "options": {}},
    network={"form": "classifier", "options": {}},
    data=DataConfig(),
    preprocessing=PreprocessingConfig(),
    split=SPLIT,
    counts={"train": COUNTS, "validation": COUNTS, "test": COUNTS},
    fingerprint="f" * 64,
    seed=0,
    versions={},
    contents={name: f"files-{name} lead-{name}" for name in "abcde"},
)


def changed(**facts):
    return dataclasses.replace(FACTS, **facts)


def split(**parts):
    return changed(split=dataclasses.replace(SPLIT, **parts))


def scheme(**parts):
    return changed(scheme=dataclasses.replace(FACTS.scheme, **parts))


def last(facts=FACTS, step=120):
    return Last(Path("last.ckpt"), facts, step, seconds=1.0)


def steps(facts):
    return [stretch.from_step for stretch in facts.stretches]


def test_a_new_training_has_one_stretch_and_a_resumed_one_more():
    first = continued(FACTS, None, run_dir="run")
    assert first.stretches == (Stretch(0, SPLIT.digest, "f" * 64),)
    again = continued(FACTS, last(first), run_dir="run")
    assert steps(again) == [0, 120]
    assert continued(FACTS, last(), run_dir="run") == again  # an older checkpoint
    assert steps(continued(FACTS, last(again, step=200), run_dir="run")) == [0, 120, 200]


OTHER_COUNTS = {"N": 3, "V": 1}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (split(train=("a",), test=("d", "e", "b")), "b was in train and is in test now"),
        (split(test=("d",)), "e was in test and is not in it now"),
        (split(train=("a", "f"), patients={**PATIENTS, "f": "f"}), "b was in train and is not in it now"),
        (split(patients={**PATIENTS, "b": "f"}), "b was of patient b and is of f now"),
        (split(accepted_overlaps=(("a", "d"),), notes=("x",)), "its named overlaps changed"),
        (
            changed(contents={**FACTS.contents, "b": "other lead-b"}, fingerprint="0" * 64),
            r"the files of its records \(or their labels\) changed .*: b\.",
        ),
        (changed(fingerprint="0" * 64), "changed since it was trained on them"),
        (
            changed(
                scheme=LabelScheme("aami", ("N", "V"), {"N": "N"}, "x"),
                counts={"train": OTHER_COUNTS, "validation": OTHER_COUNTS, "test": OTHER_COUNTS},
            ),
            r"scheme\.classes was \('N', 'S'\) and is \('N', 'V'\)",
        ),
        (scheme(symbols={"N": "N", "A": "S"}), r"scheme\.symbols was"),
        (
            changed(signal=SignalSpec(fs_hz=250.0, leads=("",))),
            r"signal\.fs_hz was 180\.0 and is 250\.0 now",
        ),
    ],
)
def test_what_a_training_was_not_trained_on_is_refused_by_name(now, said):
    with pytest.raises(ConfigError, match=said):
        continued(now, last(), run_dir="run")


def test_the_name_and_the_notes_of_a_split_may_change():
    other = split(name="moved/mine.yaml", notes=("copied",))
    assert steps(continued(other, last(), run_dir="run")) == [0, 120]


def test_facts_come_back_from_plain_data_as_they_were():
    facts = continued(FACTS, last(), run_dir="run")
    read = read_facts(facts.plain())
    assert read == facts
    assert read.plain() == facts.plain()


@pytest.fixture(scope="module")
def begun(command_line, small_training, tmp_path_factory):
    """Give the folder of a training by a split file, which can be resumed."""
    folder = tmp_path_factory.mktemp("begun")
    names = [f"s00{k}" for k in range(1, 9)]
    subsets = {"train": names[:4], "validation": names[4:6], "test": names[6:]}
    (folder / "split.yaml").write_text(yaml.safe_dump(subsets))
    words = [*small_training, f"data.split={folder / 'split.yaml'}", "evaluate_test=false"]
    assert command_line(*words, f"run_dir={folder / 'run'}") == 0
    (folder / "run" / "training.json").unlink()  # as if it had been killed before its end
    return folder


def test_a_changed_split_file_is_refused_and_the_run_stays_as_it_was(begun, command_line, tmp_path, capsys):
    shutil.copytree(begun / "run", tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.ckpt")}
    text = (begun / "split.yaml").read_text()
    moved = yaml.safe_load(text)
    moved["train"][0], moved["test"][0] = moved["test"][0], moved["train"][0]
    try:
        (begun / "split.yaml").write_text(yaml.safe_dump(moved))
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
    assert len(read_facts(content["ecgrnn"]).seen_leads("train", "validation")) == 6 * 2 * 2
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
