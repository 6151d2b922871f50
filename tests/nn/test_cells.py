import pytest
import torch
from torch import nn

from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import (
    CELLS,
    Weights,
    elman_relu,
    elman_tanh,
    step,
    weights_of,
)
from ecgrnn.nn.state import State
from ecgrnn.nn.verification.cells import RecurrentCell
from ecgrnn.options.choices import Cell

TORCH_CELLS = {
    Cell.rnn_tanh: lambda i, h: nn.RNNCell(i, h, nonlinearity="tanh"),
    Cell.rnn_relu: lambda i, h: nn.RNNCell(i, h, nonlinearity="relu"),
    Cell.lstm: nn.LSTMCell,
    Cell.gru: nn.GRUCell,
}


def make_state(cell, batch, hidden):
    h = torch.randn(batch, hidden, dtype=torch.float64)
    return State(h, torch.randn_like(h) if CELLS[cell].has_c else None)


@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_a_step_equals_the_cell_of_torch_with_its_state_dict(cell):
    torch.manual_seed(0)
    theirs = TORCH_CELLS[cell](4, 5).double()
    ours = RecurrentCell(cell, 4, hidden_size=5).double()
    ours.load_state_dict(theirs.state_dict())
    x, state = torch.randn(3, 4, dtype=torch.float64), make_state(cell, 3, 5)
    after = ours(x, state)
    if cell is Cell.lstm:
        h, c = theirs(x, (state.h, state.c))
        torch.testing.assert_close(after.c, c, rtol=0, atol=1e-14)
    else:
        h = theirs(x, state.h)
    torch.testing.assert_close(after.h, h, rtol=0, atol=1e-14)
    theirs.load_state_dict(ours.state_dict())


@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_the_same_seed_draws_the_weights_of_torch(cell):
    torch.manual_seed(3)
    theirs = TORCH_CELLS[cell](4, 5)
    torch.manual_seed(3)
    ours = RecurrentCell(cell, 4, hidden_size=5)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("cell", Cell)
def test_gradients_of_a_step_are_right(cell, layer_norm):
    if layer_norm and cell is not Cell.lstm:
        with pytest.raises(ConfigError, match="layer_norm=false"):
            RecurrentCell(cell, 2, hidden_size=3, layer_norm=True)
        return
    torch.manual_seed(1)
    module = RecurrentCell(cell, 2, hidden_size=3, layer_norm=layer_norm).double()
    x = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    state = make_state(cell, 2, 3)
    states = [part.requires_grad_() for part in state if part is not None]

    def run(x, *inputs):
        after = module(x, State(*inputs[: len(states)]))
        return tuple(part for part in after if part is not None)

    assert torch.autograd.gradcheck(run, (x, *states, *module.parameters()))


def test_a_cell_without_a_state_begins_at_zero():
    cell = RecurrentCell(Cell.lstm, 2, hidden_size=3)
    x = torch.randn(4, 2)
    zero = State(torch.zeros(4, 3), torch.zeros(4, 3))
    torch.testing.assert_close(cell(x).h, cell(x, zero).h, rtol=0, atol=0)


def test_layer_normalisation_makes_the_lstm_blind_to_the_scale_of_its_input():
    torch.manual_seed(0)
    cell = RecurrentCell(Cell.lstm, 4, hidden_size=8, layer_norm=True).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(cell(1000 * x).h, cell(100 * x).h, rtol=1e-3, atol=1e-4)
    plain = RecurrentCell(Cell.lstm, 4, hidden_size=8).double()
    assert not torch.allclose(plain(1000 * x).h, plain(100 * x).h, rtol=1e-3, atol=1e-4)


def test_layer_normalisation_without_gains_is_refused():
    weights = weights_of(RecurrentCell(Cell.lstm, 2, hidden_size=3), "")
    from ecgrnn.nn.cells import lstm_layer_norm

    with pytest.raises(ConfigError, match="gains"):
        lstm_layer_norm(torch.zeros(1, 2), torch.zeros(1, 3), torch.zeros(1, 3), weights)


