"""Train the beat recipe by cross-validation inside DS1, or with several seeds to be judged on DS2; one table.

    python scripts/beat_runs.py --out runs/beats/cv --inside-ds1 [--folds 0 1] [--seeds 0]
    python scripts/beat_runs.py --out runs/beats/ds2 --seeds 0 1 2 3 4 [--experiment mitdb_beats_tiny]

Words behind ``--`` go to every training. Inside DS1 its patients are held out in five groups, and no record
of DS2 is opened. A run that has its summary.json is not trained again, so that the work can be cut into
parts. Writes OUT/runs.json beside the folders of the runs.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trainings import add_words, train_once

from ecgrnn.datasets.splits import DS1
from ecgrnn.metrics.classification import accuracy, class_scores, macro_f1

CLASSES = ("N", "S", "V", "F", "Q")
COMPARED = ("N", "S", "V")
"""The classes whose mean F1 is given."""
RATIOS = ("sensitivity", "positive_predictivity", "f1")


def main() -> None:
    """Train the runs that are missing and print the table of those that are there."""
    options = _parser().parse_args()
    folds = options.folds if options.inside_ds1 else [None]
    for seed in options.seeds:
        for fold in folds:
            words = _words(options.experiment, seed=seed, fold=fold)
            train_once(_folder(options.out, seed, fold), [*words, *options.words])
    by_seed = {}
    for seed in options.seeds:
        matrices = [_confusion(_folder(options.out, seed, fold) / "confusion.csv") for fold in folds]
        by_seed[seed] = np.sum(matrices, axis=0)
    table = {"classes": CLASSES, "by_seed": {seed: _scores(matrix) for seed, matrix in by_seed.items()}}
    (options.out / "runs.json").write_text(json.dumps(table, indent=1) + "\n")
    for line in _lines(list(table["by_seed"].values())):
        print(line)
    if not options.inside_ds1:
        print(_intervals([_folder(options.out, seed, None) / "intervals.csv" for seed in options.seeds]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--experiment", default="mitdb_beats", help="the recipe")
    parser.add_argument("--inside-ds1", action="store_true", help="hold out patients of DS1, not DS2")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--folds", type=int, nargs="*", default=list(range(5)), help="with --inside-ds1")
    add_words(parser)
    return parser


def _folder(out: Path, seed: int, fold: int | None) -> Path:
    return out / f"seed-{seed}" if fold is None else out / f"seed-{seed}-fold-{fold}"


def _words(experiment: str, *, seed: int, fold: int | None) -> list[str]:
    words = [f"experiment={experiment}", f"seed={seed}"]
    if fold is None:
        return words
    return [*words, "data.split=kfold", f"data.records=[{','.join(DS1)}]", f"data.fold={fold}"]


def _confusion(path: Path) -> NDArray[np.int64]:
    """Read a confusion matrix, ``(reference, predicted)``."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["reference"]: row for row in csv.DictReader(file)}
    return np.array([[int(rows[true][called]) for called in CLASSES] for true in CLASSES])


def _scores(matrix: NDArray[np.int64]) -> dict[str, Any]:
    """Give gross figures: beats of all records counted together."""
    scores = class_scores(matrix)
    return {
        "accuracy": accuracy(matrix),
        **{ratio: np.nan_to_num([getattr(score, ratio) for score in scores]).tolist() for ratio in RATIOS},
        "mean_f1_of_N_S_V": macro_f1(matrix, over=[CLASSES.index(name) for name in COMPARED]),
        "confusion": matrix.tolist(),
    }


def _lines(runs: Sequence[dict[str, Any]]) -> list[str]:
    def show(values: Sequence[float]) -> str:
        spread = f" +- {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
        return f"{100 * float(np.mean(values)):.1f}{spread}"

    rows = (
        (name, *(show([run[ratio][number] for run in runs]) for ratio in RATIOS))
        for number, name in enumerate(CLASSES)
    )
    return [
        f"mean and deviation of {len(runs)} seeds, in %",
        "| class | Se | +P | F1 |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        f"accuracy {show([run['accuracy'] for run in runs])}",
        f"mean F1 of N, S and V {show([run['mean_f1_of_N_S_V'] for run in runs])}",
    ]


def _intervals(paths: Sequence[Path]) -> str:
    """Give the intervals of F1 by patient, the mean of their ends over the runs."""
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in COMPARED}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["convention"] == "reference positions"]
        by_statistic = {row["statistic"]: row for row in rows}
        for name, found in ends.items():
            row = by_statistic[f"{name}_f1"]
            if row["bca_low"]:  # too few patients have the class, else
                found.append((float(row["bca_low"]), float(row["bca_high"])))
    means = {name: 100 * np.mean(found, axis=0) for name, found in ends.items() if found}
    shown = (f"{name} {low:.1f} to {high:.1f}" for name, (low, high) in means.items())
    return f"interval of F1: {', '.join(shown)}"


if __name__ == "__main__":
    main()
