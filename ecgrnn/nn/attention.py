"""Attention: a weighted mean of many vectors, the weights found by comparing each with what is looked for."""

import math
from typing import NamedTuple, assert_never

import torch
from torch import Tensor, nn

from ecgrnn.options.choices import Attention


class Keys(NamedTuple):
    """Vectors that are looked at again and again, prepared once.

    Attributes:
        values: ``(batch, time, key)``, zero at padding.
        compared: what a query is compared with, ``(batch, time, ...)``.
        valid: boolean ``(batch, time)``, false where a key is padding; None where none is.
    """

    values: Tensor
    compared: Tensor
    valid: Tensor | None


class AdditiveAttention(nn.Module):
    """Attention by a small network: ``e_t = v . tanh(W_k k_t + W_q q + b)``, ``a = softmax(e)``.

    Without a query the question is the same for every row and is learned as ``v``.

    Source: Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and translate
    (2015).

    Args:
        key_size: features of a key.
        hidden_size: features in which key and query are compared.
        query_size: features of the query; 0 for none.
    """

    def __init__(self, key_size: int, hidden_size: int, *, query_size: int = 0) -> None:
        super().__init__()
        self.key = nn.Linear(key_size, hidden_size)
        self.query = nn.Linear(query_size, hidden_size, bias=False) if query_size > 0 else None
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def forward(
        self, keys: Tensor, valid: Tensor | None = None, query: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look at the keys.

        Args:
            keys: ``(batch, time, key)``.
            valid: boolean ``(batch, time)``, false where a key is padding; None where none is.
            query: ``(batch, query)``, where there is one.

        Returns:
            The weighted mean of the keys ``(batch, key)`` and the weights ``(batch, time)``.
        """
        return self.look(self.keys(keys, valid), query)

    def keys(self, keys: Tensor, valid: Tensor | None) -> Keys:
        """Prepare keys for `look`: ``W_k k_t + b`` is the same for every query."""
        keys = _without_padding(keys, valid)
        return Keys(keys, self.key(keys), valid)

    def look(self, keys: Keys, query: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Look at prepared keys; results as in `forward`."""
        compared = keys.compared
        if self.query is not None and query is not None:
            compared = compared + self.query(query)[:, None]
        energy = self.score(torch.tanh(compared)).squeeze(-1)
        return _weighted_mean(keys.values, masked_softmax(energy, keys.valid))


class DotAttention(nn.Module):
    """Attention by the angle: ``e_t = k_t . W q / sqrt(key)``, ``a = softmax(e)``.

    Sources: Luong, Pham and Manning, Effective approaches to attention-based neural machine translation
    (2015), the form "general"; the root: Vaswani et al., Attention is all you need (2017).

    Args:
        key_size: features of a key.
        query_size: features of the query.
    """

    def __init__(self, key_size: int, query_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, key_size, bias=False)

    def forward(self, keys: Tensor, valid: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """Look at the keys; arguments and results as in `AdditiveAttention`."""
        return self.look(self.keys(keys, valid), query)

    def keys(self, keys: Tensor, valid: Tensor | None) -> Keys:
        """Prepare keys for `look`: they are compared as they are."""
        keys = _without_padding(keys, valid)
        return Keys(keys, keys, valid)

    def look(self, keys: Keys, query: Tensor) -> tuple[Tensor, Tensor]:
        """Look at prepared keys; results as in `AdditiveAttention`."""
        energy = torch.einsum("btk,bk->bt", keys.compared, self.query(query)) / math.sqrt(
            keys.compared.shape[-1]
        )
        return _weighted_mean(keys.values, masked_softmax(energy, keys.valid))


def attention(
    kind: Attention, key_size: int, *, query_size: int, hidden_size: int
) -> AdditiveAttention | DotAttention:
    """Make the attention of a kind; ``hidden_size`` is for the additive one."""
    match kind:
        case Attention.additive:
            return AdditiveAttention(key_size, hidden_size, query_size=query_size)
        case Attention.dot:
            return DotAttention(key_size, query_size)
        case _:
            assert_never(kind)


def select_keys(keys: Keys, rows: Tensor) -> Keys:
    """Take rows of the batch by index ``(n,)``."""
    values, compared, valid = keys
    return Keys(values[rows], compared[rows], None if valid is None else valid[rows])


def masked_softmax(energy: Tensor, valid: Tensor | None) -> Tensor:
    """Give the softmax ``(batch, time)`` over the valid steps; the others, and an empty row, get zeros."""
    if valid is None:
        return torch.softmax(energy, dim=-1)
    # the lowest finite number and not minus infinity: an empty row would be nan, and so would its gradient
    lowest = torch.finfo(energy.dtype).min
    weights = torch.softmax(energy.masked_fill(~valid, lowest), dim=-1)
    return weights.masked_fill(~valid, 0)


def _without_padding(keys: Tensor, valid: Tensor | None) -> Tensor:
    """Set padding to zero: a weight of 0 would not keep a NaN there out of a sum or a gradient."""
    return keys if valid is None else keys.masked_fill(~valid[..., None], 0)


def _weighted_mean(keys: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    return torch.einsum("bt,btk->bk", weights, keys), weights
