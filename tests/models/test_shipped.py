"""The models that come with the package: small, plain data, and as good as their cards say."""

import re

import numpy as np
import pytest
import torch

from ecgrnn.cli import main
from ecgrnn.errors import CheckpointError
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.metrics.delineation import score_waves, sum_scores
from ecgrnn.models import checkpoint_path, names, shipped
from ecgrnn.signals.annotations import Waves, beats_of, read_annotations, waves_of
from ecgrnn.signals.formats import read
from ecgrnn.tasks.annotated import AnnotateOptions

MODELS = {model.name: model for model in shipped()}
OF_KIND = {
    kind: [name for name, model in MODELS.items() if model.kind == kind]
    for kind in ("beats", "waves", "rhythms")
}


def test_the_models_that_were_promised_are_there():
    assert set(names()) == {"beats", "beats_one_lead", "beats_causal", "beats_tiny", "waves", "rhythm"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_small_plain_data_without_what_training_needs(name):
    model = MODELS[name]
    assert model.checkpoint.stat().st_size <= 1_000_000
    content = torch.load(model.checkpoint, weights_only=True)
    assert set(content) == {"state_dict", "ecgrnn_weight_digests", "ecgrnn"}
    facts = content["ecgrnn"]
    assert (facts["data"]["root"], facts["data"]["cache"]) == (None, "data/cache")
    loaded = load_model(name)
    assert isinstance(loaded.network, torch.nn.Module)
    assert sum(one.numel() for one in loaded.network.parameters()) == model.facts["parameters"]


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_how_the_model_was_made_how_good_it_is_and_what_to_cite(name):
    card = MODELS[name].card.read_text(encoding="utf-8")
    facts = MODELS[name].facts
    for said in (
        facts["command"],
        facts["commit"],
        facts["citation"],
        facts["licence_of_data"],
        "95 % intervals",
    ):
        assert said in card
    assert "Not a medical device" in card
    assert not re.search(r"/(?:work|home|root|tmp)/", card + str(facts))


def test_models_are_listed_with_their_figures(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    for name, model in MODELS.items():
        assert re.search(rf"^{name} ", said, flags=re.MULTILINE)
        for figure in model.facts["figures"].values():
            assert f"{figure['value']:.3f}" in said


def test_a_name_stands_where_a_path_may(small_database, tmp_path, capsys):
    assert main(["inspect", "checkpoint=beats_tiny"]) == 0
    assert "trained on     mitdb" in capsys.readouterr().out
    words = [f"record={small_database / 's003'}", f"run_dir={tmp_path / 'run'}"]
    assert main(["predict", "checkpoint=beats_tiny", *words]) == 0
    assert (tmp_path / "run" / "s003.ecg").is_file()
    assert main(["inspect", "checkpoint=beets"]) == 2
    assert "did you mean 'beats'?" in capsys.readouterr().err


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beats").write_text("mine")
    assert checkpoint_path("beats").read_text() == "mine"
    with pytest.raises(CheckpointError, match="beats is not a checkpoint of plain data"):
        load_model("beats")


@pytest.mark.parametrize("name", OF_KIND["beats"])
def test_held_out_beats_get_the_classes_that_the_card_counts(name, real_database):
    folder = real_database("mitdb")
    for record, wanted in MODELS[name].facts["records"].items():
        recording = read(folder / record)
        columns = recording.leads[:1] if name == "beats_one_lead" else None
        result = annotate(recording, name.removesuffix("_one_lead"), columns, options=AnnotateOptions("atr"))
        assert result.models["beats"] == name
        model = load_model(name)
        reference = beats_of(read_annotations(folder / record, "atr", fs_hz=360.0), model.scheme)
        classes = np.array(model.scheme.classes)[reference.label]
        accuracy = (result.beats["class"].to_numpy() == classes).mean()
        assert accuracy == pytest.approx(wanted["accuracy"], abs=1e-3), record


@pytest.mark.parametrize("name", OF_KIND["waves"])
def test_held_out_waves_are_found_as_the_card_says(name, real_database):
    folder = real_database("ludb")
    for record, wanted in MODELS[name].facts["records"].items():
        recording = read(folder / record)
        waves = annotate(recording, name).waves
        scores = []
        for lead in recording.leads:
            marks = waves_of(read_annotations(folder / record, lead.lower(), fs_hz=recording.fs_hz))
            own = waves[waves["lead"] == lead]
            columns = [own[column].to_numpy() for column in ("onset", "peak", "offset")]
            found = Waves(*columns, own["wave"].to_numpy().astype(str))
            scores.append(score_waves(marks, found, fs_hz=recording.fs_hz))
        for (wave, mark), score in sum_scores(scores).items():
            f1 = 2 * score.found / (2 * score.found + score.missed + score.extra)
            assert f1 == pytest.approx(wanted[f"{wave} {mark}"], abs=5e-3), record


@pytest.mark.parametrize("name", OF_KIND["rhythms"])
def test_held_out_strips_get_the_rhythm_and_the_probabilities_of_the_evaluation(name, real_database):
    folder = real_database("cinc2017")
    for record, wanted in MODELS[name].facts["records"].items():
        (row,) = annotate(read(folder / record), name).rhythms.to_dict("records")
        assert row["rhythm"] == wanted["predicted"]
        for rhythm in "NAO~":
            assert row[f"p_{rhythm}"] == pytest.approx(wanted[f"p_{rhythm}"], abs=1e-3)
