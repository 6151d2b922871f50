"""Cells as modules of one step: what `verify` and the tests compare, and no network uses."""

from torch import Tensor, nn

from ecgrnn.nn.cells import add_weights, step, weights_of
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
