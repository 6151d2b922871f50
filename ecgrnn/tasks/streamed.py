"""What a stream of beats gives, and what a task streams beats by, whichever task it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StreamedBeats:
    """Beats in order of time.

    Attributes:
        sample: ``(beat,)``, positions, counted from the beginning of the stream.
        label: ``(beat,)``, index of the class.
        probability: ``(beat, class)``.
    """

    sample: NDArray[np.int64]
    label: NDArray[np.int64]
    probability: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sample)


class Streaming(Protocol):
    """The beats of one or more patients, as their signals come."""

    def push(self, chunks: Mapping[int, NDArray[np.float32]]) -> dict[int, StreamedBeats]:
        """Take the next samples ``(time, lead)`` in mV of some patients; give the beats now known of each."""

    def finish(self, patients: Sequence[int]) -> dict[int, StreamedBeats]:
        """End the streams of some patients, and give the last beats of each."""
