"""Layers and stacks of the NumPy cells, forwards and by back-propagation through time."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError
from ecgrnn.nn.verification.reference_cells import CELLS, Array, ArrayState, ArrayWeights, Gradients
from ecgrnn.options.choices import Cell


def layer(
    cell: Cell,
    x: Array,
    *,
    state: ArrayState,
    weights: ArrayWeights,
    lengths: NDArray[np.int64],
    reverse: bool,
) -> tuple[Array, ArrayState]:
    """Take one cell through a sequence ``(batch, time, input)`` in one direction."""
    y = np.zeros((*x.shape[:2], state.h.shape[-1]))
    for t in steps(x.shape[1], reverse=reverse):
        after = CELLS[cell].step(x[:, t], state, weights)
        valid = (t < lengths)[:, None]
        state = ArrayState(np.where(valid, after.h, state.h), np.where(valid, after.c, state.c))
        y[:, t] = np.where(valid, after.h, 0)
    return y, state


def stack(
    cell: Cell,
    x: Array,
    *,
    parameters: Mapping[str, Array],
    state: ArrayState,
    lengths: NDArray[np.int64],
) -> tuple[Array, ArrayState]:
    """Take a sequence through a stack of layers.

    Args:
        cell: which equations.
        x: ``(batch, time, input)``.
        parameters: weights under torch.nn's names; how many layers and directions there are is read from
            them.
        state: the state before the first step, ``(layers * directions, batch, hidden)``.
        lengths: steps of each row ``(batch,)``.

    Returns:
        Outputs ``(batch, time, directions * hidden)``, zero behind a row's length, and the last state.
    """
    last_h, last_c = np.empty_like(state.h), np.empty_like(state.c)
    row = 0
    for suffixes in layer_suffixes(parameters):
        outputs = []
        for suffix in suffixes:
            before = ArrayState(state.h[row], state.c[row])
            weights = pick(parameters, suffix)
            reverse = suffix.endswith("_reverse")
            y, last = layer(cell, x, state=before, weights=weights, lengths=lengths, reverse=reverse)
            last_h[row], last_c[row] = last
            outputs.append(y)
            row += 1
        x = np.concatenate(outputs, axis=-1)
    return x, ArrayState(last_h, last_c)


def steps(time: int, *, reverse: bool) -> range:
    """Give the steps in the order in which a direction reads them."""
    return range(time - 1, -1, -1) if reverse else range(time)


def layer_suffixes(parameters: Mapping[str, Array]) -> list[list[str]]:
    """Read from the names of the weights which layers and directions there are.

    >>> layer_suffixes({"weight_ih_l0": np.zeros(1), "weight_ih_l0_reverse": np.zeros(1)})
    [['_l0', '_l0_reverse']]

    Raises:
        ConfigError: no name of a first layer is there.
    """
    if "weight_ih_l0" not in parameters:
        raise ConfigError(f"expected weights named weight_ih_l0 and so on; got {sorted(parameters)}")
    n_layers = sum(f"weight_ih_l{k}" in parameters for k in range(len(parameters)))
    both = ["", "_reverse"] if "weight_ih_l0_reverse" in parameters else [""]
    return [[f"_l{k}{direction}" for direction in both] for k in range(n_layers)]


def pick(parameters: Mapping[str, Array], suffix: str) -> ArrayWeights:
    """Take the weights of one layer and direction; those for the state are empty where a cell has none."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return ArrayWeights(*(parameters.get(name + suffix, np.empty(0)) for name in names))


class StackGradients(NamedTuple):
    """Gradients with respect to what went into a stack; ``parameters`` under torch.nn's names."""

    x: Array
    state: ArrayState
    parameters: dict[str, Array]


