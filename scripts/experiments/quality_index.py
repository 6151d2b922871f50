"""Fit the signal quality index of beats (`ecgrnn.signals.quality.index`).

    python scripts/experiments/quality_index.py --data DIR [--kept FILE.npz]

DIR holds `mitdb` and `nstdb`. Records of DS1 are read as they are, and their first ten minutes with the first
half of NSTDB's noise in every other minute, added as in noise_stress.py; and so is the noise by itself. A
beat within 100 ms of a reference beat is one, the others are noise; ventricular flutter, which has no
reference beats, is left out. The numbers of beats, each the mean over the beats up to 5 s around it, lead by
lead, go into a logistic regression of whether more than 60 % of those beats are beats. DS2 and the second
half of the noise take no part. `--kept` keeps the numbers.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from noise_stress import KINDS, beginning, half_of, noisy
from numpy.typing import NDArray

from ecgrnn.data.databases.mitdb import DS1
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.detection.records import find_beats_of
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.formats import read
from ecgrnn.signals.quality.index import QUALITY_NUMBERS, quality_numbers
from ecgrnn.signals.quality.stretches import mean_quality
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import AAMI

ADDED = (("em", 12), ("em", 6), ("em", 0), ("em", -6), ("ma", 6), ("ma", -6), ("bw", -6))
NEAR_S, MOSTLY = 0.1, 0.6
MINUTES, STRETCH_S = 10.0, 60.0
FLUTTER_S = ((41, 51), (55, 61), (242, 247), (248, 262), (270, 281), (1541, 1639))
"""Ventricular flutter of record 207."""


def main() -> None:
    """Make the numbers, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--records", nargs="*", default=list(DS1))
    options = parser.parse_args()
    numbers, real = in_windows(collected(options.data, options.records))
    weights, bias = fitted(numbers, real > MOSTLY)
    print(dict(zip(QUALITY_NUMBERS, weights.round(3).tolist(), strict=True)), "bias", round(bias, 3))


def collected(folder: Path, records: list[str]) -> dict[str, NDArray[np.generic]]:
    """Give the numbers of beats ``(beat, lead, number)``, whether each is one, and where it is from."""
    found: dict[str, list[NDArray[np.generic]]] = {
        name: [] for name in ("numbers", "real", "time_s", "place")
    }

    def take(recording: Recording, reference: NDArray[np.int64], place: str) -> None:
        model = load_model("beats")
        sample = find_beats_of(recording, model.preprocessing)
        fs_hz = model.signal.fs_hz
        at = resample_index(sample, fs_hz=recording.fs_hz, to_hz=fs_hz)
        found["numbers"].append(quality_numbers(model.preprocess(recording), at, fs_hz=fs_hz))
        ends = np.concatenate([[-(10**9)], reference, [10**9]])
        after = np.searchsorted(ends, sample)
        far = np.minimum(np.abs(ends[after] - sample), np.abs(sample - ends[after - 1]))
        found["real"].append(far <= NEAR_S * recording.fs_hz)
        found["time_s"].append(sample / recording.fs_hz)
        found["place"].append(np.full(len(sample), place))

    noise = {kind: half_of(read(folder / "nstdb" / kind).signal, "first") for kind in KINDS}
    for kind, signal in noise.items():
        take(Recording(signal, fs=360, leads=["MLII", "V1"]), np.zeros(0, np.int64), f"{kind} alone")
    for record in records:
        clean = read(folder / "mitdb" / record)
        annotations = read_annotations(folder / "mitdb" / record, "atr", fs_hz=clean.fs_hz)
        reference = beats_of(annotations, AAMI).sample
        take(clean, reference, f"{record} clean")
        short, of_short = beginning(clean, annotations, minutes=MINUTES)
        for kind, snr_db in ADDED:
            added = noisy(short, of_short, noise[kind], snr_db, start_s=0.0, stretch_s=STRETCH_S)
            take(added, reference, f"{record} {kind} {snr_db}")
        print(record, flush=True)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def in_windows(kept: Mapping[str, NDArray[np.generic]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the mean numbers ``(beat, lead, number)`` and the share of beats within 5 s of each."""
    numbers, real = np.zeros(kept["numbers"].shape), np.zeros(len(kept["real"]))
    for place in np.unique(kept["place"]):
        own = kept["place"] == place
        time_s = kept["time_s"][own]
        real[own] = mean_quality(time_s, kept["real"][own].astype(np.float64))
        for lead, number in np.ndindex(numbers.shape[1:]):
            numbers[own, lead, number] = mean_quality(time_s, kept["numbers"][own, lead, number])
    flutter = np.zeros(len(real), np.bool_)
    for start_s, stop_s in FLUTTER_S:
        inside = (kept["time_s"] > start_s - 5) & (kept["time_s"] < stop_s + 5)
        flutter |= inside & np.char.startswith(kept["place"], "207")
    return numbers[~flutter], real[~flutter]


def fitted(numbers: NDArray[np.float64], real: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Fit a logistic regression by Newton's method, every beat as often as it has leads."""
    x = numbers.reshape(-1, numbers.shape[-1])
    y = np.repeat(real, numbers.shape[1])
    X = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    w = np.zeros(X.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-X @ w))
        hessian = (X * (p * (1 - p))[:, None]).T @ X + 1e-6 * np.eye(len(w))
        w -= np.linalg.solve(hessian, X.T @ (p - y))
    return w[:-1], float(w[-1])


if __name__ == "__main__":
    main()
