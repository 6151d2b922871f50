"""The recurrent cells in NumPy, each with its gradient by hand: nn/cells.py is checked against them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.options.choices import Cell

Array = NDArray[np.float64]


class ArrayWeights(NamedTuple):
    """The weights of one cell as arrays."""

    W_ih: Array
    W_hh: Array
    b_ih: Array
    b_hh: Array


class ArrayState(NamedTuple):
    """The state of a cell as arrays; ``c`` is used by the LSTM and the joined cells only."""

    h: Array
    c: Array


def sigmoid(a: Array) -> Array:
    """Give ``1 / (1 + exp(-a))``, written with tanh so that no exponential overflows."""
    sigma: Array = 0.5 * (1 + np.tanh(0.5 * a))
    return sigma


def elman(x: Array, h: Array, weights: ArrayWeights, *, relu: bool = False) -> Array:
    """Take one step of the simple recurrent network."""
    W_ih, W_hh, b_ih, b_hh = weights
    a = x @ W_ih.T + b_ih + h @ W_hh.T + b_hh
    return np.maximum(a, 0) if relu else np.tanh(a)


def lstm(x: Array, h: Array, c: Array, weights: ArrayWeights) -> tuple[Array, Array]:
    """Take one step of the LSTM, gates in the order i, f, g, o."""
    W_ih, W_hh, b_ih, b_hh = weights
    i, f, g, o = np.split(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def lstm_layer_norm(
    x: Array, h: Array, c: Array, weights: ArrayWeights, gains: tuple[Array, Array, Array, Array]
) -> tuple[Array, Array]:
    """Take one step of the LSTM with layer normalisation; gains of W_ih x, W_hh h and c, and a shift of c."""
    W_ih, W_hh, b_ih, b_hh = weights
    gain_ih, gain_hh, gain_c, shift_c = gains
    a_ih = gain_ih * normalised(x @ W_ih.T) + b_ih
    a_hh = gain_hh * normalised(h @ W_hh.T) + b_hh
    i, f, g, o = np.split(a_ih + a_hh, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(gain_c * normalised(c) + shift_c), c


def normalised(a: Array) -> Array:
    """Scale to mean 0 and variance 1 over the features."""
    centred = a - a.mean(axis=-1, keepdims=True)
    scaled: Array = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled


def joined(x: Array, state: ArrayState, weights: ArrayWeights, *, squash: bool = False) -> ArrayState:
    """Take one step of the cell that joins input and state: log-probabilities, and the next state c."""
    both = np.concatenate([x, state.c], axis=-1)
    a = both @ np.concatenate([weights.W_ih, weights.W_hh], axis=1).T + weights.b_ih + weights.b_hh
    c, shown = np.split(a, 2, axis=-1)
    return ArrayState(shown - np.log(np.exp(shown).sum(axis=-1, keepdims=True)), np.tanh(c) if squash else c)


def gru(x: Array, h: Array, weights: ArrayWeights) -> Array:
    """Take one step of the GRU of torch.nn, gates in the order r, z, n."""
    W_ih, W_hh, b_ih, b_hh = weights
    x_r, x_z, x_n = np.split(x @ W_ih.T + b_ih, 3, axis=-1)
    h_r, h_z, h_n = np.split(h @ W_hh.T + b_hh, 3, axis=-1)
    z = sigmoid(x_z + h_z)
    return (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h


def gru_reset_before(x: Array, h: Array, weights: ArrayWeights) -> Array:
    """Take one step of the GRU as published, the state reset before the product."""
    W_ih, b_ih, b_hh = weights.W_ih, weights.b_ih, np.split(weights.b_hh, 3)
    W_hr, W_hz, W_hn = np.split(weights.W_hh, 3)
    x_r, x_z, x_n = np.split(x @ W_ih.T + b_ih, 3, axis=-1)
    r = sigmoid(x_r + h @ W_hr.T + b_hh[0])
    z = sigmoid(x_z + h @ W_hz.T + b_hh[1])
    return (1 - z) * np.tanh(x_n + (r * h) @ W_hn.T + b_hh[2]) + z * h


def min_gru(x: Array, h: Array, weights: ArrayWeights) -> Array:
    """Take one step of the minimal GRU, blocks in the order z, n."""
    z, n = np.split(x @ weights.W_ih.T + weights.b_ih, 2, axis=-1)
    return h + sigmoid(z) * (n - h)


def min_lstm(x: Array, h: Array, weights: ArrayWeights) -> Array:
    """Take one step of the minimal LSTM, gates in the order i, f, g, divided by their sum."""
    i, f, g = np.split(x @ weights.W_ih.T + weights.b_ih, 3, axis=-1)
    i, f = sigmoid(i), sigmoid(f)
    return (f * h + i * g) / (f + i)


class Gradients(NamedTuple):
    """Gradients with respect to what went in: the input, the state before, and the weights of one cell."""

    x: Array
    state: ArrayState
    weights: ArrayWeights


def elman_backward(
    x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState, *, relu: bool = False
) -> Gradients:
    """Go back through ``h = f(a)`` with ``a = W_ih x + b_ih + W_hh h + b_hh``; tanh' is ``1 - tanh^2``."""
    a = x @ weights.W_ih.T + weights.b_ih + state.h @ weights.W_hh.T + weights.b_hh
    d_a = d.h * (a > 0) if relu else d.h * (1 - np.tanh(a) ** 2)
    d_x, d_h, d_weights = _through_products(x, state.h, weights, d_ih=d_a, d_hh=d_a)
    return Gradients(d_x, ArrayState(d_h, d.c), d_weights)


