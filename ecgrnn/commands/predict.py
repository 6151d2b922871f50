"""Command ``predict``: annotate a recording, or a folder of them, with a checkpoint."""

from pathlib import Path

from ecgrnn.commands.idle import check_prediction
from ecgrnn.commands.stages import say, say_all
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.databases.record_names import records_below
from ecgrnn.errors import DataError, some_of
from ecgrnn.inference.checkpoint import load_model, preprocessing_of_checkpoint
from ecgrnn.inference.leads import for_leads, leads_read
from ecgrnn.options.commands import PredictConfig
from ecgrnn.tasks.model import TrainedModel


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
    path = Path(options.record)
    if path.is_dir() and not Path(f"{path}.hea").is_file():
        _folder(options, model)
    else:
        _one(options, model, path, out=Path(options.run_dir))


def _one(options: PredictConfig, model: TrainedModel, path: Path, *, out: Path) -> None:
    """Annotate one record, and say first which of its leads are read where that is a choice."""
    if model.task.chooses_leads:
        model = for_leads(model, path, options.leads)
        say(f"leads          {leads_read(model, path)}")
    with preprocessing_of_checkpoint():
        say_all(model.task.annotate(model, path, options, out=out))


def _folder(options: PredictConfig, model: TrainedModel) -> None:
    """Annotate every record of a folder; one that cannot be read does not cost the others."""
    folder, out = Path(options.record), Path(options.run_dir)
    names, failed = records_below(folder), []
    for name in names:
        say(f"record         {name}")
        into = (out / name).parent
        into.mkdir(parents=True, exist_ok=True)
        try:
            _one(options, model, folder / name, out=into)
        except DataError as error:
            say(f"not annotated  {error}")
            failed.append(name)
    if failed:
        raise DataError(
            f"{folder}: {len(failed)} of {len(names)} records could not be annotated ({some_of(failed)}); "
            f"why is said above, record by record. The others are in {out}"
        )
