"""Which leads of a WFDB record are read: by name, or the first ones."""

from collections.abc import Sequence
from pathlib import Path

from ecgrnn.errors import DataError, names_there
from ecgrnn.signals.detection.ecg_leads import columns_read_together
from ecgrnn.signals.formats.wfdb.header import Header
from ecgrnn.signals.leads import find_lead


def chosen_columns(
    header: Header,
    *,
    path: Path,
    leads: Sequence[str] | None,
    n_leads: int | None,
    first_lead: str | None = None,
) -> list[int]:
    """Find the columns of the leads to read: the arguments are those of ``read_record``.

    Raises:
        DataError: the record has not these leads, or a lead is named twice.
    """
    if leads is None and n_leads == 0:
        return columns_read_together(header, path=path)
    if leads is None:
        wanted = len(header.leads) if n_leads is None else n_leads
        if not 1 <= wanted <= len(header.leads):
            raise DataError(
                f"record {path} has {len(header.leads)} lead(s) ({', '.join(header.leads)}), "
                f"{wanted} were requested; request at least one and at most as many as there are "
                "(preprocessing.n_leads)"
            )
        return first_columns(header.leads, wanted, first_lead=first_lead)
    if not leads:
        raise DataError(
            f"record {path}: no lead was asked for; name at least one of {', '.join(header.leads)}"
        )
    columns = []
    for lead in leads:
        column = find_lead(lead, header.leads)
        if column is None:
            raise DataError(f"record {path} has no lead {lead!r}; {names_there(lead, header.leads, 'leads')}")
        columns.append(column)
    if len(set(columns)) < len(columns):
        raise DataError(
            f"record {path}: leads=[{','.join(leads)}] names a lead twice; name each once (two leads of one "
            "name are read with preprocessing.n_leads)"
        )
    return columns


def first_columns(leads: Sequence[str], n_leads: int, *, first_lead: str | None) -> list[int]:
    """Give the columns of the first leads, a certain one before all others where the record has it.

    >>> first_columns(["V5", "MLII"], 1, first_lead="MLII")
    [1]
    """
    columns = list(range(len(leads)))
    first = None if first_lead is None else find_lead(first_lead, leads)
    if first is not None:
        columns.insert(0, columns.pop(first))
    return columns[:n_leads]
