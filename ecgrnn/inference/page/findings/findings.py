"""All findings of one recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import (
    BEATS,
    Annotated,
    Beats,
    Rhythms,
    Waves,
    beats_of,
    rhythms_of,
    waves_of,
)
from ecgrnn.inference.page.findings.conduction import Conduction, conduction
from ecgrnn.inference.page.findings.quality import Quality, joined, read_quality, without_beat
from ecgrnn.inference.page.findings.rate import Intervals, rr_intervals, window_rates
from ecgrnn.inference.page.findings.rhythms import AF, Episode, episodes
from ecgrnn.inference.page.findings.variability import Variability, normal_intervals, variability


@dataclass(frozen=True)
class Findings:
    """What the annotations of a recording tell.

    Attributes:
        duration_s: length of the recording.
        beats: its beats; empty where no model annotated them.
        waves: its waves.
        rhythms: its rhythms.
        quality: what of each lead cannot be read.
        silent_s: ``(stretch, 2)``, readable or not, that have no beat for more than ten seconds.
        unreadable_s: ``(stretch, 2)`` in which no lead can be read, or that have no beat for so long.
        intervals: RR intervals.
        rates: heart rate of each ten seconds in bpm, NaN where it is not known.
        episodes: episodes of rhythm.
        nn: which RR intervals are between normal beats outside AF.
        variability: heart rate variability.
        conduction: PR, QRS and QT of each lead.
    """

    duration_s: float
    beats: Beats
    waves: Waves
    rhythms: Rhythms
    quality: Quality
    silent_s: NDArray[np.float64]
    unreadable_s: NDArray[np.float64]
    intervals: Intervals
    rates: NDArray[np.float64]
    episodes: list[Episode]
    nn: NDArray[np.bool_]
    variability: Variability
    conduction: list[Conduction]

    def share_s(self, stretches: NDArray[np.float64]) -> float:
        """Give the share of the recording that stretches ``(stretch, 2)`` last for."""
        return float((stretches[:, 1] - stretches[:, 0]).sum()) / self.duration_s


def find(result: Annotated) -> Findings:
    """Read what the annotations of a recording tell; its signal is read once, stretch by stretch."""
    recording = result.recording
    beats, waves, rhythms = beats_of(result), waves_of(result), rhythms_of(result)
    quality = read_quality(recording)
    duration_s = recording.duration_s
    silent = without_beat(beats.time_s, duration_s=duration_s) if BEATS in result.models else _NONE
    unreadable = joined(quality.unreadable_s, silent)
    intervals = rr_intervals(beats.time_s, unreadable)
    found = episodes(rhythms)
    fibrillation = np.array([(e.start_s, e.stop_s) for e in found if e.label == AF]).reshape(-1, 2)
    nn = normal_intervals(beats, intervals, fibrillation)
    return Findings(
        duration_s=duration_s,
        beats=beats,
        waves=waves,
        rhythms=rhythms,
        quality=quality,
        silent_s=silent,
        unreadable_s=unreadable,
        intervals=intervals,
        rates=window_rates(beats.time_s, intervals, duration_s=duration_s),
        episodes=found,
        nn=nn,
        variability=variability(beats.time_s, nn),
        conduction=conduction(waves, beats if BEATS in result.models else None, fibrillation),
    )


_NONE = np.zeros((0, 2))
