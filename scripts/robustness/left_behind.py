"""What a command left in its folder: halves, whole files, and its results in a form that can be compared."""

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np

from ecgrnn.signals.annotations import read_annotations
from ecgrnn.signals.formats import read
from ecgrnn.tasks.checkpoint_file import read_plain, weight_digests

_SECONDS = re.compile(rb'("[a-z_]*seconds[a-z_]*": )(\{[^}]*\}|[\d.e-]+)|\d+(\.\d+)? s\b|\d+:\d\d(:\d\d)?')
"""Times that a command took, in JSON, pages and text."""


def hidden(folder: Path) -> list[Path]:
    """List what was to be renamed and was not."""
    return [path for path in folder.rglob(".*") if path.name != ".claimed"]


def half_file(folder: Path) -> str:
    """Name a file that is not hidden and not whole; empty where there is none."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if not path.is_file() or any(part.startswith(".") for part in inside) or "trials" in inside:
            continue
        try:
            _read_whole(path)
        except Exception as error:
            return f"{path.relative_to(folder)} is no whole file: {error!r}"
    return ""


def _read_whole(path: Path) -> None:
    match path.suffix:
        case ".json":
            json.loads(path.read_text())
        case ".jsonl":
            lines = path.read_text()
            if not lines.endswith("\n") or not [json.loads(line) for line in lines.splitlines()]:
                raise ValueError("no whole line")
        case ".csv" if path.parent.name != "csv":  # a training appends its figures to csv/metrics.csv
            text = path.read_text()
            if text and (
                not text.endswith("\n") or len({len(row) for row in csv.reader(text.splitlines())}) > 1
            ):
                raise ValueError("no whole row")
        case ".html":
            if not path.read_text().rstrip().endswith("</html>"):
                raise ValueError("no end")
        case ".ckpt":
            read_plain(path)
        case ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)
        case ".hea":
            read(path).stretch()
        case ".ecg" | ".atr":
            read_annotations(path.with_suffix(""), path.suffix[1:], fs_hz=360.0)


def cache_of(folder: Path) -> dict[str, str]:
    """Hash the files of a cache; of the facts, all but the times of the sources."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            content = path.read_bytes()
            if path.name == "facts.json":
                facts = json.loads(content)["facts"]
                content = json.dumps([facts["record"], facts["sums"]], sort_keys=True).encode()
            name = re.sub("-[0-9a-f]{16}", "", str(path.relative_to(folder)))
            found[name] = hashlib.blake2b(content, digest_size=12).hexdigest()
    return found


def run_of(folder: Path) -> dict[str, object]:
    """Hash what a run left: weights of checkpoints, and files without seconds and paths."""
    run = folder / "run"
    found: dict[str, object] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(run).parts):
            continue
        if path.suffix == ".ckpt":
            found[name] = weight_digests(read_plain(path)["state_dict"])
        elif path.parent.name != "csv" and path.name not in {"overrides.yaml", "config.yaml"}:
            content = path.read_bytes().replace(str(folder).encode(), b"")
            found[name] = hashlib.blake2b(_SECONDS.sub(rb"\1", content), digest_size=12).hexdigest()
    return found


def study_of(folder: Path) -> object:
    """Give the figures of the finished trials of a study by what was tried."""
    with (folder / "run" / "trials.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == "complete"]
    return {"finished": len(rows), "figures": {row["macro_f1"] for row in rows}}
