"""Command ``explain``: what the class of a beat leans on."""

from pathlib import Path

from ecgrnn.commands.stages import say_all
from ecgrnn.commands.threads import on_threads
from ecgrnn.inference.annotate import fitted
from ecgrnn.inference.checkpoint import load_model, preprocessing_of_checkpoint
from ecgrnn.models import is_name
from ecgrnn.options.deploy import ExplainConfig
from ecgrnn.signals.formats import read


@on_threads
def run(options: ExplainConfig) -> None:
    """Explain as the options say; the page and the table go into the run folder.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is of another task.
        ConfigError: ``leads`` or ``target`` does not fit the network.
        DataError: the recording cannot be read, or has no such beat.
    """
    recording = read(Path(options.record), fs=options.fs)
    named = options.checkpoint if is_name(options.checkpoint) else load_model(options.checkpoint)
    model = fitted(named, recording, options.leads)[0]
    with preprocessing_of_checkpoint():
        say_all(model.task.explain(model, recording, options))
