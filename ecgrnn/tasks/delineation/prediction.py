"""A trained delineator at work: the waves of each lead of a record."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecgrnn.errors import CheckpointError
from ecgrnn.networks.labeller import Labeller
from ecgrnn.reports.tables import write_table
from ecgrnn.signals.annotations import Waves, write_annotations
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.tasks.delineation.labels import (
    WAVE_SCHEME,
    WaveRules,
    annotations_of_waves,
    waves_agreed_on,
    waves_of_labels,
)
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel


def delineate(model: TrainedModel, signal: NDArray[np.float32]) -> list[Waves]:
    """Delineate the leads of one record, of any length and number.

    Args:
        model: a trained delineator.
        signal: ``(time, lead)``, prepared as the model reads it, at ``model.signal.fs_hz``.

    Returns:
        The waves of each lead, at ``model.signal.fs_hz``.

    Raises:
        CheckpointError: when the model is not a delineator.
    """
    network, task = model.network, model.task.options
    if not isinstance(network, Labeller) or not isinstance(task, DelineateConfig):
        raise CheckpointError("this checkpoint was not trained with task=delineate; it finds no waves")
    rules = WaveRules(shortest_ms=task.shortest_ms, gap_ms=task.gap_ms)
    step_s = network.samples_per_label / model.signal.fs_hz
    found = [
        waves_of_labels(labels, lead, step_s=step_s, fs_hz=model.signal.fs_hz, rules=rules)
        for lead, labels in zip(signal.T, _labels(network, signal, task.beam_width), strict=True)
    ]
    return waves_agreed_on(found, share=task.agreement)


@dataclass(frozen=True)
class WrittenWaves:
    """What a delineation wrote.

    Attributes:
        annotations: lead to its WFDB annotation file.
        table: the CSV with a row per wave.
        counts: kind of wave to their number over all leads.
    """

    annotations: dict[str, Path]
    table: Path
    counts: dict[str, int]

    def lines(self) -> list[str]:
        """Report what was written."""
        return [
            *(f"{name:<14} {count} waves" for name, count in self.counts.items()),
            *(f"lead {lead:<9} {annotations}" for lead, annotations in self.annotations.items()),
            f"table          {self.table}",
        ]


def annotate_waves(model: TrainedModel, path: Path, *, out: Path) -> WrittenWaves:
    """Delineate every lead of a recording and write WFDB wave annotations and a table.

    As in LUDB, every lead gets an annotation file of its own, whose extension is the lead's name; marks are
    ``(``, then ``p``, ``N`` or ``t`` at the peak, then ``)``.

    Args:
        model: a trained delineator.
        path: the record, without suffix.
        out: folder to write into.

    Raises:
        DataError: when the record cannot be read.
        CheckpointError: when the model is not a delineator.
    """
    header = read_header(path)
    record = read_record(path, header=header)
    config = dataclasses.replace(model.preprocessing, leads=None, n_leads=len(header.leads))
    prepared = prepare_record(record, config)
    found = delineate(model, prepared.signal)
    rows: list[list[str]] = []
    files: dict[str, Path] = {}
    for lead, extension, waves in zip(record.leads, _extensions(record.leads), found, strict=True):
        waves = at_source_fs(
            waves, fs_hz=prepared.fs_hz, source_fs_hz=record.fs_hz, source_samples=len(record.signal)
        )
        marks = annotations_of_waves(waves, fs_hz=record.fs_hz)
        files[lead] = write_annotations(out / record.name, extension, marks, frame_hz=header.frame_hz)
        columns = (waves.kind, waves.onset, waves.peak, waves.offset)
        rows += [[lead, *map(str, row)] for row in zip(*columns, strict=True)]
    table = out / f"{record.name}.csv"
    write_table(table, ["lead", "wave", "onset", "peak", "offset"], rows)
    kinds = np.concatenate([waves.kind for waves in found])
    counts = {name: int((kinds == name).sum()) for name in WAVE_SCHEME.classes[1:]}
    return WrittenWaves(files, table, counts)


def at_source_fs(waves: Waves, *, fs_hz: float, source_fs_hz: float, source_samples: int) -> Waves:
    """Move waves to the sampling frequency of the record on disk, rounding, none behind its last sample."""

    def moved(sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Move indices; the last label stands for a whole step, which may end behind the record."""
        return np.minimum(resample_index(sample, fs_hz=fs_hz, to_hz=source_fs_hz), source_samples - 1)

    return Waves(
        onset=moved(waves.onset), peak=moved(waves.peak), offset=moved(waves.offset), kind=waves.kind
    )


def _extensions(leads: Sequence[str]) -> list[str]:
    """Name one annotation file per lead: the lead in lower case, with a number where two would be alike."""
    taken = {"", "hea", "dat", "csv", "mat"}  # endings of the record's own files stay theirs
    names: list[str] = []
    for number, lead in enumerate(leads):
        name = "".join(letter for letter in lead.lower() if letter.isalnum() and letter.isascii())
        numbered = (f"{name}{k}" for k in itertools.count(number))
        names.append(name if name not in taken else next(other for other in numbered if other not in taken))
        taken.add(names[-1])
    return names


def _labels(network: Labeller, signal: NDArray[np.float32], beam_width: int) -> NDArray[np.int64]:
    with torch.inference_mode():
        # The last frame may reach behind the record: as in training, what lies there is padding.
        lengths = torch.tensor([len(signal)])
        # a copy: signals of the cache are mapped read-only
        scores = network.outputs(torch.from_numpy(np.array(signal[np.newaxis])), lengths)
        require_finite(torch.logsumexp(scores, dim=-1).numpy(), of="the leads of the record")
        return np.asarray(network.decode(scores, lengths, beam_width=beam_width).numpy(), np.int64)
