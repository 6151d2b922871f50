"""Fills in the page of a recording: reads its signal stretch by stretch, draws it, and writes the page."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ecgrnn.inference.page import exhibits, facts, tables
from ecgrnn.inference.page.annotated import Annotated, corrected_of, families_of, notes_of
from ecgrnn.inference.page.disclosure import disclose
from ecgrnn.inference.page.drawing import charts, samples
from ecgrnn.inference.page.drawing.strips import annotated_strip
from ecgrnn.inference.page.families import Asked, ask
from ecgrnn.inference.page.findings.findings import Findings, find
from ecgrnn.inference.page.times import Times, duration
from ecgrnn.reports.files import write_text
from ecgrnn.reports.render import render
from ecgrnn.signals.recording import Recording

_STRIP_LEADS = 3

_STRIP_HZ = 250.0


def write_page(result: Annotated, path: Path) -> None:
    """Write the page of a recording, one HTML file that needs nothing else.

    Args:
        result: the recording with its annotations.
        path: the file.

    Raises:
        DataError: the recording cannot be read, or the file not be written.
    """
    write_text(path, page_of(result))


def page_of(result: Annotated) -> str:
    """Give the page of a recording as HTML."""
    recording, found = result.recording, find(result)
    times = Times(recording.start)
    short = recording.duration_s <= exhibits.WHOLE_S
    order = _order(recording, found)
    disclosure = None if short else disclose(recording, found, times, order)
    return render(
        Path(__file__).parent / "templates" / "recording.html",
        recording=recording,
        length=duration(recording.duration_s),
        date=times.date(),
        models=result.models,
        kinds=list(result.models),
        found=found,
        facts=_facts(found, times, recording, list(result.models)),
        charts={
            "trend": charts.trend_chart(found.rates, duration_s=found.duration_s, times=times),
            "tachogram": charts.tachogram(
                found.beats, found.intervals, duration_s=found.duration_s, times=times
            ),
            "lorenz": charts.lorenz(found.beats, found.intervals),
            "histogram": charts.rr_histogram(found.intervals),
        },
        most_listed=tables.LISTED,
        short=short,
        strips=list(_strips(recording, found, times, order, short=short)),
        disclosure=disclosure,
        viewer=None if disclosure is None else disclosure.viewer,
        asked=_asked(result, found, times, order),
        corrected=corrected_of(result),
        notes=notes_of(result),
    )


def _asked(result: Annotated, found: Findings, times: Times, order: tuple[int, ...]) -> Asked | None:
    """Ask about the families of beats, where there are such."""
    families = families_of(result)
    if families is None:
        return None
    beats = np.asarray(result.beats["sample"], np.int64)
    return ask(families, result.recording, found, times, order, beats)


def _facts(found: Findings, times: Times, recording: Recording, kinds: list[str]) -> dict[str, object]:
    return {
        "headline": facts.headline(found, times, kinds=kinds),
        "classes": tables.class_rows(found),
        "ectopy": {
            label: tables.ectopy_rows(found, label, times)
            for label in ("V", "S")
            if (found.beats.label == label).any()
        },
        "rate": tables.rate_rows(found, times),
        "pauses": tables.pause_rows(found, times),
        "silent": tables.silent_rows(found, times),
        "rhythms": tables.rhythm_rows(found),
        "fibrillation": tables.fibrillation_rows(found, times),
        "variability": tables.variability_rows(found),
        "conduction": tables.conduction_rows(found),
        "quality": tables.quality_rows(found, recording.leads),
        "unsure": tables.certainty_rows(found, times),
        "hours": tables.hour_rows(found, times),
    }


def _order(recording: Recording, found: Findings) -> tuple[int, ...]:
    """Order the leads: those that can be read first, then II or what resembles it, then as they come."""
    bad = found.quality.bad.mean(axis=0)
    preferred = [not _resembles_ii(lead) for lead in recording.leads]
    return tuple(sorted(range(len(bad)), key=lambda k: (bool(bad[k] > bad.min() + 0.1), preferred[k], k)))


def _resembles_ii(lead: str) -> bool:
    return lead.strip().upper().removeprefix("LEAD ").removeprefix("ECG ") in ("II", "MLII", "D2", "CM5")


def _strips(
    recording: Recording, found: Findings, times: Times, order: tuple[int, ...], *, short: bool
) -> Iterator[dict[str, object]]:
    columns = list(range(len(recording.leads))) if short else sorted(order[:_STRIP_LEADS])
    for one in exhibits.whole(found) if short else exhibits.choose(found):
        start = min(round(one.start_s * recording.fs_hz), max(recording.n_samples - 1, 0))
        stop = min(start + round(exhibits.STRIP_S * recording.fs_hz), recording.n_samples)
        factor = max(1, round(recording.fs_hz / _STRIP_HZ))
        source = recording.stretch(columns=columns, start=start, stop=stop)
        drawing = annotated_strip(
            samples.thinned(source.signal, factor),
            fs_hz=recording.fs_hz / factor,
            leads=source.leads,
            start_s=start / recording.fs_hz,
            start=times.at(one.start_s),
            beats=found.beats,
            waves=found.waves,
            focus_s=one.focus_s,
        )
        yield {
            "titles": one.titles,
            "at": times.at(one.start_s, tenths=True),
            "at_s": one.start_s,
            "drawing": drawing,
        }
