import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState, create_trial

from ecgrnn.commands.sweep import (
    _check_folder,
    _check_words,
    copy_groups,
    trial_words,
    write_sweep,
)
from ecgrnn.errors import ConfigError, DataError
from ecgrnn.options.choices import Epoch, Objective, Pruner
from ecgrnn.options.sweep import Given
from ecgrnn.sweeps.record import experiment
from ecgrnn.sweeps.study import Watch, in_work, next_trial, open_study, try_again
from ecgrnn.sweeps.worker import Worker
from ecgrnn.training.run_folder import OPTIONS

HERE = Path(__file__).parent


def states(study) -> list[str]:
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def test_a_sweep_ends_with_the_wanted_trials_and_goes_on_to_more(options, work):
    study = work(options(n_trials=3, jobs=2))
    assert states(study) == ["COMPLETE"] * 3
    assert study.best_value == max(trial.value for trial in study.trials)
    assert states(work(options(n_trials=3))) == ["COMPLETE"] * 3
    assert states(work(options(n_trials=5))) == ["COMPLETE"] * 5
    folders = {trial.user_attrs["run_dir"] for trial in study.get_trials()}
    assert len(folders) == 5
    assert all(Path(folder, "training.json").is_file() for folder in folders)


def test_the_draw_depends_on_the_seed_and_the_number_of_a_trial_alone(options, tmp_path):
    draws = []
    for seed, storage in ((0, "a"), (0, "b"), (1, "c")):
        settings = options(search={"seed": seed}, storage=f"journal:{tmp_path / storage}")
        study = open_study(settings, [])
        trials = [next_trial(study, settings.search) for _ in range(3)]
        draws.append([trial.suggest_float("x", 0.0, 1.0) for trial in trials])
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 3


def test_a_study_begun_with_other_options_is_not_gone_on_with(options):
    open_study(options(), ["--config-dir", "/home/ann/conf", "seed=1", "data.root=here"])
    elsewhere = ["data.root=there", "++trainer.devices=2", "logger.tensorboard=false", "threads=null"]
    open_study(options(), ["--config-dir", "/home/ben/a=b", "seed=1", *elsewhere])
    with pytest.raises(ConfigError, match=r"started with another options: options \['seed=1'\]"):
        open_study(options(), ["seed=2"])


def test_a_poor_trial_is_pruned_and_its_process_stopped(options, work):
    search = {"pruner": Pruner.median, "pruner_startup_trials": 2, "pruner_warmup_epochs": 0}
    # data.root may differ between the workers of a study; the stand-in reads it as the seconds of an epoch
    study = open_study(options(search=search), ["++trainer.max_epochs=40"])
    for rate in (0.003, 0.0031, 0.0099):
        study.enqueue_trial({"optimizer.learning_rate": rate})
    work(options(n_trials=2, search=search), "++trainer.max_epochs=40")
    work(options(n_trials=3, search=search), "++trainer.max_epochs=40", "data.root=0.5")
    assert states(study) == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert len(study.trials[2].intermediate_values) < 40


def test_trials_that_fail_end_the_worker_and_say_why(options, work):
    with pytest.raises(DataError, match=r"2 trials in a row failed.*bad luck"):
        work(options(max_failures=2), "seed=13")


def test_a_lost_trial_is_tried_again_once_by_one_worker_and_not_for_ever(options):
    study = open_study(options(), [])
    study.ask().suggest_float("x", 0.0, 1.0)
    watch = Watch(grace_s=10.0)
    for retry in range(3):
        running = in_work(study)[1]
        assert watch.lost(running, now_s=100.0 * retry) == []
        assert watch.lost(running, now_s=100.0 * retry + 9.0) == []
        (lost,) = watch.lost(running, now_s=100.0 * retry + 11.0)
        assert try_again(study, lost, max_retries=2)
        assert not try_again(study, lost, max_retries=2)
        waiting = study.get_trials(states=(TrialState.WAITING,))
        assert len(waiting) == (retry < 2)
        if waiting:
            again = study.ask()
            assert again.suggest_float("x", 0.0, 1.0) == lost.params["x"]
            assert again.user_attrs["retry_of"] == lost.number


def test_a_beat_keeps_a_trial_from_being_lost(options):
    study = open_study(options(), [])
    trial = study.ask()
    watch = Watch(grace_s=10.0)
    for beat in range(5):
        trial.set_user_attr("beat", beat)
        assert watch.lost(in_work(study)[1], now_s=8.0 * beat) == []


