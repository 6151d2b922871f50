"""One beat network for any number, order and names of leads, from training to prediction."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgrnn.cli import main
from ecgrnn.inference.checkpoint import load_model

ANY = [
    "network.leads=any",
    "preprocessing.n_leads=0",
    "preprocessing.first_lead=null",
    "task.mixed_leads=1",
    "task.augmentation.lead_dropout=[]",
    "task.augmentation.most_leads=2",
    "task.augmentation.one_lead=0.5",
    "task.augmentation.turned_over=0.25",
]


@pytest.fixture(scope="module")
def folder(small_database, tmp_path_factory):
    """Give a copy of the database in which the records have one, two and three ECG leads, and one breath."""
    folder = tmp_path_factory.mktemp("mixed") / "ward"
    folder.mkdir()
    for number, name in enumerate((small_database / "RECORDS").read_text().split()):
        record = wfdb.rdrecord(str(small_database / name))
        leads = {1: ["MLII"], 2: ["MLII", "V1"], 3: ["V1", "MLII", "V1"]}[number % 3 + 1]
        write(folder, name, record, [*leads, "RESP"] if number == 1 else leads)
        wfdb.wrann(name, "atr", **marks(small_database / name), write_dir=str(folder))
    return folder


def marks(path: Path) -> dict:
    found = wfdb.rdann(str(path), "atr")
    return {"sample": found.sample, "symbol": found.symbol, "fs": found.fs}


def write(folder, name, record, leads):
    columns = [record.sig_name.index(lead) if lead in record.sig_name else 0 for lead in leads]
    names = [lead if leads.index(lead) == k else f"{lead}-{k}" for k, lead in enumerate(leads)]
    wfdb.wrsamp(
        name,
        fs=record.fs,
        units=["mV"] * len(leads),
        sig_name=names,
        p_signal=record.p_signal[:, columns],
        fmt=["16"] * len(leads),
        write_dir=str(folder),
    )


@pytest.fixture(scope="module")
def trained_any(folder, command_line, tmp_path_factory):
    """Give the run folder of a network of any leads, trained on records of different numbers of leads."""
    run_dir = tmp_path_factory.mktemp("any") / "run"
    words = [
        *("train", "task=beat_sequence", "data=folder", f"data.root={folder}", f"data.cache={run_dir}-cache"),
        *("network.encoder.hidden_size=6", "network.sequence.hidden_size=8", "task.sequence_beats=16"),
        *("logger.tensorboard=false", "trainer.max_epochs=1", "trainer.enable_progress_bar=false"),
        *("task.macro_f1_classes=[N]", "task.simulated_ectopy=0.3", *ANY, f"run_dir={run_dir}"),
    ]
    assert command_line(*words) == 0
    return run_dir


@pytest.fixture
def checkpoint(trained_any):
    return trained_any / "checkpoints" / "last.ckpt"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_its_checkpoint_says_any_leads(checkpoint, capsys):
    assert load_model(checkpoint).signal.any_number
    assert main(["inspect", f"checkpoint={checkpoint}"]) == 0
    assert "125 Hz, any leads, mV" in capsys.readouterr().out


def test_a_lead_given_twice_gives_what_it_gives_once(checkpoint, folder, small_database, tmp_path):
    record = wfdb.rdrecord(str(small_database / "s002"))
    probabilities = []
    for leads in (["MLII"], ["MLII", "MLII"], ["MLII"] * 12):
        out = tmp_path / str(len(leads))
        out.mkdir()
        write(out, "s002", record, leads)
        wfdb.wrann("s002", "atr", **marks(small_database / "s002"), write_dir=str(out))
        words = [
            f"checkpoint={checkpoint}",
            f"record={out / 's002'}",
            "annotator=atr",
            f"run_dir={out / 'run'}",
        ]
        assert main(["predict", *words]) == 0
        probabilities.append(
            [[float(row[f"p_{name}"]) for name in "NSVFQ"] for row in table(out / "run/s002.csv")]
        )
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=2e-5)
    np.testing.assert_allclose(probabilities[2], probabilities[0], atol=2e-5)


def test_leads_are_read_by_name_or_place_and_their_order_changes_nothing(
    checkpoint, small_database, tmp_path, capsys
):
    found = {}
    for leads in ("MLII,V1", "V1,MLII", "2,1", "V1", "2"):
        run_dir = tmp_path / leads.replace(",", "-")
        words = [f"checkpoint={checkpoint}", f"record={small_database / 's002'}", "annotator=atr"]
        assert main(["predict", *words, f"leads=[{leads}]", f"run_dir={run_dir}"]) == 0
        found[leads] = [float(row["p_V"]) for row in table(run_dir / "s002.csv")]
    assert "leads          V1, MLII\n" in capsys.readouterr().out
    np.testing.assert_allclose(found["V1,MLII"], found["MLII,V1"], atol=2e-5)
    np.testing.assert_allclose(found["2,1"], found["MLII,V1"], atol=2e-5)
    assert found["2"] == found["V1"] != found["MLII,V1"]


def test_a_signal_that_is_no_ecg_is_not_read(checkpoint, folder, tmp_path, capsys):
    words = [f"checkpoint={checkpoint}", f"record={folder / 's002'}", f"run_dir={tmp_path / 'run'}"]
    assert main(["predict", *words]) == 0
    assert "leads          MLII, V1\n" in capsys.readouterr().out


@pytest.mark.parametrize("leads", [None, "1"])
def test_records_of_different_numbers_of_leads_are_scored_together(checkpoint, trained_any, tmp_path, leads):
    words = [f"checkpoint={checkpoint}", f"data.cache={tmp_path / 'cache'}", "resamples=200"]
    given = [] if leads is None else [f"leads=[{leads}]"]
    assert main(["evaluate", *words, *given, f"run_dir={tmp_path / 'run'}"]) == 0
    scored = json.loads((tmp_path / "run" / "summary.json").read_text())
    whole = json.loads((trained_any / "summary.json").read_text())
    assert scored["beats"] == whole["beats"]
    if leads is None:
        assert scored["classes"] == whole["classes"]


def test_a_lead_that_no_record_has_is_refused(checkpoint, folder, tmp_path, capsys):
    words = [f"checkpoint={checkpoint}", f"record={folder / 's001'}", f"run_dir={tmp_path / 'run'}"]
    assert main(["predict", *words, "leads=[2]"]) == 2
    assert "s001 has no lead '2'" in capsys.readouterr().err
    assert main(["evaluate", f"checkpoint={checkpoint}", "leads=[3]", f"run_dir={tmp_path / 'run'}"]) == 2
    assert "has no lead '3'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_all_leads_need_a_network_for_any(small_data, tmp_path, capsys):
    words = ["train", "task=beat_sequence", *small_data, "preprocessing.n_leads=0"]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert (
        "set preprocessing.n_leads to it, or, for beats in sequence, network.leads=any"
        in capsys.readouterr().err
    )


def test_a_checkpoint_of_a_fixed_number_of_leads_refuses_others(trained, small_database, tmp_path, capsys):
    checkpoint = trained / "checkpoints" / "best.ckpt"
    words = [f"checkpoint={checkpoint}", f"data.root={small_database.parent}", f"run_dir={tmp_path / 'run'}"]
    assert main(["evaluate", *words, "leads=[1]"]) == 2
    assert "leads=[1] names 1 lead(s), and this network reads 2" in capsys.readouterr().err


def test_context_and_views_keep_their_options(checkpoint):
    view = load_model(checkpoint).view()
    assert dataclasses.asdict(view)["mixed_leads"] == 1
