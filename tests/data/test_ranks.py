import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgrnn.data.ranks import broadcast, gather, rank, rank_of, share, world_size
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.truncated import stretches
from ecgrnn.options.choices import Cell

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *words: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def shared(small_training, tmp_path_factory):
    """Train with two processes as torchrun would start them, and give the folder of what both have seen."""
    folder = tmp_path_factory.mktemp("shared")
    words = [word for word in small_training if not word.startswith("trainer.max_epochs")]
    run(
        TWO_RANKS, str(folder), *words, "trainer=ddp_cpu", "trainer.max_epochs=2", f"run_dir={folder / 'run'}"
    )
    return folder


TWO_RANKS = """
import json, os, socket, sys, warnings
import torch
from pathlib import Path
from torch.nn.parallel import DistributedDataParallel
from ecgrnn.options.choices import Cell
from ecgrnn.cli import main
from ecgrnn.commands import train
from ecgrnn.metrics.classification import ConfusionMatrix
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.truncated import stretches
from ecgrnn.data.ranks import gather, share
from ecgrnn.tasks.classification import ClassificationModule

warnings.simplefilter("ignore")
folder, *words = sys.argv[1:]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
children = [os.fork() for _ in range(1)]
rank = 0 if children[0] else 1
os.environ |= {
    "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "test",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
}
seen = {"training": [], "validation": [], "served": []}
scores = ClassificationModule._log_scores
def counting(self, stage, loss, counted):
    seen[stage].append(counted.compute().tolist())
    scores(self, stage, loss, counted)
ClassificationModule._log_scores = counting
step = ClassificationModule.training_step
def served(self, batch):
    seen["served"] += batch.index.tolist()
    return step(self, batch)
ClassificationModule.training_step = served
def kept(trainer, module, *rest):
    seen["weights"] = {name: value.tolist() for name, value in module.state_dict().items()}
train.pl.LightningModule.on_train_end = lambda self: kept(None, self)
status = main(words)

seen["gathered"] = gather([10 * item for item in share(range(5))])

class Carried(torch.nn.Module):
    bidirectional = False
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        network = recurrence(Cell.gru, 2, hidden_size=3).double()
        self.shared = DistributedDataParallel(network)
    def forward(self, x, lengths, state):
        return self.shared(x, lengths, state)

network = Carried()
x = torch.arange(4 * 9 * 2, dtype=torch.float64).reshape(4, 9, 2).sin()[rank::2]
optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
for part in stretches(network, x, steps=3):
    optimizer.zero_grad()
    part.outputs.square().mean().backward()
    optimizer.step()
seen["carried"] = [parameter.tolist() for parameter in network.parameters()]
Path(folder, f"rank{rank}.json").write_text(json.dumps(seen))
if rank:
    os._exit(status)
sys.exit(status or os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""


@pytest.fixture(scope="module")
def seen(shared):
    return [json.loads((shared / f"rank{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def last(shared):
    """The weights at the end, and the facts of the training."""
    return torch.load(shared / "run" / "checkpoints" / "last.ckpt", weights_only=True)


def test_both_ranks_end_with_the_same_weights(seen, last):
    assert seen[0]["weights"] == seen[1]["weights"]
    for name, value in last["state_dict"].items():
        assert seen[0]["weights"][name] == value.tolist()


def test_every_item_is_trained_on_once_an_epoch_and_counted_once(seen, last):
    counts = last["ecgrnn"]["counts"]["train"]
    items = sum(counts.values())
    assert sorted(seen[0]["served"] + seen[1]["served"]) == sorted(2 * list(range(items)))
    for matrix in seen[0]["training"]:
        assert np.sum(matrix, axis=1).tolist() == list(counts.values())
    assert seen[0]["training"] == seen[1]["training"]


def test_validation_counts_of_two_ranks_are_those_of_one_process(
    seen, last, shared, small_data, command_line
):
    from ecgrnn.data.datamodule import EcgDataModule
    from ecgrnn.metrics.classification import confusion_matrix
    from ecgrnn.options.choices import Subset
    from ecgrnn.options.data import LoaderConfig
    from ecgrnn.tasks.beats.logits import beat_logits

    model = load_model(shared / "run" / "checkpoints" / "last.ckpt")
    view = model.view(annotator="atr")
    datamodule = EcgDataModule(model.data, model.preprocessing, loader=LoaderConfig(), view=view, seed=0)
    datamodule.setup()
    dataset = datamodule.dataset(Subset.validation)
    predicted = beat_logits(model.network, dataset, batch_size=64).argmax(-1)
    wanted = confusion_matrix(dataset.table.label, predicted, n_classes=5)
    assert seen[0]["validation"][-1] == seen[1]["validation"][-1] == wanted.tolist()


def test_the_first_rank_alone_leaves_files(shared):
    assert sorted(path.name for path in shared.iterdir()) == ["rank0.json", "rank1.json", "run"]
    with (shared / "run" / "csv" / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "0", "1", "1"]


def test_what_is_shared_comes_back_in_its_order(seen):
    assert seen[0]["gathered"] == seen[1]["gathered"] == [0, 10, 20, 30, 40]


def test_truncated_back_propagation_with_carried_state_is_that_of_one_process(seen):
    torch.manual_seed(0)
    network = recurrence(Cell.gru, 2, hidden_size=3).double()
    x = torch.arange(4 * 9 * 2, dtype=torch.float64).reshape(4, 9, 2).sin()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for part in stretches(network, x, steps=3):
        optimizer.zero_grad()
        part.outputs.square().mean().backward()
        optimizer.step()
    for one, found in zip(network.parameters(), seen[0]["carried"], strict=True):
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), one.detach(), rtol=0, atol=1e-12)
    assert seen[0]["carried"] == seen[1]["carried"]


def test_held_out_records_scored_by_two_ranks_have_the_counts_of_one_process(
    shared, small_data, command_line, tmp_path
):
    where = [word for word in small_data if word.startswith(("data.root", "data.cache", "data.workers"))]
    checkpoint = f"checkpoint={shared / 'run' / 'checkpoints' / 'best.ckpt'}"
    assert command_line("evaluate", checkpoint, *where, f"run_dir={tmp_path / 'one'}") == 0
    for name in ("confusion.csv", "records.csv", "ec57_records.csv", "audit.json"):
        assert (tmp_path / "one" / name).read_bytes() == (shared / "run" / name).read_bytes(), name


def test_alone_a_process_is_the_first_of_one():
    assert (rank(), world_size(), share([1, 2]), gather([3]), broadcast(4)) == (0, 1, [1, 2], [3], 4)


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"SLURM_PROCID": "2"}, False),
    ],
)
def test_the_first_process_is_known_from_its_environment(environment, first):
    assert (rank_of(environment) == 0) == first
