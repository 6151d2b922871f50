"""The recurrent stack at speed, on the fused layers of torch.nn or by a scan: same results and interface."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import CELLS, weights_of
from ecgrnn.nn.gru_sequence import gru_layer
from ecgrnn.nn.recurrence import (
    Recurrence,
    at_steps,
    fills_time,
    gather_steps,
    last_steps,
    turned_steps,
    valid_steps,
)
from ecgrnn.nn.scan import ScanRecurrence
from ecgrnn.nn.state import State, map_state, where_rows
from ecgrnn.options.choices import Cell, InitialState

_FEW_ROWS = 32
"""Up to so many rows a GRU on a processor is trained with a gradient by hand: over 64 steps 2.1 times as fast
as torch with 8 and 32 rows, 1.1 times with 64 (scripts/benchmarks/recurrence.py --steps 64 --batch 8)."""


_SEVERAL_STEPS = 6
"""Over fewer steps torch is as fast or faster: over one, 1.0 against 1.7 ms with 8 rows
(scripts/benchmarks/parts.py)."""


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
        kind = ScanRecurrence if CELLS[cell].parallel is not None else FusedRecurrence
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

    Rows of different lengths are read with their padding, which is faster than packing them; only an LSTM's
    are packed where its last state is asked for. ``layers`` is the torch.nn layer itself. In mixed precision
    on a processor without bfloat16 instructions it reads in single precision: torch's LSTM ends in an error
    there.

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
        if CELLS[cell].torch_layer is None:
            raise ConfigError(
                f"torch.nn has no {cell}; take cell=gru or lstm, or the written-out layers (fused=false)"
            )
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

    def outputs(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of sequences from the initial state and give only the outputs.

        For an LSTM with rows of different lengths this is several times as fast as `forward`, which packs
        them for the sake of the last cell state (scripts/benchmarks/parts.py).
        """
        if _in_missing_precision(x):
            with torch.autocast("cpu", enabled=False):
                return self.outputs(x.float(), lengths)
        if lengths is None or fills_time(lengths, x.shape[1]):
            return super().outputs(x, lengths)
        return self._padded(x, lengths, self.initial_state(x.shape[0]))[0]

    def _padded(self, x: Tensor, lengths: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Read rows of different lengths without packing them; give the outputs and the last h.

        Padding behind a row cannot reach what was read forwards, and the other way a row is turned round
        within its own length first.
        """
        valid = valid_steps(lengths.to(x.device), x.shape[1])
        turned, ends = turned_steps(valid), last_steps(valid)
        x = x.masked_fill(~valid[..., None], 0)
        by_hand = self.cell is Cell.gru and _few_rows_in_training(x)
        last: list[Tensor] = []
        for layer, h in enumerate(torch.split(state.h, self.directions)):
            x = functional.dropout(x, self.dropout, self.training) if layer else x
            if by_hand:
                weights = [weights_of(self.layers, suffix) for suffix in self._suffixes(layer)]
                x, after = gru_layer(x, h, weights, turned=turned, ends=ends)
                last += after.unbind()
            else:
                read = [self._direction(x, layer, 0, state)]
                if self.bidirectional:
                    read.append(self._direction(gather_steps(x, turned), layer, 1, state))
                last += [at_steps(y, ends) for y in read]
                x = torch.cat([*read[:1], *(gather_steps(y, turned) for y in read[1:])], dim=-1)
            x = x.masked_fill(~valid[..., None], 0)
        return x, torch.stack(last)

    def _direction(self, x: Tensor, layer: int, direction: int, state: State) -> Tensor:
        """Read rows from the first step to the last with the weights of one layer and direction."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        suffix = f"_l{layer}" + ("_reverse" if direction else "")
        weights = [getattr(self.layers, kind + suffix) for kind in kinds]
        place = layer * self.directions + direction
        h = state.h[place : place + 1].contiguous()
        before = h if state.c is None else (h, state.c[place : place + 1].contiguous())
        read: dict[Cell, Any] = {Cell.lstm: torch.lstm, Cell.gru: torch.gru, Cell.rnn_tanh: torch.rnn_tanh}
        y: Tensor = read.get(self.cell, torch.rnn_relu)(
            x, before, weights, True, 1, 0.0, self.training, False, True
        )[0]
        return y

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
        if _in_missing_precision(x):
            with torch.autocast("cpu", enabled=False):
                return self._run(x.float(), lengths, map_state(Tensor.float, state))
        # cuDNN wants its states side by side; a learned one is a row seen many times
        state = map_state(Tensor.contiguous, state)
        before = state.h if state.c is None else (state.h, state.c)
        if lengths is None or fills_time(lengths, x.shape[1]):
            if self.cell is Cell.gru and _few_rows_in_training(x):
                return self._gru(x, state.h)
            y, last = self.layers(x, before)
            return y, _as_state(last)
        if self.cell is not Cell.lstm:
            y, h = self._padded(x, lengths, state)
            return y, where_rows(lengths.to(x.device) > 0, State(h), state)
        # torch.nn refuses to pack a row of length 0: such a row takes one step that is then undone
        packed = pack_padded_sequence(x, lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False)
        y, last = self.layers(packed, before)
        y = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        lengths = lengths.to(x.device)
        y = y.masked_fill(~valid_steps(lengths, x.shape[1])[..., None], 0)
        return y, where_rows(lengths > 0, _as_state(last), state)

    def _gru(self, x: Tensor, h: Tensor) -> tuple[Tensor, State]:
        last = []
        for layer, before in enumerate(torch.split(h, self.directions)):
            x = functional.dropout(x, self.dropout, self.training) if layer else x
            x, after = gru_layer(x, before, [weights_of(self.layers, s) for s in self._suffixes(layer)])
            last.append(after)
        return x, State(torch.cat(last))


def processor_has_bfloat16() -> bool:
    """Tell whether torch's library for processors, oneDNN, computes in bfloat16 here."""
    built_in: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built_in and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _few_rows_in_training(x: Tensor) -> bool:
    """Tell whether a gradient by hand is faster than torch's, see `nn/gru_sequence.py`."""
    plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return plain and torch.is_grad_enabled() and len(x) <= _FEW_ROWS and x.shape[1] >= _SEVERAL_STEPS


def _in_missing_precision(x: Tensor) -> bool:
    """Tell whether a processor is asked for mixed precision that it has not got."""
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not processor_has_bfloat16()


def _as_state(last: Tensor | tuple[Tensor, Tensor]) -> State:
    return State(last) if isinstance(last, Tensor) else State(*last)
