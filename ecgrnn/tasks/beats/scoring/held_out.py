"""The reference beats of held-out records as a trained model classifies them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.windows import BeatTable, beat_table
from ecgrnn.errors import DataError, some_of
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotation_kinds import kinds_of
from ecgrnn.tasks.beats.logits import BeatItems, shared_readings
from ecgrnn.tasks.model import TrainedModel


@dataclass(frozen=True)
class HeldOutBeats:
    """The reference beats of records as a model reads them.

    Attributes:
        model: the model.
        scheme: the label scheme of the reference beats.
        records: the records.
        table: their beats, labelled by the scheme.
        logits: ``(beat, class)``.
        components: ``(beat, component)``, what the classes are read from, reduced within each record; no
            component where it was not asked for.
    """

    model: TrainedModel
    scheme: LabelScheme
    records: Sequence[CachedRecord]
    table: BeatTable
    logits: NDArray[np.float32]
    components: NDArray[np.float32]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """``(beat,)``, index of the likeliest class."""
        return np.asarray(self.logits.argmax(axis=-1), np.int64)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """``(beat, class)``."""
        return probabilities(self.logits)


def read_beats(
    model: TrainedModel,
    records: Sequence[CachedRecord],
    *,
    annotator: str,
    scheme: LabelScheme,
    batch_size: int,
    reduce: bool = False,
) -> HeldOutBeats:
    """Let a model read the reference beats of records; ``reduce`` as in `shared_readings`."""
    view = model.view(annotator=annotator, scheme=scheme)
    table = beat_table(records, annotator=annotator, scheme=scheme)
    if not len(table):
        held = kinds_of(records[0].annotations(annotator))
        raise DataError(
            f"the records {some_of([record.name for record in records])} have no beat in their {annotator!r} "
            f"annotations ({records[0].name} has {held}); give data.annotator another extension"
        )
    read = shared_readings(
        model.network,
        len(records),
        lambda mine: cast("BeatItems", view.dataset([records[k] for k in mine], training=False)),
        batch_size=batch_size,
        reduce=reduce,
    )
    return HeldOutBeats(
        model=model,
        scheme=scheme,
        records=records,
        table=table,
        logits=np.concatenate([logits for logits, _ in read if len(logits)]),
        components=np.concatenate([components for logits, components in read if len(logits)]),
    )
