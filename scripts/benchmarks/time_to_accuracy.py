"""Seconds from the start of `train` until the F1 of V reaches a level on validation patients, cold and warm.

    python scripts/benchmarks/time_to_accuracy.py --data data/physionet/mitdb --fold 0

Cold begins with an empty cache, warm with the one that the cold run filled; each is a process of its own,
from its start. Validation patients are those of DS1 that the split sets aside, and nobody of DS2 is read.
With `--fold` a fifth of DS1 is held out first, so that others validate; some groups cannot reach the level.
The figure is looked at when an epoch ends, as `metrics.csv` tells it. Words behind `--` go to the training.
The import of torch and Lightning, alone in a process of the same run, says how fast the machine was.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import print_table, run_child, write_json

from ecgrnn.data.databases.mitdb import DS1

_LOOKS_S = 0.1


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        rows = [reached(arguments, Path(folder), start) for start in ("cold", "warm")]
    imports = run_child("import torch, pytorch_lightning")
    rows.append({"start": "imports alone", "seconds": imports.wall_s, "epoch": None, "v_f1": None})
    print_table(rows)
    write_json(arguments.out, rows=rows, level=arguments.level)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the time to accuracy.")
    parser.add_argument("--data", type=Path, required=True, help="folder of mitdb")
    parser.add_argument("--fold", type=int, help="hold out this of five groups of DS1; without, DS1 is whole")
    parser.add_argument("--level", type=float, default=0.90, help="F1 of V on validation patients")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("words", nargs="*", metavar="key=value", help="behind --, for the training")
    return parser.parse_args()


def reached(arguments: argparse.Namespace, folder: Path, start: str) -> dict[str, object]:
    """Train until the level is reached, or to the end."""
    run_dir = folder / start
    words = [
        "data=mitdb",
        f"data.root={arguments.data}",
        f"data.cache={folder / 'cache'}",
        "evaluate_test=false",
        "trainer.enable_progress_bar=false",
        f"run_dir={run_dir}",
    ]
    if arguments.fold is not None:
        words += ["data.split=kfold", f"data.records=[{','.join(DS1)}]", f"data.fold={arguments.fold}"]
    command = [sys.executable, "-m", "ecgrnn", "train", *words, *arguments.words]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as training:
        while True:
            ended = training.poll() is not None
            scores = v_f1(run_dir / "csv" / "metrics.csv")
            epoch = next((at for at, score in enumerate(scores) if score >= arguments.level), None)
            if epoch is not None or ended:
                seconds = time.perf_counter() - begun
                training.kill()
                break
            time.sleep(_LOOKS_S)
    if epoch is None:
        return {"start": start, "seconds": None, "epoch": None, "v_f1": max(scores, default=None)}
    return {"start": start, "seconds": seconds, "epoch": epoch, "v_f1": scores[epoch]}


def v_f1(path: Path) -> list[float]:
    """Read the F1 of V after each epoch so far; a row that is only half there yet is left out."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        found = [row.get("validation/f1_V") for row in csv.DictReader(file) if None not in row.values()]
    return [float(text) for text in found if text]


if __name__ == "__main__":
    main()
