"""Train and judge one rhythm network per held-out fold of CinC 2017, and pool the folds into one table.

    python scripts/rhythm_folds.py --out runs/rhythm [--folds 0 1]

Words behind ``--`` go to every training. A fold that has its summary.json is not trained again, so that a
broken run can be taken up. Writes OUT/folds.json beside the folders of the folds.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

from trainings import add_words, train_once

CLASSES = ("N", "A", "O", "~")
SCORED = ("N", "A", "O")


def main() -> None:
    """Train the folds that are missing and print the table of those that are there."""
    options = _parser().parse_args()
    for fold in options.folds:
        recipe = ["experiment=cinc2017_rhythm", f"data.fold={fold}"]
        train_once(options.out / f"fold-{fold}", [*recipe, *options.words])
    done = [fold for fold in range(5) if (options.out / f"fold-{fold}" / "summary.json").is_file()]
    by_fold = {fold: _calls(options.out / f"fold-{fold}" / "records.csv") for fold in done}
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


def _calls(path: Path) -> list[tuple[str, str]]:
    """Read pairs of what a strip is and what it was called."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["reference"], row["predicted"]) for row in csv.DictReader(file)]


def _table(by_fold: dict[int, list[tuple[str, str]]]) -> dict[str, Any]:
    """Score the strips of all folds together, and each fold by itself."""
    pooled = [pair for calls in by_fold.values() for pair in calls]
    means = {fold: mean(_f1(calls, name) for name in SCORED) for fold, calls in by_fold.items()}
    return {
        "strips": len(pooled),
        "mean_f1": mean(_f1(pooled, name) for name in SCORED),
        "f1": {name: _f1(pooled, name) for name in CLASSES},
        "accuracy": mean(is_ == called for is_, called in pooled),
        "mean_f1_by_fold": means,
        "mean_over_folds": mean(means.values()),
        "deviation_over_folds": pstdev(means.values()),
        "confusion": {name: [pooled.count((name, called)) for called in CLASSES] for name in CLASSES},
    }


def _f1(calls: Sequence[tuple[str, str]], name: str) -> float:
    """2 TP / (2 TP + FP + FN): the challenge's F1 of a class."""
    right = sum(is_ == called == name for is_, called in calls)
    named = sum(is_ == name for is_, _ in calls) + sum(called == name for _, called in calls)
    return 2 * right / named if named else 0.0


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
