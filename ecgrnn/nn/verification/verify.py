"""The proof that a recurrent layer is what it says: NumPy, ours and the fast form, outputs and gradients.

A cell that torch.nn has is compared with the layer of torch.nn itself, a cell with a parallel form with the
scan. The rows ``gru_by_hand`` are the layer that trains a GRU on a processor, with its gradient by hand.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ecgrnn.nn.cells import CELLS
from ecgrnn.nn.fused import FusedRecurrence, recurrence
from ecgrnn.nn.recurrence import Recurrence
from ecgrnn.nn.state import State, map_state
from ecgrnn.nn.verification import reference
from ecgrnn.nn.verification.reference_cells import Array, ArrayState
from ecgrnn.nn.verification.steps import verify_steps
from ecgrnn.options.choices import Cell

TOLERANCE = 1e-10  # float64: several hundred roundings of 1e-16, with room
BATCH, TIME, INPUT, HIDDEN = 3, 7, 4, 5
LENGTHS = (TIME, TIME - 3, 1)
EQUAL = (TIME, TIME, TIME)


class VerificationRow(NamedTuple):
    """Largest differences of one kind of layer, in float64, outputs and last states, then gradients.

    Attributes:
        cell: which equations.
        num_layers: layers on top of each other.
        directions: 1 or 2.
        forward_numpy: ours against NumPy.
        forward_fused: ours against torch.nn or the fast form; None where there is neither.
        gradient_numpy: ours, by autograd, against back-propagation through time by hand.
        gradient_fused: ours against torch.nn or the fast form; None where there is neither.
        tolerance: the largest difference that passes.
    """

    cell: str
    num_layers: int
    directions: int
    forward_numpy: float
    forward_fused: float | None
    gradient_numpy: float
    gradient_fused: float | None
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every difference that could be taken is a number within the tolerance."""
        found = (self.forward_numpy, self.forward_fused, self.gradient_numpy, self.gradient_fused)
        return all(difference <= self.tolerance for difference in found if difference is not None)


class _Result(NamedTuple):
    """Outputs and gradients of one implementation, by name, as arrays."""

    forward: dict[str, Array]
    gradient: dict[str, Array]


def verify(
    *, layers: tuple[int, ...] = (1, 2, 3), tolerance: float = TOLERANCE, seed: int = 0
) -> list[VerificationRow]:
    """Compare every cell, number of layers and direction on random weights, inputs, states and lengths.

    Args:
        layers: numbers of layers to compare.
        tolerance: the largest difference that passes.
        seed: seed of the random numbers.
    """
    by_hand = [("gru_by_hand", Cell.gru, LENGTHS), ("gru_by_hand_equal", Cell.gru, EQUAL)]
    cells = [*((cell.value, cell, LENGTHS) for cell in Cell), *by_hand]
    rows = [
        _verify_one(
            name,
            cell,
            lengths=lengths,
            num_layers=num_layers,
            bidirectional=bidirectional,
            tolerance=tolerance,
            seed=seed,
        )
        for (name, cell, lengths), num_layers, bidirectional in product(cells, layers, (False, True))
    ]
    steps = [
        VerificationRow(
            cell=found.name,
            num_layers=1,
            directions=1,
            forward_numpy=found.forward_numpy,
            forward_fused=None,
            gradient_numpy=found.gradient_numpy,
            gradient_fused=None,
            tolerance=tolerance,
        )
        for found in verify_steps(seed=seed)
    ]
    return rows + steps


def _verify_one(
    name: str,
    cell: Cell,
    *,
    lengths: tuple[int, ...],
    num_layers: int,
    bidirectional: bool,
    tolerance: float,
    seed: int,
) -> VerificationRow:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ours = Recurrence(
            cell, INPUT, hidden_size=HIDDEN, num_layers=num_layers, bidirectional=bidirectional
        ).double()
        case = _Case.draw(ours, lengths)
        result = _by_torch(ours, case)
        by_hand = _by_numpy(ours, case)
        other = _others(ours) if name == cell.value else _fast(ours)
        fused = None if other is None else _by_torch(other, case)
    return VerificationRow(
        cell=name,
        num_layers=num_layers,
        directions=ours.directions,
        forward_numpy=_largest(result.forward, by_hand.forward),
        forward_fused=None if fused is None else _largest(result.forward, fused.forward),
        gradient_numpy=_largest(result.gradient, by_hand.gradient),
        gradient_fused=None if fused is None else _largest(result.gradient, fused.gradient),
        tolerance=tolerance,
    )


