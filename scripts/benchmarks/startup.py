"""Start-up: `--help`, and the way to the first optimiser step, cold and warm, against the imports alone.

    python scripts/benchmarks/startup.py --data data/physionet/mitdb --out startup.json

Each figure is the best of `--repeats` processes, taken in turn; all but `--help` are ended at once, since an
interpreter that has imported torch takes a second to end by itself. "opening" is what `prepare_data` and
`setup` of the data module take, "items" what it takes to cut the records of training and validation into
sequences of beats. Processor seconds are less disturbed by other load than wall seconds.
"""

import argparse
import json
import tempfile
from pathlib import Path

from timing import print_table, run_child, write_json

HELP = "import sys; sys.argv = ['ecgrnn', '--help']; from ecgrnn.cli import main; main()"
IMPORTS = "import os, torch, pytorch_lightning; os._exit(0)"
LAZY = """
import sys
import ecgrnn.commands.train
wanted = ("pandas", "wfdb", "tensorboard", "torch.utils.tensorboard", "optuna", "mlflow", "wandb")
print([name for name in wanted if name in sys.modules])
"""
FIRST_STEP = """
import json, os, sys, time
from ecgrnn.cli import jobs, main

taken = {"opening_s": 0.0, "items_s": 0.0}
module_of = jobs.module_of

def timed(method, part):
    def run(self, *arguments, **options):
        start = time.perf_counter()
        result = method(self, *arguments, **options)
        taken[part] += time.perf_counter() - start
        return result
    return run

def stop(*_):
    sys.stdout.write("\\n" + json.dumps(taken))
    sys.stdout.flush()
    os._exit(0)

def watched(command):
    module = module_of(command)
    from torch.optim.optimizer import register_optimizer_step_pre_hook
    from ecgrnn.data.datamodule import EcgDataModule
    EcgDataModule.prepare_data = timed(EcgDataModule.prepare_data, "opening_s")
    EcgDataModule.setup = timed(EcgDataModule.setup, "opening_s")
    EcgDataModule.dataset = timed(EcgDataModule.dataset, "items_s")
    register_optimizer_step_pre_hook(stop)
    return module

jobs.module_of = watched
raise SystemExit(main(sys.argv[1:]))
"""


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        words = training_words(arguments.data, Path(folder))
        rows = []
        taken = {"--help": [], "import torch, pytorch_lightning": [], "first step, warm": []}
        cold = run_child(FIRST_STEP, *words, f"run_dir={folder}/cold")
        for turn in range(arguments.repeats):
            taken["--help"].append(run_child(HELP))
            taken["import torch, pytorch_lightning"].append(run_child(IMPORTS))
            taken["first step, warm"].append(run_child(FIRST_STEP, *words, f"run_dir={folder}/{turn}"))
    for name, runs in {**taken, "first step, cold": [cold]}.items():
        parts = [json.loads(run.said.splitlines()[-1]) for run in runs if "step" in name]
        rows.append(
            {
                "process": name,
                "wall_s": min(run.wall_s for run in runs),
                "cpu_s": min(run.cpu_s for run in runs),
                "peak_mb": max(run.peak_mb for run in runs),
                **{part: min((of[part] for of in parts), default=None) for part in ("opening_s", "items_s")},
            }
        )
    print_table(rows)
    imported = run_child(LAZY).said.strip()
    print(f"imported by `train` though not needed before its end: {imported}")
    write_json(arguments.out, rows=rows, imported_early=imported)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the start of the application.")
    parser.add_argument("--data", type=Path, help="folder of mitdb; the built-in database otherwise")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def training_words(data: Path | None, folder: Path) -> list[str]:
    here = [f"data.root={folder}/synthetic"] if data is None else ["data=mitdb", f"data.root={data}"]
    return ["train", *here, f"data.cache={folder}/cache", "trainer.enable_progress_bar=false"]


if __name__ == "__main__":
    main()
