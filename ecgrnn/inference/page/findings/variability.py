"""Heart rate variability from normal-to-normal (NN) intervals.

Task Force of the European Society of Cardiology and the North American Society of Pacing and
Electrophysiology, Heart rate variability: standards of measurement, physiological interpretation, and
clinical use, Circulation 93 (1996) 1043.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats
from ecgrnn.inference.page.findings.rate import Intervals

SEGMENT_S = 300.0
"""SDANN and the spectrum are of segments of five minutes."""

LEAST_S = 240.0
"""Less of NN intervals is too little for a figure that can be compared: four of five minutes."""

_LEAST_SEGMENTS = 12
"""SDANN needs an hour."""

_NN_S = (0.3, 2.0)
"""What is shorter or longer is no interval between two sinus beats."""

_LF_HZ, _HF_HZ = (0.04, 0.15), (0.15, 0.40)

_STEPS_PER_LINE = 4
"""Frequencies of the spectrum for each 1 / T."""


@dataclass(frozen=True)
class Variability:
    """Figures of the Task Force's table 1; None where there is too little for one.

    Attributes:
        total_s: length of all NN intervals.
        mean_nn_ms: their mean.
        sdnn_ms: their standard deviation.
        rmssd_ms: root mean square of differences between successive NN intervals.
        pnn50: share of these differences that are larger than 50 ms.
        sdann_ms: standard deviation of the means of five-minute segments.
        lf_ms2: power from 0.04 to 0.15 Hz, the median of five-minute segments.
        hf_ms2: power from 0.15 to 0.40 Hz, likewise.
        lf_hf: median of the segments' ratios.
        n_segments: segments that have a spectrum.
    """

    total_s: float
    mean_nn_ms: float | None = None
    sdnn_ms: float | None = None
    rmssd_ms: float | None = None
    pnn50: float | None = None
    sdann_ms: float | None = None
    lf_ms2: float | None = None
    hf_ms2: float | None = None
    lf_hf: float | None = None
    n_segments: int = 0


def normal_intervals(
    beats: Beats, intervals: Intervals, fibrillation_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which RR intervals ``(beat - 1,)`` are NN: both beats normal, all of it read, no AF in it.

    Args:
        beats: the beats.
        intervals: the intervals between them.
        fibrillation_s: ``(episode, 2)``, episodes of atrial fibrillation, in order and apart.
    """
    normal = beats.label == "N"
    low, high = _NN_S
    begins = np.append(fibrillation_s[:, 0], np.inf)
    following = np.searchsorted(fibrillation_s[:, 1], beats.time_s[:-1], side="right")
    sinus = begins[following] >= beats.time_s[1:]
    plausible = (intervals.rr_s >= low) & (intervals.rr_s <= high)
    nn: NDArray[np.bool_] = intervals.usable & normal[:-1] & normal[1:] & plausible & sinus
    return nn


def variability(time_s: NDArray[np.float64], nn: NDArray[np.bool_]) -> Variability:
    """Give the figures of heart rate variability.

    Args:
        time_s: ``(beat,)``, times of all beats.
        nn: ``(beat - 1,)``, which of the intervals between them are NN.
    """
    rr_ms = 1000.0 * np.diff(time_s)
    total_s = float(rr_ms[nn].sum()) / 1000.0
    pair = nn[:-1] & nn[1:]
    if total_s < LEAST_S or not pair.any():
        return Variability(total_s)
    successive = np.diff(rr_ms)[pair]
    ends = time_s[1:][nn]
    segment = (ends / SEGMENT_S).astype(np.int64)
    lf, hf = _spectra(ends, rr_ms[nn], segment).T
    ratios = lf[hf > 0] / hf[hf > 0]
    return Variability(
        total_s=total_s,
        mean_nn_ms=float(rr_ms[nn].mean()),
        sdnn_ms=float(rr_ms[nn].std(ddof=1)),
        rmssd_ms=float(np.sqrt((successive**2).mean())),
        pnn50=float((np.abs(successive) > 50.0).mean()),
        sdann_ms=_sdann(rr_ms[nn], segment),
        lf_ms2=_median(lf),
        hf_ms2=_median(hf),
        lf_hf=_median(ratios),
        n_segments=len(lf),
    )


def _covered(rr_ms: NDArray[np.float64], segment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the segments of which NN intervals cover enough."""
    return np.flatnonzero(np.bincount(segment, weights=rr_ms) >= 1000.0 * LEAST_S)


def _sdann(rr_ms: NDArray[np.float64], segment: NDArray[np.int64]) -> float | None:
    means = [rr_ms[segment == k].mean() for k in _covered(rr_ms, segment).tolist()]
    return float(np.std(means, ddof=1)) if len(means) >= _LEAST_SEGMENTS else None


def _spectra(
    time_s: NDArray[np.float64], rr_ms: NDArray[np.float64], segment: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the power ``(segment, band)`` of LF and HF in ms2, by the Lomb periodogram.

    It takes the intervals where they are, so that nothing is put in place of ectopic beats: G. B. Moody,
    Spectral analysis of heart rate without resampling, Computers in Cardiology (1993) 715.
    """
    powers = [
        [_power(time_s[segment == k], rr_ms[segment == k], band) for band in (_LF_HZ, _HF_HZ)]
        for k in _covered(rr_ms, segment).tolist()
    ]
    return np.array(powers, np.float64).reshape(-1, 2)


def _power(time_s: NDArray[np.float64], rr_ms: NDArray[np.float64], band: tuple[float, float]) -> float:
    step_hz = 1.0 / (SEGMENT_S * _STEPS_PER_LINE)
    frequency = np.arange(band[0], band[1], step_hz)
    trend = np.polynomial.Polynomial.fit(time_s, rr_ms, 1)
    from scipy.signal import lombscargle  # takes long, and a strip has no spectrum

    power = lombscargle(time_s, rr_ms - trend(time_s), 2.0 * np.pi * frequency)
    # a sine of amplitude A has the power A^2 N / 4 there, over a width of 1 / T, and the variance A^2 / 2
    density = 2.0 * np.ptp(time_s) / len(time_s) * power
    return float(density.sum() * step_hz)


def _median(values: NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if len(values) else None
