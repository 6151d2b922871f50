"""Train and judge one rhythm network per held-out fold of CinC 2017, and pool the folds into one table.

    python scripts/rhythm_folds.py --out runs/rhythm [--folds 0 1]

Words behind ``--`` go to every training. A fold that has its summary.json is not trained again, so that a
broken run can be taken up. Writes OUT/folds.json beside the folders of the folds.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trainings import add_words, train_once

from ecgrnn.metrics.classification import accuracy, class_scores, confusion_matrix, macro_f1

CLASSES = ("N", "A", "O", "~")
SCORED = range(3)
"""Strips too noisy to tell count where they are called one of the other three."""


def main() -> None:
    """Train the folds that are missing and print the table of those that are there."""
    options = _parser().parse_args()
    for fold in options.folds:
        recipe = ["experiment=cinc2017_rhythm", f"data.fold={fold}"]
        train_once(options.out / f"fold-{fold}", [*recipe, *options.words])
    done = [fold for fold in range(5) if (options.out / f"fold-{fold}" / "summary.json").is_file()]
    by_fold = {fold: _confusion(options.out / f"fold-{fold}" / "records.csv") for fold in done}
    table = _table(by_fold)
    (options.out / "folds.json").write_text(json.dumps(table, indent=1) + "\n")
    for line in _lines(table):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--folds", type=int, nargs="*", default=list(range(5)), help="folds to train")
    add_words(parser)
    return parser


def _confusion(path: Path) -> NDArray[np.int64]:
    """Count strips by what they are and what they were called."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["reference"], row["predicted"]) for row in csv.DictReader(file)]
    is_, called = np.array([[CLASSES.index(name) for name in row] for row in rows]).T
    return confusion_matrix(is_, called, n_classes=len(CLASSES))


def _table(by_fold: dict[int, NDArray[np.int64]]) -> dict[str, Any]:
    """Score the strips of all folds together, and each fold by itself."""
    pooled = np.sum(list(by_fold.values()), axis=0)
    means = {fold: macro_f1(matrix, over=SCORED) for fold, matrix in by_fold.items()}
    return {
        "strips": int(pooled.sum()),
        "mean_f1": macro_f1(pooled, over=SCORED),
        "f1": dict(zip(CLASSES, (score.f1 for score in class_scores(pooled)), strict=True)),
        "accuracy": accuracy(pooled),
        "mean_f1_by_fold": means,
        "mean_over_folds": float(np.mean(list(means.values()))),
        "deviation_over_folds": float(np.std(list(means.values()))),
        "confusion": dict(zip(CLASSES, pooled.tolist(), strict=True)),
    }


def _lines(table: dict[str, Any]) -> list[str]:
    f1, means = table["f1"], table["mean_f1_by_fold"]
    return [
        "fold  mean F1 of N, A, O",
        *(f"{fold:<5} {value:.4f}" for fold, value in means.items()),
        f"mean {table['mean_over_folds']:.4f}, deviation {table['deviation_over_folds']:.4f}",
        f"pooled over {table['strips']} strips: mean F1 {table['mean_f1']:.4f}, "
        + ", ".join(f"{name} {value:.4f}" for name, value in f1.items()),
    ]


if __name__ == "__main__":
    main()
