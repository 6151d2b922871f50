import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TWO_JOBS = """
import os, warnings
warnings.simplefilter("ignore")
from ecgrnn.training.launch import together
from ecgrnn.data.ranks import gather, rank, world_size
jobs = 1 if "LOCAL_RANK" in os.environ else 2  # what is started works on one job, as Hydra's multirun has it
for _ in range(jobs):
    with together({"accelerator": "cpu", "devices": 2, "strategy": "ddp"}):
        ranks = gather([rank()])
        if rank() == 0:
            print(ranks, world_size())
if jobs == 2:
    print(world_size(), "WORLD_SIZE" in os.environ)
"""


def test_the_next_job_of_a_multirun_starts_its_processes_anew(tmp_path):
    program = tmp_path / "ecgrnn"  # only the program itself is started again
    program.write_text(TWO_JOBS)
    finished = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["[0, 1] 2", "[0, 1] 2", "1 False"]
