import pytest
import torch
from torch import nn
from torch.nn import functional

from ecgrnn.data.batch import ClassBatch
from ecgrnn.metrics.classification import class_scores, confusion_matrix, macro_f1
from ecgrnn.options.choices import ClassWeights
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.classification import ClassificationModule, loss_weights

CLASSES = ("N", "S", "V")


class MeanOfLeads(nn.Module):
    """Logits from the mean of each lead and the features."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, signal, lengths, features):
        return self.linear(torch.cat([signal.mean(dim=1), features], dim=-1))


def drawn_batch(seed: int, n: int = 24) -> ClassBatch:
    generator = torch.Generator().manual_seed(seed)
    return ClassBatch(
        signal=torch.randn(n, 10, 2, generator=generator),
        lengths=torch.full((n,), 10),
        features=torch.randn(n, 2, generator=generator),
        label=torch.randint(3, (n,), generator=generator),
        index=torch.arange(n),
    )


@pytest.fixture
def logged() -> dict:
    return {}


@pytest.fixture
def task(logged) -> ClassificationModule:
    torch.manual_seed(0)
    made = ClassificationModule(
        MeanOfLeads(),
        classes=CLASSES,
        scored=("N", "V"),
        class_weights=torch.tensor([0.5, 1.0, 2.0]),
        label_smoothing=0.1,
        optimizer=OptimizerConfig(),
    )
    made.log = lambda name, value, **_: logged.update({name: float(torch.as_tensor(value).detach())})
    return made


def test_the_loss_is_the_weighted_cross_entropy(task, logged):
    batch = drawn_batch(0)
    wanted = functional.cross_entropy(
        task.network(batch.signal, batch.lengths, batch.features),
        batch.label,
        weight=torch.tensor([0.5, 1.0, 2.0]),
        label_smoothing=0.1,
    )
    loss = task.training_step(batch)
    torch.testing.assert_close(loss, wanted)
    assert loss.requires_grad
    task.on_train_epoch_end()
    assert logged["training/loss"] == pytest.approx(wanted.item())


def test_scores_of_an_epoch_are_over_all_its_batches_and_start_anew(task, logged):
    batches = [drawn_batch(seed) for seed in range(4)]
    for batch in batches:
        task.validation_step(batch)
    matrix = torch.zeros(3, 3, dtype=torch.int64)
    for batch in batches:
        for label, called in zip(batch.label, task(batch).argmax(-1), strict=True):
            matrix[label, called] += 1
    task.on_validation_epoch_end()
    assert logged["validation/macro_f1"] == pytest.approx(macro_f1(matrix.numpy(), over=[0, 2]))
    for name, score in zip(CLASSES, class_scores(matrix.numpy()), strict=True):
        assert logged[f"validation/f1_{name}"] == pytest.approx(score.f1)
    task.validation_step(batches[0])
    task.on_validation_epoch_end()
    assert logged["validation/macro_f1"] != pytest.approx(macro_f1(matrix.numpy(), over=[0, 2]))


def test_stages_do_not_share_their_counts(task, logged):
    task.training_step(drawn_batch(0))
    task.validation_step(drawn_batch(1))
    task.on_train_epoch_end()
    task.on_validation_epoch_end()
    for seed, stage in enumerate(("training", "validation")):
        batch = drawn_batch(seed)
        matrix = confusion_matrix(batch.label.numpy(), task(batch).argmax(-1).numpy(), n_classes=3)
        assert logged[f"{stage}/macro_f1"] == pytest.approx(macro_f1(matrix, over=[0, 2]))


def test_a_checkpoint_gets_no_metric_or_class_weight(task):
    checkpoint = {}
    task.on_save_checkpoint(checkpoint)
    assert checkpoint == {}
    assert set(task.state_dict()) == {"network.linear.weight", "network.linear.bias"}


@pytest.mark.parametrize("kind", ClassWeights)
def test_the_mean_weight_of_a_training_item_is_one(kind):
    counts = torch.tensor([45866, 944, 3788, 415, 8])
    weights = loss_weights(counts, kind)
    assert ((weights * counts).sum() / counts.sum()).item() == pytest.approx(1.0, rel=1e-5)


def test_weights_follow_the_counts_as_they_say():
    counts = torch.tensor([90, 10])
    one, other = loss_weights(counts, ClassWeights.root)
    assert (other / one).item() == pytest.approx(3.0)
    one, other = loss_weights(counts, ClassWeights.balanced)
    assert (other / one).item() == pytest.approx(9.0)
    assert loss_weights(counts, ClassWeights.none).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("kind", ClassWeights)
def test_a_class_without_training_items_weighs_nothing(kind):
    weights = loss_weights(torch.tensor([90, 10, 0]), kind)
    assert weights[2] == 0
    assert torch.isfinite(weights).all()
