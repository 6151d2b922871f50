"""The shape of a beat against the patient's beat template: P wave, QRS and T wave compared by number."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.template import BeatTemplates

_QRS_S = (-0.09, 0.11)
_P_S = (-0.28, -0.07)
_REGIONS_S = {"p": _P_S, "long_p": (-0.38, -0.07), "qrs": _QRS_S, "t": (0.12, 0.44)}
"""Where waves lie around the R peak, in s; the long P region holds the P wave of a long PR interval."""

_WIDTH_S = (-0.12, 0.16)
_LAGS_S = (-0.048, -0.032, -0.016, 0.0, 0.016, 0.032, 0.048)
"""By these a P wave may have moved and still be the usual one."""

_LARGEST = 2.0

_HEIGHT_S = (0.13, 0.19)
"""The beat template's height is taken so far before and after the R peak."""

_LEAST_HEIGHT = 0.1
"""A flatter beat template, in mV, is a loose electrode: it is not blown up."""

_FARTHEST = 6.0
"""Samples beyond so many heights of the beat template are artefacts."""

SHAPES = (
    *(f"{what}_{region}" for region in _REGIONS_S for what in ("likeness", "residual", "size")),
    "likeness_qrs_previous",
    "likeness_p_previous",
    "likeness_p_moved",
    "width_qrs",
)
"""Names of the numbers of one lead."""

AGAINST_SLOW = (
    *("likeness_p", "residual_p", "size_p", "likeness_p_moved"),
    *("likeness_qrs", "residual_qrs", "size_qrs", "width_qrs", "likeness_t"),
)
"""Of these, those that compare a beat with the template of the slow beats, in a long range."""


def shape_names(*, long_range: bool) -> tuple[str, ...]:
    """Name the numbers of one lead in their order."""
    return SHAPES + (tuple(f"{name}_slow" for name in AGAINST_SLOW) if long_range else ())


