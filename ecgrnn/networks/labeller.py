"""N-vs-N: a label for every frame of a signal, or for several parts of every frame."""

from typing import assert_never

import torch
from torch import Tensor, nn

from ecgrnn.errors import ConfigError
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.feedback import FeedbackHead
from ecgrnn.networks.feedback_both import FeedbackBothHead
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.nn.crf import LinearChainCrf
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Head


class Labeller(nn.Module):
    """Read a signal and label it step by step.

    The heads differ in what a label may know of its neighbours::

        linear              crf                  feedback                feedback_both

        y_1  y_2  y_3       y_1 -- y_2 -- y_3    y_1 --> y_2 --> y_3     y_1 <-> y_2 <-> y_3
         |    |    |         |      |      |      |       |       |       |       |       |
        h_1  h_2  h_3       h_1    h_2    h_3    h_1     h_2     h_3     h_1     h_2     h_3

    - ``linear``: ``p(y_t) = softmax(W h_t + b)``, each label by itself.
    - ``crf``: ``s_t = W h_t + b`` are the scores of a `LinearChainCrf`: all labels at once.
    - ``feedback``: ``y_t = f(y_(t-1), h_t)``, a `FeedbackHead`: each label after the one before.
    - ``feedback_both``: ``y_t = f(y_(t-1), y_(t+1), h_t)``, a `FeedbackBothHead`: each label between its
      neighbours.

    A `FrameEncoder` reads a row of the batch as one signal and gives one row of labels; a `LeadSetEncoder`
    gives a row for each lead of a record, so that all leads are labelled at once.

    `forward` gives *scores*, of a shape that belongs to the head; the other methods turn scores into
    likelihoods, probabilities and labels. Labels are ``(row, labels)`` with ``labels_per_frame`` labels
    for a frame. In all methods ``lengths`` are samples of each signal ``(batch,)``, None where every signal
    fills the whole time.

    Args:
        encoder: what reads the signal; bidirectional or causal.
        n_classes: labels.
        head: which of the four.
        labels_per_frame: labels each frame is given, for a finer grid than that of the frames.
        label_size: features that each of several labels of a frame is scored by.
        feedback_size: features of a head with feedback.
        dropout: dropout before the head.

    Raises:
        ConfigError: ``labels_per_frame`` does not divide the frame.
    """

    def __init__(
        self,
        encoder: FrameEncoder | LeadSetEncoder,
        n_classes: int,
        *,
        head: Head = Head.linear,
        labels_per_frame: int = 1,
        label_size: int = 32,
        feedback_size: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if labels_per_frame < 1 or encoder.frame % labels_per_frame:
            raise ConfigError(
                f"labels_per_frame must divide the frame of {encoder.frame} samples; got {labels_per_frame}"
            )
        self.encoder = encoder
        self.head = head
        self.labels_per_frame = labels_per_frame
        size = encoder.output_size if labels_per_frame == 1 else label_size
        self.dropout = nn.Dropout(dropout)
        self.spread = (
            None if labels_per_frame == 1 else nn.Linear(encoder.output_size, labels_per_frame * label_size)
        )
        self.scores: nn.Module
        match head:
            case Head.feedback:
                self.scores = FeedbackHead(size, n_classes, hidden_size=feedback_size)
            case Head.feedback_both:
                self.scores = FeedbackBothHead(size, n_classes, hidden_size=feedback_size)
            case _:
                self.scores = nn.Linear(size, n_classes)
        self.crf = LinearChainCrf(n_classes) if head is Head.crf else None

    @property
    def bidirectional(self) -> bool:
        """Whether the signal is read backwards too."""
        return self.encoder.bidirectional

    @property
    def samples_per_label(self) -> int:
        """Samples one label stands for."""
        return self.encoder.frame // self.labels_per_frame

    def label_lengths(self, lengths: Tensor) -> Tensor:
        """Turn lengths in samples into numbers of labels, a label that is begun counted whole."""
        return (lengths + self.samples_per_label - 1) // self.samples_per_label

    def forward(
        self, signal: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read a batch of signals ``(batch, time, lead)``.

        Returns:
            Scores, and the last state of the encoder. Scores of the linear head are logits ``(batch,
            labels, class)``, those of the CRF its scores, of the same shape; those of the head with
            feedback are a table ``(batch, labels, label before, class)`` of log-probabilities, those of
            the head with feedback from both sides ``(batch, labels, feature)``, what labels meet.
        """
        h, state = self.encoder(signal, lengths, state)
        return self._scores(h), state

    def outputs(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of signals from the initial state and give the scores alone."""
        return self._scores(self.encoder.outputs(signal, lengths))

    def _scores(self, h: Tensor) -> Tensor:
        h = self.dropout(h)
        if self.spread is not None:
            size = self.spread.out_features // self.labels_per_frame
            h = torch.tanh(self.spread(h)).reshape(h.shape[0], -1, size)
        scores: Tensor = self.scores(h)
        return scores

    def log_likelihood(
        self,
        scores: Tensor,
        labels: Tensor,
        lengths: Tensor | None = None,
        *,
        truth_probability: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Give the log-probability of the known labels of each row, ``(batch,)``.

        Args:
            scores: what `forward` gave.
            labels: ``(batch, labels)``; a label below 0 is not known.
            lengths: samples of each row.
            truth_probability: for the head with feedback, how often the label fed back is the true one.
            generator: for the head with feedback, where the randomness comes from.
        """
        valid = self._valid(scores, lengths)
        labels = labels.masked_fill(~valid, -1)
        scores = scores.masked_fill(~valid.reshape(*valid.shape, *[1] * (scores.ndim - 2)), 0)
        match self.head:
            case Head.linear:
                log_p = torch.log_softmax(scores, dim=-1)
                picked = log_p.gather(-1, labels.clamp(min=0)[..., None]).squeeze(-1)
                return picked.masked_fill(labels < 0, 0).sum(dim=-1)
            case Head.crf:
                return self._crf().log_likelihood(scores, labels, valid.sum(dim=-1))
            case Head.feedback:
                return self._feedback().log_likelihood(
                    scores, labels, truth_probability=truth_probability, generator=generator
                )
            case Head.feedback_both:
                return self._feedback_both().log_likelihood(scores, labels, generator=generator)
            case _:
                assert_never(self.head)

    def probabilities(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give the probability of every label at every step, ``(batch, labels, class)``, zero at padding."""
        valid = self._valid(scores, lengths)
        match self.head:
            case Head.linear:
                p = torch.softmax(scores, dim=-1)
            case Head.crf:
                p = self._crf().marginals(scores, valid.sum(dim=-1))
            case Head.feedback:
                p = self._feedback().marginals(scores)
            case Head.feedback_both:
                p = self._feedback_both().marginals(scores, valid)
            case _:
                assert_never(self.head)
        return p.masked_fill(~valid[..., None], 0)

    def decode(self, scores: Tensor, lengths: Tensor | None = None, *, beam_width: int = 1) -> Tensor:
        """Choose labels ``(batch, labels)``, -1 at padding.

        The linear head takes the most probable label of each step, the CRF the most probable sequence, the
        head with feedback what a beam search of ``beam_width`` finds (1 is greedy), and the one with feedback
        from both sides what it settles on.
        """
        valid = self._valid(scores, lengths)
        match self.head:
            case Head.linear:
                return scores.argmax(dim=-1).masked_fill(~valid, -1)
            case Head.crf:
                return self._crf().viterbi(scores, valid.sum(dim=-1))[0]
            case Head.feedback:
                return self._feedback().decode(scores, valid, width=beam_width)[0]
            case Head.feedback_both:
                return self._feedback_both().decode(scores, valid)
            case _:
                assert_never(self.head)

    def _valid(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        batch, time = scores.shape[:2]
        if lengths is None:
            return torch.ones(batch, time, dtype=torch.bool, device=scores.device)
        # the leads of a record are rows of one length
        rows = lengths.to(scores.device).repeat_interleave(batch // len(lengths))
        return valid_steps(self.label_lengths(rows), time)

    def _crf(self) -> LinearChainCrf:
        if self.crf is None:
            raise ConfigError(f"this labeller has the head {self.head}; only head=crf has a CRF")
        return self.crf

    def _feedback_both(self) -> FeedbackBothHead:
        if not isinstance(self.scores, FeedbackBothHead):
            raise ConfigError(
                f"this labeller has the head {self.head}; only head=feedback_both looks both ways"
            )
        return self.scores

    def _feedback(self) -> FeedbackHead:
        if not isinstance(self.scores, FeedbackHead):
            raise ConfigError(f"this labeller has the head {self.head}; only head=feedback feeds labels back")
        return self.scores
