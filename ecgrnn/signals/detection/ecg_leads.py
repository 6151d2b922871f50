"""Which signals of a WFDB record are ECG leads, by the rule of ``signals.leads``."""

from pathlib import Path

from ecgrnn.errors import DataError
from ecgrnn.signals import leads
from ecgrnn.signals.formats.wfdb.header import Header


def ecg_columns(header: Header) -> list[int]:
    """List the columns of a record that are ECG leads: voltages whose name is of nothing else.

    Example:
        A record with the leads ``II``, ``RESP`` and ``ABP`` has one: ``[0]``.
    """
    return leads.ecg_columns(header.leads, header.units)


def columns_read_together(header: Header, *, path: Path) -> list[int]:
    """List the ECG leads of a record that have the sampling frequency of the first of them.

    Raises:
        DataError: it has none.
    """
    columns = ecg_columns(header)
    if not columns:
        raise DataError(
            f"record {path} has no ECG lead by unit and name ({', '.join(header.leads)}); name the leads to "
            "read with leads=[...]"
        )
    count = header.stored[columns[0]].samples_per_frame
    return [column for column in columns if header.stored[column].samples_per_frame == count]
