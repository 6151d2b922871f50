"""Measure whether the memory of training grows with the database, on copies of one simulated record.

    OMP_NUM_THREADS=1 python scripts/benchmarks/memory.py --folder /tmp/memory --gigabytes 0.5 2 8

One hour of two leads is simulated and prepared once; its cache entry is then copied, file by file, until the
cache has the wanted size, so that a training reads as many different pages and opens as many files as for so
many patients. For each size a process of its own indexes all records, shuffles all items and takes `--steps`
training steps with view, sampler, loader, network and optimiser of `train`. Reported are the process's own
memory (`RssAnon`, which must fit), the pages of mapped files it holds just then (`RssFile`, which the kernel
takes back when it needs them), how much of its own memory came with the index alone, and times.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from ecgrnn.data.cache import CachedRecord, RecordSource, prepare_records
from ecgrnn.data.datamodule import whole
from ecgrnn.data.order import TrainingBatches
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.data import LoaderConfig, PreprocessingConfig
from ecgrnn.options.networks import BeatSequenceNetworkConfig, ClassifierConfig, EncoderConfig
from ecgrnn.options.spec import SignalSpec
from ecgrnn.simulator.simulate import write_database
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.options import BeatsConfig, BeatSequenceConfig
from ecgrnn.tasks.optimisation import configure
from ecgrnn.tasks.task import ModuleInputs

SMALL = EncoderConfig(hidden_size=8, num_layers=1)  # what the network takes is not in question here
TASKS = {
    "beats": TrainConfig(
        task=BeatsConfig(),
        network=ClassifierConfig(encoder=SMALL),
        preprocessing=PreprocessingConfig(fs_hz=180.0, highpass_hz=0.5, lowpass_hz=40.0),
        loader=LoaderConfig(batch_size=256, in_memory_mb=0.0),
    ),
    "beat_sequence": TrainConfig(
        task=BeatSequenceConfig(before_s=0.4, after_s=0.496),
        network=BeatSequenceNetworkConfig(encoder=SMALL),
        preprocessing=PreprocessingConfig(fs_hz=125.0, highpass_hz=0.5, lowpass_hz=40.0),
        loader=LoaderConfig(batch_size=8, in_memory_mb=0.0),
    ),
}


def main() -> None:
    arguments = parse_arguments()
    if arguments.child:
        print(json.dumps(train(arguments.folder, arguments.task, steps=arguments.steps)))
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    seed = prepare_one(arguments.folder, arguments.task)
    for gigabytes in sorted(arguments.gigabytes):
        n_records = copies(seed, arguments.folder, gigabytes)
        words = ["--child", "--folder", str(arguments.folder), "--task", arguments.task]
        said = subprocess.run(
            [sys.executable, __file__, *words, "--steps", str(arguments.steps)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(
            json.dumps({"cache_gb": gigabytes, "records": n_records, **json.loads(said.stdout)}), flush=True
        )
    shutil.rmtree(arguments.folder)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure memory against the size of the database.")
    parser.add_argument("--folder", type=Path, required=True, help="a new folder; removed at the end")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[2.0, 8.0], help="sizes of the cache")
    parser.add_argument("--task", choices=TASKS, default="beats")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare_one(folder: Path, task: str) -> CachedRecord:
    write_database(folder / "database", n_patients=1, duration_s=3600.0)
    source = RecordSource("s001", folder / "database" / "s001", "s001", ("atr",))
    (record,) = prepare_records(
        [source],
        TASKS[task].preprocessing,
        cache=folder / "seed",
        workers=0,
        progress=lambda items, total: items,
    )
    facts = dataclasses.asdict(dataclasses.replace(record, origin=None)) | {"folder": None}
    (folder / "facts.json").write_text(json.dumps(facts))
    return record


def copies(seed: CachedRecord, folder: Path, gigabytes: float) -> int:
    """Copy the entry until the cache has its size; copies that are there already stay."""
    size = (seed.folder / "signal.npy").stat().st_size
    n_records = round(gigabytes * 1e9 / size)
    for k in range(n_records):
        copy = folder / "cache" / f"r{k:06d}"
        if not copy.is_dir():
            copy.mkdir(parents=True)
            shutil.copyfile(seed.folder / "signal.npy", copy / "signal.npy")
            os.link(seed.folder / "annotations-atr.npz", copy / "annotations-atr.npz")
    return n_records


def train(folder: Path, task: str, *, steps: int) -> dict[str, float]:
    options = TASKS[task]
    facts = json.loads((folder / "facts.json").read_text())
    facts |= {"leads": tuple(facts["leads"]), "missing": tuple(facts["missing"])}
    records = [
        CachedRecord(**{**facts, "name": copy.name, "patient": copy.name, "folder": copy})
        for copy in sorted((folder / "cache").iterdir())
    ]
    scheme = task_of(options.task).scheme(options.data)
    view = task_of(options.task).view(annotator="atr", scheme=scheme, loader=options.loader)
    module, optimizer = network_of(options, records[0])
    before = own_memory()["RssAnon"]
    begun = time.perf_counter()
    dataset = view.dataset(records, training=True)
    indexed_s = time.perf_counter() - begun
    index = own_memory()["RssAnon"] - before
    batches = TrainingBatches(len(dataset), batch_size=options.loader.batch_size, seed=0)
    loader = iter(DataLoader(dataset, batch_sampler=batches, collate_fn=whole))
    begun = time.perf_counter()
    for _ in range(steps):
        batch = next(loader)
        logits = module(batch).flatten(0, -2)
        loss = torch.nn.functional.cross_entropy(logits, batch.label.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    step_ms = 1000 * (time.perf_counter() - begun) / steps
    return {
        "items": len(dataset),
        "beats": len(dataset.table),
        "without_data_mb": round(before),
        "index_mb": round(index),
        "index_bytes_per_beat": round(1e6 * index / len(dataset.table)),
        **{f"{name}_mb": round(value) for name, value in own_memory().items()},
        "index_s": round(indexed_s, 1),
        "step_ms": round(step_ms, 1),
    }


def network_of(options: TrainConfig, record: CachedRecord) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    signal = SignalSpec(fs_hz=record.fs_hz, leads=("",) * len(record.leads))
    task = task_of(options.task)
    scheme = task.scheme(options.data)
    network = task.network(options.network, signal=signal, n_classes=len(scheme.classes))
    counts = [1000] * len(scheme.classes)
    module = task.module(ModuleInputs(options, network, signal, scheme, counts, counts))
    optimizer = configure(network, options.optimizer, total_steps=1000)["optimizer"]
    return module, optimizer


def own_memory() -> dict[str, float]:
    """Give what the kernel says of this process, in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(lines[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
