"""The options of transcription: the length of a strip and the search."""

from dataclasses import dataclass

from ecgrnn.options.rules import above_zero, at_least
from ecgrnn.options.training import TaskConfig


@dataclass
class TranscriptionConfig(TaskConfig):
    """The beats of a strip as a sequence of classes (N-vs-M), without their times.

    Attributes:
        strip_s: length of a strip; records are cut into strips without overlap.
        beam_width: symbol sequences that are kept during the search; 1 is greedy.
    """

    strip_s: float = 10.0
    beam_width: int = 4

    def __post_init__(self) -> None:
        above_zero("task", "strip_s", self.strip_s)
        at_least("task", "beam_width", self.beam_width, 1)


MOST_BEATS_PER_S = 5.0
"""300 beats a minute: a transcription with more is cut."""
