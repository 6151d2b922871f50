import os
import sys
from pathlib import Path

import pytest

from ecgrnn.options.choices import Pruner
from ecgrnn.options.sweep import RangeConfig, SearchConfig, SweepConfig
from ecgrnn.sweeps.study import open_study
from ecgrnn.sweeps.worker import Worker


@pytest.fixture
def options(tmp_path):
    """Options of a sweep over the learning rate alone."""

    def make(**changes):
        search = {"space": {"optimizer.learning_rate": RangeConfig(low=1e-4, high=1e-2, log=True)}}
        search |= {"pruner": Pruner.none, **changes.pop("search", {})}
        run_dir = str(tmp_path / "sweep")
        return SweepConfig(**{"run_dir": run_dir, "search": SearchConfig(**search), **changes})

    return make


@pytest.fixture
def program():
    """A program that stands in for training."""
    return (sys.executable, "-S", str(Path(__file__).parent / "trial_program.py"))


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "sweep").mkdir()


@pytest.fixture(autouse=True)
def _processes_run_this_tree(monkeypatch):
    """Workers and trials are processes of their own, which would import an installed package instead."""
    root = str(Path(__file__).resolve().parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])))


@pytest.fixture
def work(program):
    """Run a worker on a study with the stand-in for training, and give the study."""

    def run(options, *words, said=None):
        study = open_study(options, words)
        said = [] if said is None else said
        Worker(study, options, words=words, say=said.append, program=program).run()
        return study

    return run