def begin_worker(run_dir: Path, storage: str | None, seconds: int) -> subprocess.Popen:
    program = [sys.executable, str(HERE / "worker_program.py"), str(run_dir), storage or "", str(seconds)]
    worker = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert "begins" in worker.stdout.readline()
    return worker


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_killed_worker_loses_its_trial_alone_and_the_other_makes_it_up(options, tmp_path, storage):
    address = f"journal:{tmp_path / 'study.log'}" if storage == "journal" else None
    victim = begin_worker(tmp_path / "sweep", address, seconds=60)
    (trial,) = open_study(options(storage=address), []).get_trials()
    survivor = begin_worker(tmp_path / "sweep", address, seconds=0)
    victim.kill()
    victim.communicate()
    said, _ = survivor.communicate(timeout=600)
    assert survivor.returncode == 0, said
    study = open_study(options(storage=address), [])
    found = states(study)
    assert (found.count("COMPLETE"), found.count("FAIL"), len(found)) == (3, 1, 4)
    assert found[trial.number] == "FAIL"
    (again,) = (one for one in study.trials if one.user_attrs.get("retry_of") == trial.number)
    assert again.params == study.trials[trial.number].params
    assert f"trial {trial.number:>4} lost its worker" in said


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")
def test_the_process_of_a_trial_ends_with_its_killed_worker(tmp_path):
    worker = begin_worker(tmp_path / "sweep", None, seconds=60)
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    worker.kill()
    worker.communicate()
    (child,) = children
    until = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "(zombie)" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < until, "the trial outlived its worker"
        time.sleep(0.05)


def test_a_stopped_worker_gives_its_trial_back(options, program):
    settings = options(n_trials=1)
    study = open_study(settings, [])

    def stop(line):
        raise KeyboardInterrupt

    worker = Worker(study, settings, words=["data.root=60"], say=stop, program=program)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert states(study) == ["FAIL", "WAITING"]


def test_what_is_written_names_the_best_and_every_trial(options, work, tmp_path, capsys):
    objectives = [Objective.macro_f1, Objective.parameters]
    given = Given(
        words=["n_trials=4", "storage=x", "seed=2"], groups={"data": "synthetic", "search": "beats"}
    )
    settings = options(n_trials=4, search={"objectives": objectives}, given=given)
    assert trial_words(settings) == ["seed=2"]
    study = work(settings, "seed=2")
    write_sweep(study, settings)
    folder = tmp_path / "sweep"
    beaten = folder / "conf" / "experiment" / "best_0099.yaml"
    beaten.touch()  # was among the best once
    write_sweep(study, settings)
    assert not beaten.exists()
    table = (folder / "trials.csv").read_text().splitlines()
    assert len(table) == 5
    assert table[0].startswith("trial,state,macro_f1,parameters,optimizer.learning_rate")
    best = yaml.safe_load((folder / "conf" / "experiment" / "best.yaml").read_text())
    assert best["defaults"] == [{"override /data": "synthetic"}]
    page = (folder / "sweep.html").read_text()
    for heading in ("History", "What mattered", "Parallel coordinates", "macro_f1 against parameters"):
        assert heading in page
    assert "://" not in page
    assert "experiment=best" in capsys.readouterr().out


def test_the_best_recipe_says_nothing_of_the_machine_its_trial_ran_on(options):
    settings = options()
    settings.data.root = "here"
    there = {"data": {"root": "/there", "cache": "/there/c", "fold": 2}, "logger": {"csv": True}, "seed": 1}
    trial = create_trial(value=0.5, user_attrs={"config": there})
    recipe = yaml.safe_load(experiment(open_study(settings, []), trial, settings))
    assert recipe["data"] == {"root": "here", "cache": settings.data.cache, "fold": 2}
    assert "logger" not in recipe
    assert recipe["seed"] == 1


def test_a_folder_takes_one_study_alone(options, tmp_path):
    begun = {"study": None, "storage": None, "given": {"groups": {"search": "beats"}}}
    (tmp_path / "sweep" / OPTIONS).write_text(yaml.safe_dump(begun))
    given = {name: Given(groups={"search": name}) for name in ("beats", "beats_size")}
    _check_folder(options(given=given["beats"]))
    with pytest.raises(ConfigError, match="has a sweep with search=beats, and now it is beats_size"):
        _check_folder(options(given=given["beats_size"]))
    with pytest.raises(ConfigError, match="study=null, and now it is other"):
        _check_folder(options(given=given["beats"], study="other"))


def test_a_word_for_what_is_searched_is_refused(options):
    with pytest.raises(ConfigError, match=r"optimizer\.learning_rate is searched.*would change nothing"):
        _check_words(options(given=Given(words=["seed=1", "++optimizer.learning_rate=0.5"])))
    _check_words(options(given=Given(words=["seed=1", "optimizer.weight_decay=0.5"])))


def test_resume_is_not_a_word_of_a_sweep(options):
    with pytest.raises(ConfigError, match=r"To continue a sweep, repeat its command with run_dir=old"):
        options(resume="old")


def test_a_trial_whose_last_epoch_is_worse_is_scored_by_it_with_judge_last(options, work, tmp_path):
    # the stand-in's score falls from epoch to epoch with weight decay, and its best is its first
    for judge, epoch in ((Epoch.best, 0), (Epoch.last, 3)):
        (tmp_path / judge.value).mkdir()
        settings = options(n_trials=1, test_checkpoint=judge, run_dir=str(tmp_path / judge.value))
        (trial,) = work(settings, "optimizer.weight_decay=1", "++trainer.max_epochs=4").trials
        assert trial.value == trial.intermediate_values[epoch]
        assert trial.user_attrs["best_epoch"] == epoch


