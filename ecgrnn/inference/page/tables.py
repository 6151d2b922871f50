"""The tables of the page: rows of findings as they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgrnn.inference.page.annotated import Rhythms
from ecgrnn.inference.page.exhibits import NAMES, least_certain
from ecgrnn.inference.page.facts import RHYTHM_NAMES, Fact, doubt, fact, short_variability
from ecgrnn.inference.page.findings import conduction, ectopy, rate, rhythms
from ecgrnn.inference.page.findings.findings import Findings
from ecgrnn.inference.page.times import Times, duration
from ecgrnn.metrics.ec57.runs import LONGEST
from ecgrnn.reports.figures import DASH, counted, percent
from ecgrnn.signals.rhythms.definitions import DEFINITIONS

LISTED = 12
"""Rows of a list at the most."""

_HOURS_FROM_S = 2 * 3600.0


def class_rows(found: Findings) -> list[tuple[str, str, int, float | None]]:
    """Give for each class its letter, name, count and share of all beats."""
    n_beats = len(found.beats)
    counts = {label: int((found.beats.label == label).sum()) for label in NAMES}
    return [
        (label, NAMES[label], count, count / n_beats if n_beats else None) for label, count in counts.items()
    ]


@dataclass(frozen=True)
class EctopyRow:
    """Sequences of one kind and class."""

    kind: str
    count: int
    n_beats: int
    longest: Fact
    fastest: Fact


def ectopy_rows(found: Findings, label: str, times: Times) -> list[EctopyRow]:
    """Give single beats, couplets, short and long runs, bigeminy and trigeminy of one class."""
    beats, intervals = found.beats, found.intervals
    runs = ectopy.runs(beats, intervals, label)
    kinds = [
        ("single beats", [one for one in runs if one.n_ectopic == 1]),
        ("couplets", [one for one in runs if one.n_ectopic == 2]),
        (f"runs of 3 to {LONGEST - 1}", [one for one in runs if 3 <= one.n_ectopic < LONGEST]),
        (f"runs of {LONGEST} and more", [one for one in runs if one.n_ectopic >= LONGEST]),
        ("bigeminy, episodes", ectopy.bigeminy(beats, intervals, label)),
        ("trigeminy, episodes", ectopy.trigeminy(beats, intervals, label)),
    ]
    return [_ectopy_row(label, kind, sequences, times, alone="runs" in kind) for kind, sequences in kinds]


def _ectopy_row(
    label: str, kind: str, sequences: list[ectopy.Sequence], times: Times, *, alone: bool
) -> EctopyRow:
    longest = ectopy.longest(sequences)
    fastest = ectopy.fastest(sequences) if alone else None
    nothing = Fact("", "")
    return EctopyRow(
        kind,
        len(sequences),
        sum(one.n_ectopic for one in sequences),
        nothing
        if longest is None or longest.n_ectopic == 1 or kind == "couplets"
        else Fact(
            "",
            f"{longest.n_ectopic} {label}, {longest.duration_s:.1f} s",
            times.at(longest.start_s),
            longest.start_s,
        ),
        nothing
        if fastest is None
        else Fact("", f"{fastest.bpm:.0f} bpm", times.at(fastest.start_s), fastest.start_s),
    )


def rate_rows(found: Findings, times: Times) -> list[Fact]:
    """Give slow and fast stretches."""
    rows = []
    stays = (
        (f"below {rate.SLOW_BPM:g} bpm", rate.bradycardia(found.rates)),
        (f"above {rate.FAST_BPM:g} bpm", rate.tachycardia(found.rates)),
    )
    for name, one in stays:
        if one is None:
            rows.append(Fact(name, DASH, "no 10 s that could be read"))
        elif one.longest_s:
            note = f"longest {duration(one.longest_s)} from {times.at(one.start_s)}"
            rows.append(Fact(name, f"{percent(one.share)} of the time", note, one.start_s))
        else:
            rows.append(Fact(name, "never"))
    return rows


def pause_rows(found: Findings, times: Times) -> list[Fact]:
    """Give the longest pauses."""
    rows = []
    for k in rate.pauses(found.intervals)[:LISTED].tolist():
        at_s, label = float(found.beats.time_s[k]), found.beats.label[k : k + 2].tolist()
        rows.append(
            Fact(
                times.at(at_s),
                f"{found.intervals.rr_s[k]:.2f} s",
                f"between {label[0]} and {label[1]}{doubt(found, k)}",
                at_s,
            )
        )
    return rows


def silent_rows(found: Findings, times: Times) -> list[Fact]:
    """Give the longest stretches without a beat."""
    lengths = found.silent_s[:, 1] - found.silent_s[:, 0]
    order = np.argsort(-lengths, kind="stable")[:LISTED].tolist()
    return [
        Fact(times.at(found.silent_s[k, 0]), duration(float(lengths[k])), "", float(found.silent_s[k, 0]))
        for k in order
    ]


def rhythm_rows(found: Findings) -> list[tuple[str, str, int, str, float | None]]:
    """Give for each rhythm its letter, name, number of episodes, time and share of the annotated time."""
    total = sum(one.duration_s for one in found.episodes)
    rows: list[tuple[str, str, int, str, float | None]] = []
    for label in dict.fromkeys([*RHYTHM_NAMES, *(one.label for one in found.episodes)]):
        episodes = rhythms.of_rhythm(found.episodes, label)
        if episodes:
            length = sum(one.duration_s for one in episodes)
            rows.append(
                (label, RHYTHM_NAMES.get(label, label), len(episodes), duration(length), length / total)
            )
    return rows


def episode_rows(episodes: Rhythms | None, times: Times) -> list[Fact]:
    """Give for each rhythm that is not N how often it is, how long, and where the longest episode begins."""
    if episodes is None:
        return []
    rows = []
    for name, definition in DEFINITIONS.items():
        chosen = np.flatnonzero(episodes.label == name)
        if name == "N" or not len(chosen):
            continue
        lengths = (episodes.stop_s - episodes.start_s)[chosen]
        start_s = float(episodes.start_s[chosen[lengths.argmax()]])
        text = f"{counted(len(chosen), 'episode')}, {duration(float(lengths.sum()))}"
        note = f"longest {duration(float(lengths.max()))}, at {times.at(start_s)}"
        rows.append(Fact(definition.meaning, text, note, start_s))
    return rows


def fibrillation_rows(found: Findings, times: Times) -> list[Fact]:
    """Give the longest episodes of AF that last 30 s and more."""
    episodes = rhythms.of_rhythm(found.episodes, shortest_s=rhythms.CLINICAL_AF_S)[:LISTED]
    return [Fact(times.at(one.start_s), duration(one.duration_s), "", one.start_s) for one in episodes]


def variability_rows(found: Findings) -> list[Fact]:
    """Give the figures of heart rate variability."""
    v, why = found.variability, short_variability(found)
    five = f"median of {counted(v.n_segments, 'segment')} of 5 min"
    no_segment = why if v.sdnn_ms is None else "no 5 min with 4 min of normal intervals"
    return [
        fact(
            "mean NN", v.mean_nn_ms, "{:.0f} ms", why=why, note=f"{duration(v.total_s)} of normal intervals"
        ),
        fact("SDNN", v.sdnn_ms, "{:.0f} ms", why=why),
        fact("RMSSD", v.rmssd_ms, "{:.0f} ms", why=why),
        fact("pNN50", None if v.pnn50 is None else 100.0 * v.pnn50, "{:.1f} %", why=why),
        fact(
            "SDANN", v.sdann_ms, "{:.0f} ms", why="needs an hour: 12 segments of 5 min", note="of 5-min means"
        ),
        fact("LF (0.04 to 0.15 Hz)", v.lf_ms2, "{:.0f} ms²", why=no_segment, note=five),
        fact("HF (0.15 to 0.40 Hz)", v.hf_ms2, "{:.0f} ms²", why=no_segment, note=five),
        fact("LF/HF", v.lf_hf, "{:.2f}", why=no_segment, note=five),
    ]


def conduction_rows(found: Findings) -> list[list[str]]:
    """Give PR, QRS, QT and QTc of each lead, and of all, in ms."""
    over = conduction.over_leads(found.conduction)
    rows = [*found.conduction, *([over] if over is not None and len(found.conduction) > 1 else [])]
    return [
        [
            one.lead or "median of leads",
            f"{one.n_beats:,}",
            *(_ms(getattr(one, name)) for name in conduction.MEASURES),
        ]
        for one in rows
    ]


def _ms(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}"


def quality_rows(found: Findings, leads: Sequence[str]) -> list[list[str]]:
    """Give for each lead the share of the time that it is missing, flat or saturated."""
    q = found.quality
    return [
        [lead, *(percent(float(mask[:, k].mean())) for mask in (q.missing, q.flat, q.saturated, q.bad))]
        for k, lead in enumerate(leads)
    ]


def certainty_rows(found: Findings, times: Times) -> list[Fact]:
    """Give the least certain beats."""
    beats = found.beats
    return [
        Fact(
            times.at(float(beats.time_s[k])),
            str(beats.label[k]),
            f"{beats.certainty[k]:.2f}",
            float(beats.time_s[k]),
        )
        for k in least_certain(found, LISTED)
    ]


def hour_rows(found: Findings, times: Times) -> list[list[str | int]]:
    """Give a row for each hour of a long recording: rates, ectopic beats, pauses, what could not be read."""
    if found.duration_s < _HOURS_FROM_S:
        return []
    pauses = np.sort(found.beats.time_s[rate.pauses(found.intervals)])
    rows: list[list[str | int]] = []
    for start in np.arange(0.0, found.duration_s - 60.0, 3600.0).tolist():
        stop = min(start + 3600.0, found.duration_s)
        first, last = np.searchsorted(found.beats.time_s, [start, stop]).tolist()
        label = found.beats.label[first:last]
        rates = found.rates[round(start / rate.WINDOW_S) : round(stop / rate.WINDOW_S)]
        usable = slice(max(first - 1, 0), max(last - 1, 0))
        within = rate.Intervals(found.intervals.rr_s[usable], found.intervals.usable[usable])
        mean, slow, fast = rate.mean_rate(within), rate.slowest(rates), rate.fastest(rates)
        lost = np.clip(found.unreadable_s, start, stop)
        rows.append(
            [
                times.at(start),
                last - first,
                _bpm(mean),
                _bpm(None if slow is None else slow.bpm),
                _bpm(None if fast is None else fast.bpm),
                int((label == "V").sum()),
                int((label == "S").sum()),
                int(np.diff(np.searchsorted(pauses, [start, stop]))[0]),
                percent(float((lost[:, 1] - lost[:, 0]).sum()) / (stop - start)),
            ]
        )
    return rows


def _bpm(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}"
