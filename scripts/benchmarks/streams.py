"""How many patients one process follows in real time, and what each of them takes.

    OMP_NUM_THREADS=1 python scripts/benchmarks/streams.py --streams 200 --seconds 60
    OMP_NUM_THREADS=1 python scripts/benchmarks/streams.py --streams 20 --seconds 3600   # flat over an hour?

Synthetic patients of two leads at 360 Hz are pushed, `--chunk` seconds each at a time and as fast as they are
worked through, into one `BeatStreams` with the causal model. A core could follow so many of them as there are
seconds of signal, of all patients together, in a second of the processor. `late` is how long one push of all
patients took: median and longest. Memory is that of the process less what it had before the streams were
made; `--seconds` is measured in four quarters, between which nothing may grow.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from timing import print_table, write_json

from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.streaming.stream import BeatStreams
from ecgrnn.simulator.simulate import simulate_record

FS_HZ = 360.0
DIFFERENT, LONG_S = 8, 120.0
"""So many patients are simulated, for so long; each stream begins elsewhere in one of them, over and over."""

QUARTERS = 4


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    model = load_model(arguments.checkpoint)
    signals = [
        simulate_record(patient, seed=0, duration_s=LONG_S, fs_hz=FS_HZ).signal
        for patient in range(1, DIFFERENT + 1)
    ]
    BeatStreams(model, fs=FS_HZ, leads=LEADS).push({0: signals[0]})  # what is imported when it is first used
    before_mb = own_memory_mb()
    streams = BeatStreams(model, fs=FS_HZ, leads=LEADS, n_patients=arguments.streams, hop_s=arguments.chunk)
    chunk = round(arguments.chunk * FS_HZ)
    n_pushes = round(arguments.seconds / arguments.chunk / QUARTERS)
    rows, at = [], 0
    for quarter in range(QUARTERS):
        cpu_s, took, n_beats = time.process_time(), [], 0
        for _ in range(n_pushes):
            chunks = {who: part_of(signals, who, at, chunk) for who in range(arguments.streams)}
            begun = time.perf_counter()
            n_beats += sum(map(len, streams.push(chunks).values()))
            took.append(time.perf_counter() - begun)
            at += chunk
        used_s, signal_s = time.process_time() - cpu_s, n_pushes * arguments.chunk
        rows.append(
            {
                "quarter": quarter + 1,
                "beats": n_beats,
                "patients per core": arguments.streams * signal_s / used_s,
                "ms per patient second": 1000 * used_s / signal_s / arguments.streams,
                "late ms": 1000 * float(np.median(took)),
                "latest ms": 1000 * max(took),
                "MB per patient": (own_memory_mb() - before_mb) / arguments.streams,
            }
        )
    print_table(rows)
    write_json(arguments.json, arguments={k: str(v) for k, v in vars(arguments).items()}, rows=rows)


LEADS = ["II", "V1"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure streams of many patients in one process.")
    parser.add_argument("--streams", type=int, default=200, help="patients")
    parser.add_argument("--seconds", type=float, default=60.0, help="signal of each")
    parser.add_argument("--chunk", type=float, default=1.0, help="seconds of signal at a time")
    parser.add_argument("--checkpoint", default="beats_causal")
    parser.add_argument("--json", type=Path, help="file for the results")
    return parser.parse_args()


def part_of(signals: list[np.ndarray], who: int, at: int, length: int) -> np.ndarray:
    """Give the next samples of a patient, who begins again behind the last one."""
    signal = signals[who % DIFFERENT]
    first = (at + who * 997) % (len(signal) - length)
    return signal[first : first + length]


def own_memory_mb() -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
