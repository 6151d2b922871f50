import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("learning_curves", "test_confusion_matrix", "test_strip_0")


@pytest.fixture(scope="module")
def tracked(small_training, tmp_path_factory):
    """Train once with every tracker that is installed, and give the folder of run and stores."""
    pytest.importorskip("wandb", reason="needs wandb: pip install 'ecgrnn[wandb,mlflow]'")
    pytest.importorskip("mlflow", reason="needs MLflow: pip install 'ecgrnn[wandb,mlflow]'")
    folder = tmp_path_factory.mktemp("tracked")
    words = [word for word in small_training if not word.startswith("logger.")]
    store = f"logger.mlflow_uri=sqlite:///{folder / 'store' / 'mlflow.db'}"
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "ecgrnn",
            *words,
            "logger.wandb=true",
            "logger.mlflow=true",
            store,
            f"run_dir={folder / 'run'}",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder


def test_tensorboard_has_curves_pictures_and_options_with_final_figures(tracked):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tracked / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert "validation/macro_f1" in tags["scalars"]
    assert "final/test_macro_f1" in tags["scalars"]
    assert_pictures(tags["images"])
    picture = events.Images("test_confusion_matrix")[0]
    assert picture.encoded_image_string.startswith(b"\x89PNG")
    assert (picture.width, picture.height) == (460, 420)
    assert "hparams" in events.summary_metadata["_hparams_/session_start_info"].plugin_data.plugin_name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own tables, with SQLAlchemy 2.1
def test_mlflow_has_options_final_figures_and_pictures(tracked):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tracked / 'store' / 'mlflow.db'}")
    (experiment,) = [one for one in client.search_experiments() if one.name == "ecgrnn"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["network.encoder.hidden_size"] == "8"
    assert 0 <= run.data.metrics["final/test_macro_f1"] <= 1
    assert len(client.get_metric_history(run.info.run_id, "validation/macro_f1")) == 1
    assert_pictures([Path(one.path).stem for one in client.list_artifacts(run.info.run_id, "pictures")])


def test_weights_and_biases_has_them_offline(tracked):
    (folder,) = (tracked / "run" / "wandb").glob("offline-run-*")
    written = next(folder.glob("*.wandb")).read_bytes()
    for name in (b"network.encoder.hidden_size", b"validation/macro_f1", b"final/test_macro_f1"):
        assert name in written
    assert_pictures([path.name for path in (folder / "files" / "media" / "images").rglob("*.png")])


def test_a_run_with_trackers_leaves_nothing_outside_its_folder_and_store(tracked):
    assert {path.name for path in tracked.iterdir() if not path.name.startswith(".")} == {"run", "store"}


def assert_pictures(names):
    for wanted in FIGURES:
        assert any(name.startswith(wanted) for name in names), f"{wanted} is not among {sorted(names)}"
