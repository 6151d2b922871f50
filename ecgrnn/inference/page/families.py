"""The families of beats that the page asks about: a card for each, and what its script reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Families
from ecgrnn.inference.page.drawing import samples
from ecgrnn.inference.page.drawing.strips import annotated_strip
from ecgrnn.inference.page.drawing.template import Pane, template_svg
from ecgrnn.inference.page.exhibits import NAMES
from ecgrnn.inference.page.findings.findings import Findings
from ecgrnn.inference.page.times import Times
from ecgrnn.reports.figures import DASH
from ecgrnn.signals.recording import Recording

_STRIP_S = 5.0

_STRIP_LEADS, _TEMPLATE_LEADS = 2, 12

_STRIP_HZ = 125.0
"""Of templates and strips of families: 0.2 mm of paper for each sample."""

_LINES, _FOLDED_LINES = (6, 24, 288), 6
"""Beats drawn over a template: at least, at most, and over the first ones together; over a folded one."""

_FIRST = (12, 24)
"""Families with three strips, at least and at most; those that follow are folded, and have one."""

_SETTLED = 0.999
"""Between both, the families that follow are those whose answers change less than a beat in a thousand."""

_FOCUS_S = 0.12


@dataclass(frozen=True)
class Strip:
    """A strip of a family.

    Attributes:
        title: which of its beats is shown.
        at: when that is.
        at_s: the same in seconds.
        drawing: the strip.
    """

    title: str
    at: str
    at_s: float
    drawing: str


@dataclass(frozen=True)
class Card:
    """A family as it is shown.

    Attributes:
        family: its number.
        label: its class.
        name: what that is.
        p: mean probability of the class; None where there is none.
        n: its beats.
        share: their share of all beats.
        settled: expected share of right beats once this family and all before it are answered.
        rr: intervals before and after its beats, in words.
        first: when its first beat is.
        last: when its last one is.
        template: the template over some of its beats.
        strips: nearest to the family's middle, then farthest from it.
    """

    family: int
    label: str
    name: str
    p: float | None
    n: int
    share: float
    settled: float
    rr: str
    first: str
    last: str
    template: str
    strips: list[Strip]


@dataclass(frozen=True)
class Asked:
    """All families.

    Attributes:
        cards: a card for each, the one that matters most first.
        n_first: how many are shown unfolded.
        data: what the script reads.
    """

    cards: list[Card]
    n_first: int
    data: dict[str, object]


def ask(
    families: Families,
    recording: Recording,
    found: Findings,
    times: Times,
    order: tuple[int, ...],
    beats: NDArray[np.int64],
) -> Asked | None:
    """Draw the families; None where no beat is left in them.

    Args:
        families: the families.
        recording: their recording.
        found: its findings.
        times: how its times are printed.
        order: its leads, the one that is drawn first.
        beats: ``(beat,)`` sample of each beat.
    """
    page = _Page(families, recording, found, times, sorted(order[:_STRIP_LEADS]), beats)
    settled = np.asarray(families.columns["settled"], np.float64)
    n_first = int(np.clip(np.searchsorted(settled, _SETTLED) + 1, *_FIRST))
    # a family all of whose beats were called noise has none left
    left = [k for k, n in enumerate(page.rows["n"]) if n]
    fewest, most, together = _LINES
    lines = int(np.clip(together // n_first, fewest, most))
    cards = [
        page.card(k, n_strips=3, n_lines=lines)
        if k < n_first
        else page.card(k, n_strips=1, n_lines=_FOLDED_LINES)
        for k in left
    ]
    return Asked(cards, n_first, page.data(cards)) if cards else None


class _Page:
    """Draws cards, and keeps which beats their strips show."""

    def __init__(
        self,
        families: Families,
        recording: Recording,
        found: Findings,
        times: Times,
        columns: Sequence[int],
        beats: NDArray[np.int64],
    ) -> None:
        self.families, self.recording, self.found, self.times = families, recording, found, times
        self.columns, self.beats, self.shown = columns, beats, set[int]()
        self.rows = {name: np.asarray(column).tolist() for name, column in families.columns.items()}

    def card(self, k: int, *, n_strips: int, n_lines: int) -> Card:
        """Describe one family, with so many strips and so many of its beats as lines."""
        row = {name: column[k] for name, column in self.rows.items()}
        label, p = str(row["class"]), float(row["p"])
        return Card(
            family=int(row["family"]),
            label=label,
            name=NAMES[label],
            p=None if np.isnan(p) else p,
            n=int(row["n"]),
            share=float(row["share"]),
            settled=float(row["settled"]),
            rr=_rr(row["rr_before_s"], row["rr_after_s"], row["rr_before_ratio"]),
            first=self.times.at(row["first_s"]),
            last=self.times.at(row["last_s"]),
            template=self._template(k, label, _evenly(self.families.members[k], n_lines)),
            strips=list(self._strips(k, n_strips)),
        )

    def data(self, cards: Sequence[Card]) -> dict[str, object]:
        """Give what the script reads: the families, and the beats of all strips."""
        return {
            "record": self.recording.name,
            "positions": self.families.positions,
            "total": len(self.beats),
            "families": [
                {
                    "family": card.family,
                    "class": card.label,
                    "n": card.n,
                    "gain": self.rows["gain"][card.family],
                    "sample": self.rows["middle"][card.family],
                }
                for card in cards
            ],
            "beats": {
                beat: [
                    int(self.beats[beat]),
                    int(self.families.of_beat[beat]),
                    str(self.found.beats.label[beat]),
                    self.times.at(float(self.found.beats.time_s[beat]), tenths=True),
                ]
                for beat in sorted(self.shown)
            },
        }

    def _template(self, k: int, label: str, members: NDArray[np.int64]) -> str:
        families, factor = self.families, max(1, round(self.families.fs_hz / _STRIP_HZ))
        lines = self._lines(k, members, factor)
        leads = self._template_leads()
        panes = [
            Pane(
                families.leads[lead], families.templates[k, :, lead], families.spread[k, :, lead], lines[lead]
            )
            for lead in leads
        ]
        return template_svg(
            panes,
            fs_hz=families.fs_hz,
            members_hz=families.fs_hz / factor,
            before_s=families.before / families.fs_hz,
            name=f"Template of family {k + 1}, {label}, over {len(members)} of its beats",
        )

    def _template_leads(self) -> list[int]:
        return list(range(min(len(self.families.leads), _TEMPLATE_LEADS)))

    def _lines(self, k: int, members: NDArray[np.int64], factor: int) -> list[NDArray[np.float32]]:
        """Read beats ``(beat, time)`` for each lead of the templates, moved to the template's level."""
        families, recording = self.families, self.recording
        templates = families.templates[k, ::factor]
        n_thin, n_leads = templates.shape
        lines = np.full((n_leads, len(members), n_thin), np.nan, np.float32)
        known = [lead for lead, name in enumerate(families.leads) if name in recording.leads]
        columns = [recording.leads.index(families.leads[lead]) for lead in known]
        step = factor * recording.fs_hz / families.fs_hz
        for row, beat in enumerate(members.tolist() if known else []):
            at = self.beats[beat] + (np.arange(n_thin) * factor - families.before) * (step / factor)
            start, stop = max(int(at[0]), 0), min(int(at[-1]) + 2, recording.n_samples)
            signal = recording.stretch(columns=columns, start=start, stop=stop).signal
            for lead, values in zip(known, signal.T, strict=True):
                line = np.interp(at, np.arange(start, stop), values, left=np.nan, right=np.nan)
                level = templates[:, lead] - line
                lines[lead, row] = line + (np.nanmedian(level) if np.isfinite(level).any() else 0.0)
        return list(lines)

    def _strips(self, k: int, count: int) -> Iterator[Strip]:
        near, far = self.families.nearest[k].tolist(), self.families.farthest[k].tolist()
        named = [
            *((beat, "nearest to the middle of the family") for beat in near[:1]),
            *((beat, "farthest from the middle of the family") for beat in far),
            *((beat, "near the middle of the family") for beat in near[1:]),
        ]
        seen = set[int]()
        for beat, title in named:
            if beat not in seen and len(seen) < count:
                seen.add(beat)
                yield self._strip(beat, title)

    def _strip(self, beat: int, title: str) -> Strip:
        recording, found = self.recording, self.found
        length = min(round(_STRIP_S * recording.fs_hz), recording.n_samples)
        start = min(max(int(self.beats[beat]) - length // 2, 0), recording.n_samples - length)
        stop = start + length
        factor = max(1, round(recording.fs_hz / _STRIP_HZ))
        source = recording.stretch(columns=self.columns, start=start, stop=stop)
        at_s, start_s = float(found.beats.time_s[beat]), start / recording.fs_hz
        first, last = np.searchsorted(found.beats.time_s, [start_s, stop / recording.fs_hz]).tolist()
        self.shown.update(range(first, last))
        drawing = annotated_strip(
            samples.thinned(source.signal, factor),
            fs_hz=recording.fs_hz / factor,
            leads=source.leads,
            start_s=start_s,
            start=self.times.at(start_s),
            beats=found.beats,
            waves=found.waves,
            focus_s=[(at_s - _FOCUS_S, at_s + _FOCUS_S)],
            small=True,
        )
        return Strip(title, self.times.at(at_s, tenths=True), at_s, drawing)


def _evenly(beats: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    chosen: NDArray[np.int64] = beats[
        np.linspace(0, len(beats) - 1, min(len(beats), most)).round().astype(int)
    ]
    return chosen


def _rr(before_s: float, after_s: float, ratio: float) -> str:
    """Print the intervals before and after the beats of a family."""
    before = f"{before_s:.2f} s" if np.isfinite(before_s) else DASH
    after = f"{after_s:.2f} s" if np.isfinite(after_s) else DASH
    of_usual = f" ({ratio:.2f} of the patient's median)" if np.isfinite(ratio) else ""
    return f"{before}{of_usual} before, {after} after"
