import sys
import time

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ecgrnn.options.credentials import without_passwords
from ecgrnn.sweeps.process import TrialProcess, read_epochs, share_of_machine


@pytest.mark.parametrize("name", ["ä", "a (b)", "a=b", "[c", "a, b", "it's"])
def test_a_trial_is_told_its_folder_whatever_its_name(name, tmp_path):
    folder = tmp_path / name / "0000"
    program = (sys.executable, "-I", "-S", "-c", "import sys; print(ascii(sys.argv[1]))")
    trial = TrialProcess([], folder, environment={}, program=program)
    until = time.monotonic() + 30
    while (ended := trial.ended()) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    (word,) = OverridesParser.create().parse_overrides([eval(ended.said)])
    assert (word.key_or_group, word.value()) == ("run_dir", str(folder))


def test_a_trial_is_no_rank_of_the_job_that_its_worker_runs_in(tmp_path, monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_NTASKS", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setenv("ECGRNN_DATA", "here")
    program = (sys.executable, "-I", "-S", "-c", "import os; print(sorted(os.environ))")
    trial = TrialProcess([], tmp_path / "0000", environment={"OMP_NUM_THREADS": "1"}, program=program)
    while (ended := trial.ended()) is None:
        time.sleep(0.02)
    names = eval(ended.said)
    assert {"ECGRNN_DATA", "OMP_NUM_THREADS"} <= set(names)
    assert not [name for name in names if name.startswith(("SLURM", "RANK", "LOCAL", "WORLD", "MASTER"))]


def test_epochs_are_read_from_whole_lines_alone(tmp_path):
    path = tmp_path / "metrics.csv"
    assert read_epochs(path) == {}
    path.write_text("epoch,training/loss,validation/macro_f1\n0,1.0,\n0,,0.25\n1,,0.9")
    assert read_epochs(path) == {0: 0.25}
    path.write_text("epoch,training/loss,validation/macro_f1\n0,1.0,\n0,,0.25\n1,,0.975\n")
    assert read_epochs(path) == {0: 0.25, 1: 0.975}


@pytest.mark.parametrize(("jobs", "wanted"), [(2, ["0", "1"]), (3, ["0", "1", "0"])])
def test_devices_are_dealt_in_turn(jobs, wanted):
    dealt = [share_of_machine(k, jobs=jobs, cores=8, devices=["0", "1"]) for k in range(jobs)]
    assert [share["CUDA_VISIBLE_DEVICES"] for share in dealt] == wanted
    assert all(share["OMP_NUM_THREADS"] == str(8 // jobs) for share in dealt)


def test_no_password_is_written():
    address = "postgresql+psycopg://ann:p@ss:w/rd@db.example:5432/studies"
    told = without_passwords({"storage": address, "words": [f"storage={address}"], "n": 1, "plain": "a@b"})
    assert told["storage"] == "postgresql+psycopg://ann:***@db.example:5432/studies"
    assert told["words"] == ["storage=postgresql+psycopg://ann:***@db.example:5432/studies"]
    assert (told["n"], told["plain"]) == (1, "a@b")
