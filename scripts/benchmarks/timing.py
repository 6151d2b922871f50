"""What the benchmarks share: child processes measured from outside, tables and JSON."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """One child process: wall and processor seconds, peak resident memory, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def run_child(code: str, *arguments: str, **environment: str) -> Measured:
    """Run Python code in a process of its own; an error of the child ends the benchmark."""
    return run_command([sys.executable, "-c", code, *arguments], **environment)


def run_command(command: list[str], **environment: str) -> Measured:
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdout=said, stderr=complained, env={**os.environ, **environment})
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if child.returncode:
            raise SystemExit(f"a child process failed ({child.returncode}):\n{complained.read()[-3000:]}")
        return Measured(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said.read())


def machine() -> dict[str, object]:
    """Tell on what the figures were taken."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"cores": os.cpu_count(), "processor": model, "load_average": round(os.getloadavg()[0], 1)}


def print_table(rows: list[dict]) -> None:
    """Print rows of one shape as a table, numbers to three digits."""
    texts = [{name: _text(value) for name, value in row.items()} for row in rows]
    widths = {name: max([len(name), *(len(row[name]) for row in texts)]) for name in rows[0]}
    print("  ".join(f"{name:>{width}}" for name, width in widths.items()))
    for row in texts:
        print("  ".join(f"{row[name]:>{width}}" for name, width in widths.items()), flush=True)


def write_json(path: Path | None, **content: object) -> None:
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), **content}, indent=1) + "\n")


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "-" if value is None else str(value)
