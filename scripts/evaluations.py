"""Join evaluations of beat classifiers into one table: checkpoint by database.

    python -m ecgrnn evaluate checkpoint=C data=svdb run_dir=runs/strangers/C-svdb
    python scripts/evaluations.py runs/strangers/* [--csv table.csv]

Each folder is the run folder of an ``evaluate`` or a ``train``. Figures are F1 at reference positions, and
sensitivity and positive predictivity at detected beats (EC57), in percent; ``-`` where the database has no
such beat.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

CLASSES = ("N", "S", "V")
DETECTED = ("qrs", "sveb", "veb")
HEAD = (
    *("checkpoint", "database", "split", "leads", "records", "beats"),
    *(f"{name} F1" for name in CLASSES),
    *(f"{name} {ratio}" for name in ("QRS", "S", "V") for ratio in ("Se", "+P")),
)


def main() -> None:
    """Print the table, checkpoint by checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders of evaluate or train")
    parser.add_argument("--csv", type=Path, help="write the table here, too")
    options = parser.parse_args()
    rows = sorted(row_of(run) for run in options.runs)
    print("\n".join(lines_of(rows)))
    if options.csv is not None:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEAD, *rows])


def row_of(run: Path) -> list[str]:
    """Give the row of one evaluation.

    Raises:
        SystemExit: the folder holds no results of a beat classifier.
    """
    try:
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        ec57 = summary["ec57"][summary["scheme"]]["statistics"]
        classes = summary["classes"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise SystemExit(
            f"{run}: expected summary.json and config.yaml of a beat classifier's evaluate or train ({error})"
        ) from error
    own = [_percent(classes.get(name, {}).get("f1"), factor=100) for name in CLASSES]
    detected = [_of_ec57(ec57, f"{name}_{ratio}") for name in DETECTED for ratio in RATIOS]
    leads = ",".join(map(str, config.get("leads") or ())) or "all"
    counts = [str(summary["records"]), str(summary["beats"])]
    checkpoint = str(config.get("checkpoint") or run)
    return [checkpoint, summary["database"], summary["split"], leads, *counts, *own, *detected]


RATIOS = ("sensitivity", "positive_predictivity")


def lines_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write the table as Markdown."""
    return [f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *rows)]


def _of_ec57(statistics: Mapping[str, Any], name: str) -> str:
    """Give a ratio in percent; of nothing there is none, though a false alarm makes a denominator of +P."""
    kind = name.partition("_")[0]
    found = statistics[f"{kind}_sensitivity"]["total"] > 0
    return _percent(statistics[name]["percent"] if found else None)


def _percent(value: float | None, *, factor: float = 1) -> str:
    return "-" if value is None else f"{factor * value:.1f}"


if __name__ == "__main__":
    main()
