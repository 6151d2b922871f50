"""Which signals of a WFDB record are ECG leads, by the rule of ``signals.leads``."""

from ecgrnn.signals import leads
from ecgrnn.signals.formats.wfdb.header import Header


def ecg_columns(header: Header) -> list[int]:
    """List the columns of a record that are ECG leads: voltages whose name is of nothing else.

    Example:
        A record with the leads ``II``, ``RESP`` and ``ABP`` has one: ``[0]``.
    """
    return leads.ecg_columns(header.leads, header.units)
