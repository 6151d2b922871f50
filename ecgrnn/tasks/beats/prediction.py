"""A recording in, its annotations out: WFDB annotation file and a table of probabilities.

The beats are found, or read, first; then the signal is prepared, cut into windows and classified stretch by
stretch, so that a day of ECG takes little more memory than an hour.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.windows import table_of_positions
from ecgrnn.errors import DataError
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.reports.tables import write_table
from ecgrnn.signals.annotation_kinds import kinds_of
from ecgrnn.signals.annotations import Annotations, beats_of, read_annotations, write_annotations
from ecgrnn.signals.detection.records import find_beats
from ecgrnn.signals.formats.wfdb.header import Header, read_header
from ecgrnn.signals.formats.wfdb.record import chosen_header
from ecgrnn.signals.preprocessing import PreparedRecord
from ecgrnn.signals.reference import read_reference, reference_notes
from ecgrnn.tasks.beats.logits import beat_logits
from ecgrnn.tasks.beats.stretches import beat_stretches, one_ahead
from ecgrnn.tasks.model import TrainedModel


@dataclass(frozen=True)
class WrittenAnnotations:
    """What a prediction wrote.

    Attributes:
        annotations: the WFDB annotation file.
        table: the CSV with a probability per class and beat.
        n_beats: how many beats were annotated.
        counts: class to number of beats.
        positions_from: where the beat positions came from, and what was left out of them.
    """

    annotations: Path
    table: Path
    n_beats: int
    counts: dict[str, int]
    positions_from: str

    def lines(self) -> list[str]:
        """Report what was written."""
        return [
            f"beats          {self.n_beats}, positions from {self.positions_from}",
            *(f"  {name:<12} {count}" for name, count in self.counts.items()),
            f"annotations    {self.annotations}",
            f"probabilities  {self.table}",
        ]


def annotate_record(
    model: TrainedModel,
    path: Path,
    *,
    out: Path,
    annotator: str | None = None,
    extension: str = "ecg",
    batch_size: int = 1024,
) -> WrittenAnnotations:
    """Classify the beats of a recording and write them as WFDB annotations and as a table.

    Args:
        model: a trained beat classifier.
        path: the record, without suffix.
        out: folder to write into.
        annotator: extension of an annotation file beside the record whose beat positions are used;
            None detects the beats, in all ECG leads of the record.
        extension: extension of the annotation file to write.
        batch_size: beats of a batch; changes no result.

    Raises:
        DataError: when the record or the annotations cannot be read, or the record lacks a lead.
    """
    config = model.preprocessing
    header = chosen_header(path, leads=config.leads, n_leads=config.n_leads, first_lead=config.first_lead)
    sample, positions_from = _positions(path, annotator=annotator, model=model, header=header)
    if not len(sample):
        raise _no_beat(path, annotator)
    chance = probabilities(classify_record(model, path, sample, batch_size=batch_size))
    label = chance.argmax(axis=-1)
    fs_hz = header.fs_hz
    annotations = out / f"{path.name}.{extension}"
    marks = _as_annotations(model, sample, label, fs_hz)
    write_annotations(out / path.name, extension, marks, frame_hz=header.frame_hz)
    table = out / f"{path.name}.csv"
    classes = model.scheme.classes
    rows = (
        [int(at), f"{at / fs_hz:.4f}", classes[index], *(f"{p:.6f}" for p in row)]
        for at, index, row in zip(sample, label, chance, strict=True)
    )
    write_table(table, ["sample", "time_s", "class", *(f"p_{name}" for name in classes)], rows)
    counts = {name: int((label == index).sum()) for index, name in enumerate(classes)}
    return WrittenAnnotations(annotations, table, len(sample), counts, positions_from)


def classify_record(
    model: TrainedModel,
    path: Path,
    sample: NDArray[np.int64],
    *,
    batch_size: int,
    stretch_s: float = 1800.0,
) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for beats of a record on disk, which is read stretch by stretch.

    Args:
        model: a trained beat classifier.
        path: the record, without suffix.
        sample: ``(beat,)``, positions at the record's own sampling frequency, rising, at least one.
        batch_size: beats of a batch; changes no result.
        stretch_s: length of the stretches; changes no result beyond the rounding of the filters.

    Raises:
        DataError: when the record cannot be read or lacks a lead.
    """
    view = _view(model)
    stretches = beat_stretches(
        path,
        model.preprocessing,
        sample,
        reach_s=max(view.before_s, view.after_s),
        context=view.context,
        stretch_s=stretch_s,
    )
    parts = []
    for dataset, scored in one_ahead((view.windows([s.record], s.table), s.scored) for s in stretches):
        parts.append(beat_logits(model.network, dataset, batch_size=batch_size)[scored])
    return np.concatenate(parts)


def classify_positions(
    model: TrainedModel, prepared: PreparedRecord, sample: NDArray[np.int64], *, batch_size: int
) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for beats of a prepared record, at positions of its source."""
    dataset = _view(model).windows([prepared], table_of_positions([prepared], [sample]))
    return beat_logits(model.network, dataset, batch_size=batch_size)


def _view(model: TrainedModel) -> Any:
    return model.view()


def _positions(
    path: Path, *, annotator: str | None, model: TrainedModel, header: Header
) -> tuple[NDArray[np.int64], str]:
    """Give the positions of beats, and say where they are from."""
    if annotator is None:
        return find_beats(path, model.preprocessing), "the built-in QRS detector"
    reference = read_reference(
        path, annotator, fs_hz=header.fs_hz, n_samples=header.n_samples, frame_hz=header.frame_hz
    )
    said = f" ({', '.join(notes)})" if (notes := reference_notes(reference.merged, reference.outside)) else ""
    return beats_of(reference.annotations, model.scheme).sample, f"{annotator}{said}"


def _no_beat(path: Path, annotator: str | None) -> DataError:
    if annotator is None:
        return DataError(f"{path}: no beat was found, so there is nothing to annotate; look at the signal")
    held = kinds_of(read_annotations(path, annotator, fs_hz=read_header(path).fs_hz))
    return DataError(
        f"{path}.{annotator} holds no beat, but {held}; leave annotator={annotator} out to detect the beats, "
        "or name an annotator that has marked them"
    )


def _as_annotations(
    model: TrainedModel, sample: NDArray[np.int64], label: NDArray[np.int64], fs_hz: float
) -> Annotations:
    # AAMI's letters N, S, V, F and Q are WFDB's symbols for these classes, too.
    symbols = np.array(model.scheme.classes)
    return Annotations(
        sample=sample,
        symbol=symbols[label],
        subtype=np.zeros(len(sample), np.int64),
        aux_note=np.full(len(sample), ""),
        fs_hz=fs_hz,
    )
