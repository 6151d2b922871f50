"""Compare QRS detectors on the MIT-BIH Arrhythmia Database by EC57, with their times, and on LUDB.

    OMP_NUM_THREADS=1 python scripts/benchmarks/detectors.py --data data/physionet --out detectors.json

`--data` holds one folder per database: `mitdb` and, optionally, `ludb`. EC57: 150 ms window, first five
minutes left out, ventricular flutter left out, gross over the records. LUDB (10 s, 12 leads, only inner
complexes annotated): 150 ms window, between the first and the last annotated complex. The wfdb detectors take
one lead, the first, and are slow: `--detectors ecgrnn` leaves them out. Processor seconds are summed over the
processes; wall seconds include reading.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import wfdb.processing

from ecgrnn.metrics.ec57.counts import BeatComparison, compare_beats, gross
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations
from ecgrnn.signals.annotations import Annotations, read_annotations
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.formats.wfdb.record import Record, read_record


@dataclass
class Outcome:
    record: str
    comparison: BeatComparison
    reading_s: float
    detection_s: float


def main() -> None:
    arguments = parse_arguments()
    mitdb, ludb = arguments.data / "mitdb", arguments.data / "ludb" / "data"
    rows = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        list(pool.map(int, range(arguments.workers)))  # the processes are there before the clock starts
        for name in arguments.detectors:
            rows.append(
                compare(pool, partial(score_mitdb, detector=name), mitdb, database="mitdb", detector=name)
            )
            print_row(rows[-1])
        for name in [d for d in arguments.detectors if d.startswith("ecgrnn")] if ludb.is_dir() else []:
            rows.append(
                compare(pool, partial(score_ludb, detector=name), ludb, database="ludb", detector=name)
            )
            print_row(rows[-1])
    if arguments.out:
        arguments.out.write_text(json.dumps({"workers": arguments.workers, "rows": rows}, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare QRS detectors.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds mitdb/ and, optionally, ludb/"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS), metavar="NAME",
                        help=f"which of {', '.join(DETECTORS)}; all by default")  # fmt: skip
    return parser.parse_args()


def compare(pool, score, folder, *, database, detector) -> dict:
    paths = sorted(p.with_suffix("") for p in folder.glob("*.hea"))
    start = time.perf_counter()
    outcomes = list(pool.map(score, paths))
    wall_s = time.perf_counter() - start
    statistics = gross([o.comparison for o in outcomes])
    se, pp = statistics["qrs_sensitivity"], statistics["qrs_positive_predictivity"]
    return {
        "database": database, "detector": detector, "records": len(outcomes),
        "se": se.percent, "pp": pp.percent,
        "missed": se.total - se.hits, "extra": pp.total - pp.hits,
        "reading_cpu_s": sum(o.reading_s for o in outcomes),
        "detection_cpu_s": sum(o.detection_s for o in outcomes), "wall_s": wall_s,
        "by_record": {o.record: errors(o.comparison) for o in outcomes},
    }  # fmt: skip


def errors(comparison: BeatComparison) -> tuple[int, int]:
    se = comparison.statistics["qrs_sensitivity"]
    pp = comparison.statistics["qrs_positive_predictivity"]
    return se.total - se.hits, pp.total - pp.hits


def score_mitdb(path: Path, *, detector: str) -> Outcome:
    record, found, reading_s, detection_s = detect(path, detector=detector)
    reference = read_annotations(path, "atr", fs_hz=record.fs_hz)
    return Outcome(
        record.name, compare_beats(reference, beats(found), fs_hz=record.fs_hz), reading_s, detection_s
    )


def score_ludb(path: Path, *, detector: str) -> Outcome:
    record, found, reading_s, detection_s = detect(path, detector=detector)
    waves: Annotations = read_annotations(path, "ii", fs_hz=record.fs_hz)
    reference = waves.sample[waves.symbol == "N"]
    margin_s = 0.15
    comparison = compare_beats(
        beats(reference), beats(found), fs_hz=record.fs_hz,
        start_s=max(0.0, reference[0] / record.fs_hz - margin_s),
        stop_s=reference[-1] / record.fs_hz + margin_s,
    )  # fmt: skip
    return Outcome(record.name, comparison, reading_s, detection_s)


def detect(path: Path, *, detector: str) -> tuple[Record, np.ndarray, float, float]:
    start = time.process_time()
    record = read_record(path)
    read = time.process_time()
    found = DETECTORS[detector](record)
    return record, np.asarray(found, np.int64), read - start, time.process_time() - read


def beats(sample: np.ndarray) -> ScoredAnnotations:
    n = len(sample)
    return ScoredAnnotations(sample, ["N"] * n, np.zeros(n, np.int64), [""] * n)


def all_leads(record: Record) -> np.ndarray:
    return detect_qrs(record.signal, fs_hz=record.fs_hz)


def one_lead(record: Record) -> np.ndarray:
    """The first lead, or lead ii of a twelve-lead record, which LUDB's reference was read from."""
    column = record.leads.index("ii") if "ii" in record.leads else 0
    return detect_qrs(record.signal[:, column : column + 1], fs_hz=record.fs_hz)


def xqrs(record: Record) -> np.ndarray:
    return wfdb.processing.xqrs_detect(record.signal[:, 0].astype(float), record.fs_hz, verbose=False)


def gqrs(record: Record) -> np.ndarray:
    gain = 200.0  # steps per mV, as mitdb was digitised
    digital = np.rint(record.signal[:, 0].astype(float) * gain).astype(np.int64)
    return wfdb.processing.gqrs_detect(d_sig=digital, fs=record.fs_hz, adc_gain=gain, adc_zero=0)


DETECTORS = {"ecgrnn": all_leads, "ecgrnn-one-lead": one_lead, "wfdb-gqrs": gqrs, "wfdb-xqrs": xqrs}


def print_row(row: dict) -> None:
    print(
        f"{row['database']:6} {row['detector']:16} {row['records']:3} records  "
        f"Se {row['se']:7.3f}  +P {row['pp']:7.3f}  "
        f"missed {row['missed']:4} extra {row['extra']:4}  reading {row['reading_cpu_s']:5.2f} s  "
        f"detection {row['detection_cpu_s']:6.2f} s  wall {row['wall_s']:6.2f} s",
        flush=True,
    )
    worst = sorted(row["by_record"].items(), key=lambda item: -sum(item[1]))[:8]
    print(
        "       worst (missed, extra): " + ", ".join(f"{name} {m}, {e}" for name, (m, e) in worst), flush=True
    )


if __name__ == "__main__":
    main()
