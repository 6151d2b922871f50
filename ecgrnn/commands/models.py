"""Command ``models``: the models that come with the package."""

from ecgrnn.commands.stages import say
from ecgrnn.models import shipped
from ecgrnn.options.commands import ModelsConfig


def run(options: ModelsConfig) -> None:
    """List the models by name, with what they are for, their figures and their cards."""
    for model in shipped():
        say(f"{model.name:<14} {model.summary}")
        say(f"  trained on   {model.facts['trained_on']}")
        for name, figure in model.facts["figures"].items():
            say(f"  {name:<12} {_interval(figure)}")
        size = f"{model.checkpoint.stat().st_size / 1000:.0f} kB"
        say(f"  size         {size}, {model.facts['parameters']:,} weights")
        say(f"  card         {model.card}")
    say("")
    say("python -m ecgrnn predict record=FILE annotates with beats, waves and rhythm;")
    say("checkpoint=NAME can be given wherever the path of a checkpoint can.")


def _interval(figure: dict[str, float | None]) -> str:
    low, high = figure["low"], figure["high"]
    of = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"{figure['value']:.3f}{of}"
