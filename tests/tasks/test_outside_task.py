"""A task that the package does not have: a room, a line in the table and a YAML file are all it takes."""

import csv
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.data.beats import BeatDataset, BeatView
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.collection import find_scheme
from ecgrnn.data.windows import BeatTable, beat_table, joined_tables
from ecgrnn.metrics.statistics import by_patient, matrix_figures
from ecgrnn.networks.build import classifier
from ecgrnn.options.choices import ClassWeights
from ecgrnn.options.networks import ClassifierConfig
from ecgrnn.options.rules import above_zero
from ecgrnn.options.spec import LabelScheme
from ecgrnn.options.training import TaskConfig
from ecgrnn.reports.files import write_csv, write_json
from ecgrnn.tasks import TASKS
from ecgrnn.tasks.beats.logits import beat_logits, split_by_record
from ecgrnn.tasks.classification import class_module
from ecgrnn.tasks.summary import form_summary
from ecgrnn.tasks.task import CLASS_WEIGHTS, EPOCH, ONLY_FOR_BEATS, WEIGHTS, Scored, Task, check_classes

RATES = LabelScheme(name="rate", classes=("slow", "fast"), symbols={}, citation="")


@dataclass
class RateConfig(TaskConfig):
    """Whether the heart beats fast, told from a window that ends behind a beat (N-vs-1).

    Attributes:
        fast_bpm: a beat is fast if it follows the one before it at more than this rate, in beats/min.
        before_s: window before the beat, in s; the beat before a slow one may lie outside.
        after_s: window after the beat, in s.
        macro_f1_classes: classes whose mean F1 is the macro-F1; each must occur in training.
        class_weights: how classes are weighted in the loss.
        label_smoothing: share of the target that is spread over all classes.
    """

    fast_bpm: float = 80.0
    before_s: float = 1.2
    after_s: float = 0.2
    macro_f1_classes: list[str] = field(default_factory=lambda: ["slow", "fast"])
    class_weights: ClassWeights = ClassWeights.balanced
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        above_zero("task", "fast_bpm", self.fast_bpm)


@dataclass(frozen=True)
class RateView:
    """One item per beat that has a beat before it.

    Attributes:
        windows: the windows around beats.
        fast_bpm: see ``RateConfig``.
    """

    by_length: ClassVar[bool] = False
    simulates: ClassVar[bool] = False
    windows: BeatView
    fast_bpm: float

    @property
    def annotators(self) -> Sequence[str]:
        return self.windows.annotators

    def counts(self, records: Sequence[CachedRecord]) -> dict[str, np.ndarray]:
        return {
            record.name: np.bincount(self._table(record).label, minlength=len(RATES.classes))
            for record in records
        }

    def dataset(self, records: Sequence[CachedRecord], *, training: bool) -> BeatDataset:
        table = joined_tables(map(self._table, records), records=itertools.repeat(1))
        # RR intervals would tell the class.
        return self.windows.windows(records, replace(table, features=table.features[:, :0]))

    def compared_windows(self, *, quick: bool) -> BeatView:
        return self.windows.compared_windows(quick=quick)

    def _table(self, record: CachedRecord) -> BeatTable:
        """List the beats of a record but for the first."""
        beats = beat_table([record], annotator=self.windows.annotator, scheme=self.windows.scheme)
        rr_s = np.diff(beats.source_sample) / record.source_fs_hz
        later = {name: getattr(beats, name)[1:] for name in ("record", "sample", "source_sample", "features")}
        return BeatTable(**later, label=(60 / rr_s > self.fast_bpm).astype(np.int64))


class RateTask(Task[RateConfig]):
    """Whether the heart beats fast; it annotates no recordings."""

    name = "rate"
    options_type = RateConfig
    network_type = ClassifierConfig
    idle: ClassVar[Mapping[str, str]] = {"scheme": "this task has classes of its own"}
    idle_in_evaluation: ClassVar[Mapping[str, str]] = ONLY_FOR_BEATS

    @property
    def fitted(self):
        return (WEIGHTS, CLASS_WEIGHTS, EPOCH)

    def scheme(self, data):
        return RATES

    def view(self, *, annotator, scheme, loader, seed=0):
        windows = BeatView(
            annotator=annotator,
            scheme=find_scheme("aami"),
            before_s=self.options.before_s,
            after_s=self.options.after_s,
            in_memory_mb=loader.in_memory_mb,
        )
        return RateView(windows, self.options.fast_bpm)

    def build_network(self, config, *, signal, n_classes):
        return classifier(config, signal, n_classes=n_classes, n_features=0)

    def module(self, inputs):
        check_classes(self.options.macro_f1_classes, inputs.scheme, inputs.counts)
        return class_module(self.options, inputs)

    def score(self, evaluation):
        model, held_out = evaluation.model, evaluation.held_out
        dataset = model.view(annotator=held_out.annotator).dataset(held_out.test, training=False)
        logits = beat_logits(model.network, dataset, batch_size=evaluation.options.batch_size)
        matrices = np.zeros((len(held_out.test), 2, 2), np.int64)
        np.add.at(matrices, (dataset.table.record, dataset.table.label, logits.argmax(axis=1)), 1)
        counts = by_patient(matrices, [record.patient for record in held_out.test])
        figures = matrix_figures(counts, RATES.classes, scored=self.options.macro_f1_classes)
        summary = form_summary(model, held_out, figures, audit=evaluation.audit, seconds=evaluation.seconds)
        write_json(evaluation.run_dir / "summary.json", summary)
        write_csv(
            evaluation.run_dir / "records.csv",
            [
                {"record": record.name, "beats": len(part), "fast": int((part.argmax(axis=1) == 1).sum())}
                for record, part in zip(held_out.test, split_by_record(logits, dataset), strict=True)
            ],
        )
        return Scored([f"macro-F1    {summary['macro_f1']:.3f}"])


