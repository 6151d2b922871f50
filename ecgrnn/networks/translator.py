"""N-vs-M: from a signal to a sequence of symbols of another length."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ecgrnn.errors import ConfigError
from ecgrnn.networks.beam import beam_search
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.nn.attention import Keys, attention, select_keys
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.pooling import Pool
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.nn.state import State, map_state, select_rows
from ecgrnn.options.choices import Attention, Cell, Context, Place, Pooling


class Translation(NamedTuple):
    """What a translator found.

    Attributes:
        symbols: ``(batch, M)``, -1 behind the end.
        lengths: symbols of each row ``(batch,)``, the stop symbol not counted.
        log_probability: of the symbols, the stop included where it was reached, ``(batch,)``.
    """

    symbols: Tensor
    lengths: Tensor
    log_probability: Tensor


class Memory(NamedTuple):
    """What the decoder knows at a step.

    Attributes:
        state: state of the decoder.
        context: the one context ``(batch, context)``; not used by attention at every step.
        keys: the encoder's outputs as attention at every step compares them; None without it.
    """

    state: State
    context: Tensor
    keys: Keys | None


class Translator(nn.Module):
    """Read all of a signal, then write symbols until the stop symbol.

    The encoder's outputs are ``h_1 ... h_N``, the decoder's states ``s_0 ... s_M``, its symbols ``y_1 ...
    y_M``::

        h_1 --> h_2 --> ... --> h_N
                                 |
                                 c              every: c enters each step     first: s_0 = c
                          +------+------+
                          v      v      v
                  s_0 -> s_1 -> s_2 -> s_3
                          ^ |    ^ |    ^ |
                      start y_1--+ y_2--+ stop

    ``s_j = cell([e(y_(j-1)), c], s_(j-1))`` with ``every`` and ``s_j = cell(e(y_(j-1)), s_(j-1))``, ``s_0 =
    c``, with ``first``; ``p(y_j) = softmax(W s_j + b)``. The context c is one of

    - ``last``: ``c = h_N``, the last state of the top layer of the encoder, both directions side by side;
    - ``transform``: ``c = q(h_N) = tanh(W h_N + b)``;
    - ``attention``: ``c = q(h_1 ... h_N)``. As the first state it is a learned mean of all states,
      ``tanh(W sum_t a_t h_t + b)``. At every step it is ``c_j = sum_t a_jt h_t``, where ``a_j`` compares
      the states with ``s_(j-1)``, so that each symbol looks at its own part of the signal.

    The cell state of an LSTM begins at zero, and so does ``s_0`` with ``every``.

    Sources: Cho et al., Learning phrase representations using RNN encoder-decoder (2014); Sutskever,
    Vinyals and Le, Sequence to sequence learning (2014); Bahdanau, Cho and Bengio, Neural machine
    translation (2015).

    Args:
        encoder: what reads the signal.
        n_symbols: symbols, numbered from 0; ``n_symbols`` is the stop symbol.
        cell: equations of the decoder.
        hidden_size: features of the decoder's state.
        num_layers: layers of the decoder.
        context: what c is.
        place: where c enters.
        energy: how attention at every step compares.
        embedding_size: features of a symbol.
        dropout: dropout before the output and between layers of the decoder.
        fused: the fused layers of torch.nn for the decoder, or the written-out ones.

    Raises:
        ConfigError: ``last`` as the first state of a decoder whose state has another size than the
        encoder's output.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        n_symbols: int,
        *,
        cell: Cell,
        hidden_size: int,
        num_layers: int = 1,
        context: Context = Context.attention,
        place: Place = Place.every,
        energy: Attention = Attention.additive,
        embedding_size: int = 16,
        dropout: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__()
        size = encoder.output_size
        if context is Context.last and place is Place.first and hidden_size != size:
            raise ConfigError(
                f"context=last as the first state needs a decoder of the encoder's size, hidden_size={size}; "
                f"got {hidden_size}: change it, or take context=transform"
            )
        self.encoder = encoder
        self.stop = n_symbols
        self.start = n_symbols + 1
        self.context = context
        self.place = place
        self.per_step = context is Context.attention and place is Place.every
        pooling = Pooling.attention if context is Context.attention else Pooling.last
        # attention at every step pools by itself, with the state of the decoder as its question
        self.pool = None if self.per_step else Pool(pooling, size, bidirectional=encoder.bidirectional)
        transformed = context is not Context.last and not self.per_step
        self.transform = nn.Linear(size, hidden_size) if transformed else None
        self.attend = (
            attention(energy, size, query_size=hidden_size, hidden_size=hidden_size)
            if self.per_step
            else None
        )
        context_size = hidden_size if transformed else size
        self.embedding = nn.Embedding(n_symbols + 2, embedding_size)
        self.decoder = recurrence(
            cell,
            embedding_size + (context_size if place is Place.every else 0),
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout,
            fused=fused,
        )
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, n_symbols + 1))

    def forward(self, signal: Tensor, symbols: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Give log-probabilities of the next symbol, the true ones before it given: teacher forcing.

        Args:
            signal: ``(batch, time, lead)``.
            symbols: the true symbols ``(batch, M)``, anything below 0 behind their end.
            lengths: samples of each row ``(batch,)``; None where every row fills the whole time.

        Returns:
            ``(batch, M + 1, n_symbols + 1)``: at step j for symbol j, with the stop symbol last. `targets`
            gives what they are to be compared with.
        """
        memory = self.read(signal, lengths)
        previous = torch.cat([torch.full_like(symbols[:, :1], self.start), symbols], dim=1)
        previous = torch.where(previous < 0, self.stop, previous)
        return torch.log_softmax(self.output(self._states(self.embedding(previous), memory)), dim=-1)

    def targets(self, symbols: Tensor) -> Tensor:
        """Put stop behind symbols ``(batch, M)``: ``(batch, M + 1)``, -1 where nothing is expected."""
        ended = torch.cat([symbols, torch.full_like(symbols[:, :1], -1)], dim=1)
        n = (symbols >= 0).sum(dim=1, keepdim=True)
        return ended.scatter(1, n, self.stop)

    def decode(
        self, signal: Tensor, lengths: Tensor | None = None, *, max_symbols: int, beam_width: int = 1
    ) -> Translation:
        """Search for the most probable symbols.

        Args:
            signal: ``(batch, time, lead)``.
            lengths: samples of each row ``(batch,)``.
            max_symbols: a sequence that has not stopped by then is cut.
            beam_width: beginnings kept by the beam search; 1 is greedy.
        """
        found = beam_search(
            lambda _, before, memory: self.step(before, memory),
            self.read(signal, lengths),
            select=_select,
            batch=len(signal),
            steps=max_symbols,
            start=self.start,
            width=beam_width,
            stop=self.stop,
            device=signal.device,
        )
        over = found.symbols == self.stop
        return Translation(found.symbols.masked_fill(over, -1), (~over).sum(dim=1), found.log_probability)

    def read(self, signal: Tensor, lengths: Tensor | None = None) -> Memory:
        """Read a batch of signals and prepare the decoder."""
        outputs = self.encoder.outputs(signal, lengths)
        batch, frames, _ = outputs.shape
        if lengths is None:
            steps = torch.full((batch,), frames, device=outputs.device)
        else:
            steps = self.encoder.frame_lengths(lengths.to(outputs.device))
        context = outputs[:, 0, :0] if self.pool is None else self.pool(outputs, steps)
        if self.transform is not None:
            context = torch.tanh(self.transform(context))
        first = self.place is Place.first
        state = self.decoder.begun_with(context) if first else self.decoder.initial_state(batch)
        valid = None if lengths is None else valid_steps(steps, frames)
        keys = None if self.attend is None else self.attend.keys(outputs, valid)
        return Memory(state, context, keys)

    def step(self, before: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go from symbols ``(batch,)`` to log-probabilities of the next ``(batch, n_symbols + 1)``."""
        s, memory = self._read_on(self.embedding(before)[:, None], memory)
        return torch.log_softmax(self.output(s[:, 0]), dim=-1), memory

    def _states(self, x: Tensor, memory: Memory) -> Tensor:
        """Give the decoder's states ``(batch, M, hidden)`` behind symbols ``(batch, M, embedding)``."""
        if self.attend is None:
            return self._read_on(x, memory)[0]
        states = []
        for one in x.unbind(dim=1):  # what a step looks at depends on the state before it
            s, memory = self._read_on(one[:, None], memory)
            states.append(s)
        return torch.cat(states, dim=1)

    def _read_on(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Take the decoder through embedded symbols ``(batch, M, embedding)``, one where it attends."""
        context = memory.context
        if self.attend is not None and memory.keys is not None:
            context, _ = self.attend.look(memory.keys, memory.state.h[-1])
        if self.place is Place.every:
            x = torch.cat([x, context[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        s, state = self.decoder(x, None, memory.state)
        return s, memory._replace(state=state)


def _select(memory: Memory, rows: Tensor) -> Memory:
    state = map_state(torch.Tensor.contiguous, select_rows(memory.state, rows))
    if len(rows) == len(memory.context):
        return memory._replace(state=state)  # what was read is the same for all beginnings of one signal
    return Memory(
        state, memory.context[rows], None if memory.keys is None else select_keys(memory.keys, rows)
    )
