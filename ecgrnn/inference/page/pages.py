"""Fills in the page of a recording: reads its signal stretch by stretch, draws it, and writes the page."""

import base64
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ecgrnn.inference.page import exhibits, facts
from ecgrnn.inference.page.annotated import Annotated
from ecgrnn.inference.page.drawing import charts, hours, samples
from ecgrnn.inference.page.drawing.strips import annotated_strip
from ecgrnn.inference.page.findings.findings import Findings, find
from ecgrnn.inference.page.times import Times, duration
from ecgrnn.reports.files import write_text
from ecgrnn.reports.render import render
from ecgrnn.signals.recording import Recording

_PIECE_S = 600.0

_STRIP_LEADS = 3

_STRIP_HZ = 250.0

_ENLARGED_S = 49 * 3600.0
"""Of a longer recording the samples for the enlarged view would make the page too large."""


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
    pictures, viewer = ([], None) if short else _disclosure(recording, found, times, order)
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
        short=short,
        strips=list(_strips(recording, found, times, order, short=short)),
        pictures=pictures,
        viewer=viewer,
    )


def _facts(found: Findings, times: Times, recording: Recording, kinds: list[str]) -> dict[str, Any]:
    return {
        "headline": facts.headline(found, times, kinds=kinds),
        "classes": facts.class_rows(found),
        "ectopy": {
            label: facts.ectopy_rows(found, label, times)
            for label in ("V", "S")
            if (found.beats.label == label).any()
        },
        "rate": facts.rate_rows(found, times),
        "pauses": facts.pause_rows(found, times),
        "silent": facts.silent_rows(found, times),
        "rhythms": facts.rhythm_rows(found),
        "fibrillation": facts.fibrillation_rows(found, times),
        "variability": facts.variability_rows(found),
        "conduction": facts.conduction_rows(found),
        "quality": facts.quality_rows(found, recording.leads),
        "unsure": facts.certainty_rows(found, times),
        "hours": facts.hour_rows(found, times),
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
) -> Iterator[dict[str, Any]]:
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


def _disclosure(
    recording: Recording, found: Findings, times: Times, order: tuple[int, ...]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Draw the hours, and store the samples of the enlarged view, reading the recording once."""
    column, stored = order[0], samples.plan(recording, order)
    how = hours.layout(duration_s=recording.duration_s, span_mv=float(found.quality.span_mv[column]))
    enlarged = recording.duration_s <= _ENLARGED_S
    pieces: list[dict[str, object]] = []
    pictures: list[dict[str, Any]] = []
    for hour, parts in groupby(
        _pieces(recording), key=lambda part: round(part[0] / recording.fs_hz / hours.HOUR_S - 0.4)
    ):
        rows = []
        for start, stop in parts:
            rows.append(_rows(recording, found, column, how, start=start, stop=stop))
            if enlarged:
                signal = samples.piece(recording, stored, start=start, stop=stop)
                most = stored.most_bytes * (stop - start) / recording.fs_hz
                piece = samples.encode(signal, step_mv=stored.step_mv, most_bytes=most)
                pieces.append(piece | {"start": start / recording.fs_hz})
        stop_s = stop / recording.fs_hz
        pictures.append(_hour(rows, how, hour * hours.HOUR_S, stop_s, times, recording.leads[column]))
    return pictures, _viewer(recording, found, times, stored, pieces) if enlarged else None


def _pieces(recording: Recording) -> Iterator[tuple[int, int]]:
    n_pieces = int(np.ceil(recording.duration_s / _PIECE_S - 1e-9))
    edge = np.rint(np.arange(n_pieces) * _PIECE_S * recording.fs_hz).astype(np.int64).tolist()
    yield from zip(edge, [*edge[1:], recording.n_samples], strict=True)


def _rows(
    recording: Recording, found: Findings, column: int, how: hours.Layout, *, start: int, stop: int
) -> Any:
    lead = recording.stretch(columns=[column], start=start, stop=stop).signal[:, 0]
    start_s, stop_s = start / recording.fs_hz, stop / recording.fs_hz
    first, last = np.searchsorted(found.beats.time_s, [start_s, stop_s]).tolist()
    codes = {"V": hours.V, "S": hours.S}
    beats = zip(found.beats.time_s[first:last].tolist(), found.beats.label[first:last].tolist(), strict=True)
    lost = found.unreadable_s
    return hours.rows_of(
        hours.envelope(lead, fs_hz=recording.fs_hz, how=how),
        how=how,
        ectopic=[(time - start_s, codes[label]) for time, label in beats if label in codes],
        unreadable_s=lost[(lost[:, 0] < stop_s) & (lost[:, 1] > start_s)] - start_s,
    )


def _hour(
    rows: list[Any], how: hours.Layout, start_s: float, stop_s: float, times: Times, lead: str
) -> dict[str, Any]:
    image = hours.stacked(rows)
    n_rows = int(np.ceil((stop_s - start_s) / how.row_s - 1e-6))
    labels = [times.at(start_s + row * how.row_s).rpartition(" ")[2] for row in range(n_rows)]
    name = f"{times.at(start_s)} to {times.at(stop_s)}, lead {lead}"
    return {
        "name": name,
        "drawing": hours.hour_svg(image, how=how, start_s=start_s, labels=labels, name=name),
    }


def _viewer(
    recording: Recording, found: Findings, times: Times, stored: samples.Plan, pieces: list[dict[str, object]]
) -> dict[str, Any]:
    """Give what the enlarged view is drawn from."""
    ms = np.rint(found.beats.time_s * 1000.0).astype("<u4")
    return {
        "fs": recording.fs_hz / stored.factor,
        "leads": [recording.leads[k] for k in stored.columns],
        "duration": recording.duration_s,
        "offset": times.offset_s if recording.start is not None else None,
        "missing": samples.MISSING,
        "pieces": pieces,
        "beats": {
            "ms": base64.b64encode(ms.tobytes()).decode("ascii"),
            "labels": "".join(found.beats.label.tolist()),
        },
    }
