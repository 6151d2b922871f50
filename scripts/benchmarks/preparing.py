"""Time and memory of preparing the MIT-BIH Arrhythmia Database, against a bare loop that only reads it.

    python scripts/benchmarks/preparing.py --data data/physionet/mitdb --out preparing.json

The bare loop is ``wfdb.rdrecord`` and ``wfdb.rdann`` in one process. Preparing reads, filters, resamples and
writes the cache, as ``train`` does at its first start, with ``--workers`` threads. Both run as processes of
their own, in turn, for 12, 24 and 48 records; the smallest of ``--repeats`` counts. The seconds are those of
the loops alone, without imports; memory is the peak of the whole process.
"""

import argparse
import json
import tempfile
from pathlib import Path

from timing import Measured, print_table, run_child, write_json

NAMES = """
import json, sys, time
from pathlib import Path
folder, count = Path(sys.argv[1]), int(sys.argv[2])
names = (folder / "RECORDS").read_text().split()[:count]
"""
BARE = (
    NAMES
    + """
import wfdb
begun, cpu = time.perf_counter(), time.process_time()
for name in names:
    record = wfdb.rdrecord(str(folder / name))
    wfdb.rdann(str(folder / name), "atr")
print(json.dumps({"loop_s": time.perf_counter() - begun, "loop_cpu_s": time.process_time() - cpu}))
"""
)
OURS = (
    NAMES
    + """
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.data.cache import RecordSource, prepare_records
config = PreprocessingConfig(fs_hz=125.0, first_lead="MLII", highpass_hz=0.5, lowpass_hz=40.0)
sources = [RecordSource(name, folder / name, name, ("atr",)) for name in names]
begun, cpu = time.perf_counter(), time.process_time()
prepare_records(
    sources, config, cache=Path(sys.argv[3]), workers=int(sys.argv[4]), progress=lambda items, total: items
)
print(json.dumps({"loop_s": time.perf_counter() - begun, "loop_cpu_s": time.process_time() - cpu}))
"""
)


def main() -> None:
    arguments = parse_arguments()
    rows = [row(arguments, count) for count in (12, 24, 48)]
    print_table(rows)
    write_json(arguments.out, rows=rows, workers=arguments.workers)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare preparing with a bare reading loop.")
    parser.add_argument("--data", type=Path, required=True, help="folder of mitdb")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def row(arguments: argparse.Namespace, count: int) -> dict[str, object]:
    bare, ours = [], []
    for _ in range(arguments.repeats):
        bare.append(run_child(BARE, str(arguments.data), str(count)))
        with tempfile.TemporaryDirectory() as cache:
            ours.append(run_child(OURS, str(arguments.data), str(count), cache, str(arguments.workers)))
    bare_s, ours_s = least(bare, "loop_s"), least(ours, "loop_s")
    return {
        "records": count,
        "bare_s": bare_s,
        "prepare_s": ours_s,
        "times_bare": ours_s / bare_s,
        "cpu_times_bare": least(ours, "loop_cpu_s") / least(bare, "loop_cpu_s"),
        "prepare_ms_a_record": 1000 * ours_s / count,
        "peak_mb": max(run.peak_mb for run in ours),
        "bare_peak_mb": max(run.peak_mb for run in bare),
    }


def least(runs: list[Measured], key: str) -> float:
    return min(float(json.loads(run.said.splitlines()[-1])[key]) for run in runs)


if __name__ == "__main__":
    main()
