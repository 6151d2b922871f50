"""Back-propagation through time in NumPy, by hand: the gradients of ``nn/reference.py``.

A step's function takes the gradient of the loss with respect to the state *after* the step and gives the
gradients with respect to everything *before* it. A sequence is walked from the last step that was read to
the first: the gradient of the state is handed from step to step, and those of the weights, which every step
shares, are summed. In the names, ``d_a`` is the gradient of the loss with respect to ``a``.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.choices import Cell
from ecgrnn.nn.reference import (
    Array,
    ArrayState,
    ArrayWeights,
    layer,
    layer_suffixes,
    pick,
    sigmoid,
    step,
    steps,
)


class Gradients(NamedTuple):
    """Gradients with respect to what went in: the input, the state before, and the weights of one cell."""

    x: Array
    state: ArrayState
    weights: ArrayWeights


class StackGradients(NamedTuple):
    """Gradients with respect to what went into a stack; ``parameters`` under torch.nn's names."""

    x: Array
    state: ArrayState
    parameters: dict[str, Array]


def elman_backward(
    x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState, relu: bool
) -> Gradients:
    """Go back through ``h = f(a)`` with ``a = W_ih x + b_ih + W_hh h + b_hh``; tanh' is ``1 - tanh^2``."""
    a = x @ weights.W_ih.T + weights.b_ih + state.h @ weights.W_hh.T + weights.b_hh
    d_a = d.h * (a > 0) if relu else d.h * (1 - np.tanh(a) ** 2)
    d_x, d_h, d_weights = _through_products(x, state.h, weights, d_ih=d_a, d_hh=d_a)
    return Gradients(d_x, ArrayState(d_h, d.c), d_weights)


def lstm_backward(x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState) -> Gradients:
    """Go back through the LSTM: the gradient of c passes to the step before through the forget gate alone."""
    a = x @ weights.W_ih.T + weights.b_ih + state.h @ weights.W_hh.T + weights.b_hh
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    shown = np.tanh(f * state.c + i * g)
    d_c = d.c + d.h * o * (1 - shown**2)
    d_i, d_f, d_g, d_o = d_c * g, d_c * state.c, d_c * i, d.h * shown
    d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)], axis=-1)
    d_x, d_h, d_weights = _through_products(x, state.h, weights, d_ih=d_a, d_hh=d_a)
    return Gradients(d_x, ArrayState(d_h, d_c * f), d_weights)


def gru_backward(x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState) -> Gradients:
    """Go back through the GRU of torch.nn; the state is reached directly through z and by the products."""
    x_r, x_z, x_n = np.split(x @ weights.W_ih.T + weights.b_ih, 3, axis=-1)
    h_r, h_z, h_n = np.split(state.h @ weights.W_hh.T + weights.b_hh, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    d_an = d.h * (1 - z) * (1 - n**2)
    d_az = d.h * (state.h - n) * z * (1 - z)
    d_ar = d_an * h_n * r * (1 - r)
    d_ih = np.concatenate([d_ar, d_az, d_an], axis=-1)
    d_hh = np.concatenate([d_ar, d_az, d_an * r], axis=-1)
    d_x, d_h, d_weights = _through_products(x, state.h, weights, d_ih=d_ih, d_hh=d_hh)
    return Gradients(d_x, ArrayState(d_h + d.h * z, d.c), d_weights)


def gru_reset_before_backward(
    x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState
) -> Gradients:
    """Go back through the published GRU: the candidate's product saw ``r * h`` and not ``h``."""
    h = state.h
    W_hr, W_hz, W_hn = np.split(weights.W_hh, 3)
    b_hr, b_hz, b_hn = np.split(weights.b_hh, 3)
    x_r, x_z, x_n = np.split(x @ weights.W_ih.T + weights.b_ih, 3, axis=-1)
    r, z = sigmoid(x_r + h @ W_hr.T + b_hr), sigmoid(x_z + h @ W_hz.T + b_hz)
    n = np.tanh(x_n + (r * h) @ W_hn.T + b_hn)
    d_an = d.h * (1 - z) * (1 - n**2)
    d_az = d.h * (h - n) * z * (1 - z)
    d_rh = d_an @ W_hn
    d_ar = d_rh * h * r * (1 - r)
    d_h = d.h * z + d_rh * r + d_ar @ W_hr + d_az @ W_hz
    d_a = np.concatenate([d_ar, d_az, d_an], axis=-1)
    d_W_hh = np.concatenate([d_ar.T @ h, d_az.T @ h, d_an.T @ (r * h)])
    d_weights = ArrayWeights(d_a.T @ x, d_W_hh, d_a.sum(axis=0), d_a.sum(axis=0))
    return Gradients(d_a @ weights.W_ih, ArrayState(d_h, d.c), d_weights)


def min_gru_backward(x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState) -> Gradients:
    """Go back through ``h' = h + z (n - h)``, where neither z nor n has seen h."""
    a_z, n = np.split(x @ weights.W_ih.T + weights.b_ih, 2, axis=-1)
    z = sigmoid(a_z)
    d_a = np.concatenate([d.h * (n - state.h) * z * (1 - z), d.h * z], axis=-1)
    return _through_input(x, weights, d_a=d_a, d_state=ArrayState(d.h * (1 - z), d.c))


def min_lstm_backward(x: Array, state: ArrayState, weights: ArrayWeights, *, d: ArrayState) -> Gradients:
    """Go back through ``h' = (f h + i g) / (f + i)``; with ``s = f + i``, ``dh'/df = (h - g) i / s^2``."""
    a_i, a_f, g = np.split(x @ weights.W_ih.T + weights.b_ih, 3, axis=-1)
    i, f = sigmoid(a_i), sigmoid(a_f)
    s = i + f
    d_i = d.h * (g - state.h) * f / s**2
    d_f = d.h * (state.h - g) * i / s**2
    d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d.h * i / s], axis=-1)
    return _through_input(x, weights, d_a=d_a, d_state=ArrayState(d.h * f / s, d.c))


