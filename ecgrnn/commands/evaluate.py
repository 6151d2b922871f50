"""Command ``evaluate``: score a checkpoint on held-out records, and compare it with another one."""

from collections.abc import Mapping
from pathlib import Path

from ecgrnn.command_config import EvaluateConfig
from ecgrnn.commands.stages import Stages, say
from ecgrnn.config import DelineateConfig
from ecgrnn.errors import ConfigError
from ecgrnn.evaluation.delineation import table_lines, write_delineation
from ecgrnn.evaluation.held_out import open_held_out
from ecgrnn.evaluation.results import audit_model, evaluate_checkpoint
from ecgrnn.evaluation.rhythm import rhythm_lines, write_rhythm
from ecgrnn.evaluation.strip_results import evaluate_strips
from ecgrnn.evaluation.superclass import superclass_lines, write_superclass
from ecgrnn.evaluation.write import training_curves, training_seconds, write_results
from ecgrnn.inference.checkpoint import TrainedModel, load_model
from ecgrnn.strip_config import RhythmConfig, SuperclassConfig


def run(options: EvaluateConfig) -> None:
    """Evaluate as the options say; everything is written into the run folder."""
    model = load_model(Path(options.checkpoint))
    match model.task:
        case DelineateConfig():
            _delineation(options, model)
        case RhythmConfig() | SuperclassConfig():
            judge_strips(options, seconds=training_seconds(Path(options.checkpoint)))
        case _:
            _beats(options)


def judge_strips(options: EvaluateConfig, *, seconds: Mapping[str, float]) -> None:
    """Score a classifier of whole strips and write what was found."""
    run_dir = Path(options.run_dir)
    results = evaluate_strips(options, seconds=seconds)
    if isinstance(results.model.task, SuperclassConfig):
        lines = superclass_lines(write_superclass(results, run_dir=run_dir))
    else:
        lines = rhythm_lines(write_rhythm(results, run_dir=run_dir))
        lines.append(f"report      {run_dir / 'report.html'}")
    for line in (*lines, f"results     {run_dir / 'summary.json'}"):
        say(line)


def _beats(options: EvaluateConfig) -> None:
    run_dir, checkpoint = Path(options.run_dir), Path(options.checkpoint)
    stages = Stages()
    with stages.timed("evaluate"):
        results = evaluate_checkpoint(options, curves=training_curves(checkpoint))
    with stages.timed("report"):
        write_results(results, run_dir=run_dir, seconds=training_seconds(checkpoint))
    for line in results.audit.verdicts():
        say(line)
    say(f"took        {', '.join(f'{stage} {taken:.1f} s' for stage, taken in stages.seconds.items())}")
    say(f"results     {run_dir / 'summary.json'}")
    say(f"report      {run_dir / 'report.html'}")


def _delineation(options: EvaluateConfig, model: TrainedModel) -> None:
    if options.compare is not None:
        raise ConfigError("compare= takes beat classifiers; leave it out for a delineator")
    run_dir = Path(options.run_dir)
    held_out = open_held_out(model, options.data)
    audit_model(model, held_out).require()
    summary = write_delineation(
        model,
        held_out.test,
        database=held_out.database,
        split=held_out.split.name,
        run_dir=run_dir,
        seconds=training_seconds(Path(options.checkpoint)),
    )
    for line in table_lines(summary):
        say(line)
    say(f"results     {run_dir / 'summary.json'}")
