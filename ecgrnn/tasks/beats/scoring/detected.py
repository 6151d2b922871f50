"""The application on its own: beats found and classified without the reference, written as WFDB files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecgrnn.data.beats import BeatView
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.ranks import gather, share
from ecgrnn.data.windows import table_of_positions
from ecgrnn.errors import CheckpointError
from ecgrnn.metrics.ec57.scores import Ec57Scores, score_records
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.detection.records import find_beats as beats_in_record
from ecgrnn.signals.symbols import BXB
from ecgrnn.tasks.beats.logits import BeatItems, shared_readings, without_classes
from ecgrnn.tasks.beats.sequences import BeatSequenceView
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.score_files import in_scheme, read_pairs

EXTENSION = "ecg"
"""Extension of the annotation files."""

_EC57_START_S = 300.0


@dataclass(frozen=True)
class LabelledBeats:
    """Beats of one record with the class a model gives them.

    Attributes:
        sample: ``(beat,)``, position at the record's own sampling frequency.
        label: ``(beat,)``, class index.
        logits: ``(beat, class)``.
        components: ``(beat, component)``, as those of ``HeldOutBeats``.
    """

    sample: NDArray[np.int64]
    label: NDArray[np.int64]
    logits: NDArray[np.float32]
    components: NDArray[np.float32]


def find_beats(model: TrainedModel, held_out: HeldOutRecords) -> list[NDArray[np.int64]]:
    """Find the beats of each held-out record by the built-in QRS detector, in all its ECG leads."""
    return gather(
        [
            beats_in_record(held_out.folder / record.name, model.preprocessing)
            for record in tqdm(share(held_out.test), desc="finding beats", unit="record")
        ]
    )


def classify_found(
    model: TrainedModel,
    records: Sequence[CachedRecord],
    positions: Sequence[NDArray[np.int64]],
    *,
    batch_size: int,
    untold: Sequence[str] = (),
    reduce: bool = False,
) -> list[LabelledBeats]:
    """Let a model classify beats at given positions, record by record, none as one of the classes ``untold``.

    ``reduce`` is as in `shared_readings`.

    Raises:
        CheckpointError: the model classifies no beats.
    """
    view = model.view()
    if not isinstance(view, BeatView | BeatSequenceView):
        raise CheckpointError("this checkpoint was not trained on beats; it cannot classify them")

    def beats_of(mine: Sequence[int]) -> BeatItems:
        """Cut the beats of some of the records."""
        chosen = [records[k] for k in mine]
        dataset: BeatItems = view.windows(chosen, table_of_positions(chosen, [positions[k] for k in mine]))
        return dataset

    found = shared_readings(model.network, len(records), beats_of, batch_size=batch_size, reduce=reduce)
    return [
        _labelled(sample, *read, untold=untold, classes=model.scheme.classes)
        for sample, read in zip(positions, found, strict=True)
    ]


def _labelled(
    sample: NDArray[np.int64],
    logits: NDArray[np.float32],
    components: NDArray[np.float32],
    *,
    untold: Sequence[str],
    classes: Sequence[str],
) -> LabelledBeats:
    if not len(sample):
        return LabelledBeats(sample, np.zeros(0, np.int64), logits, components)
    logits = without_classes(logits, untold, classes=classes)
    return LabelledBeats(sample, logits.argmax(axis=-1).astype(np.int64), logits, components)


def write_beats(
    folder: Path,
    records: Sequence[CachedRecord],
    beats: Sequence[LabelledBeats],
    *,
    classes: Sequence[str],
) -> None:
    """Write one WFDB annotation file per record, ``RECORD.ecg``; a class's letter is its symbol."""
    letters = np.array(classes)
    for record, found in zip(records, beats, strict=True):
        path = folder / record.name
        path.parent.mkdir(parents=True, exist_ok=True)
        annotations = Annotations(
            sample=found.sample,
            symbol=letters[found.label],
            subtype=np.zeros(len(found.sample), np.int64),
            aux_note=np.full(len(found.sample), ""),
            fs_hz=record.source_fs_hz,
        )
        write_annotations(path, EXTENSION, annotations)


def score_written(
    folder: Path,
    held_out: HeldOutRecords,
    scheme: LabelScheme,
    *,
    start_s: float | None,
    window_s: float,
) -> dict[str, Ec57Scores]:
    """Score the written files by EC57 as ``score`` would, in the scheme in use and as ``bxb`` groups symbols.

    Args:
        folder: the folder of the annotation files.
        held_out: the records with their reference.
        scheme: the scheme in use.
        start_s: beginning of the scored period; None leaves out 300 s where every record is twice as long.
        window_s: largest distance of matching beats.

    Returns:
        Scheme name to scores, the scheme in use first.
    """
    start = start_of_period(held_out.test) if start_s is None else start_s
    pairs = read_pairs(
        held_out.folder,
        folder,
        annotators=(held_out.annotator, EXTENSION),
        records=[record.name for record in held_out.test],
        start_s=start,
    )
    schemes: Mapping[str, LabelScheme] = {scheme.name: scheme, BXB.name: BXB}
    return {
        name: score_records(
            in_scheme(pairs, one),
            reference_annotator=held_out.annotator,
            test_annotator=EXTENSION,
            start_s=start,
            window_s=window_s,
        )
        for name, one in schemes.items()
    }


def start_of_period(records: Sequence[CachedRecord]) -> float:
    """Leave out the first five minutes, as EC57 does, where every record is at least twice as long."""
    shortest = min(record.source_samples / record.source_fs_hz for record in records)
    return _EC57_START_S if shortest >= 2 * _EC57_START_S else 0.0