def step_backward(
    cell: Cell, x: Array, *, state: ArrayState, weights: ArrayWeights, d: ArrayState
) -> Gradients:
    """Go back through one step of whichever cell it is."""
    match cell:
        case Cell.rnn_tanh | Cell.rnn_relu:
            return elman_backward(x, state, weights, d=d, relu=cell is Cell.rnn_relu)
        case Cell.lstm:
            return lstm_backward(x, state, weights, d=d)
        case Cell.gru:
            return gru_backward(x, state, weights, d=d)
        case Cell.gru_reset_before:
            return gru_reset_before_backward(x, state, weights, d=d)
        case Cell.min_gru:
            return min_gru_backward(x, state, weights, d=d)
        case Cell.min_lstm:
            return min_lstm_backward(x, state, weights, d=d)


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
        after = step(cell, x[:, t], state, weights)
        valid = (t < lengths)[:, None]
        state = ArrayState(np.where(valid, after.h, state.h), np.where(valid, after.c, state.c))

    d, d_x, d_weights = d_last, np.zeros_like(x), ArrayWeights(*(np.zeros_like(w) for w in weights))
    for t, state_before in zip(reversed(order), reversed(before), strict=True):
        valid = (t < lengths)[:, None]
        # what reaches this step: the gradient of its output, and that of the state handed on to the next
        reached = ArrayState(np.where(valid, d.h + d_y[:, t], 0), np.where(valid, d.c, 0))
        back = step_backward(cell, x[:, t], state=state_before, weights=weights, d=reached)
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


def _through_products(
    x: Array, h: Array, weights: ArrayWeights, *, d_ih: Array, d_hh: Array
) -> tuple[Array, Array, ArrayWeights]:
    """Go back through ``W_ih x + b_ih`` and ``W_hh h + b_hh``: to x, to h, and to the weights."""
    d_weights = ArrayWeights(d_ih.T @ x, d_hh.T @ h, d_ih.sum(axis=0), d_hh.sum(axis=0))
    return d_ih @ weights.W_ih, d_hh @ weights.W_hh, d_weights


def _through_input(x: Array, weights: ArrayWeights, *, d_a: Array, d_state: ArrayState) -> Gradients:
    """Go back through ``W_ih x + b_ih`` alone, of a cell whose gates do not see the state."""
    d_weights = ArrayWeights(
        d_a.T @ x, np.zeros_like(weights.W_hh), d_a.sum(axis=0), np.zeros_like(weights.b_hh)
    )
    return Gradients(d_a @ weights.W_ih, d_state, d_weights)
