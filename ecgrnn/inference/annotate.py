"""Annotate a recording: its beats, waves and rhythms, each by a trained model."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ecgrnn.errors import ConfigError, DataError, EcgrnnError, some_of
from ecgrnn.inference.checkpoint import load_model, preprocessing_of_checkpoint
from ecgrnn.inference.episodes import annotate_episodes
from ecgrnn.inference.leads import for_leads, leads_read, named_leads, only_leads, usual_leads
from ecgrnn.inference.result import KINDS, Result
from ecgrnn.models import for_leads as file_for_leads
from ecgrnn.models import is_name
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.stretches import readable_leads
from ecgrnn.tasks.annotated import BEATS, Annotated, AnnotateOptions
from ecgrnn.tasks.model import TrainedModel

DEFAULT_MODELS = ("beats", "waves", "rhythm")
"""The models that annotate a recording where none is named."""

Model = str | Path | TrainedModel
"""A model that comes with the package, by name; the path of a checkpoint; or what ``load_model`` gave."""


def annotate(
    recording: Recording,
    models: Model | Sequence[Model] | None = None,
    leads: Sequence[str] | None = None,
    *,
    options: AnnotateOptions | None = None,
) -> Result:
    """Find the beats, waves and rhythms of a recording.

    A model that does not fit the recording (such as a rhythm model and a recording of six seconds) is left
    out, and the result's ``notes`` say so. It may be called from several threads.

    Args:
        recording: what ``ecgrnn.read`` gave, or ``ecgrnn.Recording(array, fs=...)``.
        models: the models, by name or path, or as ``ecgrnn.load_model`` gave them; at most one of each kind.
            None takes ``beats``, ``waves`` and ``rhythm``, which come with the package.
        leads: the leads to read, by name, in the order that models read them; None leaves the choice of a
            model's leads to the names it was trained on, as far as the recording has them.
        options: further options, as ``predict`` has them on the command line.

    Raises:
        DataError: the recording cannot be read, or fits none of the models.
        ConfigError: an argument is not what it should be.
        CheckpointError: a model cannot be read, or marks neither beats, waves nor rhythms.
    """
    recording, names = _checked(recording), None if leads is None else _names(leads)
    notes, read = list(recording.notes), recording
    columns = readable_leads(read)
    if not columns:
        raise DataError(f"{recording.place}: no lead has a valid sample, so there is nothing to annotate")
    if len(columns) < len(read.leads):
        lost = [lead for column, lead in enumerate(read.leads) if column not in columns]
        notes.append(f"left out, without a valid sample: {some_of(lost)}")
        read = only_leads(read, columns)
    found: dict[str, Annotated] = {}
    by: dict[str, str] = {}
    wanted, wishes = _models(models), options or AnnotateOptions()
    failed: list[EcgrnnError] = []
    for model in wanted:
        try:
            annotated, name, said = _annotated(model, read, names, wishes)
        except (DataError, ConfigError) as error:
            notes.append(f"{_name(model)} left out: {error}")
            failed.append(error)
            continue
        if annotated.kind in found:
            raise ConfigError(
                f"{by[annotated.kind]} and {name} both mark {annotated.kind}; name one model of each kind"
            )
        found[annotated.kind], by[annotated.kind] = annotated, name
        if annotated.kind == BEATS:
            wishes = replace(wishes, beats=annotated.columns["sample"])
        notes.extend(said)
    if len(failed) == len(wanted):
        raise failed[0]
    if BEATS in found:
        found["episodes"] = annotate_episodes(read, found, extension=wishes.extension)
    return Result(recording=recording, models=by, notes=tuple(notes), found=found)


def fitted(model: Model, recording: Recording, leads: Sequence[str] | None) -> tuple[TrainedModel, str]:
    """Give the model that serves a recording, with its choice of leads, and what it is called.

    Of a model that comes with the package the file for as many leads is taken, and it reads the leads it was
    trained on as far as the recording has them; any other model reads what its preprocessing says.

    Raises:
        DataError: the recording has too few leads, or not those.
        ConfigError: the model reads more leads than are named, or fewer.
        CheckpointError: the model cannot be read.
    """
    if isinstance(model, TrainedModel) or not is_name(model):
        trained = model if isinstance(model, TrainedModel) else load_model(model)
        return (for_leads(trained, recording, leads) if trained.task.chooses_leads else trained), _name(model)
    name = file_for_leads(str(model), len(recording.leads if leads is None else leads))
    trained = _loaded(name)
    if not trained.task.chooses_leads:
        return trained, name
    chosen = usual_leads(trained, recording) if leads is None else leads[: len(trained.signal.leads)]
    return for_leads(trained, recording, chosen), name


def _annotated(
    model: Model, recording: Recording, leads: Sequence[str] | None, options: AnnotateOptions
) -> tuple[Annotated, str, list[str]]:
    """Let one model annotate; give what it found, its name, and what there is to say about its leads."""
    trained, name = fitted(model, recording, leads)
    said: list[str] = []
    if trained.task.chooses_leads:
        if len(trained.signal.leads) < len(recording.leads):
            said = [f"{name} read {leads_read(trained, recording)}"]
    elif leads is not None:
        recording = named_leads(recording, leads)
    with preprocessing_of_checkpoint():
        found = trained.task.annotate(trained, recording, options)
    if found.kind not in KINDS:
        raise ConfigError(
            f"{name} was trained with task={trained.task.name}, which marks neither beats, waves nor "
            "rhythms; python -m ecgrnn predict writes what it finds"
        )
    return found, name, said


@lru_cache(maxsize=8)
def _loaded(name: str) -> TrainedModel:
    """Load a model that comes with the package, once for all recordings."""
    return load_model(name)


def _models(models: Model | Sequence[Model] | None) -> list[Model]:
    if models is None:
        return list(DEFAULT_MODELS)
    if isinstance(models, str | Path | TrainedModel):
        return [models]
    if not models:
        raise ConfigError("models=[] names no model; leave it out to take those that come with the package")
    return list(models)


def _names(leads: Sequence[str]) -> Sequence[str]:
    names = [leads] if isinstance(leads, str) else list(leads)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"leads={names} must name one lead, or several different ones")
    return names


def _name(model: Model) -> str:
    return model.task.name if isinstance(model, TrainedModel) else str(model)


def _checked(recording: object) -> Recording:
    if isinstance(recording, Recording):
        return recording
    what = type(recording).__name__
    if isinstance(recording, str | Path):
        advice = f"read the file first: ecgrnn.annotate(ecgrnn.read({str(recording)!r}))"
    else:
        advice = "give the sampling frequency of an array with ecgrnn.Recording(array, fs=...), in Hz"
    raise ConfigError(f"annotate expected a Recording, got {what}; {advice}")
