from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ecgrnn.data.batch import ClassBatch
from ecgrnn.errors import DivergedError
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.classification import ClassificationModule
from ecgrnn.tasks.optimisation import LossWindow


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, signal, lengths, features):
        return self.layer(features)


def task_of(weights=(0.3, 1.0, 2.5, 0.0), **trainer) -> ClassificationModule:
    task = ClassificationModule(
        Linear(),
        classes=("N", "S", "V", "F"),
        scored=("N", "S"),
        class_weights=torch.tensor(weights, dtype=torch.float64),
        label_smoothing=0.0,
        optimizer=OptimizerConfig(),
    ).double()
    facts = {
        "accumulate_grad_batches": 1,
        "precision_plugin": SimpleNamespace(scaler=None),
        "gradient_clip_val": None,
        "gradient_clip_algorithm": None,
        "precision": "32-true",
        "current_epoch": 3,
        "global_step": 17,
    }
    task._trainer = SimpleNamespace(**{**facts, **trainer})
    task.clip_gradients = lambda *clip: None
    return task


def batch_of(n: int, seed: int) -> ClassBatch:
    generator = torch.Generator().manual_seed(seed)
    return ClassBatch(
        signal=torch.zeros(n, 1, 1),
        lengths=torch.ones(n, dtype=torch.int64),
        features=torch.randn(n, 3, generator=generator, dtype=torch.float64),
        label=torch.randint(0, 4, (n,), generator=generator),
        index=torch.arange(n),
    )


def joined(batches) -> ClassBatch:
    names = ("signal", "lengths", "features", "label", "index")
    return ClassBatch(**{name: torch.cat([getattr(one, name) for one in batches]) for name in names})


def gradient_of(task, batches, *, clip=None):
    """Do what Lightning does: divide each loss by the batches of a whole window, and add up the gradients."""
    optimizer = torch.optim.SGD(task.parameters(), lr=1.0)
    optimizer.zero_grad()
    for batch in batches:
        (task.training_step(batch) / task.trainer.accumulate_grad_batches).backward()
    task.configure_gradient_clipping(optimizer, clip, None)
    return [one.grad.clone() for one in task.parameters()]


@pytest.mark.parametrize("sizes", [(4, 4, 4), (2, 9, 5), (7, 1), (3,)], ids=str)
def test_accumulated_batches_have_the_gradient_of_one_large_batch(sizes):
    torch.manual_seed(0)
    task = task_of(accumulate_grad_batches=3)
    batches = [batch_of(n, seed) for seed, n in enumerate(sizes)]
    found = gradient_of(task, batches)
    task.trainer.accumulate_grad_batches = 1
    wanted = gradient_of(task, [joined(batches)])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_a_first_batch_without_weight_does_not_spoil_its_window():
    task = task_of(accumulate_grad_batches=2)
    weightless = batch_of(3, 0)
    weightless.label[:] = 3  # the class of weight 0
    batches = [weightless, batch_of(5, 1)]
    found = gradient_of(task, batches)
    task.trainer.accumulate_grad_batches = 1
    for one, other in zip(found, gradient_of(task, [joined(batches)]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_every_window_stands_alone():
    task = task_of(accumulate_grad_batches=2)
    first = gradient_of(task, [batch_of(4, 0), batch_of(6, 1)])
    gradient_of(task, [batch_of(9, 2)])
    for one, again in zip(first, gradient_of(task, [batch_of(4, 0), batch_of(6, 1)]), strict=True):
        assert torch.equal(one, again)


def test_a_gradient_is_clipped_as_torch_clips_it():
    task = task_of()
    (total,) = (torch.nn.utils.get_total_norm(gradient_of(task, [batch_of(6, 0)])),)
    clipped = gradient_of(task, [batch_of(6, 0)], clip=float(total) / 4)
    torch.testing.assert_close(torch.nn.utils.get_total_norm(clipped), total / 4, rtol=1e-5, atol=0)


@pytest.mark.parametrize("accumulated", [1, 3])
@pytest.mark.parametrize("where", [0, 1])
def test_a_loss_that_is_not_finite_stops_training_and_says_where(accumulated, where):
    task = task_of(accumulate_grad_batches=accumulated)
    batches = [batch_of(4, seed) for seed in range(min(2, accumulated))]
    batches[where % len(batches)].features[0] = torch.nan
    with pytest.raises(DivergedError, match=r"the loss is not finite \(nan\) in epoch 3, step 17") as error:
        gradient_of(task, batches)
    assert "Lower optimizer.learning_rate=0.003, or set trainer.gradient_clip_val" in str(error.value)


def test_a_gradient_that_is_not_finite_stops_training_under_a_finite_loss():
    task = task_of(gradient_clip_val=1.0)
    task.network.layer.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(
        DivergedError, match=r"the gradient is not finite .*, or lower trainer\.gradient_clip_val=1"
    ):
        gradient_of(task, [batch_of(4, 0)], clip=1.0)


def test_an_overflow_that_the_scaler_skips_is_no_error_but_one_that_never_ends_is():
    scale = [65536.0]
    scaler = SimpleNamespace(get_scale=lambda: scale[0])
    task = task_of(precision="16-mixed", precision_plugin=SimpleNamespace(scaler=scaler))
    task.network.layer.weight.register_hook(lambda gradient: gradient * torch.inf)
    gradient_of(task, [batch_of(4, 0)])
    scale[0] = 0.5
    with pytest.raises(DivergedError, match=r"take trainer\.precision=32-true"):
        gradient_of(task, [batch_of(4, 0)])


def test_a_loss_that_is_not_finite_is_an_error_whatever_the_scaler_does():
    scaler = SimpleNamespace(get_scale=lambda: 65536.0)
    task = task_of(precision="16-mixed", precision_plugin=SimpleNamespace(scaler=scaler))
    batch = batch_of(4, 0)
    batch.features[0] = torch.inf
    with pytest.raises(DivergedError, match="the loss is not finite"):
        gradient_of(task, [batch])


def test_a_validation_that_is_not_finite_cannot_become_the_best():
    task = task_of()
    batch = batch_of(4, 0)
    batch.features[0] = torch.nan
    task.validation_step(batch)
    with pytest.raises(DivergedError, match="the validation loss is not finite"):
        task.on_validation_epoch_end()


def test_weights_that_are_not_finite_are_never_saved():
    task = task_of()
    task.on_save_checkpoint({"state_dict": task.state_dict()})
    task.network.layer.weight.data[0, 0] = torch.inf
    with pytest.raises(DivergedError, match=r"network\.layer\.weight is not finite"):
        task.on_save_checkpoint({"state_dict": task.state_dict()})


def test_a_batch_alone_has_the_mean_of_its_items():
    window = LossWindow()
    for total, weight in ((6.0, 3.0), (1.0, 4.0), (0.0, 0.0)):
        loss = window.add(torch.tensor(total), torch.tensor(weight))
        assert float(loss) == pytest.approx(total / weight if weight else 0.0)
