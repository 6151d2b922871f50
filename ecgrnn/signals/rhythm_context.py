"""The rhythm in which a beat stands: its RR intervals against the patient's own, near and far."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rank_filter

_NEAR, _MIDDLE, _FAR = 20, 100, 300
"""Beats of the windows over which quantiles run: seconds, a minute or two, some five minutes. The far one
outlasts most runs of tachycardia, the near one follows the heart rate."""

REACH_BEATS = _FAR + 2
"""No feature of a beat depends on one farther away: the far window where it ends with the beat, and the
differences of the intervals in it."""

_LONG = 3000
"""Beats of the window of long-range features, half an hour or more: it outlasts runs of 1,000 beats."""

_SHORTEST_RR_S, _LONGEST_RR_S = 0.15, 4.0
"""An interval outside is a false or a missed beat."""

_OF_NEAR, _OF_MIDDLE, _OF_FAR, _OF_CHANGES = (
    (0.25, 0.5, 0.75),
    (0.1, 0.5, 0.75, 0.9),
    (0.1, 0.5, 0.9),
    (0.5, 0.8),
)
"""Quantiles taken of RR intervals in each window, and of their changes in the near one."""

_LARGEST = 1.5
"""Logarithms of ratios are clipped here: beyond e^1.5 = 4.5 a larger ratio says nothing more."""

_FIRST = 16
"""The first beat, which ends no interval, gets the median of so many first intervals: a fixed number, so that
the rhythm does not depend on how much of the record is read at once."""

_RECENT, _SHORTER = 30, 0.03
"""Beats before, an interval is ranked among, and by how much, as a logarithm, a shorter one is shorter."""

_PAST = (
    "before_near",
    "before_middle",
    "before_middle_upper",
    "before_far",
    "before_far_upper",
    "previous_near",
    "second_previous_near",
    "change",
    "irregularity_near",
    "irregularity_middle",
    "irregularity_near_upper",
    "spread_near",
    "spread_middle",
    "far_upper",
    "far_lower",
    "near_far",
    "rank",
    "absolute_before",
    "absolute_near",
)
_FUTURE = (
    "after_near",
    "after_middle",
    "after_middle_upper",
    "after_far_upper",
    "after_change",
    "second_after_near",
    "pause",
)
_LONG_RANGE = ("before_long", "before_long_upper", "near_long_upper", "middle_long_upper", "long_upper")


def rhythm_names(*, causal: bool, long_range: bool = False) -> tuple[str, ...]:
    """Name the features of ``rhythm_context`` in their order; a causal reader has none of what follows."""
    return _PAST + (() if causal else _FUTURE) + (_LONG_RANGE if long_range else ())


def reach_beats(*, causal: bool, long_range: bool) -> int:
    """Give how many beats away a beat may be that a feature depends on."""
    return (_LONG if causal else _LONG // 2) + 2 if long_range else REACH_BEATS


def rhythm_context(
    sample: NDArray[np.int64], *, fs_hz: float, causal: bool, long_range: bool = False
) -> NDArray[np.float32]:
    """Describe the rhythm around each beat of a record, from the positions of its beats alone.

    All are natural logarithms of ratios, clipped at 1.5 either way. ``before``, ``previous``, ``after``
    and so on are RR intervals; ``near``, ``middle`` and ``far`` the medians of RR over 20, 100 and 300
    beats around the beat (before it and itself where causal), ``upper`` the 75 % quantile (90 % for
    far). ``irregularity`` is the running median of |ln RR_j / RR_(j-1)|, high in atrial fibrillation;
    ``spread`` compares quantiles of one window; ``pause`` is ln((RR_i + RR_(i+1)) / 2 near), near 0
    where a premature beat is compensated; ``rank`` is the share of the 30 intervals before that are
    shorter by 3 %, less a half.

    Args:
        sample: ``(beat,)``, positions in ascending order.
        fs_hz: sampling frequency of the positions.
        causal: look at this beat and those before it only.
        long_range: compare with the 90 % quantile and the median of RR over 3,000 beats, too, as ``long``:
            the sinus rhythm that a long tachycardia began from.

    Returns:
        ``(beat, feature)``, features in the order of ``rhythm_names``.
    """
    names = rhythm_names(causal=causal, long_range=long_range)
    if not len(sample):
        return np.zeros((0, len(names)), np.float32)
    before = _rr_before(sample, fs_hz=fs_hz, causal=causal)
    near = running_quantiles(before, _NEAR, _OF_NEAR, causal=causal)
    middle = running_quantiles(before, _MIDDLE, _OF_MIDDLE, causal=causal)
    far = running_quantiles(before, _FAR, _OF_FAR, causal=causal)
    change = np.diff(before, prepend=before[:1])
    near_changes = running_quantiles(np.abs(change), _NEAR, _OF_CHANGES, causal=causal)
    (middle_change,) = running_quantiles(np.abs(change), _MIDDLE, (0.5,), causal=causal)
    earlier = before, _shifted(before, -1), _shifted(before, -2)
    windows = _Windows(near, middle, far, near_changes, middle_change)
    features = _past(earlier, windows, change, _rank(before))
    if not causal:
        features |= _future(before, near, middle, far)
    if long_range:
        features |= _long_range(before, near[1], middle[1], causal=causal)
    return _columns(features, names)


def _columns(features: dict[str, NDArray[np.float64]], names: tuple[str, ...]) -> NDArray[np.float32]:
    columns = np.stack([features[name] for name in names], axis=1)
    clipped: NDArray[np.float32] = np.clip(columns, -_LARGEST, _LARGEST).astype(np.float32)
    return clipped


class RhythmHistory:
    """The causal ``rhythm_context`` of the beats of many patients, beat by beat, with bounded memory.

    Args:
        n_patients: how many there are.
        fs_hz: sampling frequency of the positions.
    """

    def __init__(self, n_patients: int, *, fs_hz: float) -> None:
        self._fs_hz = fs_hz
        # What a patient's first interval is taken for stands before it, too.
        self._before = np.full((n_patients, _FAR + 2), np.log(0.8))
        self._last = np.zeros(n_patients, np.int64)
        self._beats = np.zeros(n_patients, np.int64)

    def push(self, patient: NDArray[np.int64], sample: NDArray[np.int64]) -> NDArray[np.float32]:
        """Take the next beat of some patients.

        Args:
            patient: ``(beat,)``, whose it is; no one twice.
            sample: ``(beat,)``, its position.

        Returns:
            ``(beat, feature)``, what ``rhythm_context`` gives for it.
        """
        rr = np.log(np.clip((sample - self._last[patient]) / self._fs_hz, _SHORTEST_RR_S, _LONGEST_RR_S))
        known = np.minimum(self._beats[patient], _RECENT)
        history = self._before[patient]
        history[:, :-1] = history[:, 1:]
        history[:, -1] = np.where(known, rr, np.log(0.8))
        self._before[patient], self._last[patient] = history, sample
        self._beats[patient] += 1
        changes = np.diff(history[:, -_MIDDLE - 2 :], axis=1)
        sizes = np.abs(changes)
        (middle_change,) = _quantiles(sizes[:, -_MIDDLE - 1 :], (0.5,))
        windows = _Windows(
            near=_quantiles(history[:, -_NEAR - 1 :], _OF_NEAR),
            middle=_quantiles(history[:, -_MIDDLE - 1 :], _OF_MIDDLE),
            far=_quantiles(history[:, -_FAR - 1 :], _OF_FAR),
            near_changes=_quantiles(sizes[:, -_NEAR - 1 :], _OF_CHANGES),
            middle_change=middle_change,
        )
        shorter = history[:, -_RECENT - 1 : -1] < history[:, -1:] - _SHORTER
        shorter &= np.arange(_RECENT) >= _RECENT - known[:, None]
        earlier = history[:, -1], history[:, -2], history[:, -3]
        rank = _share(shorter.sum(axis=1), known)
        return _columns(_past(earlier, windows, changes[:, -1], rank), _PAST)


def _quantiles(windows: NDArray[np.float64], quantiles: tuple[float, ...]) -> NDArray[np.float64]:
    """Give quantiles of each of ``(window, value)`` as ``running_quantiles`` does: ``(quantile, window)``."""
    places = [(windows.shape[1] - 1) * quantile for quantile in quantiles]
    ranks = {int(place) + further for place in places for further in (0, int(place != int(place)))}
    ordered = np.partition(windows, sorted(ranks), axis=1)
    return np.stack([_between(lambda rank: ordered[:, rank], place) for place in places])


def running_quantiles(
    values: NDArray[np.float64], width: int, quantiles: tuple[float, ...], *, causal: bool
) -> NDArray[np.float64]:
    """Give quantiles over a window that runs along with each value.

    Args:
        values: ``(time,)``.
        width: values of a window beside the one it belongs to; half on either side, or all before it.
        quantiles: which.
        causal: the window ends with its value; before the first value, the first is repeated. Else values
            are mirrored at both ends.

    Returns:
        ``(quantile, time)``.

    Example:
        >>> running_quantiles(np.array([1.0, 5.0, 3.0, 4.0]), 2, (0.5,), causal=False)
        array([[5., 3., 4., 3.]])
    """
    if causal:
        padded = np.concatenate([np.full(width, values[0]), values])
    else:
        padded = np.pad(values, width // 2, mode="reflect" if len(values) > 1 else "edge")
    size = len(padded) - len(values) + 1
    return np.stack([_running_quantile(padded, (size - 1) * quantile, size=size) for quantile in quantiles])


def _running_quantile(padded: NDArray[np.float64], place: float, *, size: int) -> NDArray[np.float64]:
    """Give what stands at a place among the ordered values of each window, between two by their mean."""
    return _between(lambda rank: _running_rank(padded, rank, size=size), place)


def _between(ordered: Callable[[int], NDArray[np.float64]], place: float) -> NDArray[np.float64]:
    """Interpolate between the ranks on either side of a place."""
    below = int(place)
    low = ordered(below)
    if place == below:
        return low
    return low + (ordered(below + 1) - low) * (place - below)


def _running_rank(padded: NDArray[np.float64], rank: int, *, size: int) -> NDArray[np.float64]:
    ranked = rank_filter(padded, rank, size=size)
    return np.asarray(ranked[size // 2 : size // 2 + len(padded) - size + 1])


def _rr_before(sample: NDArray[np.int64], *, fs_hz: float, causal: bool) -> NDArray[np.float64]:
    """Give the logarithm of the RR interval that ends in each beat."""
    rr = np.log(np.clip(np.diff(sample) / fs_hz, _SHORTEST_RR_S, _LONGEST_RR_S))
    # The first beat ends no interval: it gets a usual one, of which a causal reader knows nothing yet.
    first = np.median(rr[:_FIRST]) if len(rr) and not causal else np.log(0.8)
    return np.concatenate([[first], rr])


class _Windows(NamedTuple):
    """Quantiles over the windows around each beat, ``(quantile, beat)``; of the last one the median."""

    near: NDArray[np.float64]
    middle: NDArray[np.float64]
    far: NDArray[np.float64]
    near_changes: NDArray[np.float64]
    middle_change: NDArray[np.float64]


def _past(
    earlier: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    windows: _Windows,
    change: NDArray[np.float64],
    rank: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Give the features of the past, from the intervals that end in each beat and in the two before."""
    (before, previous, second_previous), (near, middle, far, near_changes, middle_change) = earlier, windows
    # Irregularity and the spread of one window are small numbers: scaled, they weigh as much as the others.
    return {
        "before_near": before - near[1],
        "before_middle": before - middle[1],
        "before_middle_upper": before - middle[2],
        "before_far": before - far[1],
        "before_far_upper": before - far[2],
        "previous_near": previous - near[1],
        "second_previous_near": second_previous - near[1],
        "change": change,
        "irregularity_near": 4 * near_changes[0],
        "irregularity_middle": 4 * middle_change,
        "irregularity_near_upper": 2 * near_changes[1],
        "spread_near": 2 * (near[2] - near[0]),
        "spread_middle": middle[3] - middle[0],
        "far_upper": far[2] - far[1],
        "far_lower": far[0] - far[1],
        "near_far": near[1] - far[1],
        "rank": rank,
        "absolute_before": before - np.log(0.8),
        "absolute_near": near[1] - np.log(0.8),
    }


