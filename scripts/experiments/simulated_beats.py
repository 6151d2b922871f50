"""Can simulated beats be told from recorded ones of their class by marks of how they were made?

    python scripts/experiments/simulated_beats.py [--seeds 0 1] [--root data/physionet/mitdb] [--cache DIR]

Plays every record of DS1 back as `task.simulated_ectopy` does (DS2 is not read), and prints areas under the
ROC curve, 0.5 where nothing can be told, in three comparisons:

- S, simulated: beats made ectopic against normal beats of the same copy, by one number each: the largest
  second difference where the P wave ends (the mark of a cut), and how rough the signal before the QRS is.
- N, recorded or copied: normal beats of a record against normal beats of its copy that have about the RR
  intervals of the record, by a small network, of patients it was not trained on.
- S, recorded or simulated: the same for S, where the record has any.

The networks read beats with everything slower than about 12 Hz taken off, scaled by the height of the
patient's QRS: waves differ between kinds of beats and between patients, what is left is how they were joined.
Each is trained on the patients of four groups and read on the fifth. "whole" are networks that read whole
beats: for N they must find nothing either, for S they show how far simulated P waves are from recorded ones.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import rankdata
from torch import nn

from ecgrnn.data.cache import CachedRecord, RecordSource, prepare_records
from ecgrnn.data.databases.mitdb import DS1
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import beats_of
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.simulator.ectopy import replay
from ecgrnn.simulator.ectopy_rhythm import Origin, draw_rhythm

FS_HZ = 125.0
BEFORE, AFTER = 50, 62
"""Samples of a window before and behind the R peak."""

SLOW_S = 0.012
"""Standard deviation of the smoothing whose result is taken off."""

ALIKE = 0.1
"""Copied normal beats are compared where both RR intervals are within this part of the record's usual one."""

N, S = (SCHEMES["aami"].classes.index(name) for name in "NS")
MOST_BEATS, GROUPS, EPOCHS = 120, 5, 8


@dataclass(frozen=True)
class Beats:
    """Beats of one kind of one patient: windows ``(beat, time, lead)`` in heights of the usual QRS."""

    patient: int
    window: NDArray[np.float32]


def main() -> None:
    """Print the areas of all comparisons."""
    options = _parser().parse_args()
    records = _records(options.root, options.cache)
    for seed in options.seeds:
        print(f"seed {seed}")
        kinds = [_kinds(record, patient, seed) for patient, record in enumerate(records)]
        for name, mark in (("second difference where P ends", _bend), ("roughness before the QRS", _rough)):
            _print_single(name, [(mark(kind["S copy"]), mark(kind["N moved"])) for kind in kinds])
        for rough in () if options.marks_only else (True, False):
            what = "roughness" if rough else "whole"
            for of in "NS":
                pairs = [(kind[f"{of} copy"], kind[f"{of} record"]) for kind in kinds]
                area, spread = _told_apart(
                    [beats for pair in pairs for beats in pair], rough=rough, seed=seed
                )
                print(f"  {of}, network, {what}: {area:.3f} over groups of patients (+- {spread:.3f})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--root", type=Path, default=Path("data/physionet/mitdb"), help="folder of mitdb")
    parser.add_argument("--marks-only", action="store_true", help="train no network")
    parser.add_argument("--cache", type=Path, default=Path("data/cache"))
    return parser


def _records(folder: Path, cache: Path) -> list[CachedRecord]:
    config = PreprocessingConfig(fs_hz=FS_HZ, first_lead="MLII", highpass_hz=0.5, lowpass_hz=40.0)
    sources = [RecordSource(name, folder / name, name, ("atr",)) for name in DS1]
    return prepare_records(sources, config, cache=cache, workers=2, progress=lambda items, total: items)