def lstm_backward(x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState) -> Gradients:
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


def gru_backward(x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState) -> Gradients:
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


def gru_reset_before_backward(x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState) -> Gradients:
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


def min_gru_backward(x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState) -> Gradients:
    """Go back through ``h' = h + z (n - h)``, where neither z nor n has seen h."""
    a_z, n = np.split(x @ weights.W_ih.T + weights.b_ih, 2, axis=-1)
    z = sigmoid(a_z)
    d_a = np.concatenate([d.h * (n - state.h) * z * (1 - z), d.h * z], axis=-1)
    return _through_input(x, weights, d_a=d_a, d_state=ArrayState(d.h * (1 - z), d.c))


def min_lstm_backward(x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState) -> Gradients:
    """Go back through ``h' = (f h + i g) / (f + i)``; with ``s = f + i``, ``dh'/df = (h - g) i / s^2``."""
    a_i, a_f, g = np.split(x @ weights.W_ih.T + weights.b_ih, 3, axis=-1)
    i, f = sigmoid(a_i), sigmoid(a_f)
    s = i + f
    d_i = d.h * (g - state.h) * f / s**2
    d_f = d.h * (state.h - g) * i / s**2
    d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d.h * i / s], axis=-1)
    return _through_input(x, weights, d_a=d_a, d_state=ArrayState(d.h * f / s, d.c))


def joined_backward(
    x: Array, state: ArrayState, weights: ArrayWeights, d: ArrayState, *, squash: bool = False
) -> Gradients:
    """Go back through the joined cell; log softmax subtracts from each share's gradient that of the sum."""
    after = joined(x, state, weights, squash=squash)
    d_shown = d.h - np.exp(after.h) * d.h.sum(axis=-1, keepdims=True)
    d_a = np.concatenate([d.c * (1 - after.c**2) if squash else d.c, d_shown], axis=-1)
    d_x, d_c, d_weights = _through_products(x, state.c, weights, d_ih=d_a, d_hh=d_a)
    return Gradients(d_x, ArrayState(np.zeros_like(state.h), d_c), d_weights)


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


class Reference(NamedTuple):
    """One step of a cell, and the way back through it.

    Attributes:
        step: from input, state and weights to the next state.
        backward: from these, and the gradient of the next state, to the gradients of all three.
    """

    step: Callable[[Array, ArrayState, ArrayWeights], ArrayState]
    backward: Callable[[Array, ArrayState, ArrayWeights, ArrayState], Gradients]


def _of_h(cell: Callable[[Array, Array, ArrayWeights], Array]) -> Callable[..., ArrayState]:
    return lambda x, state, weights: ArrayState(cell(x, state.h, weights), state.c)


CELLS: Mapping[Cell, Reference] = {
    Cell.rnn_tanh: Reference(_of_h(elman), elman_backward),
    Cell.rnn_relu: Reference(_of_h(partial(elman, relu=True)), partial(elman_backward, relu=True)),
    Cell.lstm: Reference(lambda x, state, weights: ArrayState(*lstm(x, *state, weights)), lstm_backward),
    Cell.gru: Reference(_of_h(gru), gru_backward),
    Cell.gru_reset_before: Reference(_of_h(gru_reset_before), gru_reset_before_backward),
    Cell.min_gru: Reference(_of_h(min_gru), min_gru_backward),
    Cell.min_lstm: Reference(_of_h(min_lstm), min_lstm_backward),
    Cell.joined: Reference(joined, joined_backward),
    Cell.joined_tanh: Reference(partial(joined, squash=True), partial(joined_backward, squash=True)),
}
"""NumPy's table of cells; torch's is in `nn/cells.py`."""