def layer_backward(
    cell: Cell,
    x: Array,
    *,
    state: ArrayState,
    weights: ArrayWeights,
    lengths: NDArray[np.int64],
    reverse: bool,
    d_y: Array,
    d_last: ArrayState,
) -> Gradients:
    """Go back through a sequence in one direction, given the gradients of its outputs and its last state."""
    order = steps(x.shape[1], reverse=reverse)
    before = []
    for t in order:
        before.append(state)
        after = CELLS[cell].step(x[:, t], state, weights)
        valid = (t < lengths)[:, None]
        state = ArrayState(np.where(valid, after.h, state.h), np.where(valid, after.c, state.c))

    d, d_x, d_weights = d_last, np.zeros_like(x), ArrayWeights(*(np.zeros_like(w) for w in weights))
    for t, state_before in zip(reversed(order), reversed(before), strict=True):
        valid = (t < lengths)[:, None]
        # what reaches this step: the gradient of its output, and that of the state handed on to the next
        reached = ArrayState(np.where(valid, d.h + d_y[:, t], 0), np.where(valid, d.c, 0))
        back = CELLS[cell].backward(x[:, t], state_before, weights, reached)
        d = ArrayState(np.where(valid, back.state.h, d.h), np.where(valid, back.state.c, d.c))
        d_x[:, t] = back.x
        d_weights = ArrayWeights(*(a + b for a, b in zip(d_weights, back.weights, strict=True)))
    return Gradients(d_x, d, d_weights)


def stack_backward(
    cell: Cell,
    x: Array,
    *,
    parameters: Mapping[str, Array],
    state: ArrayState,
    lengths: NDArray[np.int64],
    d_y: Array,
    d_last: ArrayState,
) -> StackGradients:
    """Go back through a stack of layers, from the top one to the input.

    Args:
        cell: which equations.
        x: ``(batch, time, input)``.
        parameters: weights under torch.nn's names.
        state: the state before the first step, ``(layers * directions, batch, hidden)``.
        lengths: steps of each row ``(batch,)``.
        d_y: gradient with respect to the outputs ``(batch, time, directions * hidden)``.
        d_last: gradient with respect to the last state.
    """
    suffixes = layer_suffixes(parameters)
    inputs = _layer_inputs(cell, x, parameters=parameters, state=state, lengths=lengths)
    d_state = ArrayState(np.empty_like(state.h), np.empty_like(state.c))
    d_parameters: dict[str, Array] = {}
    for k in reversed(range(len(suffixes))):
        d_x = np.zeros_like(inputs[k])
        for direction, d_part in enumerate(np.split(d_y, len(suffixes[k]), axis=-1)):
            row, suffix = k * len(suffixes[k]) + direction, suffixes[k][direction]
            back = layer_backward(
                cell,
                inputs[k],
                state=ArrayState(state.h[row], state.c[row]),
                weights=pick(parameters, suffix),
                lengths=lengths,
                reverse=direction == 1,
                d_y=d_part,
                d_last=ArrayState(d_last.h[row], d_last.c[row]),
            )
            d_x = d_x + back.x
            d_state.h[row], d_state.c[row] = back.state
            for name, value in zip(
                ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), back.weights, strict=True
            ):
                if name + suffix in parameters:
                    d_parameters[name + suffix] = value
        d_y = d_x
    return StackGradients(d_y, d_state, d_parameters)


def _layer_inputs(
    cell: Cell,
    x: Array,
    *,
    parameters: Mapping[str, Array],
    state: ArrayState,
    lengths: NDArray[np.int64],
) -> list[Array]:
    """Give what each layer of a stack reads."""
    inputs, row = [x], 0
    for suffixes in layer_suffixes(parameters):
        outputs = []
        for direction, suffix in enumerate(suffixes):
            before = ArrayState(state.h[row], state.c[row])
            weights, reverse = pick(parameters, suffix), direction == 1
            y, _ = layer(cell, inputs[-1], state=before, weights=weights, lengths=lengths, reverse=reverse)
            outputs.append(y)
            row += 1
        inputs.append(np.concatenate(outputs, axis=-1))
    return inputs
