"""Which leads of a record a trained model reads and marks beats in, told beside those of its training."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError, names_there
from ecgrnn.signals.leads import find_lead, same_lead
from ecgrnn.signals.preprocessing import lead_columns
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.model import TrainedModel

_MOST_NAMES = 4
"""Names told of one column, the commonest first."""


def for_leads(model: TrainedModel, recording: Recording, leads: Sequence[str] | None) -> TrainedModel:
    """Give a model that reads certain leads of a record, which is all that is different in it.

    Args:
        model: a trained model that reads a fixed number of leads, as all but delineators do.
        recording: the recording.
        leads: names in the order the network reads them, in capitals or not; None leaves the choice to the
            preprocessing that it was trained with, as a rule the record's first leads.

    Raises:
        DataError: the record cannot be read, or has not these leads or not so many.
        ConfigError: more or fewer leads are named than the network reads.
    """
    there, wanted = recording.names, len(model.signal.leads)
    if model.signal.any_number:
        asked = [_name_in(there, lead, place=recording.place) for lead in leads or ()]
        return with_leads(model, asked) if asked else model
    if leads is None and model.preprocessing.leads is None:
        if len(there) < wanted:
            raise DataError(
                f"record {recording.place} has {len(there)} lead(s) ({', '.join(there)}), and this network "
                f"reads {wanted} ({trained_on(model)}): give a record that has as many, or train a network "
                f"for this one with preprocessing.n_leads={len(there)}"
            )
        return model
    if leads is not None and len(leads) != wanted:
        raise ConfigError(
            f"leads=[{','.join(leads)}] names {len(leads)} lead(s), and this network reads {wanted} "
            f"({trained_on(model)}): name {wanted}, in that order, or train a network with "
            f"preprocessing.n_leads={len(leads)}"
        )
    named = [
        _name_in(there, lead, place=recording.place) for lead in leads or model.preprocessing.leads or ()
    ]
    return dataclasses.replace(model, preprocessing=dataclasses.replace(model.preprocessing, leads=named))


def usual_leads(model: TrainedModel, recording: Recording) -> Sequence[str] | None:
    """Name the leads of a recording that a model was trained on; None where it does not have all of them.

    Of several names that a lead had in training the commonest that the recording has is taken.
    """
    chosen: list[str] = []
    for column in model.trained_leads:
        there = [lead for name in column for lead in recording.names if same_lead(lead, name)]
        lead = next((name for name in there if name not in chosen), None)
        if lead is None:
            return None
        chosen.append(lead)
    return chosen or None


def only_leads(recording: Recording, columns: Sequence[int]) -> Recording:
    """Give a recording of some of the leads, which are read from the other when they are asked for."""
    return Recording.of_source(
        _Columns(recording, tuple(columns)),
        n_samples=recording.n_samples,
        fs_hz=recording.fs_hz,
        leads=[recording.names[column] for column in columns],
        name=recording.name,
        start=recording.start,
        path=recording.path,
        notes=recording.notes,
        frame_hz=recording.frame_hz,
    )


@dataclasses.dataclass(frozen=True)
class _Columns:
    recording: Recording
    columns: tuple[int, ...]

    def read(self, start: int, stop: int, columns: Sequence[int]) -> NDArray[np.float32]:
        """Read a stretch of some of the leads."""
        chosen = [self.columns[column] for column in columns]
        return self.recording.stretch(columns=chosen, start=start, stop=stop).signal


def named_leads(recording: Recording, leads: Sequence[str]) -> Recording:
    """Give a recording of the leads that are named, in capitals or not, in that order.

    Raises:
        DataError: the recording has not these leads.
    """
    names = [_name_in(recording.names, lead, place=recording.place) for lead in leads]
    return only_leads(recording, [recording.names.index(name) for name in names])


def with_leads(model: TrainedModel, leads: Sequence[str]) -> TrainedModel:
    """Give a model that reads certain leads of every record, by name or by place from 1.

    Raises:
        ConfigError: more or fewer leads are named than the network reads.
    """
    wanted = len(model.signal.leads)
    if wanted and len(leads) != wanted:
        raise ConfigError(
            f"leads=[{','.join(leads)}] names {len(leads)} lead(s), and this network reads {wanted} "
            f"({trained_on(model)}): name {wanted}, in that order"
        )
    return dataclasses.replace(
        model, preprocessing=dataclasses.replace(model.preprocessing, leads=list(leads))
    )


def leads_read(model: TrainedModel, recording: Recording) -> str:
    """Say which leads of a record a model reads, and where their names differ, which it was trained on.

    Args:
        model: the model, as ``for_leads`` gives it.
        recording: the recording.

    Returns:
        ``I, II (trained on MLII, V1; choose with leads=[...])``, or the names alone where they are those of
        training.
    """
    columns = lead_columns(recording.leads, model.preprocessing, name=recording.name)
    names = [recording.names[column] for column in columns]
    if model.signal.any_number:
        return ", ".join(names)
    usual = [{name.casefold() for name in column} for column in model.trained_leads]
    if len(usual) == len(names) and all(
        name.casefold() in column for name, column in zip(names, usual, strict=True)
    ):
        return ", ".join(names)
    return f"{', '.join(names)} ({trained_on(model)}; choose with leads=[...])"


def trained_on(model: TrainedModel) -> str:
    """Say which leads a model was trained on, column by column, the commonest name first."""
    if not model.trained_leads:
        return "it does not say which it was trained on"
    columns = [
        " or ".join(column[:_MOST_NAMES]) + (" or others" if len(column) > _MOST_NAMES else "")
        for column in model.trained_leads
    ]
    return f"trained on {', '.join(columns)}"


def _name_in(there: Sequence[str], lead: str, *, place: str) -> str:
    """Give a lead's name as the record has it: databases disagree about capitals."""
    found = find_lead(lead, there)
    if found is None:
        raise DataError(
            f"record {place} has no lead {lead!r}; {names_there(lead, there, 'leads')}; choose among them "
            "with leads=[...], in the order the network reads them"
        )
    return there[found]
