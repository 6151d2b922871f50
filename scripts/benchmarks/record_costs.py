"""Measure what one record costs: the figures that docs/scale.md multiplies by the size of large databases.

    OMP_NUM_THREADS=1 python scripts/benchmarks/record_costs.py --ptbxl data/physionet/ptbxl --hours 6

Short records: the 12-lead records of 10 s in `--ptbxl`, at 100 Hz. Long ones: a simulated record of
`--hours`, 250 Hz, of which one lead is read. Each is prepared by one thread into an empty cache, then opened
again from the cache, its beats listed and, for the long one, prepared as sequences of beats, twice: the
second time with what the cache keeps of the first. Times are of the processor; every line of the output is
JSON.
"""

import argparse
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecgrnn.data.cache import CachedRecord, RecordSource, prepare_records
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.simulator.simulate import write_database
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.options import BeatSequenceConfig


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.ptbxl:
            short_records(arguments.ptbxl, Path(folder), n_records=arguments.records)
        long_record(Path(folder), hours=arguments.hours)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what one record costs.")
    parser.add_argument("--ptbxl", type=Path, help="folder of PTB-XL or a part of it")
    parser.add_argument("--records", type=int, default=500, help="how many of its records")
    parser.add_argument("--hours", type=float, default=6.0, help="length of the simulated record")
    return parser.parse_args()


def short_records(database: Path, folder: Path, *, n_records: int) -> None:
    headers = sorted((database / "records100").rglob("*.hea"))[:n_records]
    sources = [RecordSource(path.stem, path.with_suffix(""), path.stem, ()) for path in headers]
    config = PreprocessingConfig(fs_hz=100.0, n_leads=12, highpass_hz=0.5, lowpass_hz=40.0)
    records, prepare_s = timed(lambda: prepare(sources, config, folder / "short"))
    _, reopen_s = timed(lambda: prepare(sources, config, folder / "short"))
    _, map_s = timed(lambda: [float(record.signal[0, 0]) for record in records])
    tell(
        what="12 leads, 10 s, 100 Hz",
        records=len(records),
        source_bytes=per(sum(path.with_suffix(".dat").stat().st_size for path in headers), records),
        cache_bytes=per(folder_bytes(folder / "short"), records),
        cache_files=per(sum(path.is_file() for path in (folder / "short").rglob("*")), records),
        prepare_ms=per(1000 * prepare_s, records),
        reopen_ms=per(1000 * reopen_s, records),
        map_ms=per(1000 * map_s, records),
    )
    shutil.rmtree(folder / "short")


def long_record(folder: Path, *, hours: float) -> None:
    _, simulate_s = timed(
        lambda: write_database(folder / "long", n_patients=1, duration_s=3600 * hours, fs_hz=250.0)
    )
    source = RecordSource("s001", folder / "long" / "s001", "s001", ("atr",))
    config = PreprocessingConfig(fs_hz=125.0, n_leads=1, highpass_hz=0.5, lowpass_hz=40.0)
    before = peak_mb()
    records, prepare_s = timed(lambda: prepare([source], config, folder / "cache"))
    peak = peak_mb() - before
    _, reopen_s = timed(lambda: prepare([source], config, folder / "cache"))
    task = BeatSequenceConfig(before_s=0.4, after_s=0.496)
    scheme = task_of(task).scheme(DataConfig())
    view = task_of(task).view(annotator="atr", scheme=scheme, loader=LoaderConfig(in_memory_mb=0.0))
    counts, count_s = timed(lambda: view.counts(records))
    beats, dataset_s = timed(lambda: view.dataset(records, training=True))
    _, again_s = timed(lambda: view.dataset(records, training=True))
    n_beats = int(sum(counts["s001"]))
    tell(
        what="1 lead of a long record, 250 Hz read, 125 Hz kept",
        hours=hours,
        simulate_s=round(simulate_s, 1),
        beats_per_hour=round(n_beats / hours),
        source_mb_per_hour=(folder / "long" / "s001.dat").stat().st_size / 1e6 / hours,
        cache_mb_per_hour=folder_bytes(folder / "cache") / 1e6 / hours,
        prepare_s_per_hour=prepare_s / hours,
        prepare_peak_mb_per_hour=peak / hours,
        reopen_ms=1000 * reopen_s,
        count_ms_per_hour=1000 * count_s / hours,
        sequences_s_per_hour=dataset_s / hours,
        sequences_us_per_beat=1e6 * dataset_s / n_beats,
        sequences_again_us_per_beat=1e6 * again_s / n_beats,
        windows_mb_per_hour=beats._beats.nbytes / 1e6 / hours,
        features_bytes_per_beat=beats.table.features.nbytes / n_beats,
    )


def prepare(sources: list[RecordSource], config: PreprocessingConfig, cache: Path) -> list[CachedRecord]:
    return prepare_records(sources, config, cache=cache, workers=1, progress=lambda items, total: items)


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Give a result and the processor seconds it took, of all threads: waiting for others does not count."""
    begun = time.process_time()
    found = function()
    return found, time.process_time() - begun


def per(total: float, records: list[CachedRecord]) -> float:
    return total / len(records)


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def tell(**figures: Any) -> None:
    rounded = {
        name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in figures.items()
    }
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    main()
