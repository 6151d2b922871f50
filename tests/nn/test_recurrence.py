import itertools

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ecgrnn.errors import ConfigError
from ecgrnn.nn import fused
from ecgrnn.nn.fused import FusedRecurrence, recurrence
from ecgrnn.nn.recurrence import Recurrence
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell, InitialState
from ecgrnn.options.networks import WRITTEN_OUT

FUSED_CELLS = [Cell.rnn_tanh, Cell.rnn_relu, Cell.lstm, Cell.gru]
EVERY = [(cell, fused) for cell in Cell for fused in (False, True) if not (fused and cell in WRITTEN_OUT)]
LENGTHS = torch.tensor([3, 7, 1, 5])


def torch_layers(cell, input_size, hidden_size, **options):
    if cell in (Cell.rnn_tanh, Cell.rnn_relu):
        return nn.RNN(input_size, hidden_size, nonlinearity=cell.value[4:], batch_first=True, **options)
    return {Cell.lstm: nn.LSTM, Cell.gru: nn.GRU}[cell](input_size, hidden_size, batch_first=True, **options)


def random_state(network, batch):
    like = network.initial_state(batch)
    return State(*(None if part is None else torch.randn_like(part) for part in like))


def parts(state):
    return [part for part in state if part is not None]


def assert_equal(one, other, atol):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 6]), torch.tensor([6, 2])])
@pytest.mark.parametrize("fused", [False, True])
def test_an_lstm_given_no_cell_state_begins_with_one_of_zeros(fused, lengths):
    torch.manual_seed(0)
    network = recurrence(Cell.lstm, 3, hidden_size=4, num_layers=2, fused=fused).double()
    x, h = torch.randn(2, 6, 3).double(), torch.randn(2, 2, 4).double()
    y, last = network(x, lengths, State(h))
    expected_y, expected_last = network(x, lengths, State(h, torch.zeros_like(h)))
    assert_equal([y, *last], [expected_y, *expected_last], atol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", FUSED_CELLS)
def test_outputs_states_and_gradients_equal_those_of_torch(cell, num_layers, bidirectional):
    torch.manual_seed(0)
    theirs = torch_layers(cell, 3, 4, num_layers=num_layers, bidirectional=bidirectional).double()
    ours = Recurrence(cell, 3, hidden_size=4, num_layers=num_layers, bidirectional=bidirectional).double()
    ours.layers.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    state = random_state(ours, 4)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    y, last = theirs(packed, tuple(parts(state)) if cell is Cell.lstm else state.h)
    y = pad_packed_sequence(y, batch_first=True)[0]
    expected = [y, *(last if cell is Cell.lstm else [last])]
    got_y, got_last = ours(x, LENGTHS, state)
    got = [got_y, *parts(got_last)]
    assert_equal(got, expected, atol=1e-13)
    weights = [torch.randn_like(part) for part in expected]
    loss = sum((a * b).sum() for a, b in zip(expected, weights, strict=True))
    our_loss = sum((a * b).sum() for a, b in zip(got, weights, strict=True))
    gradients = torch.autograd.grad(loss, list(theirs.parameters()))
    our_gradients = torch.autograd.grad(our_loss, list(ours.parameters()))
    assert_equal(our_gradients, gradients, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS, torch.tensor([0, 7, 2, 0])])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", FUSED_CELLS)
def test_fused_equals_written_out_in_float32(cell, bidirectional, lengths):
    options = {"hidden_size": 8, "num_layers": 2, "bidirectional": bidirectional}
    torch.manual_seed(0)
    ours = recurrence(cell, 3, **options, fused=False)
    fused = recurrence(cell, 3, **options, fused=True)
    fused.load_state_dict(ours.state_dict())
    x, state = torch.randn(4, 7, 3), random_state(ours, 4)
    y, last = ours(x, lengths, state)
    fused_y, fused_last = fused(x, lengths, state)
    assert_equal([fused_y, *parts(fused_last)], [y, *parts(last)], atol=1e-5)


