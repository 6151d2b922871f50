import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.state import State, detach, reset_rows, select_rows
from ecgrnn.nn.truncated import stretches
from ecgrnn.options.choices import Cell, InitialState
from ecgrnn.options.networks import WRITTEN_OUT

EVERY = [(cell, False) for cell in Cell]
EVERY += [(cell, True) for cell in Cell if cell not in WRITTEN_OUT]


@pytest.mark.parametrize("steps", [1, 7, 360])
@pytest.mark.parametrize(("cell", "fused"), EVERY)
def test_streaming_in_chunks_equals_the_whole(cell, fused, steps):
    torch.manual_seed(0)
    network = recurrence(
        cell, 2, hidden_size=4, num_layers=2, initial_state=InitialState.learned, fused=fused
    ).double()
    time = 400
    x = torch.randn(2, time, 2, dtype=torch.float64)
    with torch.no_grad():
        for learned in (network.initial_h, network.initial_c):
            if learned is not None:
                learned.uniform_()
        whole, last = network(x)
        parts = list(stretches(network, x, steps=steps))
    assert [part.start for part in parts] == list(range(0, time, steps))
    torch.testing.assert_close(torch.cat([part.outputs for part in parts], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts[-1].state.h, last.h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("fused", [False, True])
def test_rows_that_end_keep_their_state_while_others_go_on(fused):
    torch.manual_seed(0)
    network = recurrence(Cell.lstm, 2, hidden_size=4, num_layers=2, fused=fused).double()
    x, lengths = torch.randn(3, 20, 2, dtype=torch.float64), torch.tensor([20, 4, 11])
    whole, last = network(x, lengths)
    parts = list(stretches(network, x, steps=6, lengths=lengths))
    torch.testing.assert_close(torch.cat([part.outputs for part in parts], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts[-1].state.h, last.h, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts[-1].state.c, last.c, rtol=0, atol=1e-12)


@pytest.mark.parametrize("fused", [False, True])
def test_a_gradient_stops_at_the_beginning_of_its_stretch(fused):
    network = recurrence(Cell.gru, 2, hidden_size=4, fused=fused)
    x = torch.randn(2, 9, 2, requires_grad=True)
    for part in stretches(network, x, steps=3):
        (gradient,) = torch.autograd.grad(part.outputs.sum(), x)
        reached = gradient.abs().sum((0, 2)) > 0
        assert reached.nonzero().flatten().tolist() == list(range(part.start, part.stop))


@pytest.mark.parametrize("fused", [False, True])
def test_the_gradients_of_one_stretch_over_the_whole_are_those_of_one_pass(fused):
    network = recurrence(Cell.gru, 2, hidden_size=4, fused=fused)
    x = torch.randn(2, 9, 2)
    (part,) = stretches(network, x, steps=9)
    in_stretch = torch.autograd.grad(part.outputs.sum(), list(network.parameters()))
    in_one = torch.autograd.grad(network(x)[0].sum(), list(network.parameters()))
    for a, b in zip(in_stretch, in_one, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("fused", [False, True])
def test_a_row_that_is_reset_forgets_the_record_before_and_the_others_do_not(fused):
    torch.manual_seed(0)
    network = recurrence(
        Cell.lstm, 2, hidden_size=4, initial_state=InitialState.learned, fused=fused
    ).double()
    with torch.no_grad():
        network.initial_h.uniform_()
        network.initial_c.uniform_()
    first, second = torch.randn(2, 3, 5, 2, dtype=torch.float64)
    _, carried = network(first)
    begins = torch.tensor([False, True, False])
    outputs, _ = network(second, None, reset_rows(carried, begins, initial=network.initial_state(3)))
    fresh, on = network(second)[0], network(second, None, carried)[0]
    torch.testing.assert_close(outputs, torch.where(begins[:, None, None], fresh, on), rtol=0, atol=1e-14)
    assert not torch.allclose(fresh, on)


def test_a_reset_without_an_initial_state_gives_zeros():
    state = reset_rows(State(torch.ones(2, 3, 4), torch.ones(2, 3, 4)), torch.tensor([True, False, True]))
    for part in state:
        assert part.sum((0, 2)).tolist() == [0, 8, 0]


def test_rows_are_selected_by_index_and_detached_states_keep_their_values():
    state = State(torch.arange(6.0).reshape(1, 3, 2).requires_grad_())
    taken = select_rows(state, torch.tensor([2, 0, 2]))
    assert taken.h[0, :, 0].tolist() == [4, 0, 4]
    assert taken.c is None
    cut = detach(taken)
    assert not cut.h.requires_grad
    assert torch.equal(cut.h, taken.h)


def test_what_cannot_be_streamed_is_refused():
    x = torch.randn(1, 4, 2)
    with pytest.raises(ConfigError, match="bidirectional=false"):
        next(stretches(recurrence(Cell.gru, 2, hidden_size=3, bidirectional=True), x, steps=2))
    with pytest.raises(ConfigError, match="at least 1 step"):
        next(stretches(recurrence(Cell.gru, 2, hidden_size=3), x, steps=0))
