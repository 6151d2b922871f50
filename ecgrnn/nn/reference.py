"""The recurrent cells in NumPy alone: a second, independent telling that the torch cells are checked against.

Shapes are those of ``nn/cells.py``; weights are arrays under torch.nn's names. The gradients of these
functions, worked out by hand, are in ``nn/reference_gradients.py``.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.choices import Cell
from ecgrnn.errors import ConfigError

Array = NDArray[np.float64]


class ArrayWeights(NamedTuple):
    """The weights of one cell as arrays."""

    W_ih: Array
    W_hh: Array
    b_ih: Array
    b_hh: Array


class ArrayState(NamedTuple):
    """The state of a cell as arrays; ``c`` is used by the LSTM only."""

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


def joined(
    x: Array, h: Array, hidden: tuple[Array, Array], output: tuple[Array, Array], *, squash: bool
) -> tuple[Array, Array]:
    """Take one step of the cell that joins input and state: log-probabilities and the next state."""
    both = np.concatenate([x, h], axis=-1)
    (W_h, b_h), (W_y, b_y) = hidden, output
    h = both @ W_h.T + b_h
    a = both @ W_y.T + b_y
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True)), np.tanh(h) if squash else h


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


def step(cell: Cell, x: Array, state: ArrayState, weights: ArrayWeights) -> ArrayState:
    """Take one step of whichever cell it is."""
    h, c = state
    match cell:
        case Cell.rnn_tanh | Cell.rnn_relu:
            return ArrayState(elman(x, h, weights, relu=cell is Cell.rnn_relu), c)
        case Cell.lstm:
            return ArrayState(*lstm(x, h, c, weights))
        case Cell.gru:
            return ArrayState(gru(x, h, weights), c)
        case Cell.gru_reset_before:
            return ArrayState(gru_reset_before(x, h, weights), c)
        case Cell.min_gru:
            return ArrayState(min_gru(x, h, weights), c)
        case Cell.min_lstm:
            return ArrayState(min_lstm(x, h, weights), c)


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
        after = step(cell, x[:, t], state, weights)
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
