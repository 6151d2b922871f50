"""Time and memory of `predict`, from one hour to a day, and over the 48 records of mitdb.

    python scripts/benchmarks/predicting.py --checkpoint best.ckpt --data data/physionet/mitdb

Two-lead records of mitdb are joined, at 360 Hz in format 212, to one of 1, 6 and 24 hours; `predict` reads,
filters, detects, classifies and writes. Each is a process of its own, so that its peak memory is the whole
program's, and its seconds hold the start of Python and torch, which the last line takes by itself.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import wfdb
from timing import Measured, print_table, run_child, run_command, write_json

FS_HZ = 360
JOINED = ("100", "101", "103", "105", "106", "108", "109", "111", "112", "113")
ADC_UNITS_PER_MV, ADC_ZERO = 200, 1024


def main() -> None:
    arguments = parse_arguments()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for hours in arguments.hours:
            write_joined(arguments.data, Path(folder) / "joined", hours=hours)
            rows.append(row(f"{hours} h joined", predict(arguments, Path(folder) / "joined"), hours))
        if not arguments.joined_only:
            rows.append(row("48 records", predict(arguments, arguments.data), 24))
        imports = run_child("import torch, pytorch_lightning")
        rows.append({**row("import torch, pytorch_lightning", imports, 0), "times_real_time": None})
    print_table(rows)
    write_json(arguments.out, rows=rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure prediction over long records.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of mitdb")
    parser.add_argument("--hours", type=int, nargs="+", default=[1, 6, 24])
    parser.add_argument("--joined-only", action="store_true", help="leave the 48 records out")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def write_joined(data: Path, record: Path, *, hours: int) -> None:
    """Write one long record, repeating the records as often as it takes."""
    signals = [wfdb.rdrecord(str(data / name), physical=False).d_signal for name in JOINED]
    wanted = hours * 3600 * FS_HZ
    with record.with_suffix(".dat").open("wb") as file:
        written = 0
        while written < wanted:
            for signal in signals:
                part = signal[: wanted - written]
                file.write(format_212(part))
                written += len(part)
    header = [f"{record.name} 2 {FS_HZ} {wanted}"]
    header += [
        f"{record.name}.dat 212 {ADC_UNITS_PER_MV} 11 {ADC_ZERO} 0 0 0 {lead}" for lead in ("MLII", "V1")
    ]
    record.with_suffix(".hea").write_text("\n".join(header) + "\n")


def format_212(signal: np.ndarray) -> bytes:
    """Pack two samples of 12 bits each into three bytes."""
    first, second = signal[:, 0].astype(np.int16), signal[:, 1].astype(np.int16)
    packed = np.empty((len(signal), 3), np.uint8)
    packed[:, 0] = first & 0xFF
    packed[:, 1] = ((first >> 8) & 0x0F) | ((second >> 4) & 0xF0)
    packed[:, 2] = second & 0xFF
    return packed.tobytes()


def predict(arguments: argparse.Namespace, record: Path) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        words = [f"checkpoint={arguments.checkpoint}", f"record={record}", f"run_dir={folder}/run"]
        return run_command([sys.executable, "-m", "ecgrnn", "predict", *words])


def row(name: str, run: Measured, hours: int) -> dict[str, object]:
    return {
        "recording": name,
        "wall_s": run.wall_s,
        "cpu_s": run.cpu_s,
        "peak_mb": run.peak_mb,
        "times_real_time": 3600 * hours / run.wall_s,
    }


if __name__ == "__main__":
    main()
