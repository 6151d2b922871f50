"""A recording in, its beats out: their places, classes and probabilities.

The beats are found, or read, first; then the signal is prepared, cut into windows and classified stretch by
stretch, so that a day of ECG takes little more memory than an hour.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.windows import table_of_positions
from ecgrnn.errors import DataError
from ecgrnn.families.evidence import Evidence, reduced
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.signals.annotation_kinds import kinds_of
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.detection.records import find_beats_of
from ecgrnn.signals.preprocessing import PreparedRecord
from ecgrnn.signals.quality.index import REACH_BEATS, REACH_S, beat_quality
from ecgrnn.signals.quality.marks import marked_beats
from ecgrnn.signals.quality.stretches import outside, unreadable_stretches
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.reference import read_reference, reference_notes
from ecgrnn.tasks.annotated import Annotated, Marks
from ecgrnn.tasks.beats.logits import BeatItems, BeatReading, beat_logits, read_beats
from ecgrnn.tasks.beats.sequences import BeatSequenceDataset
from ecgrnn.tasks.beats.stretches import BeatStretch, beat_stretches, one_ahead
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import ExportedNetwork


def annotate_recording(
    model: TrainedModel,
    recording: Recording,
    *,
    annotator: str | None = None,
    extension: str = "ecg",
    batch_size: int = 1024,
) -> Annotated:
    """Find the beats of a recording, or take those of an annotation file, and classify them.

    Args:
        model: a trained beat classifier.
        recording: the recording.
        annotator: extension of an annotation file beside the recording whose beat positions are used;
            None detects the beats, in all leads of the recording.
        extension: extension of the annotation file.
        batch_size: beats of a batch; results change by rounding only, below 1e-5.

    Raises:
        DataError: when the recording or the annotations cannot be read, or there is no beat.
    """
    sample, positions_from = positions_of(recording, annotator=annotator, model=model)
    if not len(sample):
        raise _no_beat(recording, annotator)
    read, quality = beats_and_quality(model, recording, sample, batch_size=batch_size)
    unreadable = np.zeros((0, 2), np.int64)
    if annotator is None and leaves_noise_out(model):
        unreadable = unreadable_stretches(recording, sample, quality)
        readable = outside(sample, unreadable)
        sample = sample[readable]
        read = BeatReading(read.logits[readable], read.represented[readable], read.windows[readable])
    if not len(sample):
        raise _no_beat(recording, annotator)
    chance = probabilities(read.logits)
    classes = np.array(model.scheme.classes)
    label = chance.argmax(axis=-1)
    by_class = {f"p_{name}": row for name, row in zip(model.scheme.classes, chance.T, strict=True)}
    counts = np.bincount(label, minlength=len(classes)).tolist()
    columns = {"sample": sample, "time_s": sample / recording.fs_hz, "class": classes[label], **by_class}
    return Annotated(
        kind="beats",
        columns=columns,
        csv=columns,
        formats={"sample": "d", "time_s": ".4f", "class": "", **dict.fromkeys(by_class, ".6f")},
        table="probabilities",
        marks=[
            Marks(
                "annotations",
                extension,
                marked_beats(classes[label], sample, unreadable, fs_hz=recording.fs_hz),
            )
        ],
        lines=[
            f"beats          {len(sample)}, positions from {positions_from}",
            *(f"  {name:<12} {count}" for name, count in zip(classes.tolist(), counts, strict=True)),
            *_unreadable_lines(unreadable, recording.fs_hz),
        ],
        evidence=Evidence(
            sample,
            recording.fs_hz,
            read.logits,
            reduced(read.represented, read.windows),
            tuple(model.scheme.classes),
        ),
        unreadable=unreadable,
    )


def beats_and_quality(
    model: TrainedModel,
    recording: Recording,
    sample: NDArray[np.int64],
    *,
    batch_size: int,
    stretch_s: float = 1800.0,
) -> tuple[BeatReading, NDArray[np.float64]]:
    """Give what the network makes of beats, and their quality; the recording is read stretch by stretch.

    Args:
        model: a trained beat classifier.
        recording: the recording.
        sample: ``(beat,)``, positions at the recording's own sampling frequency, rising, at least one.
        batch_size: beats of a batch; results change by rounding only, below 1e-5.
        stretch_s: length of the stretches; changes no result beyond the rounding of the filters.

    Raises:
        DataError: when the recording cannot be read or lacks a lead.
    """
    view = _view(model)
    stretches = beat_stretches(
        recording,
        model.preprocessing,
        sample,
        reach_s=max(view.before_s, view.after_s, REACH_S),
        context=view.context or REACH_BEATS,
        stretch_s=stretch_s,
    )

    def cut(stretch: BeatStretch) -> tuple[Any, NDArray[np.float64], slice]:
        """Cut the windows of a stretch, and give its beats' quality."""
        record, table = stretch.record, stretch.table
        quality = beat_quality(record.signal, table.sample, fs_hz=record.fs_hz)
        return view.windows([record], table), quality[stretch.scored], stretch.scored

    parts: list[list[NDArray[Any]]] = []
    qualities = []
    for dataset, quality, scored in one_ahead(map(cut, stretches)):
        read = _read(model, dataset, batch_size=batch_size)
        parts.append([part[scored] for part in read])
        qualities.append(quality)
    return BeatReading(*map(np.concatenate, zip(*parts, strict=True))), np.concatenate(qualities)


