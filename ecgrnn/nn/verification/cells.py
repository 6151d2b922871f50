"""Cells as modules of one step: what `verify` and the tests compare, and no network uses."""

import torch
from torch import Tensor, nn

from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import Weights, add_weights, step, weights_of
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell


class RecurrentCell(nn.Module):
    """One step of a cell with its weights, named as in torch.nn.RNNCell, LSTMCell and GRUCell.

    Args:
        cell: which equations.
        input_size: features of ``x``.
        hidden_size: features of the state.
        layer_norm: scale the sums inside an LSTM.

    Raises:
        ConfigError: layer normalisation for a cell that is not an LSTM.
    """

    def __init__(self, cell: Cell, input_size: int, *, hidden_size: int, layer_norm: bool = False) -> None:
        super().__init__()
        self.cell = cell
        self.hidden_size = hidden_size
        add_weights(
            self, cell, suffix="", input_size=input_size, hidden_size=hidden_size, layer_norm=layer_norm
        )

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """Go from ``x`` ``(batch, input)`` and the state before to the state after; no state means zeros."""
        state = State(x.new_zeros(len(x), self.hidden_size)) if state is None else state
        return step(self.cell, x, state, weights_of(self, ""))


class JoinedCell(nn.Module):
    """The cell that joins input and state and reads both the next state and the output from the whole.

    ``h_t = W_h [x_t, h_(t-1)] + b_h`` and ``y_t = log softmax(W_y [x_t, h_(t-1)] + b_y)``::

        x_t -----+--> [x_t, h_(t-1)] --> W_h --> h_t
        h_(t-1) -+          |
                            +----------> W_y --> log softmax --> y_t

    Its relation to the Elman cell is exact. Cut ``W_h`` into the columns that meet x and those that meet h,
    ``W_h = [W_ih, W_hh]``, and put ``b_h = b_ih + b_hh``: then ``h_t`` is what the Elman cell computes
    *before* tanh. With ``activation`` set to ``rnn_tanh`` or ``rnn_relu`` the states are therefore those of
    the Elman cell. Without it the state is linear in the whole past, and equals ``p_t - q_t`` of an Elman
    cell with ReLU and twice the state ``[p, q]``, because ``a = relu(a) - relu(-a)``. Either way ``y_t`` is
    read from the state *before* the step: it sees x_t through W_y alone and never through the new state.

    Args:
        input_size: features of ``x``.
        hidden_size: features of the state.
        n_classes: outputs.
        activation: ``rnn_tanh`` or ``rnn_relu`` squashes the state as the Elman cell does; None leaves it
            linear.

    Raises:
        ConfigError: any other cell as activation.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, n_classes: int, activation: Cell | None = None
    ) -> None:
        super().__init__()
        if activation not in {None, Cell.rnn_tanh, Cell.rnn_relu}:
            raise ConfigError(f"JoinedCell takes rnn_tanh, rnn_relu or None as activation; got {activation}")
        self.input_size = input_size
        self.activation = activation
        self.to_hidden = nn.Linear(input_size + hidden_size, hidden_size)
        self.to_output = nn.Linear(input_size + hidden_size, n_classes)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Go one step: log-probabilities ``(batch, class)`` and the next state ``(batch, hidden)``."""
        joined = torch.cat([x, h], dim=-1)
        h = self.to_hidden(joined)
        if self.activation is not None:
            h = torch.tanh(h) if self.activation is Cell.rnn_tanh else torch.relu(h)
        y = torch.log_softmax(self.to_output(joined), dim=-1)
        return y, h

    def elman_weights(self) -> Weights:
        """Give the weights with which an Elman cell computes the same state; the second bias is zero."""
        W_h, b_h = self.to_hidden.weight, self.to_hidden.bias
        return Weights(W_h[:, : self.input_size], W_h[:, self.input_size :], b_h, torch.zeros_like(b_h))
