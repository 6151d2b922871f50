"""Held-out results of every form but the beat classifier: which figures are made, and how they are told."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ecgrnn.config import DelineateConfig
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.errors import CheckpointError
from ecgrnn.evaluation.delineation import table_lines, write_delineation
from ecgrnn.evaluation.generation import generation_lines, write_generation
from ecgrnn.evaluation.transcription import transcription_lines, write_transcription
from ecgrnn.form_config import GenerationConfig, TranscriptionConfig
from ecgrnn.inference.checkpoint import TrainedModel
from ecgrnn.ranks import rank


def write_held_out(
    model: TrainedModel,
    records: Sequence[CachedRecord],
    *,
    database: str,
    split: str,
    run_dir: Path,
    seconds: Mapping[str, float],
) -> list[str]:
    """Score a model on held-out records, write its files, and give what the user is told, line by line.

    Args:
        model: a delineator, a generator or a translator.
        records: the records.
        database: name of their database.
        split: name of the split that holds them out.
        run_dir: folder to write into.
        seconds: what the stages of training took.

    Raises:
        CheckpointError: the model is of another form.
    """
    if rank() != 0 and not isinstance(model.task, DelineateConfig):
        return []  # one process makes the figures of these forms
    match model.task:
        case DelineateConfig():
            write, tell = write_delineation, table_lines
        case GenerationConfig():
            write, tell = write_generation, generation_lines
        case TranscriptionConfig():
            write, tell = write_transcription, transcription_lines
        case _:
            raise CheckpointError("write_held_out needs a delineator, a generator or a translator")
    summary = write(model, records, database=database, split=split, run_dir=run_dir, seconds=seconds)
    lines = [*tell(summary), f"results     {run_dir / 'summary.json'}"]
    report = run_dir / "report.html"
    return [*lines, f"report      {report}"] if report.is_file() else lines
