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
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.datasets.splits import DS1

CLASSES = ("N", "S", "V", "F", "Q")
COMPARED = ("N", "S", "V")
"""The classes whose mean F1 is given."""


def main() -> None:
    """Train the runs that are missing and print the table of those that are there."""
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    options, words = _parser().parse_args(given[:cut]), given[cut + 1 :]
    folds = options.folds if options.inside_ds1 else [None]
    for seed in options.seeds:
        for fold in folds:
            _train(_folder(options.out, seed, fold), options.experiment, seed=seed, fold=fold, words=words)
    by_seed = {}
    for seed in options.seeds:
        matrices = [_confusion(_folder(options.out, seed, fold) / "confusion.csv") for fold in folds]
        by_seed[seed] = np.sum(matrices, axis=0)
    table = {"classes": CLASSES, "by_seed": {seed: _scores(matrix) for seed, matrix in by_seed.items()}}
    (options.out / "runs.json").write_text(json.dumps(table, indent=1) + "\n")
    for line in _lines(list(table["by_seed"].values())):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--experiment", default="mitdb_beats", help="the recipe")
    parser.add_argument("--inside-ds1", action="store_true", help="hold out patients of DS1, not DS2")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--folds", type=int, nargs="*", default=list(range(5)), help="with --inside-ds1")
    return parser


def _folder(out: Path, seed: int, fold: int | None) -> Path:
    return out / f"seed-{seed}" if fold is None else out / f"seed-{seed}-fold-{fold}"


def _train(run_dir: Path, experiment: str, *, seed: int, fold: int | None, words: Sequence[str]) -> None:
    if (run_dir / "summary.json").is_file():
        return
    command = [sys.executable, "-m", "ecgrnn", "train", f"experiment={experiment}", f"seed={seed}"]
    if fold is not None:
        command += ["data.split=kfold", f"data.records=[{','.join(DS1)}]", f"data.fold={fold}"]
    quiet = ["trainer.enable_progress_bar=false", f"run_dir={run_dir}"]
    subprocess.run([*command, *quiet, *words], check=True)


def _confusion(path: Path) -> NDArray[np.int64]:
    """Read a confusion matrix, ``(reference, predicted)``."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["reference"]: row for row in csv.DictReader(file)}
    return np.array([[int(rows[true][called]) for called in CLASSES] for true in CLASSES])


def _scores(matrix: NDArray[np.int64]) -> dict[str, Any]:
    """Give gross figures: beats of all records counted together."""
    hits, true, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = 2 * hits / np.maximum(true + called, 1)
    return {
        "accuracy": float(hits.sum() / matrix.sum()),
        "sensitivity": (hits / np.maximum(true, 1)).tolist(),
        "positive_predictivity": (hits / np.maximum(called, 1)).tolist(),
        "f1": f1.tolist(),
        "mean_f1_of_N_S_V": float(np.mean([f1[CLASSES.index(name)] for name in COMPARED])),
        "confusion": matrix.tolist(),
    }


def _lines(runs: Sequence[dict[str, Any]]) -> list[str]:
    def show(values: Sequence[float]) -> str:
        spread = f" +- {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
        return f"{100 * float(np.mean(values)):.1f}{spread}"

    keys = ("sensitivity", "positive_predictivity", "f1")
    rows = (
        (name, *(show([run[key][number] for run in runs]) for key in keys))
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


if __name__ == "__main__":
    main()
