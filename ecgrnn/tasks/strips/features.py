"""Numbers that describe a short strip as a whole: how regular its rhythm is and how alike its beats are."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.detection.detect import detect_qrs

RHYTHM_FEATURES = (
    "rate",
    "earliest",
    "early",
    "late",
    "latest",
    "median_step",
    "mean_step",
    "steps_over_5",
    "steps_over_10",
    "steps_over_20",
    "early_then_late",
    "lag_1",
    "lag_2",
    "turning_points",
    "entropy",
)
SHAPE_FEATURES = (
    "qrs_alike",
    "qrs_least_alike",
    "qrs_unlike",
    "height_spread",
    "polarity",
    "qrs_wide",
    "p_alike",
    "p_height",
    "p_noise",
    "t_alike",
    "t_height",
)
QUALITY_FEATURES = ("beats", "detected", "noise", "outlier", "quiet")
STRIP_FEATURES = (*RHYTHM_FEATURES, *SHAPE_FEATURES, *QUALITY_FEATURES)

LIMIT = 3.0
"""No feature is let beyond this: what lies further out says nothing more."""

_QRS_S = (-0.1, 0.1)
_P_S = (-0.28, -0.08)
_T_S = (0.12, 0.42)
"""Windows around the R peak that hold the waves of most hearts at rest."""

_FEWEST = 4
"""Beats below which neither rhythm nor shape is described."""

_ENTROPY_STEP = 0.05
"""Width of the bins that the entropy of the RR intervals is counted in, as a share of the median."""


def strip_features(
    lead: NDArray[np.float32], *, fs_hz: float, beats: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Describe one lead of a strip.

    With d = ln(RR / median RR) and s = the difference of neighbours in ln RR, the rhythm is described by the
    quantiles 0, 0.1, 0.9 and 1 of d, the median and the mean of abs(s) and how often it is above 0.05, 0.1
    and 0.2, the share of early beats before a pause, the correlations of d with itself one and two
    beats on (bigeminy, trigeminy), the share of turning points (two thirds without order), and the
    entropy of d. Shape is the correlation of each beat's QRS, P and T window with the median beat, their
    heights against the QRS complex, and what is left in the P window when the median beat is taken away. The
    rest is about quality. Where fewer than 4 beats were found, rhythm and shape are all 0.

    Args:
        lead: ``(time,)``, filtered, in mV or normalised. The search for beats takes a lead for flat whose QRS
            complexes stay below floors in mV (``qrs_energy.LEVEL_FLOOR_MV``); far above them the features
            hardly depend on the scale.
        fs_hz: sampling frequency, at least 60 Hz.
        beats: ``(beat,)`` samples of the beats, rising; None finds them in the lead.

    Returns:
        ``(feature,)`` in the order of ``STRIP_FEATURES``, each from -3 to 3.
    """
    if beats is None:
        beats = detect_qrs(np.ascontiguousarray(lead, np.float32)[:, np.newaxis], fs_hz=fs_hz)
    else:
        beats = np.unique(beats)  # rounded to the samples of the strip, two can be one
    enough = len(beats) >= _FEWEST
    rhythm = _rhythm(np.diff(beats) / fs_hz) if enough else [0.0] * len(RHYTHM_FEATURES)
    shape = _shape(lead, beats, fs_hz=fs_hz) if enough else [0.0] * len(SHAPE_FEATURES)
    values = np.array([*rhythm, *shape, *_quality(lead, beats, fs_hz=fs_hz)])
    return np.asarray(np.clip(np.nan_to_num(values), -LIMIT, LIMIT), np.float32)


def _rhythm(rr_s: NDArray[np.float64]) -> list[float]:
    x = np.log(rr_s)
    usual = float(np.median(x))
    d, step = x - usual, np.abs(np.diff(x))
    earliest, early, late, latest = np.quantile(d, [0.0, 0.1, 0.9, 1.0])
    paused = (d[:-1] < -0.12) & (d[1:] > 0.04)
    turning = np.diff(np.sign(np.diff(x))) != 0
    return [
        usual - float(np.log(0.8)),
        2 * earliest,
        4 * early,
        4 * late,
        2 * latest,
        8 * float(np.median(step)),
        4 * float(np.mean(step)),
        *(2 * float(np.mean(step > limit)) for limit in (0.05, 0.1, 0.2)),
        5 * float(np.mean(paused)),
        _lagged(d, 1),
        _lagged(d, 2),
        2 * float(np.mean(turning)) if len(turning) else 0.0,
        _entropy(d),
    ]


def _lagged(d: NDArray[np.float64], lag: int) -> float:
    """Correlate a series with itself some beats on; -1 for one and 1 for two is a bigeminy."""
    centred = d - d.mean()
    energy = float(centred @ centred)
    return float(centred[lag:] @ centred[:-lag]) / energy if energy > 1e-6 and len(d) > lag else 0.0


def _entropy(d: NDArray[np.float64]) -> float:
    counts = np.unique(np.round(d / _ENTROPY_STEP), return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def _shape(lead: NDArray[np.float32], beats: NDArray[np.int64], *, fs_hz: float) -> list[float]:
    first, last = _offsets(_P_S, fs_hz)[0], _offsets(_T_S, fs_hz)[-1]
    inside = beats[(beats + first >= 0) & (beats + last < len(lead))]
    if len(inside) < 2:
        return [0.0] * len(SHAPE_FEATURES)
    qrs, p, t = (lead[inside[:, np.newaxis] + _offsets(window, fs_hz)] for window in (_QRS_S, _P_S, _T_S))
    usual = np.median(qrs, axis=0)
    height = float(np.ptp(usual)) + 1e-6
    alike = _alike(qrs)
    heights = np.log(np.ptp(qrs, axis=1) / height + 1e-3)
    usual_p, usual_t = np.median(p, axis=0), np.median(t, axis=0)
    return [
        float(np.median(alike)),
        float(alike.min()),
        4 * float(np.mean(alike < 0.8)),
        4 * float(np.median(np.abs(heights - np.median(heights)))),
        2 * float(usual.max() + usual.min() - 2 * np.median(lead)) / height,
        3 * float(np.mean(np.abs(usual - np.median(lead)) > height / 4)),
        float(np.median(_alike(p))),
        4 * float(np.ptp(usual_p)) / height,
        10 * float(np.median(np.std(p - usual_p, axis=1))) / height,
        float(np.median(_alike(t))),
        2 * float(np.ptp(usual_t)) / height,
    ]


def _alike(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlate each window ``(beat, time)`` with the median of all."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    usual = np.median(centred, axis=0)
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(usual)
    return np.asarray(centred @ usual / np.maximum(norms, 1e-9), np.float64)


def _quality(lead: NDArray[np.float32], beats: NDArray[np.int64], *, fs_hz: float) -> list[float]:
    block = max(1, round(fs_hz))
    blocks = lead[: max(len(lead) // block, 1) * block]
    heights = np.ptp(blocks.reshape(-1, min(block, len(blocks))), axis=1)
    usual = float(np.median(heights)) + 1e-6
    bends = np.abs(np.diff(lead, n=2))
    return [
        len(beats) / len(lead) * fs_hz,
        1.0 if len(beats) >= _FEWEST else 0.0,
        20 * float(np.median(bends)) / usual if len(bends) else 0.0,
        float(np.log((float(heights.max()) + 1e-6) / usual)),
        3 * float(np.mean(heights < usual / 3)),
    ]


def _offsets(window_s: tuple[float, float], fs_hz: float) -> NDArray[np.int64]:
    return np.arange(round(window_s[0] * fs_hz), round(window_s[1] * fs_hz) + 1)
