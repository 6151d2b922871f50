"""Chooses the strips that matter: fastest, slowest, pauses, each kind of ectopy, the least certain beats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecgrnn.inference.page.findings import ectopy, rate, rhythms
from ecgrnn.inference.page.findings.findings import Findings

STRIP_S = 10.0

WHOLE_S = 60.0
"""A recording up to here is shown as a whole, and no part of it by itself."""

_APART_S = 4.0
"""Strips that begin nearer to each other are shown as one."""

_FOCUS_S = 0.12
"""Shaded before the first and behind the last beat that a strip is shown for."""

_PAUSES, _UNSURE, _SILENT = 3, 3, 3

NAMES = {
    "N": "normal",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion",
    "Q": "unclassifiable or paced",
}


@dataclass(frozen=True)
class Exhibit:
    """A strip.

    Attributes:
        titles: why it is shown.
        start_s: where it begins.
        focus_s: ``(begin, end)`` of what it is shown for.
    """

    titles: tuple[str, ...]
    start_s: float
    focus_s: tuple[tuple[float, float], ...] = ()


def choose(found: Findings) -> list[Exhibit]:
    """Choose the strips of a recording; the same findings give the same choice."""
    last_s = max(found.duration_s - STRIP_S, 0.0)
    chosen: list[Exhibit] = []
    for one in _wanted(found):
        start_s = float(np.clip(one.start_s, 0.0, last_s))
        near = next((k for k, other in enumerate(chosen) if abs(other.start_s - start_s) < _APART_S), None)
        if near is None:
            chosen.append(replace(one, start_s=start_s))
        else:
            both = chosen[near]
            chosen[near] = Exhibit(both.titles + one.titles, both.start_s, both.focus_s + one.focus_s)
    return chosen


def whole(found: Findings) -> list[Exhibit]:
    """Cut a short recording into strips."""
    n_strips = max(1, int(np.ceil(found.duration_s / STRIP_S - 0.1)))
    return [Exhibit((), k * STRIP_S) for k in range(n_strips)]


def _wanted(found: Findings) -> Iterator[Exhibit]:
    yield from _of_rate(found)
    yield from _silent(found)
    for label in ("V", "S"):
        yield from _of_ectopy(found, label)
    for label in ("F", "Q"):
        yield from _surest(found, label, f"{NAMES[label]} beat".capitalize())
    for episode in rhythms.of_rhythm(found.episodes)[:1]:
        yield Exhibit((f"Longest atrial fibrillation, {episode.duration_s:,.0f} s",), episode.start_s)
    for beat in least_certain(found, _UNSURE):
        label, certainty = str(found.beats.label[beat]), float(found.beats.certainty[beat])
        yield _around(found, (beat,), f"Among the least certain beats: {label}, probability {certainty:.2f}")


def _of_rate(found: Findings) -> Iterator[Exhibit]:
    rates = found.rates
    if np.isfinite(rates).any():
        usual = int(np.nanargmin(np.abs(rates - np.nanmedian(rates))))
        yield Exhibit((f"Usual rate, {rates[usual]:.0f} bpm",), usual * rate.WINDOW_S)
    for words, extreme in (("Fastest", rate.fastest(rates)), ("Slowest", rate.slowest(rates))):
        if extreme is not None:
            yield Exhibit((f"{words} 10 s, {extreme.bpm:.0f} bpm",), extreme.start_s)
    for place, k in enumerate(rate.pauses(found.intervals)[:_PAUSES].tolist()):
        words = "Longest pause" if place == 0 else f"Pause {place + 1}"
        yield _around(found, (k, k + 1), f"{words}, {found.intervals.rr_s[k]:.2f} s")


def _silent(found: Findings) -> Iterator[Exhibit]:
    lengths = found.silent_s[:, 1] - found.silent_s[:, 0]
    for k in np.argsort(-lengths, kind="stable")[:_SILENT].tolist():
        yield Exhibit(
            (f"No beat for {lengths[k]:.1f} s: asystole, or not readable",), float(found.silent_s[k, 0]) - 2.0
        )


def _of_ectopy(found: Findings, label: str) -> Iterator[Exhibit]:
    beats, intervals = found.beats, found.intervals
    sequences = ectopy.runs(beats, intervals, label)
    single = [one.first for one in sequences if one.n_ectopic == 1]
    yield from _surest(found, label, f"Single {NAMES[label]} beat", among=single)
    couplets = [one for one in sequences if one.n_ectopic == 2]
    if couplets:
        yield _around(found, range(couplets[0].first, couplets[0].last + 1), f"{label} couplet")
    runs = [one for one in sequences if one.n_ectopic > 2]
    longest, fastest = ectopy.longest(runs), ectopy.fastest(runs)
    named = (
        (("Longest and fastest", longest),)
        if longest is fastest
        else (("Longest", longest), ("Fastest", fastest))
    )
    for words, one in named:
        if one is not None and one.bpm is not None:
            title = f"{words} {label} run, {one.n_ectopic} beats at {one.bpm:.0f} bpm"
            yield _around(found, range(one.first, one.last + 1), title)
    for words, episodes in (
        ("bigeminy", ectopy.bigeminy(beats, intervals, label)),
        ("trigeminy", ectopy.trigeminy(beats, intervals, label)),
    ):
        one = ectopy.longest(episodes)
        if one is not None:
            yield Exhibit((f"Longest {label} {words}, {one.n_ectopic} ectopic beats",), one.start_s - 1.5)


def _surest(found: Findings, label: str, title: str, among: Sequence[int] | None = None) -> Iterator[Exhibit]:
    """Show the surest beat of a class."""
    beats = np.flatnonzero(found.beats.label == label) if among is None else np.array(among, np.int64)
    if len(beats):
        certainty = np.nan_to_num(found.beats.certainty[beats], nan=0.0)
        yield _around(found, (int(beats[certainty.argmax()]),), title)


def _around(found: Findings, beats: Sequence[int], title: str) -> Exhibit:
    """Show beats in the middle of a strip, or the first of them where there is no room for all."""
    times = found.beats.time_s[list(beats)]
    first, last = float(times[0]), float(times[-1])
    start = (first + last - STRIP_S) / 2 if last - first < STRIP_S - 3.0 else first - 1.5
    return Exhibit((title,), start, ((first - _FOCUS_S, last + _FOCUS_S),))


def least_certain(found: Findings, count: int) -> list[int]:
    """Give the beats whose class has the lowest probability, at most one in ten seconds, the least first."""
    certainty, chosen = found.beats.certainty, list[int]()
    for beat in np.argsort(certainty, kind="stable").tolist():
        if len(chosen) == count or np.isnan(certainty[beat]):
            break
        time = found.beats.time_s[beat]
        if all(abs(found.beats.time_s[other] - time) >= STRIP_S for other in chosen):
            chosen.append(beat)
    return chosen