RATE_YAML = """\
# @package _global_
# Whether the heart beats fast (N-vs-1).
defaults:
  - rate_schema@task
  - override /network: classifier
  - _self_

task:
  fast_bpm: 80.0 # beats/min
"""


@pytest.fixture(scope="module")
def with_rate(tmp_path_factory):
    """Put the task into the table, and give the folder with its YAML file."""
    conf = tmp_path_factory.mktemp("conf")
    (conf / "task").mkdir()
    (conf / "task" / "rate.yaml").write_text(RATE_YAML)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(TASKS, RateTask.name, RateTask)
        yield f"--config-dir={conf}"


@pytest.fixture(scope="module")
def rate_run(with_rate, command_line, small_data, tmp_path_factory) -> Path:
    """Give the run folder of a training of the task."""
    run_dir = tmp_path_factory.mktemp("rate") / "run"
    words = [
        "task=rate",
        *small_data,
        "network.encoder.hidden_size=16",
        "network.encoder.num_layers=1",
        "network.head_size=16",
        "optimizer.learning_rate=0.01",
        "loader.batch_size=32",
        "logger.tensorboard=false",
        "trainer.max_epochs=8",
        "trainer.enable_progress_bar=false",
    ]
    assert command_line("train", with_rate, *words, f"run_dir={run_dir}") == 0
    return run_dir


def summary_of(run_dir: Path) -> dict:
    return json.loads((run_dir / "summary.json").read_text())


def rows_of(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def checkpoint_of(run_dir: Path) -> Path:
    return run_dir / "checkpoints" / "best.ckpt"


def test_the_loss_of_a_task_from_outside_goes_down(rate_run):
    rows = rows_of(rate_run / "csv" / "metrics.csv")
    losses = [float(row["training/loss"]) for row in rows if row["training/loss"]]
    assert losses[-1] < 0.7 * losses[0]


def test_its_summary_has_figures_better_than_chance(rate_run):
    summary = summary_of(rate_run)
    assert (summary["scheme"], summary["model"]["task"]) == ("rate", "rate")
    assert list(summary["classes"]) == ["slow", "fast"]
    assert all(score["support"] > 20 for score in summary["classes"].values())
    assert summary["macro_f1"] > 0.6  # half of the beats are fast: by chance at most 0.5
    rows = {row["record"]: int(row["beats"]) for row in rows_of(rate_run / "records.csv")}
    assert list(rows) == summary["record_names"]
    assert sum(rows.values()) == sum(score["support"] for score in summary["classes"].values())


def test_evaluating_it_gives_the_figures_of_its_training(
    rate_run, command_line, small_data, tmp_path, capsys
):
    where = [word for word in small_data if word.startswith(("data.root", "data.cache", "data.workers"))]
    words = [f"checkpoint={checkpoint_of(rate_run)}", *where]
    assert command_line("evaluate", *words, f"run_dir={tmp_path / 'run'}") == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "run" / "summary.json") in said
    assert "report.html" not in said  # the task writes none
    again, before = summary_of(tmp_path / "run"), summary_of(rate_run)
    for key in ("accuracy", "macro_f1", "classes", "confusion_matrix"):
        assert again[key] == before[key], key
    assert main(["audit", *words, f"run_dir={tmp_path / 'audit'}"]) == 0


def test_its_checkpoint_is_inspected_and_annotates_nothing(rate_run, small_database, tmp_path, capsys):
    assert main(["inspect", f"checkpoint={checkpoint_of(rate_run)}"]) == 0
    assert "rate" in capsys.readouterr().out
    words = [f"checkpoint={checkpoint_of(rate_run)}", f"record={small_database / 's001'}"]
    assert main(["predict", *words, f"run_dir={tmp_path / 'run'}"]) == 2
    assert "task=rate reads no recordings" in capsys.readouterr().err


def test_its_options_are_checked_and_its_choice_is_listed(with_rate, small_data, tmp_path, capsys):
    words = ["train", with_rate, "task=rate", *small_data, f"run_dir={tmp_path / 'run'}"]
    for wrong, said in {
        "task.fast_bpm=0": "task.fast_bpm",
        "task.fast_bmp=90": "fast_bpm",
        "network=labeller": "task=rate, which needs network=classifier",
        "data.scheme=aami": "this task has classes of its own",
    }.items():
        assert main([*words, wrong]) == 2
        assert said in capsys.readouterr().err
    assert main(["train", with_rate, "task=rate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r" rate +Whether the heart beats fast", shown)
    assert "fast_bpm: 80.0" in shown
