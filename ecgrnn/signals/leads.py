"""Names of leads: one vocabulary for what files call them, and which signals are ECG leads at all."""

import re
from collections.abc import Iterable, Sequence

from ecgrnn.signals.units import millivolts

VOCABULARY = ("I", "II", "III", "aVR", "aVL", "aVF", *(f"V{n}" for n in range(1, 10)), "X", "Y", "Z")
"""The leads whose place is known; ``ECG1``, ``ECG2`` ... are leads whose place the file does not tell."""

_PREFIX = re.compile(
    r"^(?:(?:mdc|ecg|ekg|elektrokardiogramm|electrocardiogram|lead|channel|chan|ch|ableitung|d[eé]rivation"
    r"|derivaci[oó]n|deriva[cç][aã]o|derivazione|afleiding|отведение)(?=[\W_\d]|i{1,3}\b|a?v|$)[\s_:.\-]*)+"
)
"""Words before a lead's own name, in the languages of devices."""

_SUFFIX = re.compile(r"(?:[\s_:.\-]+(?:ref|reference|lead|ecg|ekg|raw|signal|24bit|16bit|誘導|导联))+$")
_ASIDE = re.compile(r"\s*[\[(][^\])]*[\])]|,.*$")
"""Asides in names: ``(Einthoven)``, ``[mV]``, ``, augmented voltage``."""

_PLACES = {"la-ra": "I", "ll-ra": "II", "ll-la": "III", "mcl1": "V1", "mcl6": "V6"}
_HOLTER = re.compile(r"(?:cm|cc|cs|mcl|ml|cb|nasa|es|as|ai)[\s_\-]?\d?")
"""Leads of Holter recorders and EASI that keep their names."""
_LIMB = re.compile(r"(?:ml|m|d)?(i{1,3})|d([123])")
_AUGMENTED = re.compile(r"av([rlf])")
_CHEST = re.compile(r"m?v[\s_\-]?([1-9])")
_FRANK = re.compile(r"v?([xyz])")
_NUMBERED = re.compile(r"0*([1-9]\d?)")

_OTHER = re.compile(
    r"resp|respiration|breath|breathing|airflow|flow|nasal|thor|thorax|thoracic|abd|abdo|abdomen|effort|snore"
    r"|n?i?bp|abp|art|pap|cvp|icp|uap|rap|lap|pressure|pleth|ppg|pulse|spo2|sao2|so2|o2|co2|etco2"
    r"|eeg|eog|emg|eda|gsr|f?pcg|scg|bcg|acc|accel|accelerometer|acceleration|gyro|gyroscope|mag|magn"
    r"|magnetometer|temp|temperature|marker|markers|event|events|trigger|status|annotations?|battery|hr|bpm"
    r"|heartrate|rr|ibi|counter|seq|nseq|index|sample|packet|checksum|di|digital|light|lux|gain|quality|class"
    r"|label|beat|loc|roc|chin|leg|tib|tibial|tibialis|mic|body|position"
)
"""Words in the names of signals that are no ECG."""

_ELECTRODE = r"(?:fp|af|fc|cp|po|ft|tp|[fcpotmae])(?:\d{1,2}|z)"
_EEG = re.compile(rf"(?:eeg[\s_]*)?{_ELECTRODE}\s*[-:/]\s*{_ELECTRODE}|(?:fp|af|po)\d|[fcpo]z")
"""Electrodes of EEG and EOG, as polysomnographs pair them: ``C4-M1``, ``E1:M2``."""

_ECG = re.compile(r"ecg|ekg|f?m?ecg")

_LONGEST = 200
"""Letters; no lead has a longer name, and looking at one of 60,000 would take minutes."""


def lead_name(name: str) -> str | None:
    """Give a lead's name in the vocabulary, or None where the name tells no lead.

    >>> [lead_name(name) for name in ("MLII", "ECG II", "Lead II", "D2", "EKG II-Ref", "AVR", "v 5", "CM5")]
    ['II', 'II', 'II', 'II', 'II', 'aVR', 'V5', None]
    >>> [lead_name(name) for name in ("ECG", "ECG 1", "ECG Lead 2", "MDC_ECG_LEAD_V3", "Lead I (Einthoven)")]
    ['ECG', 'ECG1', 'ECG2', 'V3', 'I']
    """
    if len(name) > _LONGEST:
        return None
    folded = _ASIDE.sub("", name).strip().casefold()
    bare = _SUFFIX.sub("", folded)
    core = _PREFIX.sub("", bare)
    prefixed = core != bare
    core = core.strip(" _:.-") if prefixed else core.rstrip(" _:.-")  # -aVR is not aVR
    if not core:
        return "ECG" if _ECG.search(folded) else None
    if prefixed and (number := _NUMBERED.fullmatch(core)):
        return f"ECG{number[1]}"
    return _place(core)


