"""A head that feeds labels back from both sides: each is scored knowing the one before and the one after."""

import torch
from torch import Tensor, nn

PASSES = 8
"""Passes in which decoding settles the labels of a row, the most certain first."""

SWEEPS = 12
"""Most sweeps after that; on held-out leads of LUDB fewer change nothing any more."""


class FeedbackBothHead(nn.Module):
    """Judge each step by what was read there and by the labels of the steps before and after.

    ``p(y_t | y_(t-1), y_(t+1), h_t) = softmax(W_2 tanh(W_1 h_t + e(y_(t-1)) + e'(y_(t+1))) + b_2)``::

        h_1          h_2          h_3
         |            |            |
        y_1 <----->  y_2 <----->  y_3 <--> ...

    In the place behind the last class stands "no label known": before the first step, behind the last one,
    and beside any step whose neighbour has none. Labels that depend on each other in a circle have no product
    of conditionals that is their probability, as those of `FeedbackHead` have. Training therefore hides a
    share of the labels, from none to all, drawn anew for each row, and maximises each label's probability
    given those neighbours that are left (pseudo-likelihood). Decoding begins with no label known, settles the
    most certain ones first, and then sweeps over even and odd steps in turn until no label changes.

    Sources: Besag, Statistical analysis of non-lattice data, The Statistician 24 (1975), for the
    pseudo-likelihood; Ghazvininejad et al., Mask-predict: parallel decoding of conditional masked language
    models (2019), for hiding and settling.

    Args:
        input_size: features of ``h_t``.
        n_classes: labels.
        hidden_size: features in which labels and reading meet.
    """

    def __init__(self, input_size: int, n_classes: int, *, hidden_size: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.read = nn.Linear(input_size, hidden_size)
        self.before = nn.Embedding(n_classes + 1, hidden_size)
        self.after = nn.Embedding(n_classes + 1, hidden_size)
        self.output = nn.Linear(hidden_size, n_classes)

    def forward(self, h: Tensor) -> Tensor:
        """Turn ``h`` ``(batch, time, feature)`` into what labels meet: ``(batch, time, hidden)``."""
        read: Tensor = self.read(h)
        return read

    def log_p(self, read: Tensor, labels: Tensor) -> Tensor:
        """Give ``log p(y_t | y_(t-1), y_(t+1), h_t)``, ``(batch, time, class)``.

        Args:
            read: what `forward` gave.
            labels: ``(batch, time)``; a label below 0 is not known.
        """
        known = torch.where(labels < 0, self.n_classes, labels)
        beyond = torch.full_like(known[:, :1], self.n_classes)
        before = torch.cat([beyond, known[:, :-1]], dim=1)
        after = torch.cat([known[:, 1:], beyond], dim=1)
        met = torch.tanh(read + self.before(before) + self.after(after))
        return torch.log_softmax(self.output(met), dim=-1)

    def log_likelihood(
        self, read: Tensor, labels: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Give the summed log-probability of the known labels of each row, ``(batch,)``.

        In training a share of the labels, another one for each row, is hidden from its neighbours; in
        evaluation all are, and no label is told what it would be asked for.

        Args:
            read: what `forward` gave.
            labels: ``(batch, time)``; a label below 0 is not known.
            generator: where the randomness comes from.
        """
        shown = torch.full_like(labels, -1)
        if self.training:
            share = torch.rand(len(labels), 1, generator=generator, device=labels.device)
            drawn = torch.rand(labels.shape, generator=generator, device=labels.device)
            shown = torch.where(drawn < share, labels, shown)
        picked = self.log_p(read, shown).gather(-1, labels.clamp(min=0)[..., None]).squeeze(-1)
        return picked.masked_fill(labels < 0, 0).sum(dim=-1)

    @torch.no_grad()
    def decode(self, read: Tensor, valid: Tensor) -> Tensor:
        """Settle labels ``(batch, time)``, -1 at padding.

        Args:
            read: what `forward` gave.
            valid: boolean ``(batch, time)``, false where a step is padding.
        """
        labels = torch.full_like(valid, -1, dtype=torch.long)
        steps = valid.sum(dim=1, keepdim=True)
        for done in range(1, PASSES + 1):
            certain, found = self.log_p(read, labels).max(dim=-1)
            # what is settled stays so in these passes, ahead of everything that is still open
            order = certain.masked_fill(labels >= 0, 1).masked_fill(~valid, -torch.inf)
            rank = order.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
            settled = rank * PASSES < done * steps
            labels = torch.where(settled & valid & (labels < 0), found, labels)
        return self._swept(read, labels, valid)

    def marginals(self, read: Tensor, valid: Tensor) -> Tensor:
        """Give the probability of every label beside the neighbours that decoding settled."""
        return self.log_p(read, self.decode(read, valid)).exp()

    def _swept(self, read: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
        """Choose each label anew beside its neighbours, every second one at a time, until none changes."""
        odd = (torch.arange(labels.shape[1], device=labels.device) % 2).bool()
        for _ in range(SWEEPS):
            before = labels
            for half in (odd, ~odd):
                labels = torch.where(half & valid, self.log_p(read, labels).argmax(dim=-1), labels)
            if torch.equal(before, labels):
                break
        return labels
