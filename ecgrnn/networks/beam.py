"""Beam search: the most probable sequence where each symbol depends on the one before."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

S = TypeVar("S")


class Hypotheses(NamedTuple):
    """The best sequence of each row.

    Attributes:
        symbols: ``(batch, steps)``.
        log_probability: ``(batch,)``.
    """

    symbols: Tensor
    log_probability: Tensor


def beam_search(
    step: Callable[[int, Tensor, S], tuple[Tensor, S]],
    state: S,
    *,
    select: Callable[[S, Tensor], S],
    batch: int,
    steps: int,
    start: int,
    width: int,
    stop: int | None = None,
    device: torch.device | None = None,
) -> Hypotheses:
    """Keep the ``width`` most probable beginnings of each row and lengthen them symbol by symbol.

    With width 1 this is greedy decoding; with ``symbols ** steps`` nothing is ever dropped and the result
    is the best of all sequences. Rows of the batch do not touch one another.

    Args:
        step: given the index of the step, the symbols before ``(n,)`` and the state, gives the
            log-probabilities of the next symbol ``(n, symbol)`` and the next state.
        state: the state before the first step, of ``batch`` rows.
        select: takes rows ``(n,)`` of a state by index: first ``width`` times each row of the batch, then
            at every step as many rows, each replaced by one of the same row of the batch.
        batch: rows.
        steps: symbols to find.
        start: the symbol before the first.
        width: beginnings kept for each row.
        stop: the symbol behind which a sequence is over; it is repeated to the end. None where there is none.
        device: where the state lies.
    """
    rows = torch.arange(batch, device=device)
    state = select(state, rows.repeat_interleave(width))
    total = torch.full((batch, width), -torch.inf, device=device)
    total[:, 0] = 0
    symbols = torch.full((batch, width, steps), start, device=device)
    previous = torch.full((batch * width,), start, device=device)
    for t in range(steps):
        log_p, state = step(t, previous, state)
        log_p = _after_stop(log_p, previous, stop)
        n_symbols = log_p.shape[-1]
        candidates = total[..., None].to(log_p.dtype) + log_p.view(batch, width, n_symbols)
        total, best = candidates.flatten(1).topk(width)
        origin, symbol = best // n_symbols, best % n_symbols
        symbols = symbols.gather(1, origin[..., None].expand_as(symbols))
        symbols[..., t] = symbol
        state = select(state, (rows[:, None] * width + origin).flatten())
        previous = symbol.flatten()
        if stop is not None and bool((previous == stop).all()):
            symbols[..., t:] = stop
            break
    return Hypotheses(symbols[:, 0], total[:, 0])


def _after_stop(log_p: Tensor, previous: Tensor, stop: int | None) -> Tensor:
    """Let a sequence that is over go on with stop alone, for free."""
    if stop is None:
        return log_p
    only_stop = torch.full_like(log_p, -torch.inf)
    only_stop[:, stop] = 0
    return torch.where((previous == stop)[:, None], only_stop, log_p)
