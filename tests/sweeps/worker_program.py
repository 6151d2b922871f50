"""One worker of a sweep as a process: RUN_DIR STORAGE SECONDS (that an epoch of its trials takes)."""

import sys
from pathlib import Path

from ecgrnn.options.choices import Pruner
from ecgrnn.options.sweep import RangeConfig, SearchConfig, SweepConfig
from ecgrnn.sweeps.study import open_study
from ecgrnn.sweeps.worker import Worker


def main() -> None:
    run_dir, storage, seconds = sys.argv[1:]
    space = {"optimizer.learning_rate": RangeConfig(low=1e-4, high=1e-2, log=True)}
    options = SweepConfig(
        run_dir=run_dir,
        search=SearchConfig(space=space, pruner=Pruner.none),
        n_trials=3,
        grace_s=3.0,
        storage=storage or None,
    )
    Worker(
        open_study(options, []),
        options,
        words=[f"data.root={seconds}"],
        say=lambda line: print(line, flush=True),
        program=(sys.executable, "-S", str(Path(__file__).parent / "trial_program.py")),
    ).run()


if __name__ == "__main__":  # tests are looked for in here, too
    main()
