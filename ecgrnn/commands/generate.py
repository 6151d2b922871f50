"""Command ``generate``: write a record of beats of one class."""

from pathlib import Path

from ecgrnn.commands.stages import say_all
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.recordings import GenerateConfig


def run(options: GenerateConfig) -> None:
    """Generate as the options say; record and annotations go into the run folder."""
    model = load_model(options.checkpoint)
    say_all(model.task.generate(model, options, out=Path(options.run_dir)))
