"""All leads of a record read together, whatever their number and order, with an output for each of them."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ecgrnn.errors import ConfigError
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell, InitialState


class LeadSetEncoder(nn.Module):
    """Read what the leads of a record show together, and give each lead its own view of it.

    A wave that one lead hardly shows is seen in others. Every lead's frame, with ``context`` frames on either
    side, goes through the same layer; mean and maximum over the leads are what the recurrent layers read, so
    that neither the number nor the order of the leads matters; and each lead's output joins both::

        lead 1   e_t^1 = tanh(W x_t^1 + b) --+-- mean, max --> r_t = RNN(e_t)      one for the record
        lead 2   e_t^2 = tanh(W x_t^2 + b) --+
                                                       h_t^l = tanh(U r_t + V e_t^l + d)     one for each lead

    The sets are pooled as in Zaheer et al., Deep Sets, NeurIPS 2017. The recurrent layers take as long for 12
    leads as for one.

    Args:
        frame: samples a step reads, of each lead.
        cell: which equations.
        hidden_size: features of the state, in each layer and direction.
        lead_size: features of ``e`` and of the output.
        context: frames on either side that a lead's layer sees; a causal network sees those before alone.
        num_layers: layers on top of each other.
        bidirectional: read in both directions.
        dropout: probability with which an output between two layers is set to zero in training.
        initial_state: zero or learned.
        layer_norm: scale the sums inside an LSTM; needs ``fused`` off.
        fused: the fused layers of torch.nn, or the written-out ones.

    Raises:
        ConfigError: a frame of less than one sample, or a cell that the layers do not have.
    """

    def __init__(
        self,
        frame: int,
        *,
        cell: Cell,
        hidden_size: int,
        lead_size: int = 64,
        context: int = 2,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        initial_state: InitialState = InitialState.zero,
        layer_norm: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        if frame < 1:
            raise ConfigError(f"a frame has at least 1 sample; got {frame}")
        self.frame = frame
        self.before = context
        self.after = context if bidirectional else 0
        self.output_size = lead_size
        self.lead = nn.Conv1d(1, lead_size, (self.before + 1 + self.after) * frame, stride=frame)
        self.recurrence = recurrence(
            cell,
            2 * lead_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            initial_state=initial_state,
            layer_norm=layer_norm,
            fused=fused,
        )
        self.from_record = nn.Linear(self.recurrence.output_size, lead_size)
        self.from_lead = nn.Linear(lead_size, lead_size, bias=False)

    @property
    def bidirectional(self) -> bool:
        """Whether the signal is read backwards too."""
        return self.recurrence.bidirectional

    def initial_state(self, batch: int) -> State:
        """Give the state before the first frame."""
        return self.recurrence.initial_state(batch)

    def forward(
        self, signal: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read a batch of records.

        Args:
            signal: ``(batch, time, lead)``.
            lengths: samples of each record ``(batch,)``; None where every record fills the whole time.
            state: the state to begin with; None for the initial one. The first frame sees zeros before it,
                whatever the state, so that a record is better read as a whole.

        Returns:
            Outputs ``(batch * lead, frames, output_size)``, the leads of a record one after the other, zero
            behind a record's length; and the last state, one for each record.
        """
        of_record, pooled, steps = self._read(signal, lengths)
        r, last = self.recurrence(pooled, steps, state)
        return self._of_leads(r, of_record, steps), last

    def outputs(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of records from the initial state and give only the outputs."""
        of_record, pooled, steps = self._read(signal, lengths)
        return self._of_leads(self.recurrence.outputs(pooled, steps), of_record, steps)

    def _read(self, signal: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Give ``e`` of every lead, what the recurrent layers read of all, and the frames of each record."""
        batch, time, leads = signal.shape
        if lengths is not None:
            lengths = lengths.to(signal.device)
            signal = signal.masked_fill(~valid_steps(lengths, time)[..., None], 0)
        before, after = self.before * self.frame, self.after * self.frame + -time % self.frame
        rows = pad(signal.transpose(1, 2), (before, after))
        e = torch.tanh(self.lead(rows.reshape(batch * leads, 1, -1))).transpose(1, 2)
        of_record = e.reshape(batch, leads, *e.shape[1:])
        steps = None if lengths is None else (lengths + self.frame - 1) // self.frame
        pooled = torch.cat([of_record.mean(dim=1), of_record.amax(dim=1)], dim=-1)
        return of_record, pooled, steps

    def _of_leads(self, r: Tensor, of_record: Tensor, steps: Tensor | None) -> Tensor:
        h = torch.tanh(self.from_record(r)[:, None] + self.from_lead(of_record))
        if steps is not None:
            h = h.masked_fill(~valid_steps(steps, h.shape[2])[:, None, :, None], 0)
        return h.flatten(0, 1)
