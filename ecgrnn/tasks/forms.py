"""Held-out results of every form but the beat classifier: which figures are made, and how they are told."""

from collections.abc import Mapping
from pathlib import Path

from ecgrnn.data.ranks import rank
from ecgrnn.data.splits.audit import Audit
from ecgrnn.errors import CheckpointError
from ecgrnn.metrics.statistics import Resampling
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.delineation.report import delineation_lines
from ecgrnn.tasks.delineation.scoring import write_delineation
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.generation.scoring import generation_lines, write_generation
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.transcription.options import TranscriptionConfig
from ecgrnn.tasks.transcription.report import transcription_lines
from ecgrnn.tasks.transcription.scoring import write_transcription


def write_held_out(
    model: TrainedModel,
    held_out: HeldOutRecords,
    *,
    audit: Audit,
    resampling: Resampling,
    run_dir: Path,
    seconds: Mapping[str, float],
) -> list[str]:
    """Score a model on held-out records, write its files, and give what the user is told, line by line.

    Args:
        model: a delineator, a generator or a translator.
        held_out: the records.
        audit: which records were used for what.
        resampling: how intervals are made.
        run_dir: folder to write into.
        seconds: what the stages of training took.

    Raises:
        CheckpointError: the model is of another form.
    """
    if rank() != 0 and not isinstance(model.task, DelineateConfig):
        return []  # one process makes the figures of these forms
    match model.task:
        case DelineateConfig():
            summary = write_delineation(
                model, held_out, audit=audit, resampling=resampling, run_dir=run_dir, seconds=seconds
            )
            lines = delineation_lines(summary)
        case GenerationConfig():
            summary = write_generation(model, held_out, audit=audit, run_dir=run_dir, seconds=seconds)
            lines = generation_lines(summary)
        case TranscriptionConfig():
            summary = write_transcription(
                model, held_out, audit=audit, resampling=resampling, run_dir=run_dir, seconds=seconds
            )
            lines = transcription_lines(summary)
        case _:
            raise CheckpointError("write_held_out needs a delineator, a generator or a translator")
    return [
        *lines,
        f"results     {run_dir / 'summary.json'}",
        f"report      {run_dir / 'report.html'}",
    ]