def test_the_two_grus_agree_where_nothing_is_reset_and_differ_elsewhere():
    torch.manual_seed(0)
    x, h = torch.randn(3, 2), torch.randn(3, 4)
    W_ih, W_hh, b_ih, b_hh = torch.randn(12, 2), torch.randn(12, 4), torch.randn(12), torch.randn(12)
    open_gate = torch.cat([torch.full((4,), 50.0), torch.zeros(8)])
    always = Weights(W_ih, W_hh, b_ih + open_gate, b_hh)
    sometimes = Weights(W_ih, W_hh, b_ih, b_hh)
    for weights, equal in ((always, True), (sometimes, False)):
        after = step(Cell.gru, x, State(h), weights).h
        before = step(Cell.gru_reset_before, x, State(h), weights).h
        assert torch.allclose(after, before, atol=1e-5) is equal


def joined_weights():
    """Give the weights of a joined cell, and those of the Elman cell of its state."""
    W_ih, W_hh, b = (torch.randn(10, n, dtype=torch.float64) for n in (3, 5, 2))
    whole = Weights(W_ih, W_hh, *b.unbind(1))
    return whole, Weights(*(part[:5] for part in whole[:4]))


def joined_states(cell, x, c, weights):
    state, states = State(torch.zeros_like(c), c), []
    for x_t in x.unbind(1):
        state = step(cell, x_t, state, weights)
        states.append(state.c)
    return torch.stack(states, 1)


def test_the_joined_cell_with_tanh_has_the_states_of_the_elman_cell():
    torch.manual_seed(0)
    weights, of_state = joined_weights()
    x, c = torch.randn(4, 6, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    states = joined_states(Cell.joined_tanh, x, c, weights)
    for t in range(6):
        c = elman_tanh(x[:, t], c, of_state)
        torch.testing.assert_close(states[:, t], c, rtol=0, atol=1e-14)


def test_the_joined_cell_is_what_the_elman_cell_computes_before_tanh():
    torch.manual_seed(0)
    weights, of_state = joined_weights()
    x, c = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    (after,) = joined_states(Cell.joined, x[:, None], c, weights).unbind(1)
    torch.testing.assert_close(torch.tanh(after), elman_tanh(x, c, of_state), rtol=0, atol=1e-14)


def test_the_joined_cell_is_an_elman_relu_cell_of_twice_the_size():
    torch.manual_seed(0)
    weights, (W_ih, W_hh, b_ih, b_hh, _) = joined_weights()
    twice = Weights(
        torch.cat([W_ih, -W_ih]),
        torch.cat([torch.cat([W_hh, -W_hh], 1), torch.cat([-W_hh, W_hh], 1)]),
        torch.cat([b_ih, -b_ih]),
        torch.cat([b_hh, -b_hh]),
    )
    x, c = torch.randn(4, 6, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    states = joined_states(Cell.joined, x, c, weights)
    pq = torch.cat([c.relu(), (-c).relu()], 1)
    for t in range(6):
        pq = elman_relu(x[:, t], pq, twice)
        torch.testing.assert_close(states[:, t], pq[:, :5] - pq[:, 5:], rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", [Cell.joined, Cell.joined_tanh])
def test_the_joined_cell_gives_log_probabilities_read_from_the_state_before_the_step(cell):
    torch.manual_seed(0)
    weights, _ = joined_weights()
    x, c = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    y = step(cell, x, State(torch.randn_like(c), c), weights).h
    torch.testing.assert_close(y.exp().sum(-1), torch.ones(2, dtype=torch.float64))
    other = weights._replace(W_ih=torch.cat([7 * weights.W_ih[:5], weights.W_ih[5:]]))
    torch.testing.assert_close(step(cell, x, State(torch.zeros_like(c), c), other).h, y, rtol=0, atol=0)
