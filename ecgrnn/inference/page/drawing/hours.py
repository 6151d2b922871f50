"""Full disclosure: the whole recording as compressed ECG, a picture an hour."""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.render import drawn

HOUR_S = 3600.0

_WIDTH, _PITCH, _LABEL = 1000, 18, 80
"""Points of a row, from a row to the next, and of the room for its time."""

_MV = (6.0, 40.0)
"""Points for 1 mV, at least and at most."""

_LONG_S = 600.0
"""Up to here a row is 30 s, beyond a minute."""

TRACE, V, S = 1, 2, 3

_COLOURS = {TRACE: (21, 23, 26), V: (194, 84, 0), S: (163, 51, 139)}

_BEAT_S = (0.25, 0.4)
"""How much of the trace before and behind an ectopic beat has its colour."""


@dataclass(frozen=True)
class Layout:
    """How an hour is drawn.

    Attributes:
        row_s: length of a row.
        points_per_mv: height of 1 mV in points.
    """

    row_s: float
    points_per_mv: float


def layout(*, duration_s: float, span_mv: float) -> Layout:
    """Choose rows and gain.

    Args:
        duration_s: length of the recording.
        span_mv: usual range of the lead in two seconds.
    """
    points = 1.3 * _PITCH / span_mv if span_mv > 0 else _MV[1]
    return Layout(60.0 if duration_s > _LONG_S else 30.0, float(np.clip(points, *_MV)))


def envelope(lead: NDArray[np.float32], *, fs_hz: float, how: Layout) -> NDArray[np.float32]:
    """Give the lowest and the highest sample ``(2, column)`` of each column of the picture, in mV."""
    n_columns = max(1, round(len(lead) / fs_hz / how.row_s * _WIDTH))
    edge = np.rint(np.linspace(0, len(lead), n_columns + 1)).astype(np.int64)[:-1]
    return np.stack([extreme.reduceat(lead, edge) for extreme in (np.fmin, np.fmax)])


