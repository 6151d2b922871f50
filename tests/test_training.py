import json

import numpy as np
import pytest
import torch
import yaml

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.tasks.beats.logits import beat_logits


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def beats(model, small_database, tmp_path_factory):
    """Every beat of two records, as the model reads them."""
    records = prepare_records(
        [RecordSource(name, small_database / name, name, ("atr",)) for name in ("s004", "s006")],
        model.preprocessing,
        cache=tmp_path_factory.mktemp("training"),
        workers=0,
        progress=lambda items, total: items,
    )
    view = model.view(annotator="atr")
    return view.dataset(records, training=False)


def summary(run_dir) -> dict:
    content = json.loads((run_dir / "summary.json").read_text())
    return {key: value for key, value in content.items() if key not in {"seconds", "versions"}}


def test_a_training_leaves_its_options_checkpoints_metrics_and_results(trained):
    there = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert {
        "config.yaml",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "csv/metrics.csv",
        "summary.json",
        "records.csv",
    } <= there
    options = yaml.safe_load((trained / "config.yaml").read_text())
    assert options["network"]["encoder"]["hidden_size"] == 8
    assert "validation/macro_f1" in (trained / "csv" / "metrics.csv").read_text()


def test_the_summary_says_what_was_scored(trained, model):
    found = json.loads((trained / "summary.json").read_text())
    wanted = {"database", "split", "scheme", "records", "beats", "accuracy", "macro_f1", "macro_f1_classes"}
    assert wanted | {"classes", "seconds", "versions"} <= set(found)
    assert (found["database"], found["split"], found["scheme"]) == ("synthetic", "holdout", "aami")
    assert found["records"] == len(model.trained.split.test)
    assert found["beats"] == sum(model.trained.counts["test"].values())
    for name, score in found["classes"].items():
        assert set(score) >= {"support", "sensitivity", "positive_predictivity", "f1"}
        assert score["support"] == model.trained.counts["test"][name]
    scored = [found["classes"][name]["f1"] for name in found["macro_f1_classes"]]
    assert found["macro_f1"] == pytest.approx(np.mean(scored))


def test_the_same_seed_gives_the_same_weights_and_the_same_figures(
    trained, command_line, small_training, tmp_path
):
    assert command_line(*small_training, f"run_dir={tmp_path / 'again'}") == 0
    one, other = (
        torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for run in (trained, tmp_path / "again")
    )
    torch.testing.assert_close(other, one, rtol=0, atol=0)
    assert summary(trained) == summary(tmp_path / "again")


def test_a_training_without_a_validation_is_judged_by_its_last_epoch(
    command_line, small_training, tmp_path, capsys
):
    words = [*small_training, "trainer.check_val_every_n_epoch=2"]
    assert command_line(*words, f"run_dir={tmp_path / 'best'}") == 2
    assert "test_checkpoint=last" in capsys.readouterr().err
    assert not (tmp_path / "best").exists()
    assert command_line(*words, "test_checkpoint=last", f"run_dir={tmp_path / 'last'}") == 0
    figures = json.loads((tmp_path / "last" / "training.json").read_text())
    assert (figures["best"], figures["best_epoch"]) == (None, None)
    assert (tmp_path / "last" / "summary.json").is_file()


def test_a_training_that_is_over_before_its_first_validation_says_what_is_left(
    command_line, small_training, tmp_path, capsys
):
    words = [*small_training, "trainer.max_epochs=2", "trainer.check_val_every_n_epoch=2"]
    assert command_line(*words, "trainer.max_steps=2", f"run_dir={tmp_path / 'run'}") == 2
    assert f"evaluate checkpoint={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


def test_evaluating_gives_the_figures_of_the_end_of_training(trained, command_line, small_data, tmp_path):
    checkpoint = trained / "checkpoints" / "best.ckpt"
    where = [word for word in small_data if word.startswith(("data.root", "data.cache", "data.workers"))]
    words = ["evaluate", f"checkpoint={checkpoint}", *where]
    assert command_line(*words, f"run_dir={tmp_path / 'run'}") == 0
    assert summary(tmp_path / "run") == summary(trained)  # to the last digit
    assert (tmp_path / "run" / "records.csv").read_bytes() == (trained / "records.csv").read_bytes()
    assert command_line(*words, "batch_size=37", f"run_dir={tmp_path / 'other'}") == 0
    for key in ("accuracy", "macro_f1", "classes", "confusion_matrix"):
        assert summary(tmp_path / "other")[key] == summary(trained)[key], key


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_changes_no_prediction(model, beats, batch_size):
    whole = beat_logits(model.network, beats, batch_size=len(beats))
    parts = beat_logits(model.network, beats, batch_size=batch_size)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(parts.argmax(-1), whole.argmax(-1))


def test_the_order_of_a_batch_changes_no_prediction(model, beats):
    order = torch.randperm(len(beats), generator=torch.Generator().manual_seed(0))
    straight = beats.__getitems__(range(len(beats)))
    mixed = beats.__getitems__(order.tolist())
    with torch.inference_mode():
        logits, mixed_logits = (
            model.network(batch.signal, batch.lengths, batch.features) for batch in (straight, mixed)
        )
    torch.testing.assert_close(mixed_logits, logits[order], rtol=0, atol=2e-6)


@pytest.mark.parametrize("filling", [0.0, 100.0, float("nan")])
def test_padding_changes_no_prediction_whatever_it_holds(model, beats, filling):
    batch = beats.__getitems__(range(20))
    beyond = torch.full((20, 50, 2), filling)
    with torch.inference_mode():
        plain = model.network(batch.signal, batch.lengths, batch.features)
        padded = model.network(torch.cat([batch.signal, beyond], dim=1), batch.lengths, batch.features)
    torch.testing.assert_close(padded, plain, rtol=0, atol=2e-6)


def test_a_beat_is_judged_alike_beside_a_longer_one(model, beats):
    batch = beats.__getitems__(range(4))
    short = torch.tensor([144, 100, 60, 144])
    with torch.inference_mode():
        together = model.network(batch.signal, short, batch.features)
        for row, length in enumerate(short.tolist()):
            alone = model.network(
                batch.signal[row : row + 1, :length], short[row : row + 1], batch.features[row : row + 1]
            )
            torch.testing.assert_close(together[row], alone[0], rtol=0, atol=2e-6)
