"""Predict thousands of times in one process, and see whether memory and open files stay what they were.

    python scripts/soak.py --predictions 10000 [--model beats_tiny] [--seconds 10] [--out FILE]

Recordings are simulated; each prediction reads another one from its file, annotates it and makes its tables.
Memory is the process's own (RssAnon of /proc), looked at ten times; the first tenth, in which libraries
take what they keep, does not count. The exit status is 1 where memory grows by more than 2 % after that, or
where a file stays open.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

from ecgrnn.inference.annotate import annotate
from ecgrnn.signals.formats import read
from ecgrnn.simulator.simulate import write_database

MOST_GROWTH = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--predictions", type=int, default=10_000)
    parser.add_argument("--model", default="beats_tiny")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the recordings")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    options = parser.parse_args()
    rows = soak(options.predictions, options.model, seconds=options.seconds)
    print("| predictions | own memory, MB | open files | s |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['done']:,} | {row['mb']:.1f} | {row['files']} | {row['s']:.0f} |")
    fault = grown(rows)
    print(fault or f"memory and open files stayed within {MOST_GROWTH:.0%}")
    if options.out is not None:
        options.out.write_text(json.dumps(rows, indent=1))
    return 1 if fault else 0


def soak(predictions: int, model: str, *, seconds: float) -> list[dict[str, float]]:
    """Predict, and look at the process after each tenth."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "records"
        names = write_database(folder, n_patients=10, seed=0, duration_s=seconds)
        begun, rows = time.monotonic(), []
        for done in range(1, predictions + 1):
            result = annotate(read(folder / names[done % len(names)]), models=[model])
            result.columns("beats")
            if done % max(predictions // 10, 1) == 0:
                rows.append({"done": done, **looked_at(), "s": time.monotonic() - begun})
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


def looked_at() -> dict[str, float]:
    """Give the process's own memory, and how many files it has open."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    own_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
    return {"mb": own_kb / 1024, "files": len(list(Path("/proc/self/fd").iterdir()))}


def grown(rows: list[dict[str, float]]) -> str:
    """Say what grew since the first look; empty where nothing did."""
    first, last = rows[0], rows[-1]
    if last["mb"] > first["mb"] * (1 + MOST_GROWTH):
        return f"memory grew from {first['mb']:.1f} MB to {last['mb']:.1f} MB"
    if last["files"] > first["files"] * (1 + MOST_GROWTH):
        return f"open files grew from {first['files']} to {last['files']}"
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