def rows_of(
    ends: NDArray[np.float32],
    *,
    how: Layout,
    ectopic: Sequence[tuple[float, int]],
) -> NDArray[np.uint8]:
    """Draw a stretch in rows.

    Args:
        ends: the envelope ``(2, column)``.
        how: rows and gain.
        ectopic: time from the stretch's beginning and colour of beats that are drawn in colour.

    Returns:
        Colours ``(height, column)``, 0 where nothing is drawn.
    """
    n_rows = -(-ends.shape[1] // _WIDTH)
    image = np.zeros(((n_rows + 1) * _PITCH, _WIDTH), np.uint8)
    per_s = _WIDTH / how.row_s
    colour = np.full(n_rows * _WIDTH, TRACE, np.uint8)
    for time_s, code in ectopic:
        colour[max(int((time_s - _BEAT_S[0]) * per_s), 0) : int((time_s + _BEAT_S[1]) * per_s)] = code
    padded = np.full((2, n_rows * _WIDTH), np.nan, np.float32)
    padded[:, : ends.shape[1]] = ends
    y = np.arange(2 * _PITCH)[:, np.newaxis]
    for row in range(n_rows):
        part = slice(row * _WIDTH, (row + 1) * _WIDTH)
        top, bottom = _heights(padded[:, part], how.points_per_mv)
        place = image[row * _PITCH : (row + 2) * _PITCH]
        inside = (y >= top) & (y <= bottom)
        place[inside] = np.broadcast_to(colour[part], inside.shape)[inside]
    return image


def _heights(
    ends: NDArray[np.float32], points_per_mv: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give top and bottom of a row's columns in points, each joined to the one before; NaN draws nothing."""
    low, high = ends.astype(np.float64)
    known = np.isfinite(low)
    base = float(np.median((low[known] + high[known]) / 2)) if known.any() else 0.0
    joined_low = np.fmin(low, np.concatenate([low[:1], high[:-1]]))
    joined_high = np.fmax(high, np.concatenate([high[:1], low[:-1]]))
    joined_low[~known] = joined_high[~known] = np.nan
    top = np.floor(_PITCH - (joined_high - base) * points_per_mv)
    bottom = np.ceil(_PITCH - (joined_low - base) * points_per_mv)
    return np.clip(top, 0, 2 * _PITCH - 1), np.clip(bottom, 0, 2 * _PITCH - 1)


def stacked(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put stretches of whole rows below each other; the last half row lies over the next."""
    heights = [len(image) - _PITCH for image in images]
    whole = np.zeros((sum(heights) + _PITCH, _WIDTH), np.uint8)
    top = 0
    for image, height in zip(images, heights, strict=True):
        place = whole[top : top + len(image)]
        np.copyto(place, image, where=image > 0)
        top += height
    return whole


def hour_svg(
    image: NDArray[np.uint8],
    *,
    how: Layout,
    start_s: float,
    unreadable_s: NDArray[np.float64],
    labels: Sequence[str],
    name: str,
) -> str:
    """Give an hour as SVG: the picture, the time of each row, what could not be read, and 1 mV.

    Args:
        image: colours ``(height, column)``.
        how: rows and gain.
        start_s: when the hour begins.
        unreadable_s: ``(stretch, 2)`` of the whole recording.
        labels: time of each row.
        name: what is shown.
    """
    height, width = image.shape
    texts = [
        f'<text x="{_LABEL - 6}" y="{(row + 1) * _PITCH + 4}" text-anchor="end">{escape(label)}</text>'
        for row, label in enumerate(labels)
    ]
    mv = f"{how.points_per_mv:.1f}"
    lost = _shaded((unreadable_s - start_s) / how.row_s, len(labels))
    return drawn(
        f'<svg class="hour" viewBox="0 0 {_LABEL + width} {height}" role="img" aria-label="{escape(name)}" '
        f'data-start="{start_s:.0f}" data-row="{how.row_s:g}" data-pitch="{_PITCH}">',
        f'<path class="lost" d="{lost}"/>' if lost else "",
        # in the picture time goes down, so that neighbours in its file are of one column: a seventh less
        f'<image width="{height}" height="{width}" transform="matrix(0 1 1 0 {_LABEL} 0)" '
        f'href="{_data_url(image.T)}"/>',
        f'<path class="pulse" d="M1 {_PITCH + how.points_per_mv / 2:.1f}h2v-{mv}h3v{mv}h2"/>',
        *texts,
        "</svg>",
    )


def _shaded(stretches: NDArray[np.float64], n_rows: int) -> str:
    """Draw a box in each row that a stretch ``(stretch, 2)``, counted in rows, reaches into."""
    boxes = []
    for start, stop in np.clip(stretches, 0.0, n_rows).tolist():
        for row in range(int(start), math.ceil(stop)):
            left, right = (_LABEL + _WIDTH * min(max(end - row, 0.0), 1.0) for end in (start, stop))
            top = (row + 0.6) * _PITCH
            boxes.append(f"M{left:.0f} {top:.0f}H{max(right, left + 1):.0f}v{0.8 * _PITCH:.0f}H{left:.0f}z")
    return "".join(boxes)


def _data_url(image: NDArray[np.uint8]) -> str:
    return "data:image/png;base64," + base64.b64encode(_png(image)).decode("ascii")


def _png(image: NDArray[np.uint8]) -> bytes:
    """Write a picture of four colours, 0 transparent, as PNG with two bits a point.

    Its rows are not filtered, as all of Pillow's are: filters are for photographs, and add two fifths here.
    """
    height, width = image.shape
    points = np.pad(image, ((0, 0), (0, -width % 4))).reshape(height, -1, 4)
    packed = (points << np.array([6, 4, 2, 0], np.uint8)).sum(axis=2, dtype=np.uint8)
    rows = np.pad(packed, ((0, 0), (1, 0))).tobytes()  # before each row: no filter
    colours = bytes(channel for code in range(4) for channel in _COLOURS.get(code, (255, 255, 255)))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 2, 3, 0, 0, 0)),
        (b"PLTE", colours),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
