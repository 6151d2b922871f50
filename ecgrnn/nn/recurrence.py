"""From one step to a sequence: unrolling, stacking, both directions, lengths and states, all written out."""

from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ecgrnn.nn.cells import CELLS, Weights, add_weights, step, weights_of
from ecgrnn.nn.state import State, map_state, where_rows, with_cell_state
from ecgrnn.options.choices import Cell, InitialState


def valid_steps(lengths: Tensor, time: int) -> Tensor:
    """Mark the steps that belong to a row: boolean ``(batch, time)``, true before the row's length.

    >>> valid_steps(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def fills_time(lengths: Tensor | None, time: int) -> bool:
    """Tell whether no row has padding; of a network that is being exported, which reads any lengths, it has.

    >>> fills_time(torch.tensor([3, 3]), 3), fills_time(torch.tensor([1, 3]), 3), fills_time(None, 3)
    (True, False, True)
    """
    if lengths is None:
        return True
    return not torch.compiler.is_exporting() and bool((lengths == time).all())


def turned_steps(valid: Tensor) -> Tensor:
    """Give the steps ``(batch, time)`` of each row in the opposite order, padding where it was.

    >>> turned_steps(torch.tensor([[True, True, True], [True, True, False]])).tolist()
    [[2, 1, 0], [1, 0, 2]]
    """
    step = torch.arange(valid.shape[1], device=valid.device)
    return torch.where(valid, valid.sum(dim=1, keepdim=True) - 1 - step, step)


def gather_steps(x: Tensor, steps: Tensor) -> Tensor:
    """Take steps ``(batch, time)`` of ``x`` ``(batch, time, features)``."""
    return x.gather(1, steps[..., None].expand(-1, -1, x.shape[2]))


def last_steps(valid: Tensor) -> Tensor:
    """Give the last step of each row, ``(batch,)``; step 0 of a row of length 0."""
    return (valid.sum(dim=1) - 1).clamp(min=0)


def at_steps(x: Tensor, steps: Tensor) -> Tensor:
    """Take one step ``(batch,)`` of each row of ``x`` ``(batch, time, features)``."""
    return x[torch.arange(x.shape[0], device=x.device), steps]


def unroll(
    cell: Cell,
    x: Tensor,
    *,
    state: State,
    weights: Weights,
    valid: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Take one cell through a sequence in one direction.

    A step that is padding leaves the state as it was. Read forwards, the state therefore stops at the row's
    last step; read backwards, it waits at its initial value until the row's last step comes, and ends at
    the first.

    Args:
        cell: which equations.
        x: ``(batch, time, input)``.
        state: the state before the first step that is read, ``(batch, hidden)``; ``c`` is zero where a
            cell has it and it is not given.
        weights: the cell's weights.
        valid: boolean ``(batch, time)``, false where a step is padding; None where there is no padding.
        reverse: read from the last step to the first.

    Returns:
        The states h at every step ``(batch, time, hidden)`` in the order of ``x``, zero at padding, and the
        state after the last step that was read.
    """
    time = x.shape[1]
    state = with_cell_state(state) if CELLS[cell].has_c else state
    outputs = [x] * time
    for t in reversed(range(time)) if reverse else range(time):
        after = step(cell, x[:, t], state, weights)
        state = after if valid is None else where_rows(valid[:, t], after, state)
        outputs[t] = state.h
    y = torch.stack(outputs, dim=1)
    return (y if valid is None else y.masked_fill(~valid[..., None], 0)), state


