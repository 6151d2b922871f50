"""A trained translator at work: the beats of each strip of a record, read out in their order."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ecgrnn.data.windows import gather_windows
from ecgrnn.errors import CheckpointError
from ecgrnn.networks.translator import Translator
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import Annotated
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.transcription.options import MOST_BEATS_PER_S, TranscriptionConfig
from ecgrnn.tasks.transcription.view import strip_starts


@dataclass(frozen=True)
class Transcript:
    """What was read in one strip.

    Attributes:
        start: first sample, at the model's sampling frequency.
        stop: sample behind the last one.
        symbols: class indices, in the order of time.
        log_probability: of the whole sequence.
    """

    start: int
    stop: int
    symbols: tuple[int, ...]
    log_probability: float


def transcribe(model: TrainedModel, signal: NDArray[np.float32], *, batch_size: int = 64) -> list[Transcript]:
    """Read the strips of a signal, each by itself; a last stretch shorter than a strip is left out.

    Args:
        model: a trained translator.
        signal: ``(time, lead)``, prepared as the model reads it.
        batch_size: strips of a batch; changes no result.

    Raises:
        CheckpointError: when the model is not a translator.
    """
    network, task = model.network, model.task.options
    if not isinstance(network, Translator) or not isinstance(task, TranscriptionConfig):
        raise CheckpointError("this checkpoint was not trained with task=transcribe; it reads no strips")
    width = round(task.strip_s * model.signal.fs_hz)
    starts = strip_starts(len(signal), width)
    stops = np.minimum(starts + width, len(signal))
    windows = gather_windows([signal], np.zeros_like(starts), starts, width=width)
    found: list[Transcript] = []
    for first in range(0, len(starts), batch_size):
        part = slice(first, first + batch_size)
        with torch.inference_mode():
            read = network.decode(
                torch.from_numpy(windows[part]),
                torch.from_numpy(stops[part] - starts[part]),
                max_symbols=max(1, round(MOST_BEATS_PER_S * task.strip_s)),
                beam_width=task.beam_width,
            )
        require_finite(read.log_probability.numpy(), of="the strips of the record")
        rows = zip(
            starts[part].tolist(),
            stops[part].tolist(),
            read.symbols.tolist(),
            read.log_probability.tolist(),
            strict=True,
        )
        found += [
            Transcript(start, stop, tuple(symbol for symbol in symbols if symbol >= 0), log_p)
            for start, stop, symbols, log_p in rows
        ]
    return found


def transcribe_recording(model: TrainedModel, recording: Recording) -> Annotated:
    """Read a recording strip by strip: a transcript has no times within a strip.

    Raises:
        DataError: when the recording cannot be read or lacks a lead.
        CheckpointError: when the model is not a translator.
    """
    classes, fs_hz = model.scheme.classes, model.signal.fs_hz
    found = transcribe(model, prepare_record(recording.stretch(), model.preprocessing).signal)
    every = [symbol for transcript in found for symbol in transcript.symbols]
    columns = {
        "start_s": np.array([one.start for one in found]) / fs_hz,
        "stop_s": np.array([one.stop for one in found]) / fs_hz,
        "beats": np.array([" ".join(classes[symbol] for symbol in one.symbols) for one in found], str),
        "log_probability": np.array([one.log_probability for one in found]),
    }
    return Annotated(
        kind="transcripts",
        columns=columns,
        csv=columns,
        formats={"start_s": ".3f", "stop_s": ".3f", "beats": "", "log_probability": ".4f"},
        table="table",
        marks=[],
        lines=[
            f"strips         {len(found)}",
            *(f"  {name:<12} {every.count(index)}" for index, name in enumerate(classes)),
        ],
    )
