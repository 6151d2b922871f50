"""A trained classifier of whole strips at work: what a strip is called, and how surely."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from ecgrnn.data.buckets import LengthBatches
from ecgrnn.errors import CheckpointError, some_of
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.reports.tables import write_table
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.record import read_header, read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.strips.schemes import RHYTHM_NOTES
from ecgrnn.tasks.strips.view import StripDataset, StripView

_RHYTHM, _COMMENT = "+", '"'
"""WFDB's symbols for a change of rhythm and for a comment."""


@dataclass(frozen=True)
class WrittenStrip:
    """What a prediction wrote.

    Attributes:
        annotations: the WFDB annotation file, one annotation at the strip's beginning.
        table: the CSV with a probability for each class.
        called: the classes the strip was given.
        chance: class to probability.
    """

    annotations: Path
    table: Path
    called: tuple[str, ...]
    chance: dict[str, float]

    def lines(self) -> list[str]:
        """Report what was written."""
        return [
            f"called         {' '.join(self.called) or 'none of the classes'}",
            *(f"  {name:<12} {chance:.4f}" for name, chance in self.chance.items()),
            f"annotation     {self.annotations}",
            f"probabilities  {self.table}",
        ]


def strip_logits(network: nn.Module, dataset: StripDataset, *, batch_size: int) -> NDArray[np.float32]:
    """Give logits ``(strip, class)`` for every strip of a dataset, in its order.

    Strips of about one length are read together; neither that nor the batch size moves a figure beyond
    rounding.
    """
    network.eval()
    rows: list[NDArray[np.int64]] = []
    logits: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for indices in LengthBatches(dataset.lengths, batch_size=batch_size):
            batch = dataset.__getitems__(indices)
            rows.append(np.asarray(indices))
            logits.append(network(batch.signal, batch.lengths, batch.features).numpy())
            names = [getattr(dataset.records[k], "name", "") for k in indices]
            require_finite(logits[-1], of=f"the strips {some_of(names)}" if all(names) else "the strip")
    return np.concatenate(logits)[np.concatenate(rows).argsort()]


def strip_probabilities(logits: NDArray[np.float32], *, several: bool) -> NDArray[np.float64]:
    """Give probabilities ``(strip, class)``: of each class by itself where a strip may have several."""
    return np.asarray(expit(logits.astype(np.float64))) if several else probabilities(logits)


def annotate_strip(model: TrainedModel, path: Path, *, out: Path, extension: str = "ecg") -> WrittenStrip:
    """Classify a whole recording and write the probabilities and one annotation at its beginning.

    A rhythm is written as a rhythm change (``+``) with an aux_note such as ``(AFIB``, superclasses as a
    comment that names them.

    Args:
        model: a model trained with task=rhythm or task=superclass.
        path: the record, without suffix.
        out: folder to write into.
        extension: extension of the annotation file to write.

    Raises:
        DataError: the record cannot be read, or lacks a lead.
        CheckpointError: the model classifies no strips.
    """
    task, config, view = model.task.options, model.preprocessing, model.view()
    if not isinstance(task, RhythmConfig | SuperclassConfig) or not isinstance(view, StripView):
        raise CheckpointError("this checkpoint was not trained on whole strips; it cannot name a rhythm")
    header = read_header(path)
    record = read_record(
        path, leads=config.leads, n_leads=config.n_leads, first_lead=config.first_lead, header=header
    )
    dataset = view.unlabelled([prepare_record(record, config)])
    logits = strip_logits(model.network, dataset, batch_size=1)
    chance = strip_probabilities(logits, several=isinstance(task, SuperclassConfig))[0]
    called = _called(task, model.scheme.classes, chance)
    annotation = _annotation(task, called, fs_hz=record.fs_hz)
    file = write_annotations(out / record.name, extension, annotation, frame_hz=header.frame_hz)
    table = out / f"{record.name}.csv"
    by_class = dict(zip(model.scheme.classes, chance.tolist(), strict=True))
    row = [record.name, " ".join(called), *(f"{p:.6f}" for p in by_class.values())]
    write_table(table, ["record", "class", *(f"p_{name}" for name in by_class)], [row])
    return WrittenStrip(file, table, called, by_class)


def _called(
    task: RhythmConfig | SuperclassConfig, classes: tuple[str, ...], chance: NDArray[np.float64]
) -> tuple[str, ...]:
    if isinstance(task, SuperclassConfig):
        return tuple(name for name, p in zip(classes, chance, strict=True) if p >= task.threshold)
    return (classes[int(chance.argmax())],)


def _annotation(
    task: RhythmConfig | SuperclassConfig, called: tuple[str, ...], *, fs_hz: float
) -> Annotations:
    rhythm = isinstance(task, RhythmConfig)
    note = RHYTHM_NOTES[called[0]] if rhythm else " ".join(called) or "none"
    return Annotations(
        sample=np.zeros(1, np.int64),
        symbol=np.array([_RHYTHM if rhythm else _COMMENT]),
        subtype=np.zeros(1, np.int64),
        aux_note=np.array([note]),
        fs_hz=fs_hz,
    )
