"""A layer of GRUs over a whole sequence, both directions at once, with its gradient written by hand.

On a processor, a GRU over a few rows takes as long as it takes to start small operations: where torch
differentiates it, some twenty a step and direction, forwards and backwards. Here they are six forwards and
four backwards, for both directions together. With ``a_t = W_ih x_t + b_ih``, computed for all steps at once,
and ``q_t = W_hh h_(t-1) + b_hh``::

    r, z = sigmoid(a_r + q_r), sigmoid(a_z + q_z)
    n = tanh(a_n + r q_n)
    h_t = (1 - z) n + z h_(t-1)

Backwards, with ``g_t`` the gradient of the loss with respect to ``h_t`` along all ways, and ``d_t`` what of
it comes from above::

    dq_r = g_t (1 - z) (1 - n^2) q_n r (1 - r)      da_r = dq_r
    dq_z = g_t (h_(t-1) - n) z (1 - z)              da_z = dq_z
    dq_n = g_t (1 - z) (1 - n^2) r                  da_n = g_t (1 - z) (1 - n^2)
    g_(t-1) = d_(t-1) + z g_t + W_hh^T dq_t

What stands beside ``g_t`` is known for all steps beforehand. ``nn/cells.py`` has the equations of one step,
``nn/verification/reference_cells.py`` its gradient in NumPy.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from ecgrnn.nn.cells import Weights


def gru_layer(
    x: Tensor,
    h: Tensor,
    weights: Sequence[Weights],
    *,
    turned: Tensor | None = None,
    ends: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Read rows with one layer of GRUs; differentiable once.

    Args:
        x: ``(batch, time, input)``.
        h: the state before the first step that is read, ``(direction, batch, hidden)``.
        weights: those of each direction: the first reads forwards, the second, if there is one, backwards.
        turned: the steps ``(batch, time)`` in the order of the second direction; None where every row fills
            the whole time.
        ends: the last step of each row ``(batch,)``; None as above.

    Returns:
        Outputs ``(batch, time, direction * hidden)``, and the state after the last step that was read,
        ``(direction, batch, hidden)``.
    """
    directions = len(weights)
    W_ih, b_ih = torch.cat([w.W_ih for w in weights]), torch.cat([w.b_ih for w in weights])
    W_hh, b_hh = torch.stack([w.W_hh for w in weights]), torch.stack([w.b_hh for w in weights])
    a = linear(x.transpose(0, 1), W_ih, b_ih)
    a = a.view(*a.shape[:2], directions, -1).transpose(1, 2)
    a = _turned(a, turned)
    states: Tensor = _GruSequence.apply(a, h, W_hh, b_hh[:, None])  # type: ignore[no-untyped-call]
    y = _turned(states, turned).permute(2, 0, 1, 3).flatten(2)
    if ends is None:
        return y, states[-1]
    return y, states[ends, :, torch.arange(len(x), device=x.device)].transpose(0, 1)


def _turned(steps: Tensor, turned: Tensor | None) -> Tensor:
    """Put the steps ``(time, direction, batch, ...)`` of the second direction in the opposite order."""
    forwards, *backwards = steps.unbind(1)
    if turned is None:
        return torch.stack([forwards, *(one.flip(0) for one in backwards)], dim=1)
    order = turned.T[..., None].expand_as(forwards)
    return torch.stack([forwards, *(one.gather(0, order) for one in backwards)], dim=1)


class _GruSequence(torch.autograd.Function):
    """All states from all ``a``: ``(time, direction, batch, ...)``, a direction in the order it reads in."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, h: Tensor, W_hh: Tensor, b_hh: Tensor) -> Tensor:
        """Give the states after every step."""
        time, hidden = len(a), h.shape[-1]
        rz, n, q = (
            torch.empty_like(a[..., : 2 * hidden]),
            torch.empty_like(a[..., :hidden]),
            torch.empty_like(a),
        )
        states = a.new_empty(time + 1, *h.shape)
        states[0] = h
        before, W = states[0], W_hh.transpose(1, 2)
        for a_rz, a_n, q_t, q_rz, q_n, rz_t, n_t, after in zip(
            *(part.unbind() for part in (*_split(a, hidden), q, *_split(q, hidden), rz, n, states[1:])),
            strict=True,
        ):
            torch.baddbmm(b_hh, before, W, out=q_t)
            torch.add(a_rz, q_rz, out=rz_t).sigmoid_()
            torch.addcmul(a_n, rz_t[..., :hidden], q_n, out=n_t).tanh_()
            before = torch.lerp(n_t, before, rz_t[..., hidden:], out=after)
        ctx.save_for_backward(states, rz, n, q, W_hh)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *d: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Go through the steps from the last one read to the first."""
        states, rz, n, q, W_hh = ctx.saved_tensors
        hidden = n.shape[-1]
        before, (r, z), q_n = states[:-1], rz.chunk(2, dim=-1), q[..., 2 * hidden :]
        through_n = (1 - z) * (1 - n * n)
        factors = torch.stack(
            [through_n * q_n * r * (1 - r), (before - n) * z * (1 - z), through_n * r], dim=-2
        )
        g, dq = torch.empty_like(n), torch.empty_like(factors)
        d_before = torch.zeros_like(states[0])
        for d_t, z_t, factors_t, g_t, dq_t, dq_flat in zip(
            *(reversed(part.unbind()) for part in (d[0], z, factors, g, dq, dq.flatten(-2))), strict=True
        ):
            torch.add(d_before, d_t, out=g_t)
            torch.mul(g_t[..., None, :], factors_t, out=dq_t)
            d_before = torch.baddbmm(g_t * z_t, dq_flat, W_hh)
        dq = dq.flatten(-2)
        da = torch.cat([dq[..., : 2 * hidden], g * through_n], dim=-1)
        by_direction = dq.transpose(0, 1).flatten(1, 2)
        d_W_hh = by_direction.transpose(1, 2) @ before.transpose(0, 1).flatten(1, 2)
        return da, d_before, d_W_hh, by_direction.sum(dim=1, keepdim=True)


def _split(gates: Tensor, hidden: int) -> tuple[Tensor, Tensor]:
    """Part what belongs to r and z from what belongs to n."""
    return gates[..., : 2 * hidden], gates[..., 2 * hidden :]
