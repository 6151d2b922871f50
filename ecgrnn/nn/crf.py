"""A linear-chain conditional random field: the labels of a sequence judged together and not one by one."""

import torch
from torch import Tensor, nn

from ecgrnn.nn.recurrence import valid_steps


class LinearChainCrf(nn.Module):
    """Probability of a whole sequence of labels, given a score for every label at every step.

    With scores ``s_t(k)``, transitions ``A(j, k)`` from label j to label k, and scores for the first and
    the last label,

    ``score(y) = start(y_1) + s_1(y_1) + sum over t > 1 of [A(y_(t-1), y_t) + s_t(y_t)] + end(y_L)``

    ``p(y) = exp(score(y)) / Z``, where Z is the sum of ``exp(score)`` over all ``class ** L`` sequences::

        s_1    s_2    s_3          s_L
         |      |      |            |
        y_1 -- y_2 -- y_3 -- ... -- y_L       -- is A

    Because only neighbours meet, sums and maxima over all sequences take ``L * class ** 2`` operations.

    In every method ``scores`` is ``(batch, time, class)`` and ``lengths`` ``(batch,)``, at least 1; None
    where every row fills the whole time.

    Source: Lafferty, McCallum and Pereira, Conditional random fields, ICML (2001); the recursions: Rabiner,
    A tutorial on hidden Markov models, Proc. IEEE 77 (1989).

    Args:
        n_classes: labels.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(n_classes, n_classes))
        self.start = nn.Parameter(torch.zeros(n_classes))
        self.end = nn.Parameter(torch.zeros(n_classes))

    def log_likelihood(self, scores: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give ``log p(labels)`` of each row, ``(batch,)``.

        Args:
            scores: ``(batch, time, class)``.
            labels: ``(batch, time)``; a label below 0 is not known, and all labels are summed over at its
                step.
            lengths: ``(batch,)``.
        """
        classes = torch.arange(scores.shape[-1], device=scores.device)
        allowed = (labels[..., None] == classes) | (labels[..., None] < 0)
        constrained = scores.masked_fill(~allowed, -torch.inf)
        return self.log_partition(constrained, lengths) - self.log_partition(scores, lengths)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give ``log Z`` of each row, ``(batch,)``: the forward recursion."""
        valid = _valid(scores, lengths)
        alpha = self._forward(_without_padding(scores, valid), valid)[-1]
        return torch.logsumexp(alpha + self.end, dim=-1)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give ``p(y_t = k)`` for every step and label, ``(batch, time, class)``, zero behind the row."""
        valid = _valid(scores, lengths)
        scores = _without_padding(scores, valid)
        alpha = torch.stack(self._forward(scores, valid), dim=1)
        beta = torch.stack(self._backward(scores, valid), dim=1)
        return torch.softmax(alpha + beta, dim=-1).masked_fill(~valid[..., None], 0)

    def viterbi(self, scores: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Find the most probable sequence of labels.

        Returns:
            Labels ``(batch, time)``, -1 behind a row's length, and their log-probability ``(batch,)``.
        """
        valid = _valid(scores, lengths)
        scores = _without_padding(scores, valid)
        best = self.start + scores[:, 0]
        pointers = []
        for t in range(1, scores.shape[1]):
            # (batch, label before, label)
            reached, pointer = (best[:, :, None] + self.transitions + scores[:, t, None, :]).max(dim=1)
            best = torch.where(valid[:, t, None], reached, best)
            pointers.append(pointer)
        score, label = (best + self.end).max(dim=-1)
        labels = [label]
        for t in reversed(range(1, scores.shape[1])):
            before = pointers[t - 1].gather(1, label[:, None]).squeeze(1)
            label = torch.where(valid[:, t], before, label)
            labels.append(label)
        path = torch.stack(labels[::-1], dim=1).masked_fill(~valid, -1)
        return path, score - self.log_partition(scores, lengths)

    def _forward(self, scores: Tensor, valid: Tensor) -> list[Tensor]:
        """Give ``log alpha_t(k)`` for every t: all beginnings that end in label k at step t, summed."""
        alphas = [self.start + scores[:, 0]]
        for t in range(1, scores.shape[1]):
            alpha = torch.logsumexp(alphas[-1][:, :, None] + self.transitions, dim=1) + scores[:, t]
            alphas.append(torch.where(valid[:, t, None], alpha, alphas[-1]))
        return alphas

    def _backward(self, scores: Tensor, valid: Tensor) -> list[Tensor]:
        """Give ``log beta_t(k)`` for every t: all endings that follow label k at step t, summed."""
        betas = [self.end.expand_as(scores[:, 0])]
        for t in reversed(range(1, scores.shape[1])):
            ahead = (betas[-1] + scores[:, t])[:, None, :]
            beta = torch.logsumexp(self.transitions + ahead, dim=-1)
            betas.append(torch.where(valid[:, t, None], beta, betas[-1]))
        return betas[::-1]


def _valid(scores: Tensor, lengths: Tensor | None) -> Tensor:
    batch, time, _ = scores.shape
    if lengths is None:
        return torch.ones(batch, time, dtype=torch.bool, device=scores.device)
    return valid_steps(lengths.to(scores.device), time)


def _without_padding(scores: Tensor, valid: Tensor) -> Tensor:
    """Set scores behind a row to zero: chosen or not, a NaN there would reach every gradient."""
    return scores.masked_fill(~valid[..., None], 0)
