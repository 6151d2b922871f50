import dataclasses

import numpy as np
import pytest
import torch

pytest.importorskip("captum", reason="the extra explain is not installed")

from ecgrnn.cli import main
from ecgrnn.data.windows import BareSignal, table_of_positions
from ecgrnn.errors import CheckpointError
from ecgrnn.inference.annotate import fitted
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.formats import read
from ecgrnn.signals.rhythm_context import rhythm_names
from ecgrnn.tasks.annotated import AnnotateOptions
from ecgrnn.tasks.beats.explanation.explain import explain_beat, group_sums
from ecgrnn.tasks.beats.explanation.gradients import attribute

FS_HZ = 125.0
EARLY = 40
"""The beat whose R peak is moved, of 64."""


def heart(rr_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beats of one shape at given distances, in two leads."""
    positions = np.cumsum(np.round(rr_s * FS_HZ)).astype(np.int64)
    time = np.arange(positions[-1] + 200)
    signal = sum(
        height * np.exp(-0.5 * ((time[:, None] - positions - shift * FS_HZ) / (width * FS_HZ)) ** 2)
        for shift, height, width in ((0.0, 1.0, 0.012), (-0.17, 0.12, 0.025), (0.26, 0.3, 0.05))
    ).sum(axis=1)
    return np.stack([signal, 0.6 * signal], axis=1).astype(np.float32), positions


@pytest.fixture(scope="module")
def moved():
    """A sequence of like beats, one of which comes early: shape and noise say nothing."""
    rr_s = np.full(64, 0.8)
    rr_s[EARLY], rr_s[EARLY + 1] = 0.42, 1.18
    signal, positions = heart(rr_s)
    record = BareSignal(signal, FS_HZ, ("MLII", "V1"), FS_HZ)
    dataset = load_model("beats").view().windows([record], table_of_positions([record], [positions]))
    return dataset.arrays([0])


def test_a_beat_that_only_comes_early_is_explained_by_its_rr_intervals(moved):
    model = load_model("beats")
    found = attribute(model.network, moved, place=EARLY)
    assert model.scheme.classes[found.target] != "N"
    sums = group_sums(found, n_rhythm=len(rhythm_names(causal=False)))
    assert sums["rhythm around the beat"] > 0.7 * sum(map(abs, sums.values()))


def test_all_parts_together_are_the_difference_to_the_usual_beat(moved):
    found = attribute(load_model("beats").network, moved, place=EARLY)
    assert abs(found.log_odds - found.usual) > 1
    assert abs(found.gap) < 0.05 * abs(found.log_odds - found.usual)


def test_other_weights_give_another_map(moved):
    network = load_model("beats").network
    trained = attribute(network, moved, place=EARLY)
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=float(parameter.detach().std()) or 0.1)
    other = attribute(network, moved, place=EARLY, target=trained.target)
    maps = [np.concatenate([one.samples.ravel(), one.features.ravel()]) for one in (trained, other)]
    assert abs(np.corrcoef(*maps)[0, 1]) < 0.5


def test_a_beat_of_a_recording_is_explained_as_predict_calls_it(small_database, tmp_path, capsys):
    record = read(small_database / "s003")
    model = fitted("beats", record, None)[0]
    probabilities = model.task.annotate(model, record, AnnotateOptions()).columns
    found = explain_beat(model, record, 30, annotator=None)
    assert found.called == probabilities["class"][30]
    assert found.probability == pytest.approx(probabilities[f"p_{found.called}"][30], abs=1e-4)
    words = ["explain", f"record={small_database / 's003'}", "beat=31", f"run_dir={tmp_path / 'run'}"]
    assert main(words) == 0
    assert f"class          {found.called}" in capsys.readouterr().out
    page = (tmp_path / "run" / "explanation.html").read_text()
    assert f"Why beat 31 of s003 is called {found.called}" in page
    assert 'class="for"' in page
    assert len((tmp_path / "run" / "features.csv").read_text().splitlines()) == 1 + len(found.names)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["beat=9999"], "beat=9999 is none of them"),
        (["target=X"], "target=X is none of the classes N, S, V, F, Q"),
        (["checkpoint=waves"], "explain needs a classifier of beats in sequence"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(words, why, small_database, tmp_path, capsys):
    run = ["explain", f"record={small_database / 's003'}", f"run_dir={tmp_path / 'run'}", *words]
    assert main(run) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_an_exported_model_is_not_explained(small_database):
    record = read(small_database / "s003")
    model = dataclasses.replace(fitted("beats", record, None)[0], network=None)
    with pytest.raises(CheckpointError, match="not an export"):
        explain_beat(model, record, 3, annotator=None)