def _future(
    before: NDArray[np.float64],
    near: NDArray[np.float64],
    middle: NDArray[np.float64],
    far: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    after = _shifted(before, 1)
    return {
        "after_near": after - near[1],
        "after_middle": after - middle[1],
        "after_middle_upper": after - middle[2],
        "after_far_upper": after - far[2],
        "after_change": after - before,
        "second_after_near": _shifted(before, 2) - near[1],
        "pause": np.log((np.exp(before) + np.exp(after)) / 2) - near[1],
    }


def _long_range(
    before: NDArray[np.float64], near: NDArray[np.float64], middle: NDArray[np.float64], *, causal: bool
) -> dict[str, NDArray[np.float64]]:
    usual, upper = running_quantiles(before, _LONG, (0.5, 0.9), causal=causal)
    return {
        "before_long": before - usual,
        "before_long_upper": before - upper,
        "near_long_upper": near - upper,
        "middle_long_upper": middle - upper,
        "long_upper": upper - usual,
    }


def _shifted(values: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """Give the value ``by`` beats later; the last and the first are repeated."""
    return values[np.clip(np.arange(len(values)) + by, 0, len(values) - 1)]


def _rank(before: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.concatenate([np.full(_RECENT, np.inf), before])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _RECENT + 1)
    shorter = (windows[:, :-1] < windows[:, -1:] - _SHORTER).sum(axis=1)
    return _share(shorter, np.minimum(np.arange(len(before)), _RECENT))


def _share(shorter: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the share of the known intervals that is shorter, less a half; 0 where none is known."""
    return np.asarray(np.where(known, shorter / np.maximum(known, 1), 0.5) - 0.5)
