"""Full disclosure of a recording: every hour as a picture, and its samples for the enlarged view."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.drawing import hours, marks, samples
from ecgrnn.inference.page.findings.findings import Findings
from ecgrnn.inference.page.times import Times
from ecgrnn.signals.recording import Recording

_PIECE_S = 600.0
"""Whole rows of a picture, and what the script decodes at once."""

ENLARGED_S = 49 * 3600.0
"""Of a longer recording the samples would make the page too large."""


@dataclass(frozen=True)
class Hour:
    """The picture of an hour."""

    name: str
    drawing: str


@dataclass(frozen=True)
class Disclosure:
    """All of a recording.

    Attributes:
        hours: a picture an hour.
        viewer: what the page's script draws the enlarged view from; None for a recording of days.
        stored: how samples are stored in it, in words.
    """

    hours: list[Hour]
    viewer: dict[str, object] | None
    stored: str


def disclose(recording: Recording, found: Findings, times: Times, order: tuple[int, ...]) -> Disclosure:
    """Draw the hours, and store the samples of the enlarged view, ten minutes at a time.

    Args:
        recording: the recording.
        found: its findings.
        times: how its times are printed.
        order: its leads, the one that is drawn first.
    """
    plan = samples.plan(recording, order)
    how = hours.layout(duration_s=recording.duration_s, span_mv=float(found.quality.span_mv[order[0]]))
    enlarged = recording.duration_s <= ENLARGED_S
    if enlarged:
        plan = samples.fitted(recording, plan)
    pieces: list[dict[str, float | str]] = []
    used, pictures = 0, []
    for hour, parts in groupby(_pieces(recording), key=lambda part: part[2]):
        rows = []
        for start, stop, _ in parts:
            rows.append(_rows(recording, found, order[0], how, start=start, stop=stop))
            if enlarged:
                signal = samples.piece(recording, plan, start=start, stop=stop)
                start_s, stop_s = start / recording.fs_hz, stop / recording.fs_hz
                room = samples.room(plan, start_s=start_s, stop_s=stop_s, used=used)
                piece = samples.encode(signal, step_mv=plan.step_mv, most_bytes=room)
                used += len(piece.packed)
                pieces.append(piece.as_json() | {"start": start_s})
        ends = (hour * hours.HOUR_S, stop / recording.fs_hz)
        pictures.append(_hour(rows, how, found, ends, times, recording.leads[order[0]]))
    if not enlarged:
        return Disclosure(pictures, None, "")
    fs_hz, leads = recording.fs_hz / plan.factor, [recording.leads[k] for k in plan.columns]
    viewer = _viewer(found, pieces, leads) | {
        "fs": fs_hz,
        "leads": leads,
        "offset": times.offset_s if recording.start is not None else None,
    }
    # what is left out of a band is between half a step and the dead zone, over all about 0.3 steps
    off = max(float(piece["step"]) for piece in pieces) * 0.3
    return Disclosure(
        pictures, viewer, f"{', '.join(leads)} at {fs_hz:g} Hz, with a mean error up to {off:.2g} mV"
    )


def _pieces(recording: Recording) -> Iterator[tuple[int, int, int]]:
    """Cut a recording into pieces: their first sample, the sample behind their last one, their hour."""
    n_pieces = int(np.ceil(recording.duration_s / _PIECE_S - 1e-9))
    edge = np.rint(np.arange(n_pieces) * _PIECE_S * recording.fs_hz).astype(np.int64).tolist()
    in_hour = round(hours.HOUR_S / _PIECE_S)
    for k, (start, stop) in enumerate(zip(edge, [*edge[1:], recording.n_samples], strict=True)):
        yield start, stop, k // in_hour


def _rows(
    recording: Recording, found: Findings, column: int, how: hours.Layout, *, start: int, stop: int
) -> NDArray[np.uint8]:
    lead = recording.stretch(columns=[column], start=start, stop=stop).signal[:, 0]
    start_s, stop_s = start / recording.fs_hz, stop / recording.fs_hz
    first, last = np.searchsorted(found.beats.time_s, [start_s, stop_s]).tolist()
    codes = {"V": hours.V, "S": hours.S}
    beats = zip(found.beats.time_s[first:last].tolist(), found.beats.label[first:last].tolist(), strict=True)
    return hours.rows_of(
        hours.envelope(lead, fs_hz=recording.fs_hz, how=how),
        how=how,
        ectopic=[(time - start_s, codes[label]) for time, label in beats if label in codes],
    )


def _hour(
    rows: list[NDArray[np.uint8]],
    how: hours.Layout,
    found: Findings,
    ends_s: tuple[float, float],
    times: Times,
    lead: str,
) -> Hour:
    start_s, stop_s = ends_s
    n_rows = int(np.ceil((stop_s - start_s) / how.row_s - 1e-6))
    name = f"{times.at(start_s)} to {times.at(stop_s)}, lead {lead}"
    drawing = hours.hour_svg(
        hours.stacked(rows),
        how=how,
        start_s=start_s,
        unreadable_s=found.unreadable_s,
        labels=[times.at(start_s + row * how.row_s).rpartition(" ")[2] for row in range(n_rows)],
        name=name,
    )
    return Hour(name, drawing)


def _viewer(found: Findings, pieces: list[dict[str, float | str]], leads: list[str]) -> dict[str, object]:
    return {
        "duration": found.duration_s,
        "levels": samples.LEVELS,
        "pieces": pieces,
        "beats": marks.encode_beats(found.beats),
        "waves": marks.encode_waves(found.waves, leads),
        "tick": marks.TICK_S,
    }
