"""A linear-chain conditional random field: the labels of a sequence scored together and not one by one."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ecgrnn.nn.recurrence import at_steps, gather_steps, last_steps, turned_steps, valid_steps


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
        # one pass over the steps for both: a step takes hardly longer for twice the rows
        twice = None if lengths is None else torch.cat([lengths, lengths])
        of_labels, of_all = self._log_partition(torch.cat([constrained, scores]), twice).chunk(2)
        return (of_labels - of_all).to(self.start.dtype)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give ``log Z`` of each row, ``(batch,)``; differentiable once, its gradient is the marginals."""
        return self._log_partition(scores, lengths).to(self.start.dtype)

    @torch.no_grad()
    def marginals(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give ``p(y_t = k)`` for every step and label, ``(batch, time, class)``, zero behind the row."""
        valid = _valid(scores, lengths)
        scores = _without_padding(scores, valid)
        chain = _Chain.read(scores, valid, self.transitions, self.start, self.end)
        return chain.marginals().to(self.start.dtype)

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

    def _log_partition(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        valid = _valid(scores, lengths)
        scores = _without_padding(scores, valid)
        log_z: Tensor = _LogPartition.apply(  # type: ignore[no-untyped-call]
            scores, valid, self.transitions, self.start, self.end
        )
        return log_z


class _Chain(NamedTuple):
    """What the beginnings and the endings of all sequences say of the label at each step, not as logarithms.

    In Rabiner's words ``ahead_t e_t`` is alpha and ``behind_t`` beta, both scaled to sum to 1 at every step.
    The computation is in double precision, where ``exp`` has room for transitions and scores up to some 700.

    Attributes:
        e: ``exp(s_t(k) - max s_t)``, ``(batch, time, class)``.
        ahead: all beginnings before step t that go on to label k, the same shape.
        behind: all endings behind step t that follow label k, the same shape.
        transitions: ``exp(A)``, ``(class, class)``.
        valid: boolean ``(batch, time)``, false at padding.
        log_z: ``(batch,)``.
    """

    e: Tensor
    ahead: Tensor
    behind: Tensor
    transitions: Tensor
    valid: Tensor
    log_z: Tensor

    @staticmethod
    def read(scores: Tensor, valid: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> "_Chain":
        """Read all steps once, both directions side by side: an ending is a beginning read backwards."""
        scores, transitions, start, end = (_exact(one) for one in (scores, transitions, start, end))
        largest = scores.amax(dim=-1, keepdim=True)
        e, transitions = (scores - largest).exp(), transitions.exp()
        turned = turned_steps(valid)
        both = torch.stack([e, gather_steps(e, turned)]).permute(2, 0, 1, 3)  # time, direction, batch, class
        from_to = torch.stack([transitions, transitions.T])
        messages, totals = torch.empty_like(both), torch.ones_like(both[..., :1])
        messages[0] = torch.stack([start, end]).exp()[:, None]
        for before, e_before, message, total in zip(
            messages[:-1], both[:-1], messages[1:], totals[1:], strict=True
        ):
            reached = torch.bmm(before * e_before, from_to)
            torch.sum(reached, dim=-1, keepdim=True, out=total)
            torch.div(reached, total, out=message)
        ahead, behind = messages.permute(1, 2, 0, 3)
        behind = gather_steps(behind, turned)
        logs = (totals[:, 0, :, 0].T.log() + largest[..., 0]).masked_fill(~valid, 0).sum(dim=1)
        at_end = at_steps(ahead * e, last_steps(valid)) @ end.exp()
        return _Chain(e, ahead, behind, transitions, valid, logs + at_end.log())

    def marginals(self) -> Tensor:
        """Give ``p(y_t = k)``, ``(batch, time, class)``, zero at padding."""
        p = self.ahead * self.e * self.behind
        return (p / p.sum(dim=-1, keepdim=True)).masked_fill(~self.valid[..., None], 0)

    def pairs(self) -> Tensor:
        """Give ``p(y_(t-1) = j, y_t = k)`` for t > 1, ``(batch, time - 1, class, class)``."""
        alpha, beta = self.ahead * self.e, self.behind * self.e
        p = alpha[:, :-1, :, None] * self.transitions * beta[:, 1:, None, :]
        p = p / p.sum(dim=(-2, -1), keepdim=True)
        return p.masked_fill(~self.valid[:, 1:, None, None], 0)


class _LogPartition(torch.autograd.Function):
    """``log Z`` and its gradient by the marginals, so that nothing is differentiated step by step.

    The gradient with respect to ``s_t(k)`` is ``p(y_t = k)``, with respect to ``A(j, k)`` the sum of
    ``p(y_(t-1) = j, y_t = k)`` over t.
    """

    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, valid: Tensor, transitions: Tensor, start: Tensor, end: Tensor
    ) -> Tensor:
        """Give ``log Z`` of each row, in double precision."""
        chain = _Chain.read(scores, valid, transitions, start, end)
        ctx.save_for_backward(*chain)
        ctx.dtypes = scores.dtype, transitions.dtype
        return chain.log_z

    @staticmethod
    def backward(ctx: Any, *d: Tensor) -> tuple[Tensor | None, ...]:
        """Weigh the marginals by the gradients of each row's ``log Z``."""
        chain = _Chain(*ctx.saved_tensors)
        of_scores, of_parameters = ctx.dtypes
        d_scores = d[0][:, None, None] * chain.marginals()
        d_transitions = torch.einsum("b,btjk->jk", d[0], chain.pairs())
        d_start, d_end = d_scores[:, 0].sum(dim=0), at_steps(d_scores, last_steps(chain.valid)).sum(dim=0)
        of_each = (one.to(of_parameters) for one in (d_transitions, d_start, d_end))
        return d_scores.to(of_scores), None, *of_each


def _exact(values: Tensor) -> Tensor:
    """Turn values into double precision, where the device has it."""
    return values.detach().to(torch.float32 if values.device.type == "mps" else torch.float64)


def _valid(scores: Tensor, lengths: Tensor | None) -> Tensor:
    batch, time, _ = scores.shape
    if lengths is None:
        return torch.ones(batch, time, dtype=torch.bool, device=scores.device)
    return valid_steps(lengths.to(scores.device), time)


def _without_padding(scores: Tensor, valid: Tensor) -> Tensor:
    """Set scores behind a row to zero: chosen or not, a NaN there would reach every gradient."""
    return scores.masked_fill(~valid[..., None], 0)
