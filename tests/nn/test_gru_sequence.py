import pytest
import torch
from torch import nn

from ecgrnn.nn import fused
from ecgrnn.nn.cells import weights_of
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.gru_sequence import gru_layer
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell, InitialState


def same(one, other, atol=1e-12):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("time", [1, 9])
def test_outputs_states_and_gradients_equal_those_of_torch(time, num_layers, bidirectional):
    torch.manual_seed(0)
    theirs = nn.GRU(3, 5, num_layers=num_layers, bidirectional=bidirectional, batch_first=True).double()
    ours = recurrence(Cell.gru, 3, hidden_size=5, num_layers=num_layers, bidirectional=bidirectional).double()
    ours.layers.load_state_dict(theirs.state_dict())
    x = torch.randn(4, time, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(num_layers * (1 + bidirectional), 4, 5, dtype=torch.float64, requires_grad=True)
    y, last = ours(x, None, State(h))
    expected_y, expected_last = theirs(x, h)
    same([y, last.h], [expected_y, expected_last])
    weights = torch.randn_like(y), torch.randn_like(last.h)
    gradients = torch.autograd.grad(
        (y * weights[0]).sum() + (last.h * weights[1]).sum(), [x, h, *ours.parameters()]
    )
    expected = torch.autograd.grad(
        (expected_y * weights[0]).sum() + (expected_last * weights[1]).sum(), [x, h, *theirs.parameters()]
    )
    same(gradients, expected)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_gradient_is_that_of_small_steps(bidirectional):
    torch.manual_seed(0)
    network = recurrence(
        Cell.gru,
        2,
        hidden_size=3,
        num_layers=2,
        bidirectional=bidirectional,
        initial_state=InitialState.learned,
    ).double()
    x = torch.randn(2, 6, 2, dtype=torch.float64, requires_grad=True)

    def run(x, *_):
        y, last = network(x)
        return y, last.h

    assert torch.autograd.gradcheck(run, (x, *network.parameters()))


def test_it_is_taken_for_a_few_rows_in_training_alone(monkeypatch):
    asked = []

    def watched(x, h, weights, **steps):
        asked.append(len(x))
        return gru_layer(x, h, weights, **steps)

    monkeypatch.setattr(fused, "gru_layer", watched)
    network = recurrence(Cell.gru, 3, hidden_size=4)
    for rows in (8, 32, 33):
        network.outputs(torch.randn(rows, 6, 3))
    assert asked == [8, 32]
    network.outputs(torch.randn(8, 5, 3))  # so few steps are faster by torch
    with torch.no_grad():
        network.outputs(torch.randn(8, 6, 3))
    recurrence(Cell.lstm, 3, hidden_size=4).outputs(torch.randn(8, 6, 3))
    assert asked == [8, 32]


def test_stretches_with_the_state_carried_equal_the_whole():
    torch.manual_seed(0)
    network = recurrence(Cell.gru, 3, hidden_size=4, num_layers=2).double()
    x = torch.randn(2, 12, 3, dtype=torch.float64)
    whole, end = network(x)
    first, state = network(x[:, :6])
    second, last = network(x[:, 6:], None, state)
    same([torch.cat([first, second], dim=1), last.h], [whole, end.h])


def test_dropout_acts_between_its_layers_in_training_only():
    torch.manual_seed(0)
    network, x = recurrence(Cell.gru, 3, hidden_size=8, num_layers=2, dropout=0.9), torch.randn(2, 5, 3)
    assert not torch.allclose(network(x)[0], network(x)[0])
    network.eval()
    torch.testing.assert_close(network(x)[0], network(x)[0], rtol=0, atol=0)


def test_its_input_is_not_written_to():
    torch.manual_seed(0)
    network = recurrence(Cell.gru, 3, hidden_size=4, bidirectional=True)
    x, h = torch.randn(2, 5, 3), torch.randn(2, 2, 4)
    kept = x.clone(), h.clone()
    weights = [weights_of(network.layers, suffix) for suffix in ("_l0", "_l0_reverse")]
    y, last = gru_layer(x, h, weights)
    (y.sum() + last.sum()).backward()
    same([x, h], kept, atol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_rows_of_different_lengths_equal_the_written_out_layers_with_their_gradients(bidirectional):
    torch.manual_seed(0)
    sizes = {"hidden_size": 5, "num_layers": 2, "bidirectional": bidirectional}
    ours = recurrence(Cell.gru, 3, **sizes).double()
    written_out = recurrence(Cell.gru, 3, fused=False, **sizes).double()
    written_out.load_state_dict(ours.state_dict())
    x = torch.randn(4, 9, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(2 * (1 + bidirectional), 4, 5, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([9, 1, 0, 5])
    found = []
    for network in (ours, written_out):
        torch.manual_seed(1)
        y, last = network(x, lengths, State(h))
        loss = (y * torch.randn_like(y)).sum() + (last.h * torch.randn_like(last.h)).sum()
        found.append([y, last.h, *torch.autograd.grad(loss, [x, h, *network.parameters()])])
    same(*found)
