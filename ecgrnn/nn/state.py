"""The state of a recurrent network as a value: passed in, given back, changed only by these functions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class State(NamedTuple):
    """What a recurrent network remembers between two steps.

    Attributes:
        h: hidden state ``(batch, hidden)`` of one cell, ``(layers * directions, batch, hidden)`` of a
            stack. The rows of a stack are ordered as in torch.nn: layer 0 forward, layer 0 backward, layer
            1 forward, ...
        c: cell state of an LSTM, or what a joined cell carries, of the same shape; None for every other cell.
    """

    h: Tensor
    c: Tensor | None = None


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to h and, where there is one, to c."""
    return State(function(state.h), None if state.c is None else function(state.c))


def with_cell_state(state: State) -> State:
    """Give the state of a cell that has ``c`` its ``c``, zeros where it is missing."""
    return state if state.c is not None else State(state.h, torch.zeros_like(state.h))


def detach(state: State) -> State:
    """Cut the state off the graph that made it: its values go on, gradients stop here."""
    return map_state(Tensor.detach, state)


def where_rows(rows: Tensor, yes: State, no: State) -> State:
    """Take the rows of the batch that are marked from one state and the others from another.

    Args:
        rows: boolean ``(batch,)``.
        yes: state whose marked rows are taken.
        no: state whose other rows are taken.
    """
    marked = rows[:, None]
    h = torch.where(marked, yes.h, no.h)
    if yes.c is None or no.c is None:
        return State(h)
    return State(h, torch.where(marked, yes.c, no.c))


def reset_rows(state: State, begins: Tensor, *, initial: State | None = None) -> State:
    """Put rows back to the initial state where a new record begins.

    Args:
        state: the state carried from the stretch before.
        begins: boolean ``(batch,)``, true where the next stretch is the first of its record.
        initial: the state to begin with; zeros where it is not given.
    """
    if initial is None:
        initial = map_state(torch.zeros_like, state)
    return where_rows(begins, initial, state)


def select_rows(state: State, rows: Tensor) -> State:
    """Take rows of the batch by index ``(n,)``, in that order and as often as they are named."""
    return map_state(lambda part: part.index_select(-2, rows), state)
