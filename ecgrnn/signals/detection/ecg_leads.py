"""Which signals of a record are ECG leads, by unit and name: records hold breath and pressure, too."""

import re

from ecgrnn.signals.formats.wfdb.header import Header, is_voltage

_OTHER = re.compile(
    r"resp|respiration|breath|airflow|flow|nasal|thor|thorax|thoracic|abd|abdo|abdomen|effort|snore"
    r"|n?i?bp|abp|art|pap|cvp|icp|uap|rap|lap|pressure|pleth|ppg|pulse|spo2|sao2|so2|o2|co2|etco2"
    r"|eeg|eog|emg|eda|gsr|f?pcg|scg|bcg|acc|gyro|temp|marker|event|events|status|annotations?"
)
"""Words in the names of signals that are no ECG."""

_ECG = re.compile(r"ecg|ekg|fecg|mecg")


def ecg_columns(header: Header) -> list[int]:
    """List the columns of a record that are ECG leads: voltages whose name is of nothing else.

    Example:
        A record with the leads ``II``, ``RESP`` and ``ABP`` has one: ``[0]``.
    """
    return [
        column
        for column, (name, unit) in enumerate(zip(header.leads, header.units, strict=True))
        if is_voltage(unit) and not _is_other(name)
    ]


def _is_other(name: str) -> bool:
    words = re.findall(r"[a-z]+2?", name.casefold())
    return any(map(_OTHER.fullmatch, words)) and not any(map(_ECG.fullmatch, words))
