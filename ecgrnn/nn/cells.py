"""The recurrent cells, one step each, written so that the body of a function is its equations.

A recurrent network reads a sequence one element at a time and keeps what it needs of the past in a state
``h``::

           x_1             x_2                     x_T
            |               |                       |
    h_0 -> cell --- h_1 -> cell --- h_2 -> ... --> cell --- h_T

The same cell, with the same weights, is used at every step; ``nn/recurrence.py`` turns the step into a
sequence. The cells differ in how h_t is made of x_t and h_(t-1), and that is all this module says.

In every function ``x`` is ``(batch, input)``, ``h`` and ``c`` are ``(batch, hidden)``, ``W_ih`` is
``(gates * hidden, input)``, ``W_hh`` is ``(gates * hidden, hidden)``, and both biases are ``(gates *
hidden,)``. The blocks of a weight are stacked in the order of torch.nn, so that weights move to and from
torch.nn as they are. Two biases where one would do come from there too.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm as normalise
from torch.nn.functional import logsigmoid

from ecgrnn.errors import ConfigError
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell


class NormWeights(NamedTuple):
    """Gains and shift of layer normalisation inside an LSTM, one number a feature."""

    gain_ih: Tensor
    gain_hh: Tensor
    gain_c: Tensor
    shift_c: Tensor


class Weights(NamedTuple):
    """The weights of one cell; ``norm`` is there for an LSTM with layer normalisation only."""

    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor
    norm: NormWeights | None = None


def elman_tanh(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the simple recurrent network: a squashed mixture of the input and the state.

    ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``

    Source: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    return torch.tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)


def elman_relu(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the simple recurrent network with ``max(0, .)`` in place of tanh.

    Source: Le, Jaitly and Hinton, A simple way to initialize recurrent networks of rectified linear units
    (2015).
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    return torch.relu(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)


def lstm(x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """One step of the long short-term memory: a sum ``c`` that gates write to, let fade, and read.

    Because ``c_t`` is ``c_(t-1)`` times a gate plus something, and not a squashed matrix product, a
    gradient can travel many steps back through it without vanishing. The blocks of a weight are in the
    order i, f, g, o.

    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9 (1997); forget gate:
    Gers, Schmidhuber and Cummins, Learning to forget, Neural Computation 12 (2000).

    Returns:
        ``h_t`` and ``c_t``.
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    i, f, g, o = (x @ W_ih.T + b_ih + h @ W_hh.T + b_hh).chunk(4, dim=-1)
    i = torch.sigmoid(i)  # how much is written
    f = torch.sigmoid(f)  # how much is kept
    g = torch.tanh(g)  # what is written
    o = torch.sigmoid(o)  # how much is shown
    c = f * c + i * g
    h = o * torch.tanh(c)
    return h, c


