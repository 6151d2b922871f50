"""Long sequences in stretches: the state is carried from one to the next, gradients stop in between."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

from ecgrnn.errors import ConfigError
from ecgrnn.nn.state import State, detach


class Stateful(Protocol):
    """Anything that reads a stretch of a sequence and gives back outputs and the state to go on from."""

    @property
    def bidirectional(self) -> bool:
        """Whether it reads backwards too."""

    def __call__(self, x: Tensor, lengths: Tensor | None, state: State | None, /) -> tuple[Tensor, State]:
        """Read ``x`` from ``state`` on."""


class Stretch(NamedTuple):
    """One stretch of a sequence and what was made of it.

    Attributes:
        start: first step of the stretch in the whole sequence.
        stop: step behind the last one.
        outputs: outputs of the stretch, ``(batch, time, features)``.
        state: state after the stretch, still on the graph of the stretch.
    """

    start: int
    stop: int
    outputs: Tensor
    state: State


def stretches(
    network: Stateful,
    x: Tensor,
    *,
    steps: int,
    lengths: Tensor | None = None,
    state: State | None = None,
) -> Iterator[Stretch]:
    """Read a long sequence in stretches of at most ``steps`` steps: truncated back-propagation through time.

    The outputs are those of one pass over the whole; a gradient reaches back to the beginning of its own
    stretch and no further. Call ``backward`` on each stretch before the next is asked for, and its memory
    is given back.

    Args:
        network: a recurrent network that reads forwards only.
        x: ``(batch, time, features)``.
        steps: steps in a stretch.
        lengths: steps of each row ``(batch,)``; a row that is over keeps its state.
        state: the state to begin with, detached before it is used; None for the initial one.

    Yields:
        Each stretch in turn.

    Raises:
        ConfigError: the network reads backwards, so it needs all of the sequence; or ``steps`` is below 1.
    """
    if network.bidirectional:
        raise ConfigError("a bidirectional network needs the whole sequence at once; set bidirectional=false")
    if steps < 1:
        raise ConfigError(f"a stretch has at least 1 step; got {steps}")
    for start in range(0, x.shape[1], steps):
        part = x[:, start : start + steps]
        left = None if lengths is None else (lengths - start).clamp(0, part.shape[1])
        outputs, after = network(part, left, None if state is None else detach(state))
        yield Stretch(start, start + part.shape[1], outputs, after)
        state = after
