"""The parallel form of the cells whose state is linear in the state before: all steps of a sequence at once.

Such a cell is ``h_t = a_t h_(t-1) + b_t``, element by element, with ``a_t`` and ``b_t`` read from the input
alone. One after the other that is as many steps as the sequence is long, each of them a small operation. Cut
into stretches of about sqrt(T) steps, it is some 2 sqrt(T) large ones::

    within   every stretch at the same time, from a state of zero:  b_t <- a_t b_(t-1) + b_t
             and how much of a state before it would be left:       a_t <- a_t a_(t-1)
    between  the state at the end of each stretch, one stretch after the other
    joined   h_t = a_t h_(end of the stretch before) + b_t

The factors lie between 0 and 1, so nothing grows. The gradient is the same recurrence read backwards.
"""

import math
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, pad

from ecgrnn.errors import ConfigError
from ecgrnn.nn.cells import CELLS, Weights, weights_of
from ecgrnn.nn.recurrence import Recurrence, stack_states, valid_steps
from ecgrnn.nn.state import State, map_state
from ecgrnn.options.choices import Cell


def linear_scan(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """Compute ``h_t = a_t h_(t-1) + b_t`` for all t, differentiable once.

    Args:
        a: ``(batch, time, hidden)``, between 0 and 1.
        b: ``(batch, time, hidden)``.
        h: the state before the first step, ``(batch, hidden)``.

    Returns:
        The states after every step, ``(batch, time, hidden)``.
    """
    states: Tensor = _LinearScan.apply(a, b, h)  # type: ignore[no-untyped-call]
    return states


def coefficients(cell: Cell, x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Give ``a`` and ``b`` of all steps, ``(batch, time, hidden)`` each, of the equations in ``nn/cells.py``.

    Raises:
        ConfigError: a cell whose state is not linear in the state before.
    """
    parallel = CELLS[cell].parallel
    if parallel is None:
        known = ", ".join(name for name, equations in CELLS.items() if equations.parallel is not None)
        raise ConfigError(f"{cell} has no parallel form; only {known} have one")
    return parallel(x @ weights.W_ih.T + weights.b_ih)


class ScanRecurrence(Recurrence):
    """`Recurrence` of min_gru or min_lstm with each layer and direction computed by a scan."""

    def _run(self, x: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        valid = None if lengths is None else valid_steps(lengths.to(x.device), x.shape[1])
        y = x if valid is None else x.masked_fill(~valid[..., None], 0)
        last = []
        for layer in range(self.num_layers):
            y = dropout(y, self.dropout, self.training) if layer > 0 else y
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                before = map_state(itemgetter(layer * self.directions + direction), state)
                weights = weights_of(self.layers, suffix)
                output = _read(self.cell, y, before.h, weights, valid=valid, reverse=direction == 1)
                last.append(State(output[:, 0 if direction == 1 else -1]))
                outputs.append(output)
            y = torch.cat(outputs, dim=-1)
            y = y if valid is None else y.masked_fill(~valid[..., None], 0)
        return y, stack_states(last)


def _read(
    cell: Cell, x: Tensor, h: Tensor, weights: Weights, *, valid: Tensor | None, reverse: bool
) -> Tensor:
    """Take one cell through a sequence; at padding the state stays what it was."""
    a, b = coefficients(cell, x, weights)
    # In mixed precision the gates come in fewer bits than the state, whose sum over many steps needs them.
    a, b = a.to(h.dtype), b.to(h.dtype)
    if valid is not None:
        a, b = a.masked_fill(~valid[..., None], 1), b.masked_fill(~valid[..., None], 0)
    if reverse:
        return linear_scan(a.flip(1), b.flip(1), h).flip(1)
    return linear_scan(a, b, h)


class _LinearScan(torch.autograd.Function):
    """The scan and its gradient.

    With ``g_t`` the gradient of the loss with respect to ``h_t`` along all ways, ``g_t = d_t + a_(t+1)
    g_(t+1)``: the same recurrence from the last step to the first. Then ``d a_t = g_t h_(t-1)`` and ``d b_t =
    g_t``.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h: Tensor) -> Tensor:
        """Give all states ``h_t = a_t h_(t-1) + b_t``."""
        states = _scan(a, b, h)
        ctx.save_for_backward(a, h, states)
        return states

    @staticmethod
    def backward(ctx: Any, *d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scan the gradients from the last step to the first."""
        a, h, states = ctx.saved_tensors
        a_next = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1)
        g = _scan(a_next.flip(1), d[0].flip(1), torch.zeros_like(h)).flip(1)
        before = torch.cat([h[:, None], states[:, :-1]], dim=1)
        return g * before, g, a[:, 0] * g[:, 0]


def _scan(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    batch, time, hidden = b.shape
    length = max(math.isqrt(time), 1)
    n_stretches = -(-time // length)
    beyond = n_stretches * length - time
    # One step of all stretches lies together in memory: (step, stretch, batch, hidden).
    shape = (batch, n_stretches, length, hidden)
    a = pad(a, (0, 0, 0, beyond), value=1.0).view(shape).permute(2, 1, 0, 3).contiguous()
    b = pad(b, (0, 0, 0, beyond)).view(shape).permute(2, 1, 0, 3).contiguous()
    for step in range(1, length):
        b[step].addcmul_(a[step], b[step - 1])
        a[step].mul_(a[step - 1])
    begins = torch.empty_like(b[0])
    for stretch in range(n_stretches):
        begins[stretch] = h
        h = torch.addcmul(b[-1, stretch], a[-1, stretch], h)
    states = b.addcmul_(a, begins)
    return states.permute(2, 1, 0, 3).reshape(batch, n_stretches * length, hidden)[:, :time]
