import os
import signal

import numpy as np
import pytest
import torch

from ecgrnn.data.beats import BeatView
from ecgrnn.data.datamodule import EcgDataModule
from ecgrnn.errors import DataError
from ecgrnn.options.choices import Subset
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.tasks.beats.sequences import BeatSequenceView
from ecgrnn.training.interruption import Interruption

AAMI = SCHEMES["aami"]


@pytest.fixture(scope="module")
def make(small_database, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def datamodule(*, seed: int = 0, setup: bool = True, workers: int = 0, **data) -> EcgDataModule:
        made = EcgDataModule(
            DataConfig(
                database="synthetic",
                root=str(small_database.parent),
                split=data.pop("split", "holdout"),
                cache=str(cache),
                n_patients=8,
                duration_s=60.0,
                **data,
            ),
            PreprocessingConfig(),
            loader=LoaderConfig(batch_size=50, evaluation_batch_size=70, workers=workers),
            view=BeatView(annotator="atr", scheme=AAMI, before_s=0.35, after_s=0.45, in_memory_mb=64.0),
            seed=seed,
        )
        if setup:
            made.prepare_data()
            made.setup()
        return made

    return datamodule


def indices(loader) -> list[int]:
    return torch.cat([batch.index for batch in loader]).tolist()


def test_subsets_share_no_patient_and_leave_nobody_out(make):
    datamodule = make()
    patients = [{record.patient for record in datamodule.records(subset)} for subset in Subset]
    assert sum(map(len, patients)) == len(set().union(*patients)) == 8
    assert all(patients)


def test_the_patients_of_a_split_file_are_those_of_the_records(make, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "train: [s001, s002]\nvalidation: [s003, s004]\ntest: [s005, s006, s007, s008]\n"
        "patients: {s005: anna, s006: anna}\n"
    )
    module = make(split=str(path))
    patients = [record.patient for record in module.records(Subset.test)]
    assert patients == ["anna", "anna", "s007", "s008"]
    assert [module.split.patients[record.name] for record in module.records(Subset.test)] == patients


def test_class_counts_are_those_of_the_annotation_files(make, small_database):
    datamodule = make()
    for subset in Subset:
        wanted = np.zeros(5, int)
        for record in datamodule.records(subset):
            beats = beats_of(read_annotations(small_database / record.name, "atr", fs_hz=360.0), AAMI)
            wanted += np.bincount(beats.label, minlength=5)
        assert datamodule.class_counts(subset) == wanted.tolist()
        assert len(datamodule.dataset(subset)) == wanted.sum()


@pytest.mark.parametrize("subset", ["train", "val"])
def test_a_loader_serves_every_beat_of_its_side_once(make, subset):
    datamodule = make()
    loader = getattr(datamodule, f"{subset}_dataloader")()
    which = {"train": Subset.train, "val": Subset.validation}[subset]
    assert sorted(indices(loader)) == list(range(len(datamodule.dataset(which))))


def test_held_out_beats_come_in_the_order_of_their_records(make):
    loader = make().val_dataloader()
    assert indices(loader) == sorted(indices(loader))


def test_the_order_of_training_is_seeded_and_new_in_every_epoch(make):
    first = make(seed=0).train_dataloader()
    epochs = [indices(first), indices(first)]
    again = make(seed=0).train_dataloader()
    assert [indices(again), indices(again)] == epochs
    assert epochs[0] != epochs[1]
    assert indices(make(seed=1).train_dataloader()) != epochs[0]
    assert epochs[0] != sorted(epochs[0])


def test_batches_have_the_sizes_asked_for(make):
    datamodule = make()
    sizes = [len(batch) for batch in datamodule.train_dataloader()]
    assert set(sizes[:-1]) == {50}
    assert 0 < sizes[-1] <= 50
    assert len(next(iter(datamodule.val_dataloader()))) == 70


def test_the_fingerprint_tells_which_records_are_on_any_subset(make):
    names = [f"s{number:03d}" for number in range(1, 8)]
    assert make().fingerprint == make(split_seed=3).fingerprint
    assert make().fingerprint != make(records=names).fingerprint


def test_setting_up_twice_opens_the_database_once(make):
    datamodule = make()
    before = datamodule.collection
    datamodule.setup("fit")
    assert datamodule.collection is before


def test_asking_before_setup_is_a_defect_and_said_so(make):
    with pytest.raises(RuntimeError, match=r"setup\(\) has not been called"):
        _ = make(setup=False).split


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_all_processes_leaves_the_loaders_at_work(make, number):
    interruption = Interruption("")
    with interruption.listening():
        loader = make(workers=1).train_dataloader()
        batches = iter(loader)
        next(batches)
        interruption.put_off()
        for worker in batches._workers:
            os.kill(worker.pid, number)
        assert sum(1 for _ in batches) == len(loader) - 1
        assert all(worker.is_alive() for worker in batches._workers)


def test_fewer_items_than_processes_are_refused_before_any_of_them_waits(make, monkeypatch):
    datamodule = make()
    datamodule.check_shares()
    items = len(datamodule.dataset(Subset.validation))
    monkeypatch.setattr("ecgrnn.data.datamodule.world_size", lambda: items + 1)
    with pytest.raises(DataError, match=rf"{items} validation items .* trainer\.devices to at most {items}"):
        datamodule.check_shares()


def test_the_loss_counts_simulated_beats_and_the_report_does_not(make):
    datamodule = make()
    assert datamodule.learned_counts() == datamodule.class_counts(Subset.train)
    view = BeatSequenceView(
        annotator="atr", scheme=AAMI, before_s=0.4, after_s=0.45, sequence_beats=16, causal=False,
        in_memory_mb=64.0, simulated_ectopy=0.4,
    )  # fmt: skip
    other = EcgDataModule(
        datamodule.data, datamodule.preprocessing, loader=datamodule.loader, view=view, seed=0
    )
    other.setup()
    assert other.class_counts(Subset.train) == datamodule.class_counts(Subset.train)
    assert other.learned_counts() == other.dataset(Subset.train).counts(5)
    assert other.learned_counts()[1] > 2 * other.class_counts(Subset.train)[1]
