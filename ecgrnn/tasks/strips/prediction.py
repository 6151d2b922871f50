"""A trained classifier of whole strips at work: what a strip is called, and how surely."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ecgrnn.errors import CheckpointError, DataError, some_of
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.preprocessing import PreparedRecord, choose_leads, prepare_record
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import Annotated, Marks
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import Network, outputs_of
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.strips.schemes import RHYTHM_NOTES
from ecgrnn.tasks.strips.view import StripDataset, StripView

_RHYTHM, _COMMENT = "+", '"'
"""WFDB's symbols for a change of rhythm and for a comment."""

_UNREADABLE = "(NOISE"
"""The aux_note where a rhythm ends since the signal does."""

STRIP_S = 30.0
"""Strips of a long recording: most of CinC 2017 lasts as long."""

SHORTEST_S, LONGEST_S = 9.0, 61.0
"""The shortest and the longest strip of CinC 2017, from which rhythms were learned."""

_AT_ONCE = 16
"""Strips of a long recording that are in memory at a time."""


def strip_logits(network: Network, dataset: StripDataset, *, batch_size: int) -> NDArray[np.float32]:
    """Give logits ``(strip, class)`` for every strip of a dataset, in its order.

    Strips of about one length are read together; neither that nor the batch size moves a figure beyond
    rounding.
    """
    logits: list[NDArray[np.float32]] = []
    order = np.argsort(dataset.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size].tolist()
        batch = dataset.arrays(indices)
        logits.append(outputs_of(network, batch.signal, batch.lengths, batch.features))
        names = [getattr(dataset.records[k], "name", "") for k in indices]
        require_finite(logits[-1], of=f"the strips {some_of(names)}" if all(names) else "the strip")
    return np.concatenate(logits)[order.argsort()]


def strip_probabilities(logits: NDArray[np.float32], *, several: bool) -> NDArray[np.float64]:
    """Give probabilities ``(strip, class)``: of each class by itself where a strip may have several."""
    return np.asarray(expit(logits.astype(np.float64))) if several else probabilities(logits)


def annotate_strips(
    model: TrainedModel,
    recording: Recording,
    *,
    extension: str = "ecg",
    beats: NDArray[np.int64] | None = None,
) -> Annotated:
    """Classify a recording as one strip; the rhythm of one longer than a minute strip by strip.

    A rhythm is marked as a rhythm change (``+``) with an aux_note such as ``(AFIB``, superclasses by a
    comment at the beginning that names them.

    Args:
        model: a model trained with task=rhythm or task=superclass.
        recording: the recording.
        extension: extension of the annotation file.
        beats: ``(beat,)`` samples of the beats, where they are known; of a recording longer than a minute
            they are not looked for again, strip by strip.

    Raises:
        DataError: the recording cannot be read, lacks a lead, or is too short to have a rhythm.
        CheckpointError: the model classifies no strips.
    """
    task = model.task.options
    if isinstance(task, SuperclassConfig):
        return _superclasses(model, recording, task.threshold, extension=extension)
    if not isinstance(task, RhythmConfig):
        raise CheckpointError("this checkpoint was not trained on whole strips; it cannot name a rhythm")
    if recording.duration_s < SHORTEST_S:
        raise DataError(
            f"{recording.place} lasts {recording.duration_s:.3g} s, and a rhythm is named in "
            f"{SHORTEST_S:g} s or more; give a longer recording"
        )
    edges = strip_edges(recording.n_samples, recording.fs_hz)
    if len(edges) > 2:
        return _rhythms(model, recording, edges, extension=extension, beats=beats)
    rows, chance = _chances(model, recording, edges)
    called = model.scheme.classes[int(chance[0].argmax())]
    marks = _annotations([0], _RHYTHM, [RHYTHM_NOTES[called]], recording.fs_hz)
    columns = _episodes(model, edges, rows, chance, fs_hz=recording.fs_hz)
    whole = _whole(model, recording, (called,), chance[0], marks=Marks("annotation", extension, marks))
    return replace(whole, kind="rhythms", columns=columns)


def strip_edges(n_samples: int, fs_hz: float) -> NDArray[np.int64]:
    """Cut a recording into strips of 30 s, the last one of 30 to 60 s; one of a strip's length is one.

    >>> strip_edges(100, 1.0)
    array([  0,  30,  60, 100])
    """
    width = round(STRIP_S * fs_hz)
    n_strips = 1 if n_samples <= LONGEST_S * fs_hz else n_samples // width
    return np.append(np.arange(n_strips) * width, n_samples)


def _rhythms(
    model: TrainedModel,
    recording: Recording,
    edges: NDArray[np.int64],
    *,
    extension: str,
    beats: NDArray[np.int64] | None,
) -> Annotated:
    """Give the rhythm of each strip, those of one class that follow each other joined."""
    chances = _chances(model, recording, edges, beats)
    columns = _episodes(model, edges, *chances, fs_hz=recording.fs_hz)
    onset, offset, rhythm = columns["onset"], columns["offset"], columns["rhythm"]
    # Where no signal tells the rhythm, the one before must not seem to last.
    ends = offset[~np.isin(offset, np.append(onset, recording.n_samples))]
    sample = np.concatenate([onset, ends])
    notes = [*(RHYTHM_NOTES[name] for name in rhythm.tolist()), *[_UNREADABLE] * len(ends)]
    order = np.argsort(sample, kind="stable")
    marks = _annotations(sample[order], _RHYTHM, np.array(notes)[order], recording.fs_hz)
    lasting = {
        name: float(((offset - onset) / recording.fs_hz)[rhythm == name].sum())
        for name in model.scheme.classes
    }
    return Annotated(
        kind="rhythms",
        columns=columns,
        csv=columns,
        formats={name: _format(name) for name in columns},
        table="probabilities",
        marks=[Marks("annotations", extension, marks)],
        lines=[
            f"rhythms        {len(onset)}, named in strips of {STRIP_S:g} s",
            *(f"  {name:<12} {seconds:.0f} s" for name, seconds in lasting.items()),
        ],
    )


