"""From beats to episodes: which rhythm each beat is part of, and where one rhythm follows another."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecgrnn.signals.rhythms.definitions import (
    CYCLES,
    FAST_BPM,
    FIBRILLATION_S,
    LEAST_P,
    NOISE_S,
    OPINION_BIAS,
    PAUSE_S,
    RATE_BEATS,
    RATE_S,
    RUN_BEATS,
    RUN_BPM,
    SLOW_BPM,
)
from ecgrnn.signals.rhythms.fibrillation import irregularity


@dataclass(frozen=True)
class Opinion:
    """What a model says of stretches of the recording.

    Attributes:
        start_s: ``(stretch,)`` from the recording's beginning, rising.
        stop_s: ``(stretch,)``, where they end.
        fibrillation: ``(stretch,)``, probability of atrial fibrillation.
    """

    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]
    fibrillation: NDArray[np.float64]

    def log_odds(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the log-odds of fibrillation at some times ``(time,)``, 0 where it says nothing."""
        p = np.clip(self.fibrillation, LEAST_P, 1 - LEAST_P)
        at = np.maximum(np.searchsorted(self.start_s, time_s, side="right") - 1, 0)
        inside = (time_s >= self.start_s[at]) & (time_s < self.stop_s[at])
        return np.where(inside, np.log(p / (1 - p))[at], 0.0)


@dataclass(frozen=True)
class Episodes:
    """Rhythms one after the other, and pauses among them.

    Attributes:
        start_s: ``(episode,)`` from the recording's beginning, never falling.
        stop_s: ``(episode,)``.
        name: ``(episode,)``, a key of ``definitions.DEFINITIONS``.
        beats: ``(episode,)``, beats in it; of a pause 0.
        bpm: ``(episode,)``, its mean heart rate; NaN where fewer than two beats are in it.
    """

    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]
    name: NDArray[np.str_]
    beats: NDArray[np.int64]
    bpm: NDArray[np.float64]


def find_episodes(
    time_s: NDArray[np.float64],
    label: NDArray[np.str_],
    *,
    duration_s: float,
    unreadable_s: NDArray[np.float64] | None = None,
    opinion: Opinion | None = None,
) -> Episodes:
    """Find the episodes of a recording; the rules are those of ``definitions.DEFINITIONS``.

    Args:
        time_s: ``(beat,)``, times of the beats, rising.
        label: ``(beat,)``, their AAMI classes.
        duration_s: length of the recording.
        unreadable_s: ``(stretch, 2)``, in order and apart, where nothing could be read.
        opinion: what a model of rhythms says: its log-odds of fibrillation are added to those of the RR
            intervals.

    Returns:
        The rhythms, which follow each other from the first beat on without a gap, with pauses beside them.
    """
    unreadable = _joined(np.zeros((0, 2)) if unreadable_s is None else unreadable_s)
    readable = ~_inside(time_s, unreadable)
    time_s, label = time_s[readable], label[readable]
    usable = _usable(time_s, unreadable)
    rr_s = np.diff(time_s)
    of_beat = np.full(len(time_s), "N", "<U5")
    _call_rates(of_beat, rr_s, usable, time_s)
    _call_runs(of_beat, time_s, label, usable, of="S", fast="SVTA", slow=None)
    if len(rr_s):
        _call_fibrillation(of_beat, rr_s, label, usable, time_s, opinion)
    _call_cycles(of_beat, label, usable, period=3, name="T")
    _call_cycles(of_beat, label, usable, period=2, name="B")
    _call_runs(of_beat, time_s, label, usable, of="V", fast="VT", slow="IVR")
    return _episodes(time_s, of_beat, usable, unreadable, duration_s=duration_s)


