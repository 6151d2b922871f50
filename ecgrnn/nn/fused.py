"""The recurrent stack at speed, on the fused layers of torch.nn or by a scan: same results and interface."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ecgrnn.choices import Cell, InitialState
from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import LINEAR
from ecgrnn.nn.recurrence import Recurrence, valid_steps
from ecgrnn.nn.scan import ScanRecurrence
from ecgrnn.nn.state import State, where_rows


def recurrence(
    cell: Cell,
    input_size: int,
    *,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    initial_state: InitialState = InitialState.zero,
    layer_norm: bool = False,
    fused: bool = True,
) -> Recurrence:
    """Make a recurrent stack: ``fused`` on torch.nn, or written out; the arguments are those of `Recurrence`.

    The fused form of min_gru and min_lstm is the parallel scan.

    Raises:
        ConfigError: ``fused`` for a cell that torch.nn does not have.
    """
    kind = Recurrence
    if fused:
        kind = ScanRecurrence if cell in LINEAR else FusedRecurrence
    return kind(
        cell,
        input_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        initial_state=initial_state,
        layer_norm=layer_norm,
    )


class FusedRecurrence(Recurrence):
    """`Recurrence` with the loop over the steps inside torch.nn.RNN, LSTM or GRU.

    Rows of different lengths are packed, so padding is never computed. ``layers`` is the torch.nn layer
    itself.

    Raises:
        ConfigError: layer normalisation, or a cell that torch.nn does not have.
    """

    layers: nn.RNNBase

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        *,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        initial_state: InitialState = InitialState.zero,
        layer_norm: bool = False,
    ) -> None:
        if layer_norm:
            raise ConfigError(
                "torch.nn has no layer normalisation in an LSTM; set fused=false with layer_norm=true"
            )
        if cell is Cell.gru_reset_before or cell in LINEAR:
            raise ConfigError(f"torch.nn has no {cell}; set fused=false, or take cell=gru or lstm")
        super().__init__(
            cell,
            input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            initial_state=initial_state,
        )
        drawn = self.layers.state_dict()
        # the weights are drawn already: what torch.nn draws is thrown away and must not move the generator
        with torch.random.fork_rng(devices=[]):
            self.layers = self._torch_layers()
        self.layers.load_state_dict(drawn)

    def _torch_layers(self) -> nn.RNNBase:
        kind = {Cell.lstm: nn.LSTM, Cell.gru: nn.GRU}.get(self.cell, nn.RNN)
        nonlinearity = {Cell.rnn_tanh: {"nonlinearity": "tanh"}, Cell.rnn_relu: {"nonlinearity": "relu"}}
        layers: nn.RNNBase = kind(
            self.input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            batch_first=True,
            # torch.nn warns where there is nothing between layers to drop
            dropout=self.dropout if self.num_layers > 1 else 0.0,
            bidirectional=self.bidirectional,
            **nonlinearity.get(self.cell, {}),
        )
        return layers

    def _run(self, x: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        before = state.h if state.c is None else (state.h, state.c)
        if lengths is None or bool((lengths == x.shape[1]).all()):
            y, last = self.layers(x, before)
            return y, _as_state(last)
        # torch.nn refuses to pack a row of length 0: such a row takes one step that is then undone
        packed = pack_padded_sequence(x, lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False)
        y, last = self.layers(packed, before)
        y = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        lengths = lengths.to(x.device)
        y = y.masked_fill(~valid_steps(lengths, x.shape[1])[..., None], 0)
        return y, where_rows(lengths > 0, _as_state(last), state)


def _as_state(last: Tensor | tuple[Tensor, Tensor]) -> State:
    return State(last) if isinstance(last, Tensor) else State(*last)
