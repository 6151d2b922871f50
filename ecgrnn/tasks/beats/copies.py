"""What a training reads: the recorded beats, and copies with simulated beats, in noise, or of other leads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.windows import BeatTable, PreparedSignal
from ecgrnn.tasks.beats.detected_copies import detected_copies
from ecgrnn.tasks.beats.ectopic_copies import ectopic_copies
from ecgrnn.tasks.beats.mixed_leads import with_mixed_leads

if TYPE_CHECKING:
    from ecgrnn.tasks.beats.sequences import BeatSequenceView

Part = tuple[Sequence[PreparedSignal], BeatTable]
"""Signals, and the beats that are read in them."""


def training_parts(
    view: "BeatSequenceView",
    records: Sequence[CachedRecord],
    table: BeatTable,
    *,
    rng: np.random.Generator,
) -> list[Part]:
    """Give the recorded beats, then the copies that the view asks for, which take the place of some of them.

    Args:
        view: what is asked for.
        records: the records.
        table: their beats.
        rng: randomness of the simulation.
    """
    noise = np.random.default_rng([view.seed, 1])
    read: Sequence[PreparedSignal] = records
    if view.mixed_leads:
        read = with_mixed_leads(records, view.mixed_leads, rng=noise)
    parts: list[Part] = [(read, table)]
    if not len(table):
        return parts
    if view.simulated_ectopy:
        lasting = view.long_range
        parts.append(ectopic_copies(read, table, scheme=view.scheme, rng=rng, lasting=lasting))
    if view.detected_beats:
        parts.append(
            detected_copies(
                records, table, annotator=view.annotator, scheme=view.scheme, rng=noise, causal=view.causal
            )
        )
    return parts
