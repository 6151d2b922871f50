"""N-vs-1 inside each beat and N-vs-N over the beats: every beat is read in its sequence of beats."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.lead_pool import LeadPool
from ecgrnn.nn.pooling import Pool
from ecgrnn.nn.recurrence import Recurrence, fills_time, valid_steps
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Pooling

LEAST_SHOWN = 0.02
"""A window that varies by less, in heights of the usual QRS, shows nothing: no lead, or no electrode."""


class BeatSequenceClassifier(nn.Module):
    """Read each beat frame by frame, then the beats one after another, and judge every one.

    The lower network reads the beat and its difference from the patient's beat template, lead by lead with
    the same weights, ``p_i = [pool(h(lead 1)), pool(h(lead 2)), ...]``. With the features ``f_i`` beside
    (rhythm, shape) the upper one reads ``u_i = gelu(W_u [p_i, f_i] + b_u)``, and
    ``y_i = W_y [g_i, u_i] + b_y``::

        beat 1            beat 2                 beat B         (each: frames -> RNN -> pool)
          |                 |                      |
         u_1 <- features   u_2 <- features        u_B <- features
          |                 |                      |
         g_1   <------->   g_2   <-->  ...  <-->  g_B           RNN over beats
          |                 |                      |
         y_1               y_2                    y_B           (sequence, beat, class)

    With a `LeadPool`, ``p_i`` is ``pool of [pool(h(lead l)), features of lead l]`` over any number of leads,
    in any order, instead. A lead whose window is level (missing, padded, electrode off) is left out of it.

    Args:
        encoder: reads frames of two signals, the beat and its difference from the usual one.
        sequence: the recurrent stack over beats; its input size is the size of ``u``.
        n_classes: classes.
        n_leads: leads of a beat; not read with ``lead_pool``.
        n_features: numbers beside each beat; with ``lead_pool``, those that are of no lead. They come first,
            and behind them those of each lead.
        lead_pool: how leads become one vector; None puts them side by side in their order.
        pooling: how a beat becomes one vector.
        dropout: probability with which a feature of ``u`` or ``[g, u]`` is left out of a whole sequence.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        sequence: Recurrence,
        n_classes: int,
        *,
        n_leads: int,
        n_features: int,
        lead_pool: LeadPool | None = None,
        pooling: Pooling = Pooling.mean,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.sequence = sequence
        self.pool = Pool(pooling, encoder.output_size, bidirectional=encoder.bidirectional)
        self.lead_pool = lead_pool
        self.n_features = n_features
        of_leads = n_leads * encoder.output_size if lead_pool is None else lead_pool.output_size
        self.joined = nn.Linear(of_leads + n_features, sequence.input_size)
        self.head = nn.Linear(sequence.output_size + sequence.input_size, n_classes)
        self.dropout = dropout

    def forward(self, signal: Tensor, lengths: Tensor, features: Tensor) -> Tensor:
        """Judge every beat of a batch of sequences.

        Args:
            signal: ``(sequence, beat, lead, time, 2)``, beat and beat template.
            lengths: ``(sequence,)``, beats of each sequence.
            features: ``(sequence, beat, feature)``.

        Returns:
            Logits ``(sequence, beat, class)``.
        """
        return self.judge(self._dropped(self.represent(signal, lengths, features)))

    def represent(self, signal: Tensor, lengths: Tensor, features: Tensor) -> Tensor:
        """Give what the classes are read from, ``[g, u]`` of each beat: ``(sequence, beat, feature)``."""
        if not fills_time(lengths, signal.shape[1]):
            padding = ~valid_steps(lengths.to(signal.device), signal.shape[1])
            signal = signal.masked_fill(padding[:, :, None, None, None], 0)
            features = features.masked_fill(padding[..., None], 0)
        u = self._dropped(self.vectors(signal, features))
        g = self.sequence.outputs(u, lengths)
        return torch.cat([g, u], dim=-1)

    def judge(self, represented: Tensor) -> Tensor:
        """Give the logits of beats from what `represent` gave."""
        logits: Tensor = self.head(represented)
        return logits

    def vectors(self, signal: Tensor, features: Tensor) -> Tensor:
        """Turn each beat into the vector that the network over beats reads: ``(sequence, beat, size)``."""
        return functional.gelu(self.joined(self._read(signal, features)))

    def step(self, u: Tensor, state: State) -> tuple[Tensor, State]:
        """Judge the next beat of each sequence; of a network that reads no later beat.

        Args:
            u: ``(sequence, size)``, as `vectors` gives it.
            state: the state of ``sequence`` before the beat.

        Returns:
            Logits ``(sequence, class)``, and the state behind the beat.
        """
        g, after = self.sequence(u[:, None], None, state)
        logits: Tensor = self.head(torch.cat([g[:, 0], u], dim=-1))
        return logits, after

    def _read(self, signal: Tensor, features: Tensor) -> Tensor:
        """Put side by side what the leads of each beat show and the features: ``(sequence, beat, ...)``."""
        leads = self._leads(signal)
        if self.lead_pool is None:
            return torch.cat([leads.flatten(-2), features], dim=-1)
        beside, of_leads = features[..., : self.n_features], features[..., self.n_features :]
        shapes = of_leads.reshape(*of_leads.shape[:-1], leads.shape[-2], -1)
        beat = signal[..., 0]
        shown = beat.amax(dim=-1) - beat.amin(dim=-1) > LEAST_SHOWN
        return torch.cat([self.lead_pool(torch.cat([leads, shapes], dim=-1), shown), beside], dim=-1)

    def _leads(self, signal: Tensor) -> Tensor:
        """Turn each lead of each beat into one vector: ``(sequence, beat, lead, feature)``."""
        beat, usual = signal.unbind(dim=-1)
        read = torch.stack([beat, beat - usual], dim=-1).flatten(0, 2)
        outputs, _ = self.encoder(read)
        pooled: Tensor = self.pool(outputs)
        return pooled.reshape(*signal.shape[:3], -1)

    def _dropped(self, x: Tensor) -> Tensor:
        """Drop features with one mask for all beats of a sequence, so that no neighbour gives them away."""
        if not self.training or self.dropout == 0:
            return x
        kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.dropout
        return x * kept / (1 - self.dropout)
