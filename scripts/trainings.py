"""What the scripts that train many networks share: words for every training, and no run twice."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def add_words(parser: argparse.ArgumentParser) -> None:
    """Take the words behind ``--``, which go to every training."""
    parser.add_argument("words", nargs="*", metavar="key=value", help="behind --, for every training")


def train_once(run_dir: Path, words: Sequence[str]) -> None:
    """Train in a process of its own, unless the folder has its ``summary.json``."""
    if (run_dir / "summary.json").is_file():
        return
    quiet = ["trainer.enable_progress_bar=false", f"run_dir={run_dir}"]
    subprocess.run([sys.executable, "-m", "ecgrnn", "train", *quiet, *words], check=True)
