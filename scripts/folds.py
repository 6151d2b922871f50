"""Train a recipe on several folds or with several seeds, and make one table of all.

    python scripts/folds.py beats --out runs/beats/cv --inside-ds1 [--folds 0 1] [--seeds 0]
    python scripts/folds.py beats --out runs/beats/ds2 --seeds 0 1 2 3 4 [--experiment mitdb_beats_tiny]
    python scripts/folds.py rhythm --out runs/rhythm [--folds 0 1]
    python scripts/folds.py delineation --out runs/ludb [--variants linear] [--folds 0 1]

``beats --inside-ds1`` holds out patients of DS1 in five groups and opens no record of DS2. Options behind
``--`` go to every training. A run that is done is not trained again and one that was broken off is continued,
so that the work can be cut into parts; results of other options are refused. The table shows the runs
that are there.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from trainings import add_words, deviation, percent, train_once

from ecgrnn.data.databases.mitdb import DS1
from ecgrnn.metrics.classification import accuracy, class_scores, confusion_matrix, macro_f1
from ecgrnn.metrics.delineation import FIDUCIALS

BEATS = ("N", "S", "V", "F", "Q")
COMPARED = ("N", "S", "V")
"""The beat classes whose mean F1 is given."""
RATIOS = ("sensitivity", "positive_predictivity", "f1")

RHYTHMS = ("N", "A", "O", "~")
SCORED = range(3)
"""Strips too noisy to tell count where they are called one of the other three."""

VARIANTS = {
    "linear": ["network.head=linear"],
    "crf": ["network.head=crf"],
    "feedback": ["network.head=feedback"],
    "feedback_both": ["network.head=feedback_both"],
    "causal": ["network.head=linear", "network.encoder.bidirectional=false"],
}
FIGURES = ("sensitivity", "positive_predictivity", "f1", "mean_ms", "sd_ms")
WAVES_HEAD = (
    "| head | folds | fiducial | Se % | +P % | F1 % | mean ms | SD ms | SD of records ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    """Train the runs that are missing and print the table of those that are there."""
    options = _parser().parse_args()
    for line in options.recipe(options):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    recipes = parser.add_subparsers(required=True)
    for name, recipe in (("beats", beats), ("rhythm", rhythm), ("delineation", delineation)):
        own = recipes.add_parser(name)
        own.set_defaults(recipe=recipe)
        own.add_argument("--out", type=Path, required=True, help="folder of the runs")
        own.add_argument("--folds", type=int, nargs="*", default=list(range(5)), help="folds to train")
        if name == "beats":
            own.add_argument("--experiment", default="mitdb_beats", help="the recipe")
            own.add_argument("--inside-ds1", action="store_true", help="hold out patients of DS1, not DS2")
            own.add_argument("--seeds", type=int, nargs="*", default=[0])
        if name == "delineation":
            own.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
        add_words(own)
    return parser


# beats: one confusion matrix per seed, over the folds where there are some


def beats(options: argparse.Namespace) -> list[str]:
    """Train the beat recipe by cross-validation inside DS1, or with several seeds scored on DS2."""
    folds = options.folds if options.inside_ds1 else [None]
    runs = {
        seed: [
            options.out / (f"seed-{seed}" if fold is None else f"seed-{seed}-fold-{fold}") for fold in folds
        ]
        for seed in options.seeds
    }
    for seed, folders in runs.items():
        for fold, folder in zip(folds, folders, strict=True):
            train_once(folder, [*_beat_words(options.experiment, seed=seed, fold=fold), *options.words])
    by_seed = {
        seed: _beat_scores(np.sum([_matrix(folder / "confusion.csv") for folder in folders], axis=0))
        for seed, folders in runs.items()
    }
    _write(options.out / "runs.json", {"classes": BEATS, "by_seed": by_seed})
    lines = _beat_lines(list(by_seed.values()))
    if not options.inside_ds1:
        lines.append(_intervals([folder / "intervals.csv" for (folder,) in runs.values()]))
    return lines


def _beat_words(experiment: str, *, seed: int, fold: int | None) -> list[str]:
    words = [f"experiment={experiment}", f"seed={seed}"]
    if fold is None:
        return words
    return [*words, "data.split=kfold", f"data.records=[{','.join(DS1)}]", f"data.fold={fold}"]


def _matrix(path: Path) -> NDArray[np.int64]:
    """Read a confusion matrix of beats, ``(reference, predicted)``."""
    rows = {row["reference"]: row for row in _rows(path)}
    return np.array([[int(rows[true][called]) for called in BEATS] for true in BEATS])


def _beat_scores(matrix: NDArray[np.int64]) -> dict[str, Any]:
    """Give gross figures: beats of all records counted together."""
    scores = class_scores(matrix)
    return {
        "accuracy": accuracy(matrix),
        **{ratio: np.nan_to_num([getattr(score, ratio) for score in scores]).tolist() for ratio in RATIOS},
        "mean_f1_of_N_S_V": macro_f1(matrix, over=[BEATS.index(name) for name in COMPARED]),
        "confusion": matrix.tolist(),
    }


def _beat_lines(runs: Sequence[dict[str, Any]]) -> list[str]:
    rows = (
        (name, *(percent([run[ratio][number] for run in runs]) for ratio in RATIOS))
        for number, name in enumerate(BEATS)
    )
    return [
        f"mean ± deviation of {len(runs)} seeds, in %",
        "| class | Se | +P | F1 |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        f"accuracy {percent([run['accuracy'] for run in runs])}",
        f"mean F1 of N, S and V {percent([run['mean_f1_of_N_S_V'] for run in runs])}",
    ]


def _intervals(paths: Sequence[Path]) -> str:
    """Give the intervals of F1 by patient, the mean of their ends over the runs."""
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in COMPARED}
    for path in paths:
        rows = [row for row in _rows(path) if row["convention"] == "reference positions"]
        by_statistic = {row["statistic"]: row for row in rows}
        for name, found in ends.items():
            row = by_statistic[f"{name}_f1"]
            if row["bca_low"]:  # empty where too few patients have the class
                found.append((float(row["bca_low"]), float(row["bca_high"])))
    means = {name: 100 * np.mean(found, axis=0) for name, found in ends.items() if found}
    shown = (f"{name} {low:.1f} to {high:.1f}" for name, (low, high) in means.items())
    return f"interval of F1: {', '.join(shown)}"


# rhythm: one confusion matrix per fold, pooled


def rhythm(options: argparse.Namespace) -> list[str]:
    """Train one rhythm network per held-out fold of CinC 2017, and pool the folds."""
    for fold in options.folds:
        words = ["experiment=cinc2017_rhythm", f"data.fold={fold}"]
        train_once(options.out / f"fold-{fold}", [*words, *options.words])
    done = [fold for fold in range(5) if (options.out / f"fold-{fold}" / "summary.json").is_file()]
    table = _rhythm_table({fold: _strips(options.out / f"fold-{fold}" / "records.csv") for fold in done})
    _write(options.out / "folds.json", table)
    return _rhythm_lines(table)


def _strips(path: Path) -> NDArray[np.int64]:
    """Count strips by what they are and what they were called."""
    rows = [(row["reference"], row["predicted"]) for row in _rows(path)]
    is_, called = np.array([[RHYTHMS.index(name) for name in row] for row in rows]).T
    return confusion_matrix(is_, called, n_classes=len(RHYTHMS))


def _rhythm_table(by_fold: dict[int, NDArray[np.int64]]) -> dict[str, Any]:
    """Score the strips of all folds together, and each fold by itself."""
    pooled = np.sum(list(by_fold.values()), axis=0)
    means = {fold: macro_f1(matrix, over=SCORED) for fold, matrix in by_fold.items()}
    spread = deviation(list(means.values()))
    return {
        "strips": int(pooled.sum()),
        "mean_f1": macro_f1(pooled, over=SCORED),
        "f1": dict(zip(RHYTHMS, (score.f1 for score in class_scores(pooled)), strict=True)),
        "accuracy": accuracy(pooled),
        "mean_f1_by_fold": means,
        "mean_over_folds": float(np.mean(list(means.values()))),
        "deviation_over_folds": None if np.isnan(spread) else spread,
        "confusion": dict(zip(RHYTHMS, pooled.tolist(), strict=True)),
    }


def _rhythm_lines(table: dict[str, Any]) -> list[str]:
    f1, means = table["f1"], table["mean_f1_by_fold"]
    return [
        "fold  mean F1 of N, A, O",
        *(f"{fold:<5} {value:.4f}" for fold, value in means.items()),
        f"mean ± deviation {percent(list(means.values()), digits=2)} %",
        f"pooled over {table['strips']} strips: mean F1 {table['mean_f1']:.4f}, "
        + ", ".join(f"{name} {value:.4f}" for name, value in f1.items()),
    ]


# delineation: figures of each fiducial, the mean over folds, of each head


def delineation(options: argparse.Namespace) -> list[str]:
    """Train delineators on the folds of LUDB, each head on each fold."""
    for variant in options.variants:
        for fold in options.folds:
            words = ["experiment=ludb_delineation", f"data.fold={fold}", *VARIANTS[variant], *options.words]
            train_once(options.out / variant / f"fold{fold}", words)
    return _wave_lines(options.out)


def _wave_lines(out: Path) -> list[str]:
    """Mean over the folds of each variant, and all variants on the folds that all of them have."""
    runs = {
        variant: {path.parent.name: path for path in (out / variant).glob("fold*/summary.json")}
        for variant in VARIANTS
    }
    runs = {variant: found for variant, found in runs.items() if found}
    if not runs:
        return ["no fold is trained yet"]
    shared = sorted(set.intersection(*(set(found) for found in runs.values())))
    lines = [WAVES_HEAD]
    for variant, found in runs.items():
        lines += _wave_rows(variant, [found[fold] for fold in sorted(found)])
    lines += ["", f"side by side, {', '.join(shared)}", "", WAVES_HEAD]
    for variant, found in runs.items():
        lines += _wave_rows(variant, [found[fold] for fold in shared])
    lines += ["", "| head | parameters | seconds of training, median |", "| --- | --- | --- |"]
    for variant, found in runs.items():
        seconds = np.median([json.loads(path.read_text())["seconds"]["train"] for path in found.values()])
        size = _parameters(next(iter(found.values())).parent)
        lines.append(f"| {variant} | {size:,} | {seconds:.0f} |")
    return lines


def _wave_rows(variant: str, runs: list[Path]) -> list[str]:
    """Mean over some folds of each fiducial; the last column is of whole records."""
    found = [json.loads(path.read_text()) for path in runs]
    lines = []
    for name in map(" ".join, FIDUCIALS):
        se, p, f1, mean, sd = np.mean(
            [[one["fiducials"][name][key] for key in FIGURES] for one in found], axis=0
        )
        of_records = np.mean([one["record_fiducials"][name]["sd_ms"] for one in found])
        lines.append(
            f"| {variant} | {len(found)} | {name} | {100 * se:.2f} | {100 * p:.2f} | {100 * f1:.2f} "
            f"| {mean:+.1f} | {sd:.1f} | {of_records:.1f} |"
        )
    return lines


def _parameters(run_dir: Path) -> int:
    weights = torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    return sum(tensor.numel() for name, tensor in weights.items() if name.startswith("network."))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, table: dict[str, Any]) -> None:
    path.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