def _kinds(record: CachedRecord, patient: int, seed: int) -> dict[str, Beats]:
    """Play one record back and give its beats, recorded and copied, by kind."""
    beats = beats_of(record.annotations("atr"), SCHEMES["aami"])
    time_s, sinus = beats.sample / record.source_fs_hz, beats.label == N
    rr_s = np.diff(time_s, prepend=time_s[:1] - 0.8)
    same_seed = (seed, patient)
    drawn = draw_rhythm(rr_s, sinus=sinus, rng=np.random.default_rng(same_seed))
    copy = replay(
        record.read(), time_s, fs_hz=record.fs_hz, sinus=sinus, rng=np.random.default_rng(same_seed)
    )
    if not np.allclose(np.diff(copy.time_s), drawn.rr_s[1:]):
        raise RuntimeError("the rhythm was drawn in another way than replay draws it")
    usual_s = np.median(rr_s[sinus])
    regular = sinus & _near(rr_s, usual_s) & _near(np.append(rr_s[1:], 0), usual_s)
    new_s = np.diff(copy.time_s, prepend=copy.time_s[:1] - 0.8)
    kept = sinus & (drawn.origin == Origin.AS_BEFORE)
    alike = kept & _near(new_s, usual_s) & _near(np.append(new_s[1:], 0), usual_s)
    height = _height(record.signal, time_s[sinus])
    rng = np.random.default_rng(same_seed)

    def of(signal: NDArray[np.float32], at_s: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Beats:
        picked = np.flatnonzero(chosen)
        picked = np.sort(rng.permutation(picked)[:MOST_BEATS])
        return Beats(patient, _windows(signal, at_s[picked]) / height)

    return {
        "N record": of(record.signal, time_s, regular),
        "N copy": of(copy.signal, copy.time_s, alike),
        "N moved": of(copy.signal, copy.time_s, kept),
        "S record": of(record.signal, time_s, beats.label == S),
        "S copy": of(copy.signal, copy.time_s, copy.ectopic),
    }


def _near(rr_s: NDArray[np.float64], usual_s: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(rr_s / usual_s - 1) < ALIKE)


def _windows(signal: NDArray[np.float32], at_s: NDArray[np.float64]) -> NDArray[np.float32]:
    at = np.round(at_s * FS_HZ).astype(np.int64)
    at = at[(at >= BEFORE) & (at < len(signal) - AFTER)]
    return np.asarray(signal[at[:, np.newaxis] + np.arange(-BEFORE, AFTER)], np.float32)


def _height(signal: NDArray[np.float32], at_s: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.maximum(np.ptp(np.median(_windows(signal, at_s), axis=0), axis=0), np.float32(0.1))


def _bend(beats: Beats) -> NDArray[np.float32]:
    """Give each beat's largest second difference around 70 ms before R, in the first lead."""
    around = slice(BEFORE - round(0.07 * FS_HZ) - 2, BEFORE - round(0.07 * FS_HZ) + 3)
    return np.asarray(np.abs(np.diff(beats.window[:, around, 0], n=2, axis=1)).max(axis=1))


def _rough(beats: Beats) -> NDArray[np.float32]:
    """Give the root mean square fourth difference from 250 to 100 ms before R, in the first lead."""
    around = slice(BEFORE - round(0.25 * FS_HZ), BEFORE - round(0.1 * FS_HZ))
    return np.asarray(np.sqrt((np.diff(beats.window[:, around, 0], n=4, axis=1) ** 2).mean(axis=1)))


def _area(higher: NDArray[Any], lower: NDArray[Any]) -> float:
    """Give the area under the ROC curve: how often one of the first is above one of the second."""
    ranks = rankdata(np.concatenate([higher, lower]))
    n, m = len(higher), len(lower)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def _print_single(name: str, pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> None:
    areas = [_area(one, other) for one, other in pairs if min(len(one), len(other)) >= 20]
    print(f"  S, {name}: mean {np.mean(areas):.3f}, {min(areas):.3f} to {max(areas):.3f} by record")


def _told_apart(beats: Sequence[Beats], *, rough: bool, seed: int) -> tuple[float, float]:
    """Train networks that tell copied beats (first of each pair) from recorded ones, patients held out."""
    rng = np.random.default_rng(seed)
    copied = np.concatenate([np.full(len(kind.window), 1 - i % 2) for i, kind in enumerate(beats)])
    patient = np.concatenate([np.full(len(kind.window), kind.patient) for kind in beats])
    window = np.concatenate([kind.window for kind in beats])
    if rough:
        window = window - gaussian_filter1d(window, SLOW_S * FS_HZ, axis=1)
        window = window * 5
    groups = np.array_split(rng.permutation(patient.max() + 1), GROUPS)
    areas = []
    for group in groups:
        held = np.isin(patient, group)
        if min(np.bincount(copied[held], minlength=2)) < 10:
            continue
        weight = _balanced(copied[~held], patient[~held])
        network = _trained(window[~held], copied[~held], weight, seed=seed)
        with torch.no_grad():
            told = network(torch.from_numpy(window[held].transpose(0, 2, 1).copy()))[:, 0].numpy()
        areas.append(_area(told[copied[held] == 1], told[copied[held] == 0]))
    return float(np.mean(areas)), float(np.std(areas))


def _balanced(copied: NDArray[np.int64], patient: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weigh beats so that patients that have both kinds count alike, and so do the kinds."""
    weight = np.zeros(len(copied), np.float32)
    for one in np.unique(patient):
        for kind in (0, 1):
            rows = (patient == one) & (copied == kind)
            weight[rows] = 1 / max(rows.sum(), 20)
    for kind in (0, 1):
        weight[copied == kind] /= weight[copied == kind].sum()
    return np.asarray(weight * len(copied) / 2, np.float32)


def _trained(
    window: NDArray[np.float32], copied: NDArray[np.int64], weight: NDArray[np.float32], *, seed: int
) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv1d(2, 16, 7, padding=3),
        nn.ReLU(),
        nn.Conv1d(16, 16, 7, stride=2),
        nn.ReLU(),
        nn.Conv1d(16, 16, 7, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, 1),
    )
    x = torch.from_numpy(window.transpose(0, 2, 1).copy())
    y, w = torch.from_numpy(copied.astype(np.float32)), torch.from_numpy(weight)
    network(x[:2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    loss = nn.BCEWithLogitsLoss(reduction="none")
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            (loss(network(x[rows])[:, 0], y[rows]) * w[rows]).mean().backward()
            optimizer.step()
    return network.eval()


if __name__ == "__main__":
    main()