def lstm_layer_norm(x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """One step of the LSTM with both products and the cell state scaled to mean 0 and variance 1.

    ``N(a) = (a - mean(a)) / sqrt(var(a) + 1e-5)`` over the features, then a gain. The sums are those of the
    LSTM otherwise; the shifts of the first two norms are the biases b_ih and b_hh.

    Source: Ba, Kiros and Hinton, Layer normalization (2016), equations 20 to 22.

    Returns:
        ``h_t`` and ``c_t``.
    """
    W_ih, W_hh, b_ih, b_hh, norm = weights
    if norm is None:
        raise ConfigError("layer normalisation needs gains; got weights without them, take the plain LSTM")
    n_gates = len(b_ih)
    a_ih = normalise(x @ W_ih.T, (n_gates,), norm.gain_ih, b_ih)
    a_hh = normalise(h @ W_hh.T, (n_gates,), norm.gain_hh, b_hh)
    i, f, g, o = (a_ih + a_hh).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(normalise(c, c.shape[-1:], norm.gain_c, norm.shift_c))
    return h, c


def gru(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the gated recurrent unit as in torch.nn: the reset gate acts after the matrix product.

    The state is a weighted mean of the state before and a candidate ``n``; the blocks are in the order r,
    z, n.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder (2014), first version,
    with the gate after the product as in cuDNN.
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    x_r, x_z, x_n = (x @ W_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ W_hh.T + b_hh).chunk(3, dim=-1)
    r = torch.sigmoid(x_r + h_r)  # how much of the state the candidate sees
    z = torch.sigmoid(x_z + h_z)  # how much of the state stays
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def gru_reset_before(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the gated recurrent unit as published: the state is reset, then multiplied by the matrix.

    ``n = tanh(W_in x_t + b_in + W_hn (r * h_(t-1)) + b_hn)``; everything else is as in `gru`. torch.nn does
    not have it.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder (2014), equations 5 to 8.
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    hidden = h.shape[-1]
    x_r, x_z, x_n = (x @ W_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z = (h @ W_hh[: 2 * hidden].T + b_hh[: 2 * hidden]).chunk(2, dim=-1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + (r * h) @ W_hh[2 * hidden :].T + b_hh[2 * hidden :])
    return (1 - z) * n + z * h


def min_gru(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the minimal gated recurrent unit: gate and candidate are read from the input alone.

    The state enters nowhere but in the weighted mean, so h_t is linear in h_(t-1), and all steps of a
    sequence can be computed together. The blocks are in the order z, n.

    Source: Feng et al., Were RNNs all we needed? (2024), section 3.1, with the linear candidate.
    """
    W_ih, _, b_ih, _, _ = weights
    z, n = (x @ W_ih.T + b_ih).chunk(2, dim=-1)
    z = torch.sigmoid(z)  # how much is new
    return (1 - z) * h + z * n


def min_lstm(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step of the minimal LSTM: two gates that are scaled to sum to 1, no gate for the output.

    ``f' = f / (f + i)`` with ``f = sigmoid(a_f)`` and ``i = sigmoid(a_i)`` is the sigmoid of
    ``log f - log i``, which is a number even where both gates are closed. The blocks are in the order i, f,
    g.

    Source: Feng et al., Were RNNs all we needed? (2024), section 3.2, with the linear candidate.
    """
    W_ih, _, b_ih, _, _ = weights
    i, f, g = (x @ W_ih.T + b_ih).chunk(3, dim=-1)
    f = torch.sigmoid(logsigmoid(f) - logsigmoid(i))  # how much is kept
    return f * h + (1 - f) * g


def joined(x: Tensor, c: Tensor, weights: Weights, *, squash: bool = False) -> tuple[Tensor, Tensor]:
    """One step of the cell that joins input and state, and reads the next state and its output from both.

    ``c_t = W_c [x_t, c_(t-1)] + b_c`` and ``h_t = log softmax(W_h [x_t, c_(t-1)] + b_h)``::

        x_t -----+--> [x_t, c_(t-1)] --> W_c --> c_t
        c_(t-1) -+          |
                            +----------> W_h --> log softmax --> h_t

    Its relation to the Elman cell is exact. ``W_c [x, c]`` is ``W_ih x + W_hh c``, so that ``c_t`` is what
    the Elman cell computes *before* tanh; squashed, it is the Elman cell's state. Without tanh it is linear
    in the whole past. Either way the output is read from the state *before* the step: it sees x_t through
    its own weights and never through the new state. The blocks of a weight are in the order c, h.

    ``squash`` takes the tanh of the state.

    Returns:
        ``h_t``, which layers above read, and ``c_t``, which the next step reads.
    """
    W_ih, W_hh, b_ih, b_hh, _ = weights
    c, h = (x @ W_ih.T + b_ih + c @ W_hh.T + b_hh).chunk(2, dim=-1)
    return torch.log_softmax(h, dim=-1), torch.tanh(c) if squash else c


def min_gru_parallel(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Give ``a`` and ``b`` of ``h_t = a_t h_(t-1) + b_t`` for `min_gru`, from ``W_ih x_t + b_ih``."""
    z, n = gates.chunk(2, dim=-1)
    return torch.sigmoid(-z), torch.sigmoid(z) * n


def min_lstm_parallel(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Give ``a`` and ``b`` of ``h_t = a_t h_(t-1) + b_t`` for `min_lstm`, from ``W_ih x_t + b_ih``."""
    i, f, g = gates.chunk(3, dim=-1)
    share = logsigmoid(f) - logsigmoid(i)
    return torch.sigmoid(share), torch.sigmoid(-share) * g


class Equations(NamedTuple):
    """What the application needs to know of a cell.

    Attributes:
        gates: blocks of a weight.
        step: one step.
        torch_layer: the layer of torch.nn with the same equations; None where torch.nn has none.
        parallel: coefficients of a state that is linear in the state before, for `nn/scan.py`. The gates of
            such a cell do not see the state: ``W_hh`` and ``b_hh`` have no row.
        has_c: a second state is carried beside what the cell gives out.
        reads_h: a step depends on what the step before gave out.
    """

    gates: int
    step: Callable[[Tensor, State, Weights], State]
    torch_layer: type[nn.RNNBase] | None = None
    parallel: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    has_c: bool = False
    reads_h: bool = True


def _of_h(cell: Callable[[Tensor, Tensor, Weights], Tensor]) -> Callable[[Tensor, State, Weights], State]:
    return lambda x, state, weights: State(cell(x, state.h, weights))


def _any_lstm(x: Tensor, state: State, weights: Weights) -> State:
    """Take a step with layer normalisation or without; a missing ``c`` counts as zeros."""
    c = torch.zeros_like(state.h) if state.c is None else state.c
    return State(*(lstm if weights.norm is None else lstm_layer_norm)(x, state.h, c, weights))


def _joined(*, squash: bool) -> Callable[[Tensor, State, Weights], State]:
    def step(x: Tensor, state: State, weights: Weights) -> State:
        """Take a step; a missing ``c`` counts as zeros."""
        c = torch.zeros_like(state.h) if state.c is None else state.c
        return State(*joined(x, c, weights, squash=squash))

    return step


CELLS: Mapping[Cell, Equations] = {
    Cell.rnn_tanh: Equations(1, _of_h(elman_tanh), nn.RNN),
    Cell.rnn_relu: Equations(1, _of_h(elman_relu), nn.RNN),
    Cell.lstm: Equations(4, _any_lstm, nn.LSTM, has_c=True),
    Cell.gru: Equations(3, _of_h(gru), nn.GRU),
    Cell.gru_reset_before: Equations(3, _of_h(gru_reset_before)),
    Cell.min_gru: Equations(2, _of_h(min_gru), parallel=min_gru_parallel),
    Cell.min_lstm: Equations(3, _of_h(min_lstm), parallel=min_lstm_parallel),
    Cell.joined: Equations(2, _joined(squash=False), has_c=True, reads_h=False),
    Cell.joined_tanh: Equations(2, _joined(squash=True), has_c=True, reads_h=False),
}
"""The table of cells; NumPy's is in `nn/verification/reference_cells.py`."""


def step(cell: Cell, x: Tensor, state: State, weights: Weights) -> State:
    """Take one step of whichever cell it is."""
    return CELLS[cell].step(x, state, weights)


def add_weights(
    module: nn.Module, cell: Cell, *, suffix: str, input_size: int, hidden_size: int, layer_norm: bool
) -> None:
    """Give a module the parameters of one cell, named with a suffix and drawn as torch.nn draws them.

    Weights and biases are uniform within plus or minus ``1 / sqrt(hidden)``, in the order in which torch.nn
    draws them: the same seed gives the same weights. Gains begin at 1, the shift at 0.

    Raises:
        ConfigError: layer normalisation for a cell that is not an LSTM.
    """
    if layer_norm and cell is not Cell.lstm:
        raise ConfigError(f"layer_norm=true goes with cell=lstm only; got cell={cell}, set layer_norm=false")
    n_gates = CELLS[cell].gates * hidden_size
    bound = 1 / math.sqrt(hidden_size)
    sizes: dict[str, tuple[int, ...]] = {
        "weight_ih": (n_gates, input_size),
        "weight_hh": (n_gates, hidden_size),
        "bias_ih": (n_gates,),
        "bias_hh": (n_gates,),
    }
    if CELLS[cell].parallel is not None:
        del sizes["weight_hh"], sizes["bias_hh"]
    for name, size in sizes.items():
        module.register_parameter(name + suffix, nn.Parameter(torch.empty(size).uniform_(-bound, bound)))
    if layer_norm:
        for name, width in (("gain_ih", n_gates), ("gain_hh", n_gates), ("gain_c", hidden_size)):
            module.register_parameter(name + suffix, nn.Parameter(torch.ones(width)))
        module.register_parameter("shift_c" + suffix, nn.Parameter(torch.zeros(hidden_size)))


def weights_of(module: nn.Module, suffix: str) -> Weights:
    """Read back what `add_weights` gave a module."""
    W_ih, b_ih = module.get_parameter("weight_ih" + suffix), module.get_parameter("bias_ih" + suffix)
    if not hasattr(module, "weight_hh" + suffix):
        return Weights(W_ih, W_ih.new_empty(0, 0), b_ih, b_ih.new_empty(0))
    W_hh, b_hh = module.get_parameter("weight_hh" + suffix), module.get_parameter("bias_hh" + suffix)
    if not hasattr(module, "gain_ih" + suffix):
        return Weights(W_ih, W_hh, b_ih, b_hh)
    norm = NormWeights(*(module.get_parameter(name + suffix) for name in NormWeights._fields))
    return Weights(W_ih, W_hh, b_ih, b_hh, norm)
