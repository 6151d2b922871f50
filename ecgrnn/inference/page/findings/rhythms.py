"""Episodes of rhythm, and how much of a recording is atrial fibrillation."""

from dataclasses import dataclass

import numpy as np

from ecgrnn.inference.page.annotated import Rhythms

AF, NOISE = "A", "~"

CLINICAL_AF_S = 30.0
"""An episode of AF counts from this length on: G. Hindricks et al., 2020 ESC guidelines for the diagnosis and
management of atrial fibrillation, European Heart Journal 42 (2021) 373."""


@dataclass(frozen=True)
class Episode:
    """A stretch of one rhythm.

    Attributes:
        start_s: where it begins.
        stop_s: where it ends.
        label: the rhythm.
        certainty: the lowest probability of the rhythm among the stretches that it consists of.
    """

    start_s: float
    stop_s: float
    label: str
    certainty: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.stop_s - self.start_s


def episodes(rhythms: Rhythms) -> list[Episode]:
    """Join neighbouring stretches of one rhythm."""
    found: list[Episode] = []
    columns = (rhythms.start_s, rhythms.stop_s, rhythms.label, rhythms.certainty)
    for start, stop, label, certainty in zip(*(column.tolist() for column in columns), strict=True):
        before = found[-1] if found else None
        if before is not None and before.label == label and start <= before.stop_s + 1e-6:
            found[-1] = Episode(
                before.start_s, max(stop, before.stop_s), label, min(before.certainty, certainty)
            )
        else:
            found.append(Episode(start, stop, label, certainty))
    return found


def burden(found: list[Episode], label: str = AF) -> float | None:
    """Give the share of the time with a known rhythm that is of one rhythm; None without such a time."""
    known = sum(one.duration_s for one in found if one.label != NOISE)
    return sum(one.duration_s for one in found if one.label == label) / known if known else None


def of_rhythm(found: list[Episode], label: str = AF, *, shortest_s: float = 0.0) -> list[Episode]:
    """Give the episodes of one rhythm that last long enough, the longest first."""
    chosen = (one for one in found if one.label == label and one.duration_s >= shortest_s)
    return sorted(chosen, key=lambda one: -one.duration_s)


def known_s(found: list[Episode]) -> float:
    """Give how long the rhythm was known."""
    return float(np.sum([one.duration_s for one in found if one.label != NOISE]))
