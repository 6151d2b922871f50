"""The classes of whole strips: rhythms of the CinC 2017 challenge and superclasses of PTB-XL."""

from collections.abc import Mapping
from types import MappingProxyType

from ecgrnn.options.spec import LabelScheme

RHYTHM_SCHEME = LabelScheme(
    name="cinc2017",
    classes=("N", "A", "O", "~"),
    symbols=MappingProxyType({name: name for name in ("N", "A", "O", "~")}),
    citation=(
        "G. D. Clifford et al., AF classification from a short single lead ECG recording: the PhysioNet/"
        "Computing in Cardiology Challenge 2017, Computing in Cardiology 44, 2017; labels of version 3."
    ),
)
"""Normal rhythm, atrial fibrillation, other rhythm, too noisy to tell."""

SUPERCLASS_SCHEME = LabelScheme(
    name="superclass",
    classes=("NORM", "MI", "STTC", "CD", "HYP"),
    symbols=MappingProxyType({name: name for name in ("NORM", "MI", "STTC", "CD", "HYP")}),
    citation=(
        "P. Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Scientific Data "
        "7:154, 2020."
    ),
)
"""Normal, myocardial infarction, ST or T change, conduction disturbance, hypertrophy."""

RHYTHM_NOTES: Mapping[str, str] = MappingProxyType({"N": "(N", "A": "(AFIB", "O": "(OTHER", "~": "(NOISE"})
"""The aux_note that says a strip's rhythm: PhysioNet's where it has one."""