class _Case(NamedTuple):
    """What goes in, and the weights of the loss: its gradients with respect to what comes out."""

    x: Tensor
    lengths: Tensor
    state: State
    d_y: Tensor
    d_last: State

    @staticmethod
    def draw(network: Recurrence, lengths: tuple[int, ...]) -> "_Case":
        """Draw an input, an initial state and what gradients come back, at random."""
        like = network.initial_state(BATCH)
        return _Case(
            x=torch.randn(BATCH, TIME, INPUT, dtype=torch.float64),
            lengths=torch.tensor(lengths),
            state=map_state(torch.randn_like, like),
            d_y=torch.randn(BATCH, TIME, network.output_size, dtype=torch.float64),
            d_last=map_state(torch.randn_like, like),
        )


class _TorchNN(NamedTuple):
    """A layer of torch.nn and nothing else, over packed rows."""

    layers: nn.RNNBase

    def __call__(self, x: Tensor, lengths: Tensor, state: State) -> tuple[Tensor, State]:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, last = self.layers(packed, state.h if state.c is None else (state.h, state.c))
        y = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        return y, State(last) if isinstance(last, Tensor) else State(*last)


def _others(ours: Recurrence) -> Recurrence | _TorchNN | None:
    """Give what torch.nn has of a cell, else its scan, with the same weights; None where there is neither."""
    equations, fast = CELLS[ours.cell], None
    if equations.torch_layer is not None or equations.parallel is not None:
        fast = _fast(ours)
    return _TorchNN(fast.layers) if isinstance(fast, FusedRecurrence) else fast


def _fast(ours: Recurrence) -> Recurrence:
    """Give the form that networks are trained in, with the same weights."""
    fast = recurrence(
        ours.cell,
        ours.input_size,
        hidden_size=ours.hidden_size,
        num_layers=ours.num_layers,
        bidirectional=ours.bidirectional,
    ).double()
    fast.load_state_dict(ours.state_dict())
    return fast


def _by_torch(network: Recurrence | _TorchNN, case: _Case) -> _Result:
    x = case.x.clone().requires_grad_()
    state = map_state(lambda part: part.clone().requires_grad_(), case.state)
    y, last = network(x, case.lengths, state)
    forward = {"y": y, "h": last.h}
    inputs = {"x": x, "h": state.h, **dict(network.layers.named_parameters())}
    loss = (y * case.d_y).sum() + (last.h * case.d_last.h).sum()
    if last.c is not None and state.c is not None and case.d_last.c is not None:
        forward["c"], inputs["c"] = last.c, state.c
        loss = loss + (last.c * case.d_last.c).sum()
    gradients = torch.autograd.grad(loss, list(inputs.values()))
    return _Result(dict(_arrays(forward)), dict(_arrays(dict(zip(inputs, gradients, strict=True)))))


def _by_numpy(network: Recurrence, case: _Case) -> _Result:
    x, lengths, d_y = case.x.numpy(), case.lengths.numpy(), case.d_y.numpy()
    parameters = dict(_arrays(dict(network.layers.named_parameters())))
    state, d_last = _array_state(case.state), _array_state(case.d_last)
    y, last = reference.stack(network.cell, x, parameters=parameters, state=state, lengths=lengths)
    back = reference.stack_backward(
        network.cell, x, parameters=parameters, state=state, lengths=lengths, d_y=d_y, d_last=d_last
    )
    forward, gradient = {"y": y, "h": last.h}, {"x": back.x, "h": back.state.h, **back.parameters}
    if CELLS[network.cell].has_c:
        forward["c"], gradient["c"] = last.c, back.state.c
    return _Result(forward, gradient)


def _array_state(state: State) -> ArrayState:
    h = state.h.detach().numpy()
    return ArrayState(h, np.zeros_like(h) if state.c is None else state.c.detach().numpy())


def _arrays(tensors: dict[str, Tensor]) -> Iterator[tuple[str, Array]]:
    for name, tensor in tensors.items():
        yield name, tensor.detach().numpy()


def _largest(ours: dict[str, Array], other: dict[str, Array]) -> float:
    # np.max, unlike max, lets a nan through, and a nan does not pass
    return float(np.max([np.max(np.abs(ours[name] - other[name])) for name in ours]))