def test_a_lost_trial_that_is_not_tried_again_is_not_said_to_be(options, program):
    said = []
    settings = options(n_trials=1, max_retries=0)
    study = open_study(settings, [])
    lost = study.ask()
    worker = Worker(study, settings, words=[], say=said.append, program=program)
    worker._watch.lost = lambda others, now_s: list(others)
    worker.run()
    assert f"trial {lost.number:>4} lost its worker; max_retries=0 is used up" in said
    assert not any("tried again" in line for line in said)
    assert states(study) == ["FAIL", "COMPLETE"]


def test_a_fault_in_reporting_fails_the_trial_and_is_not_another_workers(options, program, monkeypatch):
    said = []
    settings = options(n_trials=1, max_failures=1)
    study = open_study(settings, [])

    def fault(self, value, step):
        raise ValueError("the storage takes no such value")

    monkeypatch.setattr("optuna.trial.Trial.report", fault)
    worker = Worker(study, settings, words=[], say=said.append, program=program)
    with pytest.raises(DataError, match=r"1 trials in a row failed.*takes no such value"):
        worker.run()
    assert states(study) == ["FAIL"]
    assert study.trials[0].user_attrs["error"] == "the storage takes no such value"
    assert not any("taken over" in line for line in said)


def test_a_trial_that_another_worker_closed_is_told_as_taken_over(options, program):
    said = []
    settings = options(n_trials=1)
    study = open_study(settings, [])

    def say(line):
        said.append(line)
        if "trial    0 begins" in line:
            study.tell(0, state=TrialState.FAIL)

    Worker(study, settings, words=[], say=say, program=program).run()
    assert any("trial    0 was taken over by another worker" in line for line in said)
    assert states(study) == ["FAIL", "COMPLETE"]


@pytest.mark.parametrize(
    ("pruner", "kind"),
    [
        (Pruner.none, optuna.pruners.NopPruner),
        (Pruner.median, optuna.pruners.MedianPruner),
        (Pruner.hyperband, optuna.pruners.HyperbandPruner),
    ],
)
def test_the_study_prunes_as_it_was_told(options, pruner, kind):
    settings = options(search={"pruner": pruner}, trainer={"max_epochs": 27})
    assert type(open_study(settings, []).pruner) is kind


def test_hyperband_stops_poor_trials(options):
    settings = options(search={"pruner": Pruner.hyperband}, trainer={"max_epochs": 9})
    study = open_study(settings, [])
    stopped = []
    for value in [0.9] * 12 + [0.1] * 12:
        trial = next_trial(study, settings.search)
        for epoch in range(9):
            trial.report(value, step=epoch)
            if trial.should_prune():
                stopped.append((value, epoch))
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
    assert [value for value, _ in stopped].count(0.1) >= 6
    assert all(epoch < 8 for _, epoch in stopped)


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("postgresql://ann:secret@host/name", r"driver psycopg.*pip install 'ecgrnn\[postgresql\]'"),
        ("postgresql+psycopg://ann:secret@host/name", r"driver psycopg.*ecgrnn\[postgresql\]"),
        ("mysql://ann:secret@host/name", "driver MySQLdb"),
        ("not an address", "neither journal:PATH nor a database URL"),
    ],
)
def test_a_storage_without_its_driver_is_refused_at_once_and_by_name(options, monkeypatch, storage, told):
    for driver in ("psycopg", "MySQLdb"):
        monkeypatch.setitem(sys.modules, driver, None)
    monkeypatch.setattr("ecgrnn.sweeps.study.time.sleep", lambda s: pytest.fail("tried again"))
    with pytest.raises(ConfigError, match=told) as refused:
        open_study(options(storage=storage), [])
    assert "secret" not in str(refused.value)


def test_files_of_groups_are_copied_beside_the_best_recipe(tmp_path):
    mine = tmp_path / "mine"
    for name in (
        "optimizer/slow.yaml",
        "optimizer/more/x.yaml",
        "search/s.yaml",
        "optimizer/note.txt",
        "a.yaml",
    ):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(name)
    conf = tmp_path / "run" / "conf"
    copy_groups([str(mine), str(conf)], conf)
    found = sorted(str(path.relative_to(conf)) for path in conf.rglob("*") if path.is_file())
    assert found == ["optimizer/more/x.yaml", "optimizer/slow.yaml"]


def test_a_study_that_is_lost_from_sight_is_said_so(options, program, monkeypatch):
    def unreachable(study):
        raise StorageInternalError("no connection to mysql://ann:secret@host/study")

    settings = options()
    worker = Worker(open_study(settings, []), settings, words=[], say=print, program=program)
    monkeypatch.setattr("ecgrnn.sweeps.worker.in_work", unreachable)
    with pytest.raises(DataError, match=r"ann:\*\*\*@host.*repeat the command to continue it"):
        worker.run()
