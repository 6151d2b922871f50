"""Trains delineators on the folds of LUDB, each head on each fold, and makes a table of all.

A fold that has its ``summary.json`` already is not trained again, so that the work can be cut into parts:

    python scripts/delineation_folds.py --out runs/ludb --variants linear --folds 0 1
    python scripts/delineation_folds.py --out runs/ludb

Words behind ``--`` go to every training.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from trainings import add_words

from ecgrnn.cli import main as ecgrnn
from ecgrnn.metrics.delineation import FIDUCIALS

VARIANTS = {
    "linear": ["network.head=linear"],
    "crf": ["network.head=crf"],
    "feedback": ["network.head=feedback"],
    "causal": ["network.head=linear", "network.encoder.bidirectional=false"],
}
HEAD = "| head | folds | fiducial | Se % | +P % | F1 % | mean ms | SD ms | SD of records ms |"
RULE = "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
KEYS = ("sensitivity", "positive_predictivity", "f1", "mean_ms", "sd_ms")


def main() -> int:
    options = arguments()
    for variant in options.variants:
        for fold in options.folds:
            status = train(variant, fold, out=options.out, more=options.words)
            if status:
                return status
    print(table(options.out))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and score delineators on the folds of LUDB.")
    parser.add_argument("--out", type=Path, default=Path("runs/ludb"))
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--folds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    add_words(parser)
    return parser.parse_args()


def train(variant: str, fold: int, *, out: Path, more: list[str]) -> int:
    run_dir = out / variant / f"fold{fold}"
    if (run_dir / "summary.json").is_file():
        return 0
    words = ["train", "experiment=ludb_delineation", f"data.fold={fold}", *VARIANTS[variant], *more]
    return ecgrnn([*words, "trainer.enable_progress_bar=false", f"run_dir={run_dir}"])


def table(out: Path) -> str:
    """Mean over the folds of each variant, and all variants on the folds that all of them have."""
    runs = {
        variant: {path.parent.name: path for path in (out / variant).glob("fold*/summary.json")}
        for variant in VARIANTS
    }
    runs = {variant: found for variant, found in runs.items() if found}
    if not runs:
        return "no fold is trained yet"
    shared = sorted(set.intersection(*(set(found) for found in runs.values())))
    lines = [HEAD, RULE]
    for variant, found in runs.items():
        lines += rows(variant, [found[fold] for fold in sorted(found)])
    lines += ["", f"side by side, {', '.join(shared)}", "", HEAD, RULE]
    for variant, found in runs.items():
        lines += rows(variant, [found[fold] for fold in shared])
    lines += ["", "| head | parameters | seconds of training, median |", "| --- | --- | --- |"]
    for variant, found in runs.items():
        seconds = np.median([json.loads(path.read_text())["seconds"]["train"] for path in found.values()])
        size = parameters(next(iter(found.values())).parent)
        lines.append(f"| {variant} | {size:,} | {seconds:.0f} |")
    return "\n".join(lines)


def rows(variant: str, runs: list[Path]) -> list[str]:
    """Mean over some folds of each fiducial; the last column is of whole records."""
    found = [json.loads(path.read_text()) for path in runs]
    lines = []
    for name in map(" ".join, FIDUCIALS):
        se, p, f1, mean, sd = np.mean(
            [[one["fiducials"][name][key] for key in KEYS] for one in found], axis=0
        )
        of_records = np.mean([one["record_fiducials"][name]["sd_ms"] for one in found])
        lines.append(
            f"| {variant} | {len(found)} | {name} | {100 * se:.2f} | {100 * p:.2f} | {100 * f1:.2f} "
            f"| {mean:+.1f} | {sd:.1f} | {of_records:.1f} |"
        )
    return lines


def parameters(run_dir: Path) -> int:
    weights = torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    return sum(tensor.numel() for name, tensor in weights.items() if name.startswith("network."))


if __name__ == "__main__":
    sys.exit(main())
