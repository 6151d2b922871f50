"""One trial as a process of its own: started on its share of the machine, watched, stopped."""

import csv
import ctypes
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgrnn.options.commands import MONITOR
from ecgrnn.training.run_folder import quoted

PROGRAM = (sys.executable, "-m", "ecgrnn", "train")
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_STOPPING_S = 20.0
_OF_A_RANK = (
    "RANK",
    "LOCAL_",
    "NODE_RANK",
    "GROUP_",
    "ROLE_",
    "WORLD_SIZE",
    "MASTER_",
    "TORCHELASTIC_",
    "SLURM_",
)
"""Beginnings of the variables that tell a process its place among others."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Ended:
    """What a trial's process left.

    Attributes:
        figures: content of ``training.json``; None where the process failed.
        said: last line of what it wrote on stderr.
    """

    figures: Mapping[str, float] | None
    said: str


class TrialProcess:
    """A running trial.

    Args:
        words: the overrides of its training.
        folder: its run folder; what it prints is written beside it.
        environment: variables that give it its share of the machine.
        program: what is run; the words follow.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._log = folder.with_suffix(".log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*program, *words, f"run_dir={quoted(str(folder))}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_alone(os.environ), **environment},
                start_new_session=True,
                preexec_fn=_die_with_parent if _LIBC is not None else None,
            )

    def epochs(self) -> dict[int, float]:
        """Give epoch to validation macro-F1, as far as there are any."""
        return read_epochs(self.folder / "csv" / "metrics.csv")

    def ended(self) -> Ended | None:
        """Give what the process left, or None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        return Ended(_read_figures(self.folder / "training.json") if status == 0 else None, self._last_line())

    def stop(self) -> None:
        """Ask the process and its own to end, wait, and end what does not."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_STOPPING_S)
        except subprocess.TimeoutExpired:
            self._signal(_KILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is not None:
            return
        if hasattr(os, "killpg"):
            os.killpg(self._process.pid, number)
        else:
            self._process.terminate()

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def read_epochs(path: Path) -> dict[int, float]:
    """Read epoch to validation macro-F1 from a ``metrics.csv`` that may be in the middle of being written."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    whole = text[: text.rfind("\n") + 1]  # a last line without its end may be half a number
    found: dict[int, float] = {}
    for row in csv.DictReader(io.StringIO(whole)):
        if row.get(MONITOR) and row.get("epoch"):
            found[int(row["epoch"])] = float(row[MONITOR])
    return found


def share_of_machine(
    slot: int, *, jobs: int, cores: int, devices: Sequence[str], per_job: int = 1
) -> dict[str, str]:
    """Deal out devices, or cores where there are none.

    Args:
        slot: which of the jobs, from 0.
        jobs: jobs on this machine.
        cores: cores of this machine.
        devices: accelerators, as CUDA_VISIBLE_DEVICES names them.
        per_job: accelerators a job trains on.

    Example:
        >>> share_of_machine(1, jobs=2, cores=8, devices=[])
        {'OMP_NUM_THREADS': '4'}
        >>> share_of_machine(1, jobs=3, cores=12, devices=["4", "5"])["CUDA_VISIBLE_DEVICES"]
        '5'
        >>> share_of_machine(1, jobs=2, cores=8, devices=["a", "b", "c", "d"], per_job=2)
        {'OMP_NUM_THREADS': '4', 'CUDA_VISIBLE_DEVICES': 'c,d'}
    """
    share = {"OMP_NUM_THREADS": str(max(1, cores // jobs))}
    if devices:
        first = slot * per_job
        mine = [devices[(first + k) % len(devices)] for k in range(min(per_job, len(devices)))]
        share["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
    return share


def own_cores() -> int:
    """Count the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _alone(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what srun and torchrun wrote for the worker: its trial is no rank of the worker's job."""
    return {name: value for name, value in environment.items() if not name.startswith(_OF_A_RANK)}


def _die_with_parent() -> None:
    """Have the kernel stop a trial whose worker is killed: nobody would take its result."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _read_figures(path: Path) -> Mapping[str, float] | None:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return figures if isinstance(figures, dict) else None
