"""Measure what it costs to wait for fewer beats before one is judged: F1 of a stream against the look-ahead.

    python scripts/experiments/look_ahead.py --data data/physionet/mitdb --records 100 103 --look-ahead 0 4 16
    python scripts/experiments/look_ahead.py --data data/physionet/svdb --checkpoint beats

Records, by default those of DS2 where the folder is `mitdb` and else all, are pushed second by second into
a `BeatStream` for each look-ahead, and read whole by `annotate` (`predict`); `beats_causal` reads no later
beat. Detected beats are paired with those of the reference within 150 ms, each the nearest of the other; a
missed beat counts against its class, an extra one against the one that it was given. The classes are N, S and
V of AAMI, over all records together. `wait` is the signal behind a beat when it was decided: median and 99 %.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
from timing import print_table, write_json

from ecgrnn.data.databases.mitdb import DS2
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.streaming.stream import BeatStream
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.formats import read
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import AAMI

WINDOW_S, CLASSES = 0.15, "NSV"
Found = tuple[NDArray[np.int64], NDArray[np.str_], list[float]]


def main() -> None:
    arguments = parse_arguments()
    names = arguments.records or records_of(arguments.data)
    modes = ["predict", *arguments.look_ahead, "causal"]
    counts = {mode: np.zeros((len(CLASSES), 3)) for mode in modes}
    waits: dict[object, list[float]] = {mode: [] for mode in modes}
    for name in names:
        whole = read(arguments.data / name)
        stop = min(round(arguments.seconds * whole.fs_hz), whole.n_samples)
        recording = Recording(whole.stretch(stop=stop).signal, fs=whole.fs_hz, leads=whole.names, name=name)
        reference = beats_of(read_annotations(arguments.data / name, "atr", fs_hz=recording.fs_hz), AAMI)
        there = reference.sample < stop
        positions, truth = reference.sample[there], np.array(AAMI.classes)[reference.label[there]]
        for mode in modes:
            sample, label, wait_s = found_in(recording, mode, arguments.checkpoint)
            counts[mode] += compared(positions, truth, sample, label, recording.fs_hz)
            waits[mode] += wait_s
        rows = [row_of(mode, counts[mode], waits[mode]) for mode in modes]
        so_far = names[: names.index(name) + 1]
        counted = {str(mode): part.tolist() for mode, part in counts.items()}  # right, found, there; by class
        write_json(arguments.json, records=so_far, checkpoint=arguments.checkpoint, rows=rows, counts=counted)
        print(name, file=sys.stderr, flush=True)
    print_table(rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure F1 against the look-ahead of a stream.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the database")
    parser.add_argument("--records", nargs="+")
    parser.add_argument("--seconds", type=float, default=1e9, help="of each record, from its beginning")
    parser.add_argument("--checkpoint", default="beats")
    parser.add_argument("--look-ahead", type=int, nargs="+", default=[0, 4, 16, 64])
    parser.add_argument("--json", type=Path, help="file for the results")
    return parser.parse_args()


def records_of(folder: Path) -> list[str]:
    every = sorted(file.stem for file in folder.glob("*.atr"))
    return [name for name in every if folder.name != "mitdb" or name in DS2]


def found_in(recording: Recording, mode: object, checkpoint: str) -> Found:
    if not isinstance(mode, int):
        model = "beats_causal" if mode == "causal" else checkpoint
        beats = annotate(recording, model).columns("beats")
        return beats["sample"], beats["class"], []
    stream = BeatStream(checkpoint, fs=recording.fs_hz, leads=recording.names, look_ahead=mode)
    second, found, wait_s = round(recording.fs_hz), [], []
    for start in range(0, recording.n_samples, second):
        stop = min(start + second, recording.n_samples)
        beats = stream.push(recording.stretch(start=start, stop=stop).signal)
        wait_s += [(stop - beat.sample) / recording.fs_hz for beat in beats]
        found += beats
    found += stream.finish()
    return np.array([beat.sample for beat in found]), np.array([beat.label for beat in found]), wait_s


def compared(
    reference: NDArray[np.int64],
    truth: NDArray[np.str_],
    sample: NDArray[np.int64],
    label: NDArray[np.str_],
    fs_hz: float,
) -> NDArray[np.float64]:
    """Count for each class what is right, found and there."""
    of_reference, of_sample = nearest(reference, sample), nearest(sample, reference)
    each_other = of_sample[of_reference] == np.arange(len(reference))
    paired = each_other & (np.abs(sample[of_reference] - reference) <= WINDOW_S * fs_hz)
    given = np.where(paired, label[of_reference], "")
    return np.array(
        [[np.sum((given == c) & (truth == c)), np.sum(label == c), np.sum(truth == c)] for c in CLASSES],
        np.float64,
    )


def nearest(here: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give for each position here the index of the nearest one there."""
    right = np.clip(np.searchsorted(there, here), 1, len(there) - 1)
    return np.where(here - there[right - 1] <= there[right] - here, right - 1, right)


def row_of(mode: object, counts: NDArray[np.float64], wait_s: list[float]) -> dict[str, object]:
    f1 = {
        f"{c} F1 %": 200 * right / max(found + there, 1)
        for c, (right, found, there) in zip(CLASSES, counts, strict=True)
    }
    wait = {
        f"wait {share} s": float(np.quantile(wait_s, float(share))) if wait_s else None
        for share in ("0.5", "0.99")
    }
    return {"look-ahead": mode, **f1, **wait}


if __name__ == "__main__":
    main()
