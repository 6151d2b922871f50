"""Command ``predict``: annotate one recording with a checkpoint."""

from pathlib import Path

from ecgrnn.command_config import PredictConfig
from ecgrnn.commands.stages import say
from ecgrnn.commands.threads import on_threads
from ecgrnn.config import DelineateConfig
from ecgrnn.errors import CheckpointError
from ecgrnn.form_config import GenerationConfig, TranscriptionConfig
from ecgrnn.inference.annotate import annotate_record
from ecgrnn.inference.checkpoint import TrainedModel, load_model
from ecgrnn.inference.strips import annotate_strip
from ecgrnn.inference.transcripts import transcribe_record
from ecgrnn.inference.waves import annotate_waves
from ecgrnn.strip_config import RhythmConfig, SuperclassConfig


@on_threads
def run(options: PredictConfig) -> None:
    """Predict as the options say; annotations and probabilities go into the run folder."""
    model = load_model(Path(options.checkpoint))
    match model.task:
        case DelineateConfig():
            _waves(options, model)
        case TranscriptionConfig():
            _strips(options, model)
        case RhythmConfig() | SuperclassConfig():
            _whole_strip(options, model)
        case GenerationConfig():
            raise CheckpointError(
                f"{options.checkpoint} is a generator, which reads no recording; "
                "python -m ecgrnn generate writes beats with it"
            )
        case _:
            _beats(options, model)


def _waves(options: PredictConfig, model: TrainedModel) -> None:
    written = annotate_waves(model, Path(options.record), out=Path(options.run_dir))
    for name, count in written.counts.items():
        say(f"{name:<14} {count} waves")
    for lead, path in written.annotations.items():
        say(f"lead {lead:<9} {path}")
    say(f"table          {written.table}")


def _strips(options: PredictConfig, model: TrainedModel) -> None:
    written = transcribe_record(model, Path(options.record), out=Path(options.run_dir))
    say(f"strips         {written.strips}")
    for name, count in written.counts.items():
        say(f"  {name:<12} {count}")
    say(f"table          {written.table}")


def _whole_strip(options: PredictConfig, model: TrainedModel) -> None:
    out = Path(options.run_dir)
    written = annotate_strip(model, Path(options.record), out=out, extension=options.extension)
    say(f"called         {' '.join(written.called) or 'none of the classes'}")
    for name, chance in written.chance.items():
        say(f"  {name:<12} {chance:.4f}")
    say(f"annotation     {written.annotations}")
    say(f"probabilities  {written.table}")


def _beats(options: PredictConfig, model: TrainedModel) -> None:
    written = annotate_record(
        model,
        Path(options.record),
        out=Path(options.run_dir),
        annotator=options.annotator,
        extension=options.extension,
        batch_size=options.batch_size,
    )
    say(f"beats          {written.n_beats}, positions from {written.positions_from}")
    for name, count in written.counts.items():
        say(f"  {name:<12} {count}")
    say(f"annotations    {written.annotations}")
    say(f"probabilities  {written.table}")
