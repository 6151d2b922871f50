"""The main figures of a recording, as the page prints them: what is not defined is a dash that says why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgrnn.inference.page.annotated import BEATS, RHYTHMS, WAVES
from ecgrnn.inference.page.exhibits import NAMES
from ecgrnn.inference.page.findings import conduction, rate, rhythms, variability
from ecgrnn.inference.page.findings.findings import Findings
from ecgrnn.inference.page.times import Times, duration
from ecgrnn.reports.figures import DASH, counted, percent

RHYTHM_NAMES = {
    "N": "sinus rhythm",
    "A": "atrial fibrillation",
    "O": "other rhythm",
    "~": "too noisy to tell",
}


@dataclass(frozen=True)
class Fact:
    """One figure.

    Attributes:
        name: what it is.
        text: the figure with its unit, or a dash.
        note: of what or when it is, or why there is none.
        at_s: where to look.
    """

    name: str
    text: str
    note: str = ""
    at_s: float | None = None


def fact(
    name: str, value: float | None, pattern: str, *, why: str, note: str = "", at_s: float | None = None
) -> Fact:
    """Print a figure, or a dash and why there is none."""
    return Fact(name, DASH, why) if value is None else Fact(name, pattern.format(value), note, at_s)


def headline(found: Findings, times: Times, *, kinds: Sequence[str]) -> list[Fact]:
    """Give the main figures."""
    facts = _rate_facts(found, times, kinds)
    if BEATS in kinds:
        facts += _beat_facts(found, times)
    if RHYTHMS in kinds:
        facts.append(_rhythm_fact(found))
    if BEATS in kinds:
        v = found.variability
        facts.append(
            fact("SDNN", v.sdnn_ms, "{:.0f} ms", why=short_variability(found), note="normal intervals")
        )
    if WAVES in kinds:
        over = conduction.over_leads(found.conduction)
        corrected = None if over is None else over.qtc_fridericia_ms
        facts.append(
            fact(
                "QTc (Fridericia)",
                corrected,
                "{:.0f} ms",
                why="too few T waves of normal beats",
                note="median of leads",
            )
        )
    share = found.share_s(found.unreadable_s)
    facts.append(Fact("not readable", percent(share), f"of {duration(found.duration_s)}"))
    return facts


def _rate_facts(found: Findings, times: Times, kinds: Sequence[str]) -> list[Fact]:
    why = no_beat(found, kinds)
    slow, fast = rate.slowest(found.rates), rate.fastest(found.rates)
    facts = [
        fact(
            "mean heart rate",
            rate.mean_rate(found.intervals),
            "{:.0f} bpm",
            why=why,
            note="of all readable RR intervals",
        )
    ]
    if BEATS not in kinds:
        return facts
    for words, one in (("slowest 10 s", slow), ("fastest 10 s", fast)):
        if one is None:
            facts.append(Fact(words, DASH, why if not len(found.beats) else "no 10 s that could be read"))
        else:
            facts.append(Fact(words, f"{one.bpm:.0f} bpm", f"at {times.at(one.start_s)}", one.start_s))
    return facts


def no_beat(found: Findings, kinds: Sequence[str]) -> str:
    """Say why there is no RR interval."""
    if BEATS not in kinds:
        return "no model annotated beats"
    return "fewer than two beats in readable parts" if len(found.beats) else "no beat was found"


def _beat_facts(found: Findings, times: Times) -> list[Fact]:
    n_beats = len(found.beats)
    facts = [Fact("beats", f"{n_beats:,}")]
    for label in ("V", "S"):
        n_ectopic = int((found.beats.label == label).sum())
        facts.append(
            Fact(
                f"{NAMES[label]} beats",
                percent(n_ectopic / n_beats) if n_beats else DASH,
                f"{n_ectopic:,} of {n_beats:,}",
            )
        )
    pauses = rate.pauses(found.intervals)
    if len(pauses):
        longest = int(pauses[0])
        at_s = float(found.beats.time_s[longest])
        note = f"{counted(len(pauses), 'pause')} over 2 s, longest at {times.at(at_s)}{doubt(found, longest)}"
        facts.append(Fact("longest pause", f"{found.intervals.rr_s[longest]:.2f} s", note, at_s))
    else:
        facts.append(Fact("pauses over 2 s", "0" if found.intervals.usable.any() else DASH))
    return facts


def doubt(found: Findings, k: int) -> str:
    """Say where a pause is doubtful: the waves have QRS complexes in it that were not found as beats."""
    start_s, stop_s = found.beats.time_s[k : k + 2].tolist()
    inside = conduction.complexes_between(found.waves, start_s, stop_s)
    return (
        f"; doubtful: {inside} QRS {'complex' if inside == 1 else 'complexes'} marked in it" if inside else ""
    )


def _rhythm_fact(found: Findings) -> Fact:
    if len(found.rhythms) == 1:
        certainty = float(found.rhythms.certainty[0])
        note = "" if np.isnan(certainty) else f"whole recording, probability {certainty:.2f}"
        return Fact("rhythm", RHYTHM_NAMES.get(found.episodes[0].label, found.episodes[0].label), note)
    share = rhythms.burden(found.episodes)
    known = duration(rhythms.known_s(found.episodes))
    return fact(
        "atrial fibrillation",
        None if share is None else 100.0 * share,
        "{:.1f} %",
        why="no rhythm could be told",
        note=f"of {known} with a known rhythm",
    )


def short_variability(found: Findings) -> str:
    """Say why there is no heart rate variability."""
    total = duration(found.variability.total_s)
    return f"needs {duration(variability.LEAST_S)} of normal intervals, there are {total}"
