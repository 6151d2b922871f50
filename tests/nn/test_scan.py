import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import CELLS, min_lstm, weights_of
from ecgrnn.nn.fused import FusedRecurrence, recurrence
from ecgrnn.nn.recurrence import Recurrence
from ecgrnn.nn.scan import ScanRecurrence, coefficients, linear_scan
from ecgrnn.options.choices import Cell, InitialState

LINEAR = [cell for cell, equations in CELLS.items() if equations.parallel is not None]


def one_after_the_other(a, b, h):
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def draw(batch: int, time: int, hidden: int):
    torch.manual_seed(time)
    a = torch.rand(batch, time, hidden, dtype=torch.float64)
    return a, torch.randn_like(a), torch.randn(batch, hidden, dtype=torch.float64)


@pytest.mark.parametrize("time", [1, 2, 3, 4, 5, 15, 16, 17, 250])
def test_a_scan_equals_the_steps_one_after_the_other(time):
    a, b, h = draw(3, time, 4)
    given = [part.clone() for part in (a, b, h)]
    torch.testing.assert_close(linear_scan(a, b, h), one_after_the_other(a, b, h), rtol=0, atol=1e-12)
    for before, after in zip(given, (a, b, h), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_the_gradients_of_a_scan_equal_central_differences():
    inputs = tuple(part.requires_grad_() for part in draw(2, 7, 3))
    assert torch.autograd.gradcheck(linear_scan, inputs)


def test_factors_of_0_and_1_over_a_long_sequence_neither_grow_nor_become_no_number():
    a, b, h = draw(1, 5_000, 2)
    a = (a > 0.5).double()
    torch.testing.assert_close(linear_scan(a, b, h), one_after_the_other(a, b, h), rtol=0, atol=1e-9)


@pytest.mark.parametrize("cell", LINEAR)
def test_the_fused_form_is_the_scan_and_has_the_weights_of_the_written_out_form(cell):
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=True)
    assert isinstance(network, ScanRecurrence)
    written = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=True, fused=False)
    written.load_state_dict(network.state_dict())
    assert not any("weight_hh" in name for name in network.state_dict())


@pytest.mark.parametrize("cell", LINEAR)
def test_a_long_sequence_of_uneven_rows_equals_the_written_out_form_in_value_and_gradient(cell):
    torch.manual_seed(0)
    options = {
        "hidden_size": 4,
        "num_layers": 2,
        "bidirectional": True,
        "initial_state": InitialState.learned,
    }
    scan = ScanRecurrence(cell, 3, **options).double()
    for state in (scan.initial_h,):
        torch.nn.init.normal_(state)
    written = Recurrence(cell, 3, **options).double()
    written.load_state_dict(scan.state_dict())
    x = torch.randn(4, 200, 3, dtype=torch.float64)
    lengths = torch.tensor([200, 1, 77, 0])
    results = []
    for network in (scan, written):
        y, last = network(x, lengths)
        loss = (y**2).sum() + (last.h**3).sum()
        results.append([y, last.h, *torch.autograd.grad(loss, list(network.parameters()))])
    for ours, wanted in zip(*results, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", LINEAR)
def test_a_state_carried_from_stretch_to_stretch_gives_the_outputs_of_the_whole(cell):
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=4, num_layers=2).double()
    x = torch.randn(2, 50, 3, dtype=torch.float64)
    whole, last = network(x)
    state, parts = None, []
    for part in x.split(13, dim=1):
        y, state = network(part, None, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state.h, last.h, rtol=0, atol=1e-12)


def test_a_minimal_lstm_whose_gates_are_both_closed_is_still_a_number():
    network = recurrence(Cell.min_lstm, 1, hidden_size=2)
    weights = weights_of(network.layers, "_l0")
    with torch.no_grad():
        weights.b_ih[:4] = -200.0
        weights.W_ih[:4] = 0.0
    x = torch.zeros(1, 1)
    h = min_lstm(x, torch.full((1, 2), 2.0), weights)
    torch.testing.assert_close(h, (2 + weights.b_ih[4:][None]) / 2)


def test_mixed_precision_keeps_the_state_in_full_precision():
    network = recurrence(Cell.min_gru, 3, hidden_size=4)
    x = torch.randn(2, 30, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, last = network(x)
    assert y.dtype == last.h.dtype == torch.float32
    torch.testing.assert_close(y, network(x)[0], rtol=0, atol=0.05)


def test_only_linear_cells_have_a_scan():
    weights = weights_of(recurrence(Cell.gru, 3, hidden_size=4, fused=False).layers, "_l0")
    with pytest.raises(ConfigError, match="gru has no parallel form"):
        coefficients(Cell.gru, torch.zeros(1, 2, 3), weights)
    with pytest.raises(ConfigError, match=r"torch\.nn has no min_gru"):
        FusedRecurrence(Cell.min_gru, 3, hidden_size=4)