class Recurrence(nn.Module):
    """A stack of recurrent layers, written out step by step.

    Each layer reads what the layer below gave out; with two directions a layer is two cells, one reading
    from the first step to the last and one the other way, their outputs side by side::

        y   (batch, time, directions * hidden)
        ^
        layer 1:  h_0 -> ... -> h_T   and   h_1 <- ... <- h_(T+1)
        ^   dropout
        layer 0:  h_0 -> ... -> h_T   and   h_1 <- ... <- h_(T+1)
        ^
        x   (batch, time, input)

    ``layers`` holds the weights under torch.nn's names, ``weight_ih_l0``, ``weight_hh_l0_reverse`` and so
    on, so that ``layers.load_state_dict`` reads the weights of a torch.nn.RNN, LSTM or GRU and the other
    way round.

    Args:
        cell: which equations.
        input_size: features of a step of ``x``.
        hidden_size: features of the state, in each layer and direction.
        num_layers: layers on top of each other.
        bidirectional: read in both directions.
        dropout: probability with which an output between two layers is set to zero in training.
        initial_state: ``zero``, or ``learned`` for parameters ``initial_h`` and ``initial_c``, as the cell
            has these states, of shape ``(layers * directions, hidden)``.
        layer_norm: scale the sums inside an LSTM.

    Raises:
        ConfigError: layer normalisation for a cell that is not an LSTM.
    """

    layers: nn.Module

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
        super().__init__()
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.layers = nn.Module()
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                size = input_size if layer == 0 else self.output_size
                add_weights(
                    self.layers,
                    cell,
                    suffix=suffix,
                    input_size=size,
                    hidden_size=hidden_size,
                    layer_norm=layer_norm,
                )
        learned = initial_state is InitialState.learned
        depth = num_layers * self.directions
        has_h, has_c = learned and CELLS[cell].reads_h, learned and CELLS[cell].has_c
        self.initial_h = nn.Parameter(torch.zeros(depth, hidden_size)) if has_h else None
        self.initial_c = nn.Parameter(torch.zeros(depth, hidden_size)) if has_c else None

    @property
    def directions(self) -> int:
        """Directions each layer reads in: 1 or 2."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of an output: the directions side by side."""
        return self.directions * self.hidden_size

    def initial_state(self, batch: int) -> State:
        """Give the state before the first step, ``(layers * directions, batch, hidden)``."""
        h = self._initial(self.initial_h, batch)
        return State(h, self._initial(self.initial_c, batch) if CELLS[self.cell].has_c else None)

    def begun_with(self, vector: Tensor) -> State:
        """Give a first state whose every layer is a vector ``(batch, hidden)``, where the cell reads it."""
        state = self.initial_state(len(vector))
        h = vector.expand_as(state.h).contiguous()
        return State(h, state.c) if CELLS[self.cell].reads_h else State(state.h, h)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read a batch of sequences.

        Args:
            x: ``(batch, time, input)``.
            lengths: steps of each row ``(batch,)``; what lies behind is padding and changes nothing. None
                where every row fills the whole time. A row of length 0 keeps its state.
            state: the state to begin with, ``(layers * directions, batch, hidden)``; None for the initial
                one. ``c`` is zero where a cell has it and it is not given.

        Returns:
            Outputs of the top layer ``(batch, time, directions * hidden)``, zero behind a row's length, and
            the last state of every layer and direction: forwards after the row's last step, backwards after
            its first.
        """
        state = self.initial_state(x.shape[0]) if state is None else state
        state = with_cell_state(state) if CELLS[self.cell].has_c else state
        return self._run(x, lengths, state)

    def outputs(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of sequences from the initial state and give only the outputs."""
        outputs: Tensor = self(x, lengths)[0]
        return outputs

    def _run(self, x: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        valid = None if lengths is None else valid_steps(lengths.to(x.device), x.shape[1])
        y = x if valid is None else x.masked_fill(~valid[..., None], 0)
        last = []
        for layer in range(self.num_layers):
            y = dropout(y, self.dropout, self.training) if layer > 0 else y
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                output, final = unroll(
                    self.cell,
                    y,
                    state=map_state(itemgetter(layer * self.directions + direction), state),
                    weights=weights_of(self.layers, suffix),
                    valid=valid,
                    reverse=direction == 1,
                )
                outputs.append(output)
                last.append(final)
            y = torch.cat(outputs, dim=-1)
        return y, stack_states(last)

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"_l{layer}", f"_l{layer}_reverse")[: self.directions]

    def _initial(self, learned: Tensor | None, batch: int) -> Tensor:
        size = (self.num_layers * self.directions, batch, self.hidden_size)
        if learned is None:
            return next(self.layers.parameters()).new_zeros(size)
        return learned[:, None].expand(size)


def stack_states(states: list[State]) -> State:
    """Put the states of cells into the state of a stack, in order."""
    h = torch.stack([state.h for state in states])
    cells = [state.c for state in states if state.c is not None]
    return State(h, torch.stack(cells) if cells else None)
