"""From a signal to a sequence of vectors: frames of samples, read by a stack of recurrent layers."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ecgrnn.errors import ConfigError
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.nn.state import State
from ecgrnn.options.choices import Cell, InitialState


class FrameEncoder(nn.Module):
    """Cut a signal into frames and read them one a step.

    A frame is ``frame`` consecutive samples of every lead in one vector. Reading frames and not samples
    makes the sequence ``frame`` times shorter, for the speed and for the memory of the network::

        signal  | s_1 s_2 s_3 | s_4 s_5 s_6 | s_7  0   0  |     (batch, time, lead),  frame = 3
                      |             |             |
                     x_1           x_2           x_3            (batch, frames, frame * lead)
                      |             |             |             optionally tanh(W x + b)
                     h_1  ------>  h_2  ------>  h_3            (batch, frames, output_size)

    Samples behind a row's length count as zeros, and a row that ends inside a frame is filled up with zeros.

    Args:
        n_leads: leads of the signal.
        frame: samples a step reads.
        cell: which equations.
        hidden_size: features of the state, in each layer and direction.
        num_layers: layers on top of each other.
        bidirectional: read in both directions.
        dropout: probability with which an output between two layers is set to zero in training.
        initial_state: zero or learned.
        layer_norm: scale the sums inside an LSTM; needs ``fused`` off.
        fused: the fused layers of torch.nn, or the written-out ones.
        projection: features of ``tanh(W x + b)`` before the recurrent layers; None leaves it out.

    Raises:
        ConfigError: a frame of less than one sample, or a cell that the layers do not have.
    """

    def __init__(
        self,
        n_leads: int,
        frame: int,
        *,
        cell: Cell,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        initial_state: InitialState = InitialState.zero,
        layer_norm: bool = False,
        fused: bool = True,
        projection: int | None = None,
    ) -> None:
        super().__init__()
        if frame < 1:
            raise ConfigError(f"a frame has at least 1 sample; got {frame}")
        self.n_leads = n_leads
        self.frame = frame
        size = frame * n_leads
        self.projection = None if projection is None else nn.Linear(size, projection)
        self.recurrence = recurrence(
            cell,
            size if projection is None else projection,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            initial_state=initial_state,
            layer_norm=layer_norm,
            fused=fused,
        )

    @property
    def bidirectional(self) -> bool:
        """Whether the signal is read backwards too."""
        return self.recurrence.bidirectional

    @property
    def output_size(self) -> int:
        """Features of an output: the directions side by side."""
        return self.recurrence.output_size

    def initial_state(self, batch: int) -> State:
        """Give the state before the first frame."""
        return self.recurrence.initial_state(batch)

    def frame_lengths(self, lengths: Tensor) -> Tensor:
        """Turn lengths in samples into lengths in frames, a frame that is begun counted whole."""
        return (lengths + self.frame - 1) // self.frame

    def frames(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Cut a signal ``(batch, time, lead)`` into frames ``(batch, frames, frame * lead)``."""
        batch, time, _ = signal.shape
        if lengths is not None:
            signal = signal.masked_fill(~valid_steps(lengths.to(signal.device), time)[..., None], 0)
        signal = pad(signal, (0, 0, 0, -time % self.frame))
        return signal.reshape(batch, -1, self.frame * self.n_leads)

    def outputs(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of signals from the initial state and give only the outputs."""
        x = self._read(signal, lengths)
        return self.recurrence.outputs(x, None if lengths is None else self.frame_lengths(lengths))

    def forward(
        self, signal: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read a batch of signals.

        Args:
            signal: ``(batch, time, lead)``.
            lengths: samples of each row ``(batch,)``; None where every row fills the whole time.
            state: the state to begin with; None for the initial one. A signal that is read in stretches has
                all stretches but the last a whole number of frames long.

        Returns:
            Outputs ``(batch, frames, output_size)``, zero behind a row's length, and the last state.
        """
        x = self._read(signal, lengths)
        steps = None if lengths is None else self.frame_lengths(lengths)
        outputs: tuple[Tensor, State] = self.recurrence(x, steps, state)
        return outputs

    def _read(self, signal: Tensor, lengths: Tensor | None) -> Tensor:
        x = self.frames(signal, lengths)
        return x if self.projection is None else torch.tanh(self.projection(x))