@pytest.mark.parametrize("initial_state", InitialState)
def test_the_same_seed_draws_the_same_weights_in_all_three_forms(initial_state):
    drawn = []
    for make in (
        lambda: Recurrence(Cell.gru, 3, hidden_size=4, num_layers=2, initial_state=initial_state),
        lambda: FusedRecurrence(Cell.gru, 3, hidden_size=4, num_layers=2, initial_state=initial_state),
        lambda: nn.GRU(3, 4, num_layers=2),
    ):
        torch.manual_seed(5)
        module = make()
        drawn.append((list(getattr(module, "layers", module).state_dict().items()), torch.rand(1)))
    for (weights, after), (other, other_after) in itertools.pairwise(drawn):
        assert [name for name, _ in weights] == [name for name, _ in other]
        assert_equal([value for _, value in weights], [value for _, value in other], atol=0)
        assert torch.equal(after, other_after)


@pytest.mark.parametrize(("cell", "fused"), EVERY)
def test_gradients_are_right_in_both_directions(cell, fused):
    torch.manual_seed(0)
    network = recurrence(
        cell, 2, hidden_size=2, bidirectional=True, initial_state=InitialState.learned, fused=fused
    ).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)

    def run(x, *_):
        y, last = network(x, torch.tensor([3, 2]))
        return (y, *parts(last))

    assert torch.autograd.gradcheck(run, (x, *network.parameters()))


def test_gradients_through_layer_normalisation_are_right():
    torch.manual_seed(0)
    network = Recurrence(Cell.lstm, 2, hidden_size=3, bidirectional=True, layer_norm=True).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: network(x)[0], (x, *network.parameters()))


@pytest.mark.parametrize(("cell", "fused"), EVERY)
def test_the_last_state_backwards_is_at_the_first_step_and_forwards_at_the_last(cell, fused):
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=True, fused=fused)
    y, last = network(torch.randn(4, 7, 3), LENGTHS)
    top_forward, top_backward = last.h[2], last.h[3]
    rows = torch.arange(4)
    assert_equal([top_forward, top_backward], [y[rows, LENGTHS - 1, :4], y[:, 0, 4:]], atol=1e-6)


@pytest.mark.parametrize(("cell", "fused"), EVERY)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_batch_size_and_order_touch_nothing(cell, fused, bidirectional):
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=bidirectional, fused=fused)
    rows = [torch.randn(int(n), 3) for n in LENGTHS]
    padded = torch.full((4, 9, 3), torch.nan)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    y, last = network(padded, LENGTHS)
    order = torch.tensor([2, 0, 3, 1])
    mixed_y, mixed_last = network(padded[order], LENGTHS[order])
    assert_equal([mixed_y, mixed_last.h], [y[order], last.h[:, order]], atol=1e-6)
    for i, row in enumerate(rows):
        alone, alone_last = network(row[None])
        assert_equal([y[i, : len(row)], last.h[:, i]], [alone[0], alone_last.h[:, 0]], atol=1e-6)
        assert y[i, len(row) :].eq(0).all()


@pytest.mark.parametrize("fused", [False, True])
def test_no_gradient_comes_from_padding(fused):
    torch.manual_seed(0)
    network = recurrence(Cell.lstm, 3, hidden_size=4, bidirectional=True, fused=fused)
    x = torch.randn(4, 7, 3)
    x[0, 3:] = torch.nan
    x.requires_grad_()
    y, last = network(x, LENGTHS)
    (y.sum() + last.c.sum()).backward()
    assert x.grad[0, 3:].eq(0).all()
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(("cell", "fused"), EVERY)
def test_a_causal_network_is_unmoved_by_the_future_and_a_bidirectional_one_is_not(cell, fused):
    torch.manual_seed(0)
    x = torch.randn(2, 8, 3)
    future = x.clone()
    future[:, 5:] += 1
    for bidirectional in (False, True):
        network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=bidirectional, fused=fused)
        before, after = network(x)[0][:, :5], network(future)[0][:, :5]
        assert torch.equal(before, after) is not bidirectional


@pytest.mark.parametrize("fused", [False, True])
def test_a_learned_initial_state_is_used_and_learns(fused):
    torch.manual_seed(0)
    network = recurrence(Cell.lstm, 3, hidden_size=4, initial_state=InitialState.learned, fused=fused)
    assert network.initial_h.shape == network.initial_c.shape == (1, 4)
    with torch.no_grad():
        network.initial_h.uniform_()
        network.initial_c.uniform_()
    x = torch.randn(2, 5, 3)
    given = State(network.initial_h[:, None].repeat(1, 2, 1), network.initial_c[:, None].repeat(1, 2, 1))
    zero = State(torch.zeros(1, 2, 4), torch.zeros(1, 2, 4))
    torch.testing.assert_close(network(x)[0], network(x, None, given)[0], rtol=0, atol=0)
    assert not torch.allclose(network(x)[0], network(x, None, zero)[0])
    network(x)[0].sum().backward()
    assert network.initial_h.grad.abs().sum() > 0
    assert network.initial_c.grad.abs().sum() > 0


