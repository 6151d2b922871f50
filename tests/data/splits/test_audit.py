import dataclasses
import re

import numpy as np
import pytest

from ecgrnn.data.cache import data_fingerprint
from ecgrnn.data.cache_entry import sums_of
from ecgrnn.data.splits.audit import audit_subsets, check_other_database
from ecgrnn.data.splits.split import SUBSETS, Split
from ecgrnn.errors import SplitError
from ecgrnn.evaluation.held_out import open_held_out, own_records, refuse_seen_patients
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.data import LoaderConfig
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.options import BeatSequenceConfig
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def held_out(model):
    return open_held_out(model, dataclasses.replace(model.data, database=None))


def audit(model, held_out, subsets, *, fingerprint=None):
    view = model.view(annotator=held_out.own_annotator)
    return audit_subsets(held_out.split, subsets, view=view, counts={}, fingerprint=fingerprint)


def named(record, name):
    return dataclasses.replace(record, name=name)


def test_an_honest_split_is_proved_by_names_contents_and_fingerprint(model, held_out):
    found = audit(model, held_out, held_out.own, fingerprint=model.trained.fingerprint)
    assert [check.passed for check in found.checks] == [True] * 5
    found.require()


def test_a_recording_in_two_subsets_under_two_names_is_found(model, held_out):
    train = held_out.own["train"]
    subsets = held_out.own | {"test": [named(train[0], "other")]}
    with pytest.raises(SplitError, match=f"{train[0].name} of train and record other of test"):
        audit(model, held_out, subsets).require()


def test_a_stretch_of_a_recording_in_two_subsets_is_found_by_its_windows(model, held_out, tmp_path):
    record = held_out.own["train"][0]
    n = len(record.signal) - 100
    np.save(tmp_path / "signal.npy", record.signal[:n])
    for file in record.folder.glob("annotations-*.npz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    cut = dataclasses.replace(
        record, name="cut", folder=tmp_path, n_samples=n, digest="of the cut", sums=sums_of(tmp_path)
    )
    found = audit(model, held_out, held_out.own | {"test": [cut]})
    failed = [check for check in found.checks if check.passed is False]
    assert [check.name for check in failed] == ["no window is in two subsets"]


def test_files_that_changed_since_training_are_found(model, held_out):
    records = [record for subset in SUBSETS for record in held_out.own[subset]]
    changed = [dataclasses.replace(records[0], fingerprint="0" * 64), *records[1:]]
    assert data_fingerprint(records) == model.trained.fingerprint
    found = audit(model, held_out, held_out.own, fingerprint=data_fingerprint(changed))
    assert found.checks[-1].passed is False


def test_records_that_are_not_at_hand_are_said_to_be_unseen(model, held_out):
    found = audit(model, held_out, {}, fingerprint=model.trained.fingerprint)
    assert [check.passed for check in found.checks] == [True, True, None, None, None]
    found.require()


def test_a_named_overlap_is_printed_and_accepted():
    split = Split(
        name="ds1ds2",
        train=("201",),
        validation=("101",),
        test=("202",),
        patients={"201": "201", "202": "201", "101": "101"},
        notes=("201 and 202 are the same man",),
        accepted_overlaps=(("201", "202"),),
    )
    found = audit_subsets(split, {}, view=None, counts={})
    found.require()
    text = "\n".join(found.lines())
    assert "201 and 202 are one patient in two subsets: named and accepted" in text
    assert "but 201 and 202, a named overlap" in text


def test_a_seen_recording_of_another_database_is_found(held_out):
    seen = held_out.own["validation"][0]
    found = check_other_database([named(seen, "new")], held_out.own)
    assert found.passed is False
    assert "new" in found.detail
    assert check_other_database(held_out.own["test"], held_out.own).passed is True
    assert check_other_database(held_out.own["test"], {}).passed is None


def test_windows_of_beats_in_sequence_are_proved_too_but_not_at_a_quick_start(model, held_out):
    task = task_of(BeatSequenceConfig(before_s=0.4, after_s=0.5))
    view = task.view(annotator=held_out.own_annotator, scheme=model.scheme, loader=LoaderConfig())
    names = {}
    for quick in (False, True):
        found = audit_subsets(held_out.split, held_out.own, view=view, counts={}, quick=quick)
        names[quick] = [check.name for check in found.checks if check.passed]
    assert names[False] == [*names[True], "no window is in two subsets"]


def test_names_of_another_simulation_or_folder_are_left_to_the_signals(model, held_out):
    own = held_out.split
    seen = dataclasses.replace(own, train=own.test, test=own.train)
    same = dataclasses.replace(model.data)
    with pytest.raises(SplitError, match=f"record {seen.test[0]} cannot be tested on"):
        refuse_seen_patients(model, same, seen, compared=True)
    if model.data.database == "folder":
        other = dataclasses.replace(same, root="/elsewhere")
    else:
        other = dataclasses.replace(same, simulation_seed=same.simulation_seed + 1)
    refuse_seen_patients(model, other, seen, compared=True)
    with pytest.raises(SplitError):
        refuse_seen_patients(model, other, seen, compared=False)


def test_records_have_the_patients_of_the_checkpoint_and_no_split_file_is_asked_for(model, held_out):
    subsets = {
        subset: {name: f"patient of {name}" for name in held_out.split.subsets[subset]} for subset in SUBSETS
    }
    patients = {name: patient for subset in subsets.values() for name, patient in subset.items()}
    split = dataclasses.replace(model.trained.split, patients=patients)
    moved = dataclasses.replace(
        model,
        trained=dataclasses.replace(model.trained, split=split),
        data=dataclasses.replace(model.data, split="gone.yaml"),
    )
    records, _ = own_records(moved, dataclasses.replace(model.data, database=None))
    assert {subset: {one.name: one.patient for one in records[subset]} for subset in SUBSETS} == subsets


def test_only_what_the_task_has_is_said_to_be_fitted():
    fitted = {
        name: [what for what, _ in task.fitted]
        for name, task in {
            "beats": task_of(BeatSequenceConfig(before_s=0.4, after_s=0.5)),
            "strips": task_of(SuperclassConfig()),
            "rhythms": task_of(RhythmConfig()),
            "waves": task_of(DelineateConfig()),
            "generator": task_of(GenerationConfig()),
        }.items()
    }
    assert "temperature" in fitted["beats"]
    assert "decision thresholds" in fitted["beats"]
    assert fitted["rhythms"] == [
        what for what in fitted["beats"] if what not in ("temperature", "decision thresholds")
    ]
    assert fitted["strips"] == fitted["waves"]  # no class weights, and no detector
    assert [re.split(r",| \(", what)[0] for what in fitted["generator"]] == [
        "weights",
        "class weights of the loss",
        "best epoch",
    ]
    assert [re.split(r",| \(", what)[0] for what in fitted["waves"]] == ["weights", "best epoch"]
