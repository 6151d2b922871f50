"""The proof for the LSTM with layer normalisation, which torch.nn does not have.

It is read step by step through a short sequence, by torch and by NumPy. No gradient is worked out by hand
here: NumPy's is taken by the complex step, ``df/dx = Im f(x + ih) / h``, which subtracts nothing and is
therefore exact to rounding for any small h (Squire and Trapp, SIAM Review 40, 1998).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgrnn.nn.cells import NormWeights, Weights, step
from ecgrnn.nn.state import State
from ecgrnn.nn.verification import reference, reference_cells
from ecgrnn.nn.verification.cells import RecurrentCell
from ecgrnn.options.choices import Cell

BATCH, TIME, INPUT, HIDDEN = 2, 5, 3, 4
_STEP = 1e-30

Arrays = dict[str, NDArray[np.float64]]
Tensors = dict[str, Tensor]


class StepDifferences(NamedTuple):
    """Largest differences of one cell, in float64.

    Attributes:
        name: of the cell.
        forward_numpy: torch against NumPy, all outputs and states.
        gradient_numpy: autograd against the complex step.
    """

    name: str
    forward_numpy: float
    gradient_numpy: float


def verify_steps(*, seed: int = 0) -> list[StepDifferences]:
    """Compare the cells that are proved step by step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return [_layer_norm()]


def complex_step(function: Callable[[Arrays], Arrays], inputs: Arrays, weights: Arrays) -> Arrays:
    """Give the gradients of ``sum(weights * function(inputs))`` with respect to every input.

    >>> ones = np.ones(1)
    >>> complex_step(lambda inputs: {"y": inputs["x"] ** 3}, {"x": 2 * ones}, {"y": ones})
    {'x': array([12.])}
    """
    gradients = {name: np.zeros_like(value) for name, value in inputs.items()}
    for name, value in inputs.items():
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1j * _STEP
            outputs = function({**inputs, name: moved})
            total = sum(np.sum(weights[key] * outputs[key]) for key in weights)
            gradients[name][place] = np.imag(total) / _STEP
    return gradients


def _layer_norm() -> StepDifferences:
    cell = RecurrentCell(Cell.lstm, INPUT, hidden_size=HIDDEN, layer_norm=True).double()
    inputs = {name: value.detach() + 0.1 * torch.randn_like(value) for name, value in cell.named_parameters()}
    inputs |= {"x": _random(BATCH, TIME, INPUT), "h": _random(BATCH, HIDDEN), "c": _random(BATCH, HIDDEN)}

    def by_torch(given: Tensors) -> Tensors:
        """Take the steps with the written-out cell in torch."""
        W_ih, W_hh, b_ih, b_hh = (given[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        weights = Weights(W_ih, W_hh, b_ih, b_hh, NormWeights(*(given[name] for name in NormWeights._fields)))
        state, outputs = State(given["h"], given["c"]), []
        for x in given["x"].unbind(dim=1):
            state = step(Cell.lstm, x, state, weights)
            outputs.append(state.h)
        return {"y": torch.stack(outputs), "c": state.c if state.c is not None else state.h}

    def by_numpy(given: Arrays) -> Arrays:
        """Take the same steps with the reference."""
        weights = reference.pick(given, "")
        gains = (given["gain_ih"], given["gain_hh"], given["gain_c"], given["shift_c"])
        h, c, outputs = given["h"], given["c"], []
        for t in range(TIME):
            h, c = reference_cells.lstm_layer_norm(given["x"][:, t], h, c, weights, gains)
            outputs.append(h)
        return {"y": np.stack(outputs), "c": c}

    return StepDifferences("lstm_layer_norm", *_compare(by_torch, by_numpy, inputs))


def _compare(
    by_torch: Callable[[Tensors], Tensors], by_numpy: Callable[[Arrays], Arrays], inputs: Tensors
) -> tuple[float, float]:
    given = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    outputs = by_torch(given)
    weights = {name: torch.randn_like(value) for name, value in outputs.items()}
    total = torch.stack([(weights[name] * outputs[name]).sum() for name in outputs]).sum()
    gradients = dict(zip(given, torch.autograd.grad(total, list(given.values())), strict=True))
    arrays, weighed = _arrays(inputs), _arrays(weights)
    forward = _largest(_arrays(outputs), by_numpy(arrays))
    return forward, _largest(_arrays(gradients), complex_step(by_numpy, arrays, weighed))


def _random(*size: int) -> Tensor:
    return torch.randn(*size, dtype=torch.float64)


def _arrays(tensors: Tensors) -> Arrays:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def _largest(ours: Arrays, other: Arrays) -> float:
    # np.max, unlike max, lets a nan through, and a nan does not pass
    return float(np.max([np.max(np.abs(ours[name] - other[name])) for name in ours]))
