"""Command ``predict``: annotate a recording, or a folder of them, with a checkpoint."""

from collections.abc import Callable
from pathlib import Path

from ecgrnn.commands.idle import check_prediction
from ecgrnn.commands.stages import say
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.databases.record_names import records_below
from ecgrnn.errors import CheckpointError, ConfigError, DataError, some_of
from ecgrnn.inference.checkpoint import load_model, preprocessing_of_checkpoint
from ecgrnn.inference.leads import for_leads, leads_read
from ecgrnn.options.commands import PredictConfig
from ecgrnn.tasks.beats.prediction import annotate_record
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.delineation.prediction import annotate_waves
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.strips.prediction import annotate_strip
from ecgrnn.tasks.transcription.options import TranscriptionConfig
from ecgrnn.tasks.transcription.prediction import transcribe_record

Annotate = Callable[[PredictConfig, TrainedModel, Path, Path], None]
"""Reads the record of a path and writes what was found into a folder."""


@on_threads
def run(options: PredictConfig) -> None:
    """Predict as the options say; annotations and probabilities go into the run folder.

    Raises:
        CheckpointError: a checkpoint that cannot be read, or of a network that reads no recording.
        ConfigError: ``leads`` does not fit the network.
        DataError: the record, or some of the folder's records, could not be annotated.
    """
    model = load_model(Path(options.checkpoint))
    check_prediction(options, model)
    annotate = _annotate(options, model)
    path = Path(options.record)
    if path.is_dir() and not Path(f"{path}.hea").is_file():
        _folder(options, model, annotate)
    else:
        _one(options, model, annotate, path, Path(options.run_dir))


def _one(options: PredictConfig, model: TrainedModel, annotate: Annotate, path: Path, out: Path) -> None:
    """Annotate one record, and say first which of its leads are read where that is a choice."""
    if not isinstance(model.task, DelineateConfig):
        model = for_leads(model, path, options.leads)
        say(f"leads          {leads_read(model, path)}")
    with preprocessing_of_checkpoint():
        annotate(options, model, path, out)


def _annotate(options: PredictConfig, model: TrainedModel) -> Annotate:
    match model.task:
        case DelineateConfig():
            if options.leads is not None:
                raise ConfigError(
                    f"{options.checkpoint} is a delineator, which reads every lead of a record together; "
                    "leave leads= out"
                )
            return _waves
        case TranscriptionConfig():
            return _strips
        case RhythmConfig() | SuperclassConfig():
            return _whole_strip
        case GenerationConfig():
            raise CheckpointError(
                f"{options.checkpoint} is a generator, which reads no recording; "
                "python -m ecgrnn generate writes beats with it"
            )
        case _:
            return _beats


def _folder(options: PredictConfig, model: TrainedModel, annotate: Annotate) -> None:
    """Annotate every record of a folder; one that cannot be read does not cost the others."""
    folder, out = Path(options.record), Path(options.run_dir)
    names, failed = records_below(folder), []
    for name in names:
        say(f"record         {name}")
        into = (out / name).parent
        into.mkdir(parents=True, exist_ok=True)
        try:
            _one(options, model, annotate, folder / name, into)
        except DataError as error:
            say(f"not annotated  {error}")
            failed.append(name)
    if failed:
        raise DataError(
            f"{folder}: {len(failed)} of {len(names)} records could not be annotated ({some_of(failed)}); "
            f"why is said above, record by record. The others are in {out}"
        )


def _waves(_: PredictConfig, model: TrainedModel, path: Path, out: Path) -> None:
    written = annotate_waves(model, path, out=out)
    for name, count in written.counts.items():
        say(f"{name:<14} {count} waves")
    for lead, annotations in written.annotations.items():
        say(f"lead {lead:<9} {annotations}")
    say(f"table          {written.table}")


def _strips(_: PredictConfig, model: TrainedModel, path: Path, out: Path) -> None:
    written = transcribe_record(model, path, out=out)
    say(f"strips         {written.strips}")
    for name, count in written.counts.items():
        say(f"  {name:<12} {count}")
    say(f"table          {written.table}")


def _whole_strip(options: PredictConfig, model: TrainedModel, path: Path, out: Path) -> None:
    written = annotate_strip(model, path, out=out, extension=options.extension)
    say(f"called         {' '.join(written.called) or 'none of the classes'}")
    for name, chance in written.chance.items():
        say(f"  {name:<12} {chance:.4f}")
    say(f"annotation     {written.annotations}")
    say(f"probabilities  {written.table}")


def _beats(options: PredictConfig, model: TrainedModel, path: Path, out: Path) -> None:
    written = annotate_record(
        model,
        path,
        out=out,
        annotator=options.annotator,
        extension=options.extension,
        batch_size=options.batch_size,
    )
    say(f"beats          {written.n_beats}, positions from {written.positions_from}")
    for name, count in written.counts.items():
        say(f"  {name:<12} {count}")
    say(f"annotations    {written.annotations}")
    say(f"probabilities  {written.table}")
