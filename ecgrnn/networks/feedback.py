"""A head that feeds its label back: each label is scored knowing the one before."""

import torch
from torch import Tensor, nn

from ecgrnn.networks.beam import beam_search


class FeedbackHead(nn.Module):
    """Judge each step by what was read there and by the label given to the step before.

    ``p(y_t | y_(t-1), h_t) = softmax(W_2 tanh(W_1 h_t + e(y_(t-1))) + b_2)``, and ``p(y)`` is their product::

        h_1          h_2          h_3
         |            |            |
        y_1 ------>  y_2 ------>  y_3 --> ...
         ^ start

    The label before is one of few, so the head judges each step once for every label that may stand before
    it. What comes out is a table ``(batch, time, label before, class)`` of log-probabilities, and training,
    sampling and every search are walks through this table. In the place behind the last class stands "no
    label known": it is the label before the first step, and before any step whose neighbour has no
    annotation.

    Sources: Graves, Supervised sequence labelling (2012); scheduled sampling: Bengio et al., Scheduled
    sampling for sequence prediction with recurrent neural networks (2015).

    Args:
        input_size: features of ``h_t``.
        n_classes: labels.
        hidden_size: features in which label and reading meet.
    """

    def __init__(self, input_size: int, n_classes: int, *, hidden_size: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.read = nn.Linear(input_size, hidden_size)
        self.label = nn.Embedding(n_classes + 1, hidden_size)
        self.output = nn.Linear(hidden_size, n_classes)

    def forward(self, h: Tensor) -> Tensor:
        """Turn ``h`` ``(batch, time, feature)`` into the table ``(batch, time, label before, class)``."""
        met = torch.tanh(self.read(h)[:, :, None] + self.label.weight)
        return torch.log_softmax(self.output(met), dim=-1)

    def log_likelihood(
        self,
        table: Tensor,
        labels: Tensor,
        *,
        truth_probability: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Give the summed log-probability of the known labels of each row, ``(batch,)``.

        Args:
            table: what `forward` gave.
            labels: ``(batch, time)``; a label below 0 is not known.
            truth_probability: how often the label fed back is the true one (1 is teacher forcing);
                otherwise it is drawn from what the head itself gave (scheduled sampling).
            generator: where the randomness comes from.
        """
        if truth_probability < 1:
            previous = self._mixed(table, labels, truth_probability, generator)
        else:
            previous = self._shifted(labels)
        log_p = _row_of(table, previous)
        known = labels >= 0
        picked = log_p.gather(-1, labels.clamp(min=0)[..., None]).squeeze(-1)
        return picked.masked_fill(~known, 0).sum(dim=-1)

    def marginals(self, table: Tensor) -> Tensor:
        """Give ``p(y_t = k)`` whatever the label before, ``(batch, time, class)``."""
        p = table.exp()
        beliefs = [p[:, 0, self.n_classes]]
        for t in range(1, table.shape[1]):
            beliefs.append(torch.einsum("bj,bjk->bk", beliefs[-1], p[:, t, : self.n_classes]))
        return torch.stack(beliefs, dim=1)

    def decode(self, table: Tensor, valid: Tensor, *, width: int) -> tuple[Tensor, Tensor]:
        """Search for the most probable labels: greedily with width 1, more surely the wider.

        Args:
            table: what `forward` gave.
            valid: boolean ``(batch, time)``, false where a step is padding.
            width: beginnings kept by the beam search.

        Returns:
            Labels ``(batch, time)``, -1 at padding, and their log-probability ``(batch,)``.
        """
        # at padding every beginning goes on with class 0 for free, so that no order changes any more
        free = torch.full_like(table[0, 0, 0], -torch.inf)
        free[0] = 0

        def step(t: int, previous: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            """Look up each label's log-probability behind the one before."""
            return torch.where(valid[rows, t, None], table[rows, t, previous], free), rows

        found = beam_search(
            step,
            torch.arange(len(table), device=table.device),
            select=torch.Tensor.__getitem__,
            batch=len(table),
            steps=table.shape[1],
            start=self.n_classes,
            width=width,
            device=table.device,
        )
        return found.symbols.masked_fill(~valid, -1), found.log_probability

    def _shifted(self, labels: Tensor) -> Tensor:
        """Give the label before each step, ``n_classes`` where it is not known."""
        before = torch.cat([torch.full_like(labels[:, :1], -1), labels[:, :-1]], dim=1)
        return torch.where(before < 0, self.n_classes, before)

    @torch.no_grad()
    def _mixed(
        self, table: Tensor, labels: Tensor, truth_probability: float, generator: torch.Generator | None
    ) -> Tensor:
        truth = self._shifted(labels)
        batch, time = labels.shape
        is_truth = torch.rand(batch, time, generator=generator, device=labels.device) < truth_probability
        rows, previous = torch.arange(batch, device=labels.device), [truth[:, 0]]
        for t in range(1, time):
            own = torch.multinomial(table[rows, t - 1, previous[-1]].exp(), 1, generator=generator).squeeze(1)
            # where no label is known the head is told so, as it is at the first step
            keep = is_truth[:, t] | (truth[:, t] == self.n_classes)
            previous.append(torch.where(keep, truth[:, t], own))
        return torch.stack(previous, dim=1)


def _row_of(table: Tensor, previous: Tensor) -> Tensor:
    """Take from the table the rows ``(batch, time, class)`` of the labels before ``(batch, time)``."""
    index = previous[..., None, None].expand(*previous.shape, 1, table.shape[-1])
    return table.gather(2, index).squeeze(2)