@pytest.mark.parametrize("fused", [False, True])
def test_dropout_acts_between_layers_in_training_only(fused):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 3)
    one = recurrence(Cell.gru, 3, hidden_size=8, num_layers=1, dropout=0.9, fused=fused)
    torch.testing.assert_close(one(x)[0], one(x)[0], rtol=0, atol=0)
    two = recurrence(Cell.gru, 3, hidden_size=8, num_layers=2, dropout=0.9, fused=fused)
    assert not torch.allclose(two(x)[0], two(x)[0])
    two.eval()
    torch.testing.assert_close(two(x)[0], two(x)[0], rtol=0, atol=0)


def test_what_torch_does_not_have_is_refused_with_the_way_out():
    with pytest.raises(ConfigError, match="fused=false"):
        recurrence(Cell.gru_reset_before, 3, hidden_size=4)
    with pytest.raises(ConfigError, match="fused=false"):
        recurrence(Cell.lstm, 3, hidden_size=4, layer_norm=True)
    with pytest.raises(ConfigError, match="layer_norm=false"):
        recurrence(Cell.gru, 3, hidden_size=4, layer_norm=True, fused=False)


def test_a_fused_network_can_be_copied_and_moved_to_another_precision():
    from copy import deepcopy

    network = recurrence(Cell.lstm, 3, hidden_size=4, bidirectional=True)
    x = torch.randn(2, 5, 3)
    copied = deepcopy(network).double()
    torch.testing.assert_close(copied(x.double())[0].float(), network(x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("cell", FUSED_CELLS)
def test_mixed_precision_is_single_precision_where_the_processor_has_no_bfloat16(cell, lengths, monkeypatch):
    monkeypatch.setattr(fused, "processor_has_bfloat16", lambda: False)
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=True)
    x, state = torch.randn(4, 7, 3), random_state(network, 4)
    for half in (False, True):  # as it comes from a convolution before it
        x = x.bfloat16() if half else x
        y, last = network(x.float(), lengths, state)
        outputs = network.outputs(x.float(), lengths)
        with torch.autocast("cpu", torch.bfloat16):
            mixed_y, mixed_last = network(x, lengths, state)
            mixed_outputs = network.outputs(x, lengths)
        assert_equal([mixed_y, *parts(mixed_last), mixed_outputs], [y, *parts(last), outputs], atol=0)


@pytest.mark.parametrize("cell", FUSED_CELLS)
def test_mixed_precision_runs_on_this_processor(cell):
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=8, bidirectional=True)
    x = torch.randn(4, 7, 3)
    with torch.autocast("cpu", torch.bfloat16):
        y = network.outputs(x, LENGTHS)
    torch.testing.assert_close(y.float(), network.outputs(x, LENGTHS), rtol=0, atol=0.03)
    y.float().sum().backward()
    assert all(weights.grad.isfinite().all() for weights in network.parameters())


def _watched(read, given):
    def watched(x, state, *rest):
        given.append(state)
        return read(x, state, *rest)

    return watched


@pytest.mark.parametrize("cell", [Cell.lstm, Cell.gru, Cell.rnn_tanh])
@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2, 4])])
def test_torch_is_given_states_side_by_side_in_memory(cell, lengths, monkeypatch):
    """A learned state is one row seen by the whole batch, which cuDNN refuses."""
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, initial_state=InitialState.learned).eval()
    given = []
    forward = type(network.layers).forward
    monkeypatch.setattr(
        type(network.layers), "forward", lambda self, x, state: given.append(state) or forward(self, x, state)
    )
    for name in ("gru", "rnn_tanh"):  # what reads rows of different lengths
        monkeypatch.setattr(torch, name, _watched(getattr(torch, name), given))
    with torch.no_grad():
        network(torch.randn(3, 5, 3), lengths)
    for state in given:
        assert all(part.is_contiguous() for part in (state if isinstance(state, tuple) else (state,)))
    # an LSTM's rows are packed; those of the others are read layer by layer, padding and all
    assert len(given) == (1 if lengths is None or cell is Cell.lstm else 2)