def _chances(
    model: TrainedModel,
    recording: Recording,
    edges: NDArray[np.int64],
    beats: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give which of the strips have a signal, and the probabilities ``(strip, class)`` of these."""
    view, several = model.view(), isinstance(model.task.options, SuperclassConfig)
    if not isinstance(view, StripView):
        raise CheckpointError("this checkpoint was not trained on whole strips; it names no classes of them")
    rows: list[int] = []
    found: list[NDArray[np.float64]] = []
    for first in range(0, len(edges) - 1, _AT_ONCE):
        part = range(first, min(first + _AT_ONCE, len(edges) - 1))
        strips = {
            row: strip for row in part if (strip := _strip(model, recording, *edges[row : row + 2].tolist()))
        }
        if strips:
            of_strips = [
                None if beats is None else _beats_in(strip, beats, *edges[row : row + 2].tolist())
                for row, strip in strips.items()
            ]
            dataset = view.unlabelled(list(strips.values()), of_strips)
            logits = strip_logits(model.network, dataset, batch_size=len(strips))
            found.append(strip_probabilities(logits, several=several))
            rows += strips
    if not rows:
        raise DataError(
            f"{recording.place}: no strip has a valid sample; choose other leads with leads=[...]"
        )
    return np.array(rows), np.concatenate(found)


def _strip(model: TrainedModel, recording: Recording, start: int, stop: int) -> PreparedRecord | None:
    """Prepare a strip; None where a lead has no valid sample in it."""
    chosen = choose_leads(recording.stretch(start=start, stop=stop), model.preprocessing)
    if not np.isfinite(chosen.signal).any(axis=0).all():
        return None
    return prepare_record(chosen, model.preprocessing)


def _beats_in(strip: PreparedRecord, beats: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
    """Give the beats of a recording that are in a strip, as samples of the prepared strip."""
    own = beats[np.searchsorted(beats, start) : np.searchsorted(beats, stop)] - start
    moved = resample_index(own, fs_hz=strip.source_fs_hz, to_hz=strip.fs_hz)
    return np.minimum(moved, len(strip.signal) - 1)


def _episodes(
    model: TrainedModel,
    edges: NDArray[np.int64],
    rows: NDArray[np.int64],
    chance: NDArray[np.float64],
    *,
    fs_hz: float,
) -> dict[str, NDArray[Any]]:
    """Join strips of one class that follow each other; their probabilities are means over time."""
    label, onset, offset = chance.argmax(axis=1), edges[rows], edges[rows + 1]
    at = np.flatnonzero(np.append(True, (label[1:] != label[:-1]) | (onset[1:] != offset[:-1])))
    length = (offset - onset)[:, np.newaxis].astype(np.float64)
    mean = np.add.reduceat(chance * length, at) / np.add.reduceat(length, at)
    first, last, classes = onset[at], offset[np.append(at[1:], len(rows)) - 1], model.scheme.classes
    return {
        "onset": first,
        "offset": last,
        "onset_s": first / fs_hz,
        "offset_s": last / fs_hz,
        "rhythm": np.array(classes)[label[at]],
        **{f"p_{name}": column for name, column in zip(classes, mean.T, strict=True)},
    }


def _format(name: str) -> str:
    return ".6f" if name.startswith("p_") else ".4f" if name.endswith("_s") else ""


def _superclasses(
    model: TrainedModel, recording: Recording, threshold: float, *, extension: str
) -> Annotated:
    """Give the superclasses of a recording as a whole."""
    _, (chance,) = _chances(model, recording, np.array([0, recording.n_samples]))
    called = tuple(name for name, p in zip(model.scheme.classes, chance, strict=True) if p >= threshold)
    marks = _annotations([0], _COMMENT, [" ".join(called) or "none"], recording.fs_hz)
    return _whole(model, recording, called, chance, marks=Marks("annotation", extension, marks))


def _whole(
    model: TrainedModel,
    recording: Recording,
    called: tuple[str, ...],
    chance: NDArray[np.float64],
    *,
    marks: Marks,
) -> Annotated:
    """Give a recording that is one strip, as a table of one row."""
    by_class = dict(zip(model.scheme.classes, chance.tolist(), strict=True))
    row = {"record": recording.name, "class": " ".join(called)}
    chances = {f"p_{name}": np.array([p]) for name, p in by_class.items()}
    columns = {**{name: np.array([text]) for name, text in row.items()}, **chances}
    return Annotated(
        kind="superclasses",
        columns=columns,
        csv=columns,
        formats={name: _format(name) for name in columns},
        table="probabilities",
        marks=[marks],
        lines=[
            f"called         {' '.join(called) or 'none of the classes'}",
            *(f"  {name:<12} {p:.4f}" for name, p in by_class.items()),
        ],
    )


def _annotations(sample: ArrayLike, symbol: str, notes: ArrayLike, fs_hz: float) -> Annotations:
    at = np.asarray(sample, np.int64)
    return Annotations(
        sample=at,
        symbol=np.full(len(at), symbol),
        subtype=np.zeros(len(at), np.int64),
        aux_note=np.asarray(notes, str),
        fs_hz=fs_hz,
    )
