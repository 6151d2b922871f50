import itertools

import pytest
import torch
from torch import nn

from ecgrnn.nn.crf import LinearChainCrf
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import Cell, InitialState, Schedule
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.optimisation import configure, rate_factor


def course(config: OptimizerConfig, total_steps: int) -> list[float]:
    return [rate_factor(step, config, total_steps=total_steps) for step in range(total_steps + 1)]


def test_the_rate_rises_evenly_to_its_highest_in_the_warm_up():
    rates = course(OptimizerConfig(warmup_fraction=0.1), 100)
    assert rates[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert max(rates) == 1.0


def test_the_cosine_falls_all_the_way_and_ends_at_zero():
    rates = course(OptimizerConfig(warmup_fraction=0.1), 100)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)


def test_a_constant_rate_stays_after_the_warm_up():
    rates = course(OptimizerConfig(warmup_fraction=0.2, schedule=Schedule.constant), 10)
    assert rates == pytest.approx([0.5] + [1.0] * 10)


@pytest.mark.parametrize("total_steps", [1, 2, 3])
def test_the_shortest_trainings_still_learn(total_steps):
    assert rate_factor(0, OptimizerConfig(), total_steps=total_steps) > 0


def test_steps_beyond_the_last_do_not_let_the_rate_rise_again():
    assert rate_factor(150, OptimizerConfig(), total_steps=100) == pytest.approx(0.0)


def test_only_matrices_are_decayed():
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2, bias=False))
    optimizer = configure(network, OptimizerConfig(weight_decay=0.3), total_steps=10)["optimizer"]
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in network.named_parameters()} == {
        "0.weight": 0.3,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "2.weight": 0.3,
    }


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (
            recurrence(Cell.lstm, 3, hidden_size=4, initial_state=InitialState.learned),
            {"initial_h", "initial_c"},
        ),
        (nn.ModuleDict({"head": LinearChainCrf(3)}), {"head.transitions"}),
    ],
    ids=["initial states", "transitions"],
)
def test_matrices_that_are_no_weights_are_not_decayed(network, names):
    optimizer = configure(network, OptimizerConfig(weight_decay=0.3), total_steps=10)["optimizer"]
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    spared = {name for name, p in network.named_parameters() if p.ndim >= 2 and not decay[id(p)]}
    assert spared == names


def test_frozen_parameters_are_left_out():
    network = nn.Linear(3, 4)
    network.bias.requires_grad_(False)
    optimizer = configure(network, OptimizerConfig(), total_steps=10)["optimizer"]
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 0]


def test_the_schedule_moves_with_every_batch():
    network = nn.Linear(1, 1)
    made = configure(network, OptimizerConfig(learning_rate=0.5, warmup_fraction=0.5), total_steps=8)
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[:4] == pytest.approx([0.125, 0.25, 0.375, 0.5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert torch.isfinite(network.weight).all()
