"""What each rhythm of an episode is, by which rule, and where the rule is from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

RUN_BEATS = 3
"""Fewest ectopic beats in a row that are a run."""

RUN_BPM = 100.0
"""Rate from which a run is a tachycardia."""

CYCLES = 3
"""Fewest ectopic beats of a bigeminy or trigeminy."""

SLOW_BPM, FAST_BPM = 50.0, 100.0
"""A heart is slow below the first and fast above the second."""

RATE_BEATS, RATE_S = 9, 10.0
"""The rate is that of the median of so many RR intervals, and it must be slow or fast for so long."""

OPINION_BIAS = 1.0
"""Added to the log-odds of RR intervals where those of a model are, too: each by itself is as shy as a class
of one in seven makes it. In the middle of a plateau, 0.5 to 1.5, on DS1 of the MIT-BIH database."""

LEAST_P = 0.02
"""A model's probabilities are taken for no nearer to 0 and 1."""

PAUSE_S = 2.0
"""An RR interval longer than this is a pause."""

FIBRILLATION_S = 10.0
"""No shorter fibrillation is called: two dozen RR intervals are needed to tell its irregularity."""

NOISE_S = 5.0
"""Between two stretches of noise nothing shorter than this is given a rhythm."""


@dataclass(frozen=True)
class Definition:
    """A rhythm.

    Attributes:
        meaning: its name.
        rule: when it is called.
        source: whose rule it is.
        note: aux_note of its rhythm change in WFDB annotations; empty for an event, which changes no rhythm.
    """

    meaning: str
    rule: str
    source: str
    note: str


_DIRECTORY = (
    "MIT-BIH Arrhythmia Database Directory, 4th ed., 1997: a rhythm change is marked before the first beat "
    "of the new rhythm"
)
_AHA_SVT = (
    "R. L. Page et al., 2015 ACC/AHA/HRS guideline on supraventricular tachycardia, Circulation 133:e506"
)
_AHA_SLOW = "F. M. Kusumoto et al., 2018 ACC/AHA/HRS guideline on bradycardia, Circulation 140:e382"
_AHA_VT = (
    "S. M. Al-Khatib et al., 2017 AHA/ACC/HRS guideline on ventricular arrhythmias, Circulation 138:e272"
)
_RATE = f"by the median of {RATE_BEATS} RR intervals for {RATE_S:g} s or longer"

DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "NOISE": Definition(
            "not readable",
            "the beats' quality is too low, or there is no signal (signals.quality)",
            _DIRECTORY,
            "(NOISE",
        ),
        "VT": Definition(
            "ventricular tachycardia",
            f"{RUN_BEATS} or more V in a row at {RUN_BPM:g} bpm or faster",
            f"{_AHA_VT}; {_DIRECTORY}",
            "(VT",
        ),
        "IVR": Definition(
            "idioventricular rhythm",
            f"{RUN_BEATS} or more V in a row, slower than {RUN_BPM:g} bpm",
            f"{_AHA_VT}; {_DIRECTORY}",
            "(IVR",
        ),
        "B": Definition(
            "ventricular bigeminy",
            f"every second beat is V, {CYCLES} V or more, the others N",
            _DIRECTORY,
            "(B",
        ),
        "T": Definition(
            "ventricular trigeminy",
            f"every third beat is V, {CYCLES} V or more, the others N",
            _DIRECTORY,
            "(T",
        ),
        "AFIB": Definition(
            "atrial fibrillation",
            "RR intervals without order (signals.rhythms.fibrillation), to whose log-odds those of the model "
            f"of rhythms are added where one was asked, for {FIBRILLATION_S:g} s or longer",
            "Irregularity of RR intervals as in D. E. Lake, J. R. Moorman, Am J Physiol Heart Circ Physiol "
            f"300:H319, 2011; {_DIRECTORY}",
            "(AFIB",
        ),
        "SVTA": Definition(
            "supraventricular tachyarrhythmia",
            f"{RUN_BEATS} or more S in a row at {RUN_BPM:g} bpm or faster",
            f"{_AHA_SVT}; {_DIRECTORY}",
            "(SVTA",
        ),
        "SBR": Definition("sinus bradycardia", f"slower than {SLOW_BPM:g} bpm {_RATE}", _AHA_SLOW, "(SBR"),
        # the MIT-BIH annotators have no name for a fast sinus rhythm: it is N
        "STACH": Definition("sinus tachycardia", f"faster than {FAST_BPM:g} bpm {_RATE}", _AHA_SVT, "(N"),
        "N": Definition("none of the others", "what is left; most of it is sinus rhythm", _DIRECTORY, "(N"),
        "PAUSE": Definition(
            "pause",
            f"an RR interval longer than {PAUSE_S:g} s that could be read; it ends no episode",
            _AHA_SLOW,
            "",
        ),
    }
)
"""Rhythms by their name in a table, those that outweigh others first. Atrial flutter is not among them: a
regular one cannot be told by beats, and an irregular one is called AFIB."""
