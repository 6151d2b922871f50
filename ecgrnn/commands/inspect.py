"""Command ``inspect``: what a checkpoint holds and what it was trained on."""

from collections.abc import Mapping
from typing import Any

from ecgrnn.commands.stages import say
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.leads import trained_on
from ecgrnn.options.choices import Subset
from ecgrnn.options.commands import InspectConfig
from ecgrnn.tasks.facts import Facts
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import n_weights


def run(options: InspectConfig) -> None:
    """Print the facts of a checkpoint."""
    model = load_model(options.checkpoint)
    facts, trained = model.facts, model.trained
    parameters = n_weights(model.network)
    say(f"checkpoint     {options.checkpoint}")
    say(f"task           {model.task.name}: {_line(facts['task']['options'])}")
    say(f"network        {facts['network']['form']}, {parameters:,} parameters")
    for key, value in facts["network"]["options"].items():
        say(f"  {key:<12} {_line(value) if isinstance(value, Mapping) else _plain(value)}")
    say(f"signal         {model.signal.fs_hz:g} Hz, {_leads(model)}, {model.signal.unit}")
    say(f"preprocessing  {_line(facts['preprocessing'])}")
    say(f"classes        {', '.join(model.scheme.classes)} (scheme {model.scheme.name})")
    say(f"trained on     {model.data.database}, split {trained.split.name}, seed {trained.seed}")
    for subset in Subset:
        say(f"  {subset.value:<12} {_subset(trained, subset.value)}")
    for note in trained.split.notes:
        say(f"  note         {note}")
    say(f"fingerprint    {trained.fingerprint}")
    say(f"versions       {_line(trained.versions)}")


def _leads(model: TrainedModel) -> str:
    named = [lead for lead in model.signal.leads if lead]
    if named:
        return f"leads {', '.join(named)}"
    if model.signal.any_number:
        return "any leads"
    known = f" ({trained_on(model)})" if model.trained_leads else ""
    return f"any {len(model.signal.leads)} leads{known}"


def _subset(trained: Facts, subset: str) -> str:
    records = trained.split.subsets[subset]
    patients = len({trained.split.patients[record] for record in records})
    return (
        f"{len(records)} records of {patients} patients; {_line(trained.counts[subset])}; {' '.join(records)}"
    )


def _line(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in options.items())


def _plain(value: Any) -> str:
    """Write a value as it is written on the command line."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case Mapping():
            return f"({_line(value)})"
        case list() | tuple():
            return f"[{', '.join(_plain(item) for item in value)}]"
        case _:
            return str(value)
