"""Measure where the detector puts its marks in QRS complexes, against those of the reference annotations.

    python scripts/experiments/fiducial_spread.py --data data/physionet/mitdb [--records 100 101] [--out FILE]

Beats are paired within 150 ms, each the nearest of the other. A record's offset is the median difference
of its beats that are not V, F or Q: a constant is a matter of convention. "SD" is the standard deviation
of the differences of these beats, pooled within records; an RR interval is off, or a V or F beat, where
it differs from the reference's by more than 30 ms (V and F after the record's offset). QRS detection is
given from the record's start and from 300 s on. Prints a line per record and the totals; `--out` writes
JSON.

The reference itself puts its marks now at one and now at the other wave of alike beats (233, 208, 114, 879):
what is left against it is not all the detector's. "alike off" does without its marks. Of each beat and the
next of its class, and the seventh after it, the signal of the first lead around the reference marks is laid
over each other by cross-correlation (240 ms, lags up to 130 ms); of the pairs that correlate by more than
0.95 it is the share whose detected marks are more than 10 ms away from one place.
"""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.metrics.ec57.counts import compare_beats
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.symbols import AAMI

WINDOW_S, OFF_MS = 0.15, 30.0
HALF_S, LAG_S, ALIKE, STEPS, PAIR_OFF_MS = 0.12, 0.13, 0.95, (1, 7), 10.0


@dataclass(frozen=True)
class Marks:
    """What was counted in one record."""

    record: str
    offset_ms: float
    usual: int
    squares: float
    matched: int
    all_squares: float
    pairs: int
    pairs_off: int
    rr: int
    rr_off: int
    wide: int
    wide_off: int
    missed: tuple[int, int]
    extra: tuple[int, int]