def same_lead(one: str, other: str) -> bool:
    """Tell whether two names are of one lead.

    >>> same_lead("MLII", "Lead II"), same_lead("V1", "V2"), same_lead("CM5", "cm5")
    (True, False, True)
    """
    if one.casefold() == other.casefold():
        return True
    known = lead_name(one)
    return known is not None and known == lead_name(other)


def find_lead(wanted: str, there: Sequence[str]) -> int | None:
    """Find a lead among names: as it is written, in other capitals, by its alias, or by its place from 1.

    >>> find_lead("II", ["V5", "MLII"]), find_lead("2", ["V5", "MLII"]), find_lead("V1", ["V5", "MLII"])
    (1, 1, None)
    """
    for alike in (str.__eq__, lambda one, other: one.casefold() == other.casefold(), same_lead):
        found = [at for at, name in enumerate(there) if alike(wanted, name)]
        if found and (len(found) == 1 or alike is not same_lead):
            return found[0]
    place = int(wanted) if wanted.isdecimal() and len(wanted) < _LONGEST else 0
    return place - 1 if 1 <= place <= len(there) else None


def named(names: Sequence[str]) -> tuple[str, ...]:
    """Give names in the vocabulary where they are known, each one once.

    Of several that would get one name each keeps its own, and those that are the same are numbered.

    >>> named(["MLII", "V5"]), named(["II", "MLII"]), named(["lead", "lead"])
    (('II', 'V5'), ('II', 'MLII'), ('lead', 'lead (2)'))
    """
    known = [lead_name(name) or name.strip() or f"lead {at + 1}" for at, name in enumerate(names)]
    chosen = [
        new if known.count(new) == 1 else name.strip() or new for name, new in zip(names, known, strict=True)
    ]
    given: list[str] = []
    for name in chosen:
        number, new = 1, name
        while new in given:
            number += 1
            new = f"{name} ({number})"
        given.append(new)
    return tuple(given)


def ecg_columns(names: Sequence[str], units: Sequence[str]) -> list[int]:
    """List the signals that are ECG leads: voltages whose name is of nothing else.

    Example:
        Of the signals ``II``, ``RESP`` and ``ABP`` in mV, mV and mmHg there is one: ``[0]``.
    """
    return [
        column
        for column, (name, unit) in enumerate(zip(names, units, strict=True))
        if millivolts(unit) is not None and not is_other(name)
    ]


def is_other(name: str) -> bool:
    """Tell whether a name is of a signal that is no ECG, such as breath, pressure, acceleration or EEG.

    >>> [is_other(name) for name in ("RESP", "acc_x", "ecg thorax", "V5", "signal 9")]
    [True, True, False, False, False]
    """
    other = any(map(_OTHER.fullmatch, _words(name))) or _EEG.fullmatch(name.strip().casefold()) is not None
    return other and not says_ecg(name)


def says_ecg(name: str) -> bool:
    """Tell whether a name says that a signal is an ECG lead; bare X, Y and Z may also be axes."""
    if lead_name(name) not in {None, *"XYZ"} or _HOLTER.fullmatch(name.strip().casefold()):
        return True
    return any(map(_ECG.fullmatch, _words(name)))


def _words(name: str) -> Iterable[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {*re.findall(r"[a-z]+2?", name.casefold()), *re.findall(r"[a-z]+2?", spaced.casefold())}


def _place(core: str) -> str | None:
    if core in _PLACES:
        return _PLACES[core]
    if limb := _LIMB.fullmatch(core):
        return limb[1].upper() if limb[1] else "I" * int(limb[2])
    if augmented := _AUGMENTED.fullmatch(core):
        return f"aV{augmented[1].upper()}"
    if chest := _CHEST.fullmatch(core):
        return f"V{chest[1]}"
    if frank := _FRANK.fullmatch(core):
        return frank[1].upper()
    return None
