"""Who the simulated patients are: which heart disease each one has, and how often its beats come.

Patients come in blocks of ten. Every block holds each kind below once, in a seeded order, so that any
reasonable split by patient sees every class, and a patient depends on the seed and its own number only.
"""

from dataclasses import dataclass

import numpy as np

from ecgrnn.simulator.rhythm_model import RhythmProfile


@dataclass(frozen=True)
class _Kind:
    """One sort of patient: a range of heart rates, and the usual probability of each event per step."""

    name: str
    rate_bpm: tuple[float, float]
    atrial: float = 0.02
    ventricular: float = 0.02
    fusion: float = 0.006
    svta: float = 0.0
    vt: float = 0.0
    bigeminy: float = 0.0
    fibrillation: float = 0.0
    irregularity: tuple[float, float] = (0.02, 0.06)  # standard deviation of sinus RR over its mean
    is_fibrillating: bool = False
    bundle_branch_block: float = 0.1  # probability


_KINDS = (
    _Kind("sinus rhythm", (62, 90), atrial=0.015, ventricular=0.015),
    _Kind("ventricular ectopy", (62, 88), ventricular=0.20, fusion=0.06),
    _Kind("atrial ectopy", (62, 92), atrial=0.18, svta=0.012),
    _Kind("atrial fibrillation", (65, 100), ventricular=0.09, vt=0.005, is_fibrillating=True),
    _Kind("sinus bradycardia", (44, 57), atrial=0.08, ventricular=0.09, fusion=0.03),
    _Kind(
        "sinus tachycardia", (102, 125), atrial=0.07, ventricular=0.06, fusion=0.02, irregularity=(0.01, 0.03)
    ),
    _Kind(
        "bundle branch block", (60, 90), atrial=0.09, ventricular=0.09, fusion=0.035, bundle_branch_block=1.0
    ),
    _Kind("paroxysmal atrial fibrillation", (65, 90), atrial=0.14, ventricular=0.04, fibrillation=0.008),
    _Kind("ventricular runs", (60, 85), ventricular=0.08, fusion=0.09, vt=0.012, bigeminy=0.014),
    _Kind(
        "sinus arrhythmia", (55, 80), atrial=0.11, ventricular=0.06, fusion=0.04, irregularity=(0.10, 0.16)
    ),
)
BLOCK = len(_KINDS)


def draw_profile(
    place: int, block_rng: np.random.Generator, rng: np.random.Generator
) -> tuple[str, RhythmProfile]:
    """Draw what one patient's heart tends to do.

    Args:
        place: Place of the patient in its block, 0 to BLOCK - 1.
        block_rng: Fresh generator of the block: gives the order of the kinds.
        rng: Generator of the patient.

    Returns:
        The kind in words, and the profile.
    """
    kind = _KINDS[int(block_rng.permutation(BLOCK)[place])]
    rr_s = 60 / rng.uniform(*kind.rate_bpm)

    def probability(usual: float) -> float:
        """Draw a probability of this patient, about the usual one."""
        return usual * rng.uniform(0.6, 1.4)

    profile = RhythmProfile(
        normal_symbol=_normal_symbol(kind.bundle_branch_block, rng),
        rr_s=rr_s,
        rr_sd_s=rr_s * rng.uniform(*kind.irregularity),
        lf_hf=rng.uniform(0.4, 1.6),
        respiration_hz=rng.uniform(0.2, 0.3),
        is_fibrillating=kind.is_fibrillating,
        p_atrial=probability(kind.atrial),
        p_ventricular=probability(kind.ventricular),
        p_fusion=probability(kind.fusion),
        p_svta=probability(kind.svta),
        p_vt=probability(kind.vt),
        p_bigeminy=probability(kind.bigeminy),
        p_fibrillation=probability(kind.fibrillation),
        p_interpolated=rng.uniform(0.0, 0.5),
        atrial_coupling=rng.uniform(0.66, 0.85),
        ventricular_coupling=rng.uniform(0.58, 0.84),
        n_foci=int(rng.integers(1, 4)),
    )
    return kind.name, profile


def _normal_symbol(bundle_branch_block: float, rng: np.random.Generator) -> str:
    if rng.random() < bundle_branch_block:
        return "L" if rng.random() < 0.5 else "R"
    return "N"
