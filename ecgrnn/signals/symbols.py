"""Annotation symbols of the WFDB format, the classes they are grouped into, and the names of rhythms."""

from collections.abc import Mapping
from types import MappingProxyType

from ecgrnn.options.spec import LabelScheme

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""PhysioNet's beat annotations; ``!`` (flutter wave) and ``x`` (blocked P wave) are not among them."""

AAMI_CLASSES = ("N", "S", "V", "F", "Q")

AAMI = LabelScheme(
    name="aami",
    classes=AAMI_CLASSES,
    symbols=MappingProxyType(
        dict.fromkeys("NLRBejn", "N")
        | dict.fromkeys("AaJS", "S")
        | dict.fromkeys("VEr", "V")
        | dict.fromkeys("F", "F")
        | dict.fromkeys("/fQ?", "Q")
    ),
    citation=(
        "P. de Chazal, M. O'Dwyer, R. B. Reilly, Automatic classification of heartbeats using ECG "
        "morphology and heartbeat interval features, IEEE Trans. Biomed. Eng. 51(7):1196-1206, 2004, "
        "table I, which groups the symbols of the MIT-BIH database into the classes of ANSI/AAMI EC57. "
        "Atrial and nodal escape beats (e, j) are N there. Symbols the table lacks: n, the "
        "supraventricular escape beat, goes with e and j; B, a bundle branch block of unknown side, with "
        "L and R; r, the R-on-T extrasystole, with V; ?, a beat not classified while the annotator was "
        "learning, is unclassifiable (Q)."
    ),
)

BXB = LabelScheme(
    name="bxb",
    classes=AAMI_CLASSES,
    symbols=MappingProxyType(
        dict.fromkeys("NLRB", "N")
        | dict.fromkeys("AaJSejn", "S")
        | dict.fromkeys("VEr", "V")
        | dict.fromkeys("F", "F")
        | dict.fromkeys("/fQ?", "Q")
    ),
    citation=(
        "ANSI/AAMI EC57:2012, by whose wording a supraventricular ectopic beat is an atrial or nodal "
        "premature or escape beat, as the program bxb of the WFDB Software Package applies it: e, j and n "
        "are S."
    ),
)

SCHEMES: Mapping[str, LabelScheme] = MappingProxyType({scheme.name: scheme for scheme in (AAMI, BXB)})

RHYTHMS: Mapping[str, str] = MappingProxyType(
    {
        "AB": "atrial bigeminy",
        "AFIB": "atrial fibrillation",
        "AFL": "atrial flutter",
        "B": "ventricular bigeminy",
        "BI": "first degree heart block",
        "BII": "second degree heart block",
        "HGEA": "high grade ventricular ectopic activity",
        "IVR": "idioventricular rhythm",
        "N": "normal sinus rhythm",
        "NOD": "nodal (junctional) rhythm",
        "NSR": "normal sinus rhythm",
        "P": "paced rhythm",
        "PREX": "pre-excitation",
        "SAB": "sino-atrial block",
        "SBR": "sinus bradycardia",
        "SVTA": "supraventricular tachyarrhythmia",
        "T": "ventricular trigeminy",
        "VER": "ventricular escape rhythm",
        "VF": "ventricular fibrillation",
        "VFL": "ventricular flutter",
        "VT": "ventricular tachycardia",
    }
)
"""What the aux_note of a rhythm change means, without its ``(``: PhysioNet's annotation tables."""

WAVES: Mapping[str, str] = MappingProxyType(
    {"p": "P", "t": "T", "u": "U"} | dict.fromkeys(sorted(BEAT_SYMBOLS), "QRS")
)
"""The wave whose peak a symbol marks between a ``(`` and a ``)``."""
