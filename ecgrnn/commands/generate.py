"""Command ``generate``: write a record of beats of one class."""

from pathlib import Path

import numpy as np

from ecgrnn.commands.stages import say
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.commands import GenerateConfig
from ecgrnn.tasks.generation.prediction import write_beats


def run(options: GenerateConfig) -> None:
    """Generate as the options say; record and annotations go into the run folder."""
    written = write_beats(
        load_model(Path(options.checkpoint)),
        options.beat,
        n=options.n,
        rr_s=options.rr_s,
        spread=options.spread,
        rng=np.random.default_rng(options.seed),
        out=Path(options.run_dir),
    )
    say(f"beats        {options.n} of class {options.beat}, {written.duration_s:.1f} s")
    say(f"record       {written.record}")
    say(f"annotations  {written.annotations}")
