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

from ecgrnn.cli import main as ecgrnn
from ecgrnn.metrics.delineation import FIDUCIALS

VARIANTS = {
    "linear": ["network.head=linear"],
    "crf": ["network.head=crf"],
    "feedback": ["network.head=feedback"],
    "causal": ["network.head=linear", "network.encoder.bidirectional=false"],
}
KEYS = ("sensitivity", "positive_predictivity", "f1", "mean_ms", "sd_ms")


def main() -> int:
    options, more = arguments()
    for variant in options.variants:
        for fold in options.folds:
            status = train(variant, fold, out=options.out, more=more)
            if status:
                return status
    print(table(options.out))
    return 0


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description="Train and score delineators on the folds of LUDB.")
    parser.add_argument("--out", type=Path, default=Path("runs/ludb"))
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--folds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    return parser.parse_args(words[:cut]), words[cut + 1 :]


def train(variant: str, fold: int, *, out: Path, more: list[str]) -> int:
    run_dir = out / variant / f"fold{fold}"
    if (run_dir / "summary.json").is_file():
        return 0
    words = ["train", "experiment=ludb_delineation", f"data.fold={fold}", *VARIANTS[variant], *more]
    return ecgrnn([*words, "trainer.enable_progress_bar=false", f"run_dir={run_dir}"])


def table(out: Path) -> str:
    """Mean over the folds of each figure, for every variant that has a result."""
    lines = [
        "| head | folds | fiducial | Se % | +P % | F1 % | mean ms | SD ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    sizes = ["", "| head | parameters | seconds of training, median |", "| --- | --- | --- |"]
    for variant in VARIANTS:
        runs = sorted((out / variant).glob("fold*/summary.json"))
        found = [json.loads(run.read_text()) for run in runs]
        if not found:
            continue
        for fiducial in FIDUCIALS:
            name = " ".join(fiducial)
            rows = [[one["fiducials"][name][key] for key in KEYS] for one in found]
            se, p, f1, mean, sd = np.mean(rows, axis=0)
            lines.append(
                f"| {variant} | {len(found)} | {name} | {100 * se:.2f} | {100 * p:.2f} | {100 * f1:.2f} "
                f"| {mean:+.1f} | {sd:.1f} |"
            )
        seconds = np.median([one["seconds"]["train"] for one in found])
        sizes.append(f"| {variant} | {parameters(runs[0].parent):,} | {seconds:.0f} |")
    return "\n".join(lines + sizes)


def parameters(run_dir: Path) -> int:
    weights = torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    return sum(tensor.numel() for name, tensor in weights.items() if name.startswith("network."))


if __name__ == "__main__":
    sys.exit(main())
