"""Which leads of a record a trained model reads and marks beats in, told beside those of its training."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ecgrnn.errors import ConfigError, DataError, names_there
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.preprocessing import lead_columns
from ecgrnn.tasks.model import TrainedModel

_MOST_NAMES = 4
"""Names told of one column, the commonest first."""


def for_leads(model: TrainedModel, path: Path, leads: Sequence[str] | None) -> TrainedModel:
    """Give a model that reads certain leads of a record, which is all that is different in it.

    Args:
        model: a trained model that reads a fixed number of leads, as all but delineators do.
        path: the record, without suffix.
        leads: names in the order the network reads them, in capitals or not; None leaves the choice to the
            preprocessing that it was trained with, as a rule the record's first leads.

    Raises:
        DataError: the record cannot be read, or has not these leads or not so many.
        ConfigError: more or fewer leads are named than the network reads.
    """
    there, wanted = read_header(path).leads, len(model.signal.leads)
    if leads is None and model.preprocessing.leads is None:
        if len(there) < wanted:
            raise DataError(
                f"record {path} has {len(there)} lead(s) ({', '.join(there)}), and this network reads "
                f"{wanted} ({trained_on(model)}): give a record that has as many, or train a network for "
                f"this one with preprocessing.n_leads={len(there)}"
            )
        return model
    if leads is not None and len(leads) != wanted:
        raise ConfigError(
            f"leads=[{','.join(leads)}] names {len(leads)} lead(s), and this network reads {wanted} "
            f"({trained_on(model)}): name {wanted}, in that order, or train a network with "
            f"preprocessing.n_leads={len(leads)}"
        )
    named = [_name_in(there, lead, path=path) for lead in leads or model.preprocessing.leads or ()]
    return dataclasses.replace(model, preprocessing=dataclasses.replace(model.preprocessing, leads=named))


def leads_read(model: TrainedModel, path: Path) -> str:
    """Say which leads of a record a model reads, and where their names differ, which it was trained on.

    Args:
        model: the model, as ``for_leads`` gives it.
        path: the record, without suffix.

    Returns:
        ``I, II (trained on MLII, V1; choose with leads=[...])``, or the names alone where they are those of
        training.
    """
    there = read_header(path).leads
    names = [there[column] for column in lead_columns(there, model.preprocessing, name=path.name)]
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


def _name_in(there: Sequence[str], lead: str, *, path: Path) -> str:
    """Give a lead's name as the record has it: databases disagree about capitals."""
    alike = [name for name in there if name.casefold() == lead.casefold()]
    if not alike:
        raise DataError(
            f"record {path} has no lead {lead!r}; {names_there(lead, there, 'leads')}; choose among them "
            "with leads=[...], in the order the network reads them"
        )
    return lead if lead in alike else alike[0]