def scale_of(
    usual: NDArray[np.float32], *, before: int, fs_hz: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the median of each of ``(usual, lead, time)`` and the height of its QRS, ``(usual, lead, 1)``."""
    level = np.median(usual, axis=2, keepdims=True)
    qrs = usual[..., before - round(_HEIGHT_S[0] * fs_hz) : before + round(_HEIGHT_S[1] * fs_hz)]
    return level, np.maximum(np.ptp(qrs, axis=2, keepdims=True), np.float32(_LEAST_HEIGHT))


def scaled_beats(
    beats: NDArray[np.float32], level: NDArray[np.float32], height: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Take the template's median off beats, divide them by the height of its QRS, and clip artefacts."""
    scaled: NDArray[np.float32] = np.clip((beats - level) / height, -_FARTHEST, _FARTHEST)
    return scaled


def shapes_of_leads(
    beats: NDArray[np.float32],
    usual: BeatTemplates,
    slow: BeatTemplates | None,
    *,
    before: int,
    fs_hz: float,
) -> NDArray[np.float32]:
    """Compare the beats of a record with their templates, lead by lead; see `beat_shapes`.

    Args:
        beats: ``(beat, lead, time)``.
        usual: the beat templates, ``(usual, lead, time)``.
        slow: the templates of the slow beats, for numbers in a long range.
        before: samples of a window before the R peak.
        fs_hz: sampling frequency.

    Returns:
        ``(beat, lead * shape)`` in the order of `shape_names`.
    """
    chosen = [SHAPES.index(name) for name in AGAINST_SLOW]

    def compared(lead: int, templates: BeatTemplates) -> NDArray[np.float32]:
        """Compare the beats in one lead with templates."""
        own = BeatTemplates(templates.shape[:, lead], templates.of)
        return beat_shapes(beats[:, lead], own, before=before, fs_hz=fs_hz)

    columns = []
    for lead in range(beats.shape[1]):
        columns.append(compared(lead, usual))
        if slow is not None:
            columns.append(compared(lead, slow)[:, chosen])
    return np.concatenate(columns, axis=1)


def beat_shapes(
    beats: NDArray[np.float32],
    usual: BeatTemplates,
    *,
    before: int,
    fs_hz: float,
    previous: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Compare each beat of one lead with the patient's beat template, and with the beat before it.

    ``likeness`` is the correlation over a region, ``residual`` the logarithm of the root mean square
    difference, ``size`` the logarithm of the ratio of standard deviations. ``p_moved`` is the best
    correlation of the P region over some shifts. ``width_qrs`` is the logarithm of the ratio of (sum of
    |slope|) / (largest |slope|), which grows with the duration of the QRS. All are clipped at 2 either
    way.

    Args:
        beats: ``(beat, time)``, windows around the beats of a record in order, usual QRS of height near 1.
        usual: the beat templates ``(usual, time)``, and which of them is around each beat.
        before: samples of a window before the R peak.
        fs_hz: sampling frequency.
        previous: ``(beat, time)``, the beat before each, where ``beats`` are not of one record in order.

    Returns:
        ``(beat, shape)`` in the order of ``SHAPES``; those of a beat do not depend on how many there are.
    """
    if min(len(beats), len(usual.shape)) == 1:
        # Of one column alone the sum along time would be rounded in another way than of several.
        usual = BeatTemplates(np.repeat(usual.shape, 2, axis=0), np.append(2 * usual.of, 0))
        beats = np.concatenate([beats, beats[-1:]])
        others = None if previous is None else np.concatenate([previous, previous[-1:]])
        return beat_shapes(beats, usual, before=before, fs_hz=fs_hz, previous=others)[:-1]

    def region(limits_s: tuple[float, float], lag_s: float = 0.0) -> slice:
        """Give the samples between two times from the R wave, moved by a lag."""
        moved = round(lag_s * fs_hz)  # both ends by as much, or the region's length would depend on the lag
        start, stop = (before + round(limit * fs_hz) + moved for limit in limits_s)
        return slice(start, stop)

    # Samples before beats: sums over a region then run along all beats at once.
    beats, usuals, of = np.ascontiguousarray(beats.T), np.ascontiguousarray(usual.shape.T), usual.of
    columns = []
    for limits_s in _REGIONS_S.values():
        here, there = beats[region(limits_s)], usuals[region(limits_s)]
        columns += [
            _likeness(_centred(here), _centred(there), of),
            _residual(here, there[:, of]),
            _size(here, there, of),
        ]
    before_each = np.maximum(np.arange(beats.shape[1]) - 1, 0)
    qrs, p = _centred(beats[region(_QRS_S)]), _centred(beats[region(_P_S)])
    other_qrs, other_p = qrs, p
    if previous is not None:
        before_each, others = np.arange(beats.shape[1]), np.ascontiguousarray(previous.T)
        other_qrs, other_p = _centred(others[region(_QRS_S)]), _centred(others[region(_P_S)])
    usual_p = _centred(usuals[region(_P_S)])
    moved = [_likeness(_centred(beats[region(_P_S, lag)]), usual_p, of) for lag in _LAGS_S]
    columns += [
        _likeness(qrs, other_qrs, before_each),
        _likeness(p, other_p, before_each),
        np.max(moved, axis=0),
        _width(beats[region(_WIDTH_S)]) - _width(usuals[region(_WIDTH_S)])[of],
    ]
    clipped: NDArray[np.float32] = np.clip(np.stack(columns, axis=1), -_LARGEST, _LARGEST)
    return clipped


def _centred(region: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(region - region.mean(axis=0))


def _likeness(
    one: NDArray[np.float32], others: NDArray[np.float32], of: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Correlate each column with one of the others, ``of`` says which; all have a mean of zero."""
    product = (one * others[:, of]).sum(axis=0)
    # The constant keeps the likeness of two flat lines at 0.
    return np.asarray(product / np.sqrt(_energy(one) * _energy(others)[of] + 1e-6))


def _energy(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.square(centred).sum(axis=0))


def _residual(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    rms = np.sqrt(np.square(one - other).mean(axis=0))
    return np.asarray(0.3 * np.log(1e-3 + rms) + 0.6)  # about -1.5 for equal waves, 0.6 for opposite ones


def _size(
    one: NDArray[np.float32], others: NDArray[np.float32], of: NDArray[np.int64]
) -> NDArray[np.float32]:
    return np.asarray(np.log((one.std(axis=0) + 0.01) / (others.std(axis=0) + 0.01)[of]))


def _width(qrs: NDArray[np.float32]) -> NDArray[np.float32]:
    slope = np.abs(np.diff(qrs, axis=0))
    return np.asarray(np.log(1 + slope.sum(axis=0) / (slope.max(axis=0) + 0.01)))
