"""A trained delineator at work: the waves of each lead of a record."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import CheckpointError
from ecgrnn.signals.annotations import Waves
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.stretches import OverlappingStretch, overlapping_stretches
from ecgrnn.tasks.annotated import Annotated, Marks
from ecgrnn.tasks.delineation.labels import (
    WAVE_SCHEME,
    WaveRules,
    annotations_of_waves,
    joined_waves,
    moved_waves,
    picked_waves,
    waves_agreed_on,
    waves_of_labels,
)
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.delineation.steps import ExportedLabels, WaveLabels
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import ExportedNetwork

_STRETCH_S = 300.0
"""How much is delineated at once: ten minutes of twelve leads take a gigabyte."""

_LEADS_AT_ONCE = 6
"""Leads of such stretches that are delineated at once: of two leads, a quarter of an hour. Twice as many take
140 MB more and are no faster."""

_MEMORY_S = 10.0
"""How much of its neighbours comes along with a stretch: the length of LUDB's records, in which a network
learned all that it knows of what lies around a wave."""


def delineate(model: TrainedModel, signal: NDArray[np.float32], *, start: int = 0) -> list[Waves]:
    """Delineate the leads of one record, of any length and number.

    Args:
        model: a trained delineator.
        signal: ``(time, lead)``, prepared as the model reads it, at ``model.signal.fs_hz``.
        start: where it begins in its recording, at a frame of the network.

    Returns:
        The waves of each lead, counted from the beginning of ``signal``, at ``model.signal.fs_hz``.

    Raises:
        CheckpointError: when the model is not a delineator.
    """
    return _delineate(model, [(signal, start)])[0]


def _delineate(model: TrainedModel, parts: Sequence[tuple[NDArray[np.float32], int]]) -> list[list[Waves]]:
    """Delineate several parts of a recording at once, each a signal and where it begins."""
    network, task = _labeller(model)
    rules = WaveRules(shortest_ms=task.shortest_ms, gap_ms=task.gap_ms)
    labels = network.labels([signal for signal, _ in parts])
    return [
        waves_agreed_on(
            [
                waves_of_labels(
                    of_lead,
                    lead,
                    step_s=network.samples_per_label / model.signal.fs_hz,
                    fs_hz=model.signal.fs_hz,
                    rules=rules,
                    before=start // network.samples_per_label,
                )
                for lead, of_lead in zip(signal.T, of_part, strict=True)
            ],
            share=task.agreement,
        )
        for (signal, start), of_part in zip(parts, labels, strict=True)
    ]


def annotate_waves(model: TrainedModel, recording: Recording) -> Annotated:
    """Delineate every lead of a recording, stretch by stretch.

    As in LUDB, every lead gets an annotation file of its own, whose extension is the lead's name; marks are
    ``(``, then ``p``, ``N`` or ``t`` at the peak, then ``)``. Stretches are delineated together with as much
    of their neighbours as the network remembers, so that no wave depends on where they end.

    Raises:
        DataError: when the recording cannot be read.
        CheckpointError: when the model is not a delineator.
    """
    found = _delineated(model, recording)
    waves = [joined_waves(parts) for parts in found]
    marks = [annotations_of_waves(lead, fs_hz=recording.fs_hz) for lead in waves]
    names = zip(recording.names, _extensions(recording.names), marks, strict=True)
    every, fs_hz = joined_waves(waves), recording.fs_hz
    counts = [len(lead.kind) for lead in waves]
    edges = {"onset": every.onset, "peak": every.peak, "offset": every.offset}
    columns = {
        "lead": np.repeat(recording.leads, counts),
        "wave": every.kind,
        **edges,
        **{f"{name}_s": sample / fs_hz for name, sample in edges.items()},
    }
    of_kind = {name: int((every.kind == name).sum()) for name in WAVE_SCHEME.classes[1:]}
    return Annotated(
        kind="waves",
        columns=columns,
        csv={**columns, "lead": np.repeat(recording.names, counts)},
        formats=dict.fromkeys(("lead", "wave", *edges), ""),
        table="table",
        marks=[Marks(f"lead {lead}", extension, of_lead) for lead, extension, of_lead in names],
        lines=[f"{name:<14} {count} waves" for name, count in of_kind.items()],
    )


def _delineated(model: TrainedModel, recording: Recording) -> list[list[Waves]]:
    """Give the waves of each lead, stretch by stretch, at the recording's own sampling frequency."""
    network = _labeller(model)[0]
    config = dataclasses.replace(
        model.preprocessing, leads=None, n_leads=len(recording.leads), first_lead=None
    )
    stretches = overlapping_stretches(
        recording, config, stretch_s=_STRETCH_S, overlap_s=_MEMORY_S, step=network.frame
    )
    found: list[list[Waves]] = [[] for _ in recording.leads]
    at_once = max(_LEADS_AT_ONCE // len(recording.leads), 1)
    for part, of_part in _delineated_parts(model, stretches, at_once=at_once):
        for kept, waves in zip(found, of_part, strict=True):
            own = (waves.onset >= part.first) & (waves.onset < part.stop)
            kept.append(
                at_source_fs(
                    moved_waves(picked_waves(waves, own), part.start),
                    fs_hz=part.record.fs_hz,
                    source_fs_hz=recording.fs_hz,
                    source_samples=recording.n_samples,
                )
            )
    return found


def _delineated_parts(
    model: TrainedModel, stretches: Iterator[OverlappingStretch], *, at_once: int
) -> Iterator[tuple[OverlappingStretch, list[Waves]]]:
    """Delineate stretches, some at a time: recurrent layers take hardly longer for six rows than for one."""
    while parts := list(itertools.islice(stretches, at_once)):
        yield from zip(parts, _delineate(model, [(p.record.signal, p.start) for p in parts]), strict=True)


def at_source_fs(waves: Waves, *, fs_hz: float, source_fs_hz: float, source_samples: int) -> Waves:
    """Move waves to the sampling frequency of the record on disk, rounding, none behind its last sample."""

    def moved(sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Move indices; the last label stands for a whole step, which may end behind the record."""
        return np.minimum(resample_index(sample, fs_hz=fs_hz, to_hz=source_fs_hz), source_samples - 1)

    return Waves(
        onset=moved(waves.onset), peak=moved(waves.peak), offset=moved(waves.offset), kind=waves.kind
    )


def _labeller(model: TrainedModel) -> tuple[WaveLabels, DelineateConfig]:
    network, task = model.network, model.task.options
    if not isinstance(task, DelineateConfig):
        raise CheckpointError("this checkpoint was not trained with task=delineate; it finds no waves")
    if isinstance(network, ExportedNetwork):
        return ExportedLabels(network, model.trained.network, task, fs_hz=model.signal.fs_hz), task
    from ecgrnn.tasks.delineation.torch_steps import TorchLabels

    return TorchLabels(network, beam_width=task.beam_width), task


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