def main() -> None:
    """Measure every record and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of a WFDB database with .atr files")
    parser.add_argument("--records", nargs="*", help="names; all by default")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    names = options.records or sorted(path.stem for path in options.data.glob("*.hea"))
    with ProcessPoolExecutor(options.workers) as pool:
        found = list(pool.map(measure, [options.data / name for name in names]))
    for marks in found:
        print(_line(marks.record, [marks]))
    print(_line("all", found))
    if options.out:
        options.out.write_text(json.dumps([asdict(marks) for marks in found], indent=1) + "\n")


def measure(path: Path) -> Marks:
    """Detect the beats of a record and compare them with its reference."""
    record = read_record(path)
    found = detect_qrs(record.signal, fs_hz=record.fs_hz)
    annotations = read_annotations(path, "atr", fs_hz=record.fs_hz)
    beats = beats_of(annotations, AAMI)
    label = np.array(AAMI.classes)[beats.label]
    pair = _paired(beats.sample, found, within=WINDOW_S * record.fs_hz)
    matched = pair >= 0
    difference_ms = np.where(matched, found[pair] - beats.sample, 0) / record.fs_hz * 1e3
    usual, wide = matched & np.isin(label, ["N", "S"]), matched & np.isin(label, ["V", "F"])
    offset_ms = float(np.median(difference_ms[usual])) if usual.any() else 0.0
    both = matched[1:] & matched[:-1]
    classes = [np.flatnonzero(matched & (label == one)) for one in AAMI.classes]
    places_ms = np.concatenate(
        [
            _places(record.signal[:, 0], beats.sample[rows], found[pair[rows]], step=step, fs_hz=record.fs_hz)
            for rows in classes
            for step in STEPS
        ]
    )
    rr_off = np.abs(np.diff(difference_ms))[both] > OFF_MS
    test = ScoredAnnotations(found, ["N"] * len(found), np.zeros(len(found), np.int64), [""] * len(found))
    scored = [
        compare_beats(annotations, test, fs_hz=record.fs_hz, start_s=start_s).statistics
        for start_s in (0.0, 300.0)
    ]
    se = [one["qrs_sensitivity"] for one in scored]
    pp = [one["qrs_positive_predictivity"] for one in scored]
    return Marks(
        record=path.name,
        offset_ms=offset_ms,
        usual=int(usual.sum()),
        squares=_squares(difference_ms[usual]),
        matched=int(matched.sum()),
        all_squares=_squares(difference_ms[matched]),
        pairs=len(places_ms),
        pairs_off=int((np.abs(places_ms) > PAIR_OFF_MS).sum()),
        rr=int(both.sum()),
        rr_off=int(rr_off.sum()),
        wide=int(wide.sum()),
        wide_off=int((np.abs(difference_ms - offset_ms)[wide] > OFF_MS).sum()),
        missed=(se[0].total - se[0].hits, se[1].total - se[1].hits),
        extra=(pp[0].total - pp[0].hits, pp[1].total - pp[1].hits),
    )


def _squares(values: NDArray[np.float64]) -> float:
    return float(np.square(values - values.mean()).sum()) if len(values) else 0.0


def _places(
    lead: NDArray[np.float32],
    reference: NDArray[np.int64],
    found: NDArray[np.int64],
    *,
    step: int,
    fs_hz: float,
) -> NDArray[np.float64]:
    """Give by how many ms the marks of each pair of alike beats are not at one place of the wave."""
    half, most = round(HALF_S * fs_hz), round(LAG_S * fs_hz)
    inside = (reference > half + most) & (reference < len(lead) - half - most - 1)
    first, second = reference[inside][:-step], reference[inside][step:]
    if not len(first):
        return np.zeros(0)
    ones = _unit(lead[first[:, None] + np.arange(-half, half + 1)])
    likeness = np.stack(
        [
            (ones * _unit(lead[second[:, None] + np.arange(-half, half + 1) + lag])).sum(axis=1)
            for lag in range(-most, most + 1)
        ]
    )
    alike = likeness.max(axis=0) > ALIKE
    apart = second - first + likeness.argmax(axis=0) - most
    off = found[inside][step:] - found[inside][:-step] - apart
    return np.asarray(off[alike] / fs_hz * 1e3)


def _unit(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = windows - windows.mean(axis=1, keepdims=True)
    return np.asarray(centred / (np.sqrt(np.square(centred).sum(axis=1, keepdims=True)) + 1e-9))


def _paired(reference: NDArray[np.int64], found: NDArray[np.int64], *, within: float) -> NDArray[np.int64]:
    """Give each reference beat the index of its beat found, -1 where none is near or that has a nearer."""
    if not len(found):
        return np.full(len(reference), -1)
    nearest = _nearest(reference, found)
    mutual = _nearest(found, reference)[nearest] == np.arange(len(reference))
    return np.where(mutual & (np.abs(found[nearest] - reference) <= within), nearest, -1)


def _nearest(of: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(among, of), 1, max(len(among) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(among) - 1)
    return np.where(np.abs(among[after] - of) < np.abs(among[before] - of), after, before)


def _line(name: str, found: Sequence[Marks]) -> str:
    def total(column: str) -> float:
        return float(sum(getattr(marks, column) for marks in found))

    def percent(part: str, of: str) -> str:
        return f"{100 * total(part) / total(of):5.1f}" if total(of) else "  -  "

    spread = np.sqrt(total("squares") / max(total("usual"), 1))
    everything = np.sqrt(total("all_squares") / max(total("matched"), 1))
    missed, extra = (np.sum([getattr(m, column) for m in found], axis=0) for column in ("missed", "extra"))
    return (
        f"{name:6} offset {np.mean([m.offset_ms for m in found]):6.1f} ms  SD {spread:5.1f} ms  "
        f"of all {everything:5.1f} ms  alike off {percent('pairs_off', 'pairs')} %  "
        f"RR off {percent('rr_off', 'rr')} %  "
        f"V, F off {percent('wide_off', 'wide')} % of {int(total('wide')):4}  "
        f"missed {missed[0]:3} extra {extra[0]:3} (from 300 s {missed[1]:3}, {extra[1]:3})"
    )


if __name__ == "__main__":
    main()
