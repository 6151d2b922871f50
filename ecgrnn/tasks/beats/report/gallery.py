"""Chooses the beats worth looking at: the surest mistakes of each class, typical hits, the worst record."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.options.spec import Row
from ecgrnn.reports.paper import Mark, Stretch, strip_svg
from ecgrnn.signals.annotations import beats_of
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.tasks.beats.scoring.results import Results

_MISTAKES_PER_CLASS = 3


_STRIP_S = 5.0


_WORST_S = 10.0


_FEWEST_BEATS = 20


@dataclass(frozen=True)
class Exhibit:
    """A beat, or a stretch with many mistakes, that the report shows.

    Attributes:
        kind: ``mistake``, ``hit`` or ``worst``.
        beat: the beat's row in the table of held-out beats.
        record: index of its record.
        start_s: beginning of the strip.
        stop_s: end of the strip.
    """

    kind: str
    beat: int
    record: int
    start_s: float
    stop_s: float


def choose_exhibits(results: Results) -> list[Exhibit]:
    """Choose what the gallery shows; the same results give the same choice."""
    beats = results.beats
    chosen: list[Exhibit] = []
    for k in range(len(beats.scheme.classes)):
        of_class = beats.table.label == k
        chosen += [
            _around(results, row, "mistake") for row in _surest(results, of_class & (beats.predicted != k))
        ]
        hits = np.flatnonzero(of_class & (beats.predicted == k))
        if len(hits):
            chosen.append(_around(results, _typical(beats.probabilities[hits, k], hits), "hit"))
    worst = _worst(results)
    return [*chosen, worst] if worst is not None else chosen


def gallery_rows(results: Results, exhibits: Sequence[Exhibit]) -> list[Row]:
    """Give one row per exhibit: where it is, what it is, what it was called and how surely."""
    beats, classes = results.beats, results.beats.scheme.classes
    return [
        {
            "kind": exhibit.kind,
            "record": beats.records[exhibit.record].name,
            "time_s": _time(results, exhibit.beat),
            "sample": int(beats.table.source_sample[exhibit.beat]),
            "reference": classes[int(beats.table.label[exhibit.beat])],
            "predicted": classes[int(beats.predicted[exhibit.beat])],
            "probability": float(beats.probabilities[exhibit.beat].max()),
        }
        for exhibit in exhibits
    ]


def draw_exhibit(results: Results, exhibit: Exhibit) -> str:
    """Draw an exhibit as SVG: the recording as it is on disk, with both annotations."""
    stretch = read_exhibit(results, exhibit)
    return strip_svg(
        stretch.signal,
        fs_hz=stretch.fs_hz,
        leads=stretch.leads,
        start_s=stretch.start_s,
        marks=stretch.marks,
        found_s=stretch.found_s,
    )


def read_exhibit(results: Results, exhibit: Exhibit) -> Stretch:
    """Read an exhibit's stretch of its recording from disk."""
    record = results.beats.records[exhibit.record]
    config, fs_hz = results.reading.model.preprocessing, record.source_fs_hz
    start = round(exhibit.start_s * fs_hz)
    stop = min(round(exhibit.stop_s * fs_hz), record.source_samples)
    source = read_record(
        results.held_out.folder / record.name,
        leads=config.leads,
        n_leads=config.n_leads,
        first_lead=config.first_lead,
        start=start,
        stop=stop,
    )
    found = results.reading.own[exhibit.record].sample
    return Stretch(
        signal=source.signal,
        fs_hz=fs_hz,
        leads=source.leads,
        start_s=start / fs_hz,
        marks=_marks(results, exhibit, start=start, stop=stop),
        found_s=(found[(found >= start) & (found < stop)] / fs_hz).tolist(),
    )


def _surest(results: Results, chosen: NDArray[np.bool_]) -> list[int]:
    """Give the surest of some beats, of different records as far as there are any."""
    rows = np.flatnonzero(chosen)
    order = rows[np.argsort(-results.beats.probabilities[rows].max(axis=1), kind="stable")]
    record = results.beats.table.record[order]
    # the first of each record comes before the second of any
    nth = np.array([int((record[:k] == one).sum()) for k, one in enumerate(record[:200])], dtype=np.int64)
    order = order[: len(nth)][np.argsort(nth, kind="stable")]
    return [int(row) for row in order[:_MISTAKES_PER_CLASS]]


def _typical(probability: NDArray[np.float64], rows: NDArray[np.int64]) -> int:
    return int(rows[np.argsort(probability, kind="stable")[len(rows) // 2]])


def _worst(results: Results) -> Exhibit | None:
    """Find the record with the largest share of mistakes, and its stretch with the most of them."""
    beats = results.beats
    wrong = beats.predicted != beats.table.label
    n = np.bincount(beats.table.record, minlength=len(beats.records))
    mistakes = np.bincount(beats.table.record[wrong], minlength=len(beats.records))
    if not mistakes.any():
        return None
    scored = (n >= _FEWEST_BEATS) | (n == n.max())
    share = np.where(scored, mistakes / np.maximum(n, 1), -1.0)
    record = int(share.argmax())
    rows = np.flatnonzero((beats.table.record == record) & wrong)
    if not len(rows):
        return None
    fs_hz = beats.records[record].source_fs_hz
    sample = beats.table.source_sample[rows]
    within = np.searchsorted(sample, sample + round((_WORST_S - 1.0) * fs_hz), side="right") - np.arange(
        len(rows)
    )
    first = int(within.argmax())
    start_s = max(0.0, float(sample[first]) / fs_hz - 0.5)
    return Exhibit("worst", int(rows[first]), record, start_s, start_s + _WORST_S)


def _around(results: Results, row: int, kind: str) -> Exhibit:
    record = int(results.beats.table.record[row])
    length_s = results.beats.records[record].source_samples / results.beats.records[record].source_fs_hz
    start_s = min(max(0.0, _time(results, row) - _STRIP_S / 2), max(0.0, length_s - _STRIP_S))
    return Exhibit(kind, row, record, start_s, start_s + _STRIP_S)


def _time(results: Results, row: int) -> float:
    table = results.beats.table
    return float(table.source_sample[row]) / results.beats.records[int(table.record[row])].source_fs_hz


def _marks(results: Results, exhibit: Exhibit, *, start: int, stop: int) -> list[Mark]:
    beats = results.beats
    record = beats.records[exhibit.record]
    rows = np.flatnonzero(beats.table.record == exhibit.record)
    symbols = beats_of(record.annotations(results.held_out.annotator), beats.scheme).symbol
    marks = []
    for row, symbol in zip(rows.tolist(), symbols.tolist(), strict=True):
        if start <= beats.table.source_sample[row] < stop:
            marks.append(
                Mark(
                    time_s=_time(results, row),
                    reference=beats.scheme.classes[int(beats.table.label[row])],
                    symbol=symbol,
                    predicted=beats.scheme.classes[int(beats.predicted[row])],
                    focus=row == exhibit.beat and exhibit.kind != "worst",
                )
            )
    return marks
