"""Several processes that work on one command: started where nobody else has, met, and taken down together."""

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import distributed

from ecgrnn.errors import ConfigError, Interrupted

_ANNOUNCERS = (
    "lightning_fabric.utilities.distributed",
    "lightning_fabric.utilities.rank_zero",
    "pytorch_lightning.utilities.rank_zero",
)

_MEETING_PLACE = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
"""What Lightning's launcher writes into the environment of the process that it starts others from."""

_PARTING_S = 60.0
"""How long the others may take to end after this process is done."""


@contextmanager
def together(keys: Mapping[str, Any]) -> Iterator[None]:
    """Work inside as one of the processes that ``trainer`` asks for; torchrun and srun have started theirs.

    Args:
        keys: ``accelerator``, ``devices``, ``num_nodes`` and ``strategy`` as Lightning's Trainer takes them.

    Raises:
        ConfigError: the keys do not go together, or do not fit what torchrun or srun have started.
    """
    quieten_lightning()
    chosen = {
        name: keys[name] for name in ("accelerator", "devices", "num_nodes", "strategy") if name in keys
    }
    try:
        fabric = Fabric(**chosen)
    except Exception as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    before = {name: os.environ.get(name) for name in _MEETING_PLACE}
    if fabric.world_size > 1:
        _check_that_it_can_be_started(fabric)
        try:
            fabric.launch()
        except (ValueError, TypeError) as error:  # the latter of strategies that start functions
            raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Interrupted) or not error.agreed:
            _take_down(fabric)
        raise
    _part(fabric, before)


def quieten_lightning() -> None:
    """Keep announcements, and a warning about torch that is Lightning's own business, from the user."""
    for module in _ANNOUNCERS:
        logging.getLogger(module).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
    # A run that is resumed goes on in its own folder, and every figure logged is that of all ranks already.
    warnings.filterwarnings("ignore", message=".*directory.* exists and is not empty")
    warnings.filterwarnings("ignore", message=r".*recommended to use `self.log\(.*sync_dist=True")
    warnings.filterwarnings("ignore", message=".*dataloader is not resumable")


def keys_of_evaluation(processes: int) -> dict[str, Any]:
    """Give the keys for evaluation on the CPU: as many processes as asked for, or as torchrun has started."""
    here, machines = os.environ.get("LOCAL_WORLD_SIZE"), os.environ.get("GROUP_WORLD_SIZE", "1")
    if here is not None and processes == 1:
        processes, nodes = int(here), int(machines)
    else:
        nodes = 1
    strategy = "ddp" if processes * nodes > 1 else "auto"
    return {"accelerator": "cpu", "devices": processes, "num_nodes": nodes, "strategy": strategy}


def _check_that_it_can_be_started(fabric: Fabric) -> None:
    """Refuse to start copies of a program that is not ours, such as a notebook or a test runner."""
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if environment is None or environment.creates_processes_externally:
        return
    module = getattr(sys.modules["__main__"], "__spec__", None)
    program = module.name if module is not None else Path(sys.argv[0]).name
    if program.partition(".")[0] != "ecgrnn":
        raise ConfigError(
            f"{fabric.world_size} processes can be started only from the command line, python -m ecgrnn; "
            "set trainer=cpu, or start this program with torchrun"
        )


def _part(fabric: Fabric, before: Mapping[str, str | None]) -> None:
    """Leave this process as it was before it started others, so that the next job of a multirun can."""
    started = getattr(getattr(fabric.strategy, "launcher", None), "procs", None)
    if not started:
        return
    for process in started:
        try:
            process.wait(_PARTING_S)
        except subprocess.TimeoutExpired:
            process.kill()
    if distributed.is_initialized():
        distributed.destroy_process_group()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _take_down(fabric: Fabric) -> None:
    """End the processes started here: one that waits for this one would wait for ever."""
    launcher = getattr(fabric.strategy, "launcher", None)
    if launcher is not None and hasattr(launcher, "kill"):
        launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no SIGKILL