def classify_positions(
    model: TrainedModel, prepared: PreparedRecord, sample: NDArray[np.int64], *, batch_size: int
) -> NDArray[np.float32]:
    """Give logits ``(beat, class)`` for beats of a prepared record, at positions of its source."""
    dataset = _view(model).windows([prepared], table_of_positions([prepared], [sample]))
    return beat_logits(model.network, dataset, batch_size=batch_size)


def leaves_noise_out(model: TrainedModel) -> bool:
    """Tell whether noise is told from beats: later beats tell it, which a causal model does without."""
    return not getattr(model.view(), "causal", False)


def _read(model: TrainedModel, dataset: BeatItems | BeatSequenceDataset, *, batch_size: int) -> BeatReading:
    """Judge beats; those of a causal model as a stream judges them, to the last bit."""
    network = model.network
    read = read_beats(network, dataset, batch_size=batch_size)
    if not isinstance(dataset, BeatSequenceDataset) or not dataset.view.causal:
        return read
    if isinstance(network, ExportedNetwork):
        return read
    # torch, which an exported network does without
    from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
    from ecgrnn.tasks.beats.streams.tiles import causal_logits

    if not isinstance(network, BeatSequenceClassifier):
        return read
    return read._replace(logits=causal_logits(network, dataset))


def _view(model: TrainedModel) -> Any:
    return model.view()


def positions_of(
    recording: Recording, *, annotator: str | None, model: TrainedModel
) -> tuple[NDArray[np.int64], str]:
    """Give the positions of a recording's beats, detected or of an annotation file, and say where from.

    Raises:
        DataError: the recording or the annotations cannot be read.
    """
    if annotator is None:
        return find_beats_of(recording, model.preprocessing), "the built-in QRS detector"
    reference = read_reference(
        _annotated_path(recording, annotator),
        annotator,
        fs_hz=recording.fs_hz,
        n_samples=recording.n_samples,
        frame_hz=recording.frame_hz,
    )
    said = f" ({', '.join(notes)})" if (notes := reference_notes(reference.merged, reference.outside)) else ""
    return beats_of(reference.annotations, model.scheme).sample, f"{annotator}{said}"


def _annotated_path(recording: Recording, annotator: str) -> Path:
    """Give the path without suffix, beside which WFDB annotation files lie."""
    if recording.path is None:
        raise DataError(
            f"annotator={annotator} is an annotation file beside a recording, and {recording.name} was read "
            "from no file; leave annotator out to detect the beats"
        )
    return recording.path.with_name(recording.name)


def _no_beat(recording: Recording, annotator: str | None) -> DataError:
    if annotator is None:
        return DataError(
            f"{recording.place}: no beat was found, so there is nothing to annotate; look at the signal"
        )
    path = _annotated_path(recording, annotator)
    held = kinds_of(read_annotations(path, annotator, fs_hz=recording.fs_hz, frame_hz=recording.frame_hz))
    return DataError(
        f"{path}.{annotator} holds no beat, but {held}; leave annotator={annotator} out to detect the beats, "
        "or name an annotator that has marked them"
    )


def _unreadable_lines(unreadable: NDArray[np.int64], fs_hz: float) -> list[str]:
    if not len(unreadable):
        return []
    seconds = (unreadable[:, 1] - unreadable[:, 0]).sum() / fs_hz
    return [f"not readable   {seconds:.0f} s in {len(unreadable)} stretches"]
