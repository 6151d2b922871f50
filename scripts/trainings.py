"""What scripts that train many networks share: options of every training, no run twice, one meaning of ±."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from ecgrnn.training.run_folder import WORDS, key_and_value, leave_no_empty_run, quoted

ROOT = Path(__file__).resolve().parent.parent
QUIET = "trainer.enable_progress_bar=false"


def add_words(parser: argparse.ArgumentParser) -> None:
    """Take the options behind ``--``, which go to every training."""
    parser.add_argument("words", nargs="*", metavar="key=value", help="behind --, for every training")


def train_once(run_dir: Path, words: Sequence[str]) -> None:
    """Train in a process of its own, unless it is done; continue a run that was broken off.

    Raises:
        SystemExit: the folder holds a run with other options, or something else.
    """
    words = [QUIET, *words]
    if run_dir.is_dir():
        leave_no_empty_run(run_dir)
    if not run_dir.is_dir():
        _train(*words, f"run_dir={quoted(str(run_dir))}")
        return
    _require_same(run_dir, words)
    if not (run_dir / "summary.json").is_file():
        _train(f"resume={quoted(str(run_dir))}")


def deviation(values: Sequence[float]) -> float:
    """Give what stands behind ± in every table: the standard deviation of the sample, divided by n - 1."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def percent(values: Sequence[float], *, digits: int = 1) -> str:
    """Write mean ± deviation in percent; of one value, the value alone."""
    spread = f" ± {100 * deviation(values):.{digits}f}" if len(values) > 1 else ""
    return f"{100 * float(np.mean(values)):.{digits}f}{spread}"


def _train(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "ecgrnn", "train", *words], check=True)


def _require_same(run_dir: Path, words: Sequence[str]) -> None:
    kept = run_dir / WORDS
    if not kept.is_file():
        raise SystemExit(f"{run_dir} holds no run that says its options ({WORDS}); name another --out")
    before, now = _plain(yaml.safe_load(kept.read_text(encoding="utf-8"))), _plain(words)
    if before != now:
        changed = ", ".join(sorted(before ^ now))
        raise SystemExit(
            f"{run_dir} was trained with other options; the difference is {changed}. "
            "Give the same options, or name another --out"
        )


def _plain(words: Sequence[str]) -> set[str]:
    """Compare options without what the command line's grammar puts around them."""
    pairs = (key_and_value(word) for word in words)
    return {f"{key}={value}".replace("'", "").replace('"', "") for key, value in pairs}


def checked_out() -> str:
    """Give the commit of this checkout, short."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