def _joined(unreadable: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join stretches with hardly anything between them."""
    near = unreadable[1:, 0] - unreadable[:-1, 1] < NOISE_S
    first, last = np.append(True, ~near)[: len(unreadable)], np.append(~near, True)[: len(unreadable)]
    return np.stack([unreadable[first, 0], unreadable[last, 1]], axis=1)


def _inside(time_s: NDArray[np.float64], unreadable: NDArray[np.float64]) -> NDArray[np.bool_]:
    begun = np.searchsorted(unreadable[:, 0], time_s, side="right")
    return np.asarray(begun > np.searchsorted(unreadable[:, 1], time_s, side="right"))


def _usable(time_s: NDArray[np.float64], unreadable: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell of each RR interval whether nothing unreadable is in it."""
    begins = np.append(unreadable[:, 0], np.inf)
    following = np.searchsorted(unreadable[:, 1], time_s[:-1], side="right")
    return np.asarray(begins[following] >= time_s[1:])


def _call_rates(
    of_beat: NDArray[np.str_],
    rr_s: NDArray[np.float64],
    usable: NDArray[np.bool_],
    time_s: NDArray[np.float64],
) -> None:
    rows = np.flatnonzero(usable)
    if len(rows) < RATE_BEATS:
        return
    half = RATE_BEATS // 2
    median = np.median(sliding_window_view(rr_s[rows], RATE_BEATS), axis=1)
    bpm = 60.0 / np.pad(median, half, mode="edge")
    for name, beyond in (("SBR", bpm < SLOW_BPM), ("STACH", bpm > FAST_BPM)):
        inside = np.zeros(len(time_s), np.bool_)
        inside[rows[beyond]] = True
        for first, last in _spans(inside):
            if time_s[min(last, len(time_s) - 1)] - time_s[first] >= RATE_S:
                of_beat[first:last] = name


def _call_fibrillation(
    of_beat: NDArray[np.str_],
    rr_s: NDArray[np.float64],
    label: NDArray[np.str_],
    usable: NDArray[np.bool_],
    time_s: NDArray[np.float64],
    opinion: Opinion | None,
) -> None:
    ventricular = np.isin(label, ("V", "F", "Q"))
    odds = irregularity(rr_s, ventricular[:-1] | ventricular[1:], usable)
    if opinion is not None and len(opinion.start_s):
        odds += opinion.log_odds(time_s[:-1]) + OPINION_BIAS
    for first, last in _spans(odds > 0):
        if time_s[last] - time_s[first] >= FIBRILLATION_S:
            of_beat[first : last + (last == len(rr_s))] = "AFIB"


def _call_cycles(
    of_beat: NDArray[np.str_], label: NDArray[np.str_], usable: NDArray[np.bool_], *, period: int, name: str
) -> None:
    """Call beats of which every ``period``-th is V, the others N, from the first N before the first V on."""
    ventricular, normal = label == "V", label == "N"
    turn = ventricular.copy()
    lost = np.concatenate([[0], np.cumsum(~usable)])
    for back in range(1, period):
        turn[back:] &= normal[:-back]
        turn[:back] = False
    turn[period - 1 :] &= lost[period - 1 :][: len(turn) - period + 1] == lost[: len(turn) - period + 1]
    at = np.flatnonzero(turn)
    linked = (np.diff(at) == period) & (lost[at[1:]] == lost[at[:-1]])
    for first, last in _linked(linked, len(at)):
        if last - first >= CYCLES:
            of_beat[at[first] - period + 1 : at[last - 1] + 1] = name


def _call_runs(
    of_beat: NDArray[np.str_],
    time_s: NDArray[np.float64],
    label: NDArray[np.str_],
    usable: NDArray[np.bool_],
    *,
    of: str,
    fast: str,
    slow: str | None,
) -> None:
    at = np.flatnonzero(label == of)
    linked = (np.diff(at) == 1) & usable[at[:-1]] if len(at) else np.zeros(0, np.bool_)
    for first, last in _linked(linked, len(at)):
        if last - first < RUN_BEATS:
            continue
        begin, end = at[first], at[last - 1]
        bpm = 60.0 * (end - begin) / (time_s[end] - time_s[begin])
        name = fast if bpm >= RUN_BPM else slow
        if name is not None:
            of_beat[begin : end + 1] = name


def _linked(linked: NDArray[np.bool_], n: int) -> list[tuple[int, int]]:
    """Give first and one past the last of each chain among ``n`` things, of which neighbours are linked."""
    if not n:
        return []
    edges = np.concatenate([[0], np.flatnonzero(~linked) + 1, [n]])
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _spans(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give first and one past the last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _episodes(
    time_s: NDArray[np.float64],
    of_beat: NDArray[np.str_],
    usable: NDArray[np.bool_],
    unreadable: NDArray[np.float64],
    *,
    duration_s: float,
) -> Episodes:
    """Let each rhythm last from its first beat to the next one's, with what could not be read between."""
    changed = np.append(True, (of_beat[1:] != of_beat[:-1]) | ~usable)[: len(of_beat)]
    first = np.flatnonzero(changed)
    start_s = np.concatenate([time_s[first], unreadable[:, 0]])
    name = np.concatenate([of_beat[first], np.full(len(unreadable), "NOISE")])
    order = np.lexsort((name != "NOISE", start_s))
    start_s, name = start_s[order], name[order]
    stop_s = np.append(start_s[1:], duration_s)[: len(start_s)]
    kept = np.append(True, name[1:] != name[:-1])[: len(name)] & (stop_s >= start_s)
    start_s, name = start_s[kept], name[kept]
    stop_s = np.append(start_s[1:], duration_s)[: len(start_s)]
    pause = np.flatnonzero(usable & (np.diff(time_s) > PAUSE_S))
    return _counted(
        time_s,
        np.concatenate([start_s, time_s[pause]]),
        np.concatenate([stop_s, time_s[pause + 1]]),
        np.concatenate([name, np.full(len(pause), "PAUSE")]),
    )


def _counted(
    time_s: NDArray[np.float64],
    start_s: NDArray[np.float64],
    stop_s: NDArray[np.float64],
    name: NDArray[np.str_],
) -> Episodes:
    """Put episodes in order and give the beats and the heart rate of each."""
    order = np.argsort(start_s, kind="stable")
    start_s, stop_s, name = start_s[order], stop_s[order], name[order]
    first, last = np.searchsorted(time_s, start_s), np.searchsorted(time_s, stop_s)
    beats = np.where(name == "PAUSE", 0, last - first)
    several = beats > 1
    bpm = np.full(len(beats), np.nan)
    bpm[several] = 60.0 * (beats[several] - 1) / (time_s[last[several] - 1] - time_s[first[several]])
    return Episodes(start_s, stop_s, name, beats, bpm)
