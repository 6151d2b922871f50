"""Command ``evaluate``: score a checkpoint on held-out records, and compare it with another one."""

from collections.abc import Mapping
from pathlib import Path

from ecgrnn.commands.idle import check_scoring
from ecgrnn.commands.stages import Stages, say, say_all
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.collection import annotation_notes
from ecgrnn.data.ranks import rank
from ecgrnn.data.splits.audit import Audit
from ecgrnn.errors import ConfigError
from ecgrnn.evaluation.held_out import audit_model, open_held_out
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.metrics.statistics import Resampling
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.tasks.beats.scoring.files import training_curves, training_seconds, write_results
from ecgrnn.tasks.beats.scoring.results import Results, evaluate_checkpoint
from ecgrnn.tasks.beats.scoring.summary import beat_lines
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.forms import write_held_out
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.model import HeldOutRecords
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.strips.results import evaluate_strips
from ecgrnn.tasks.strips.rhythm import rhythm_lines, write_rhythm
from ecgrnn.tasks.strips.superclass import superclass_lines, write_superclass
from ecgrnn.tasks.transcription.options import TranscriptionConfig
from ecgrnn.training.launch import keys_of_evaluation, together


@on_threads
def run(options: EvaluateConfig) -> None:
    """Evaluate as the options say; everything is written into the run folder."""
    model = load_model(Path(options.checkpoint))
    check_scoring(options, model)
    with together(keys_of_evaluation(options.processes)):
        match model.task:
            case DelineateConfig() | GenerationConfig() | TranscriptionConfig():
                judge_other_forms(options, seconds=training_seconds(Path(options.checkpoint)))
            case RhythmConfig() | SuperclassConfig():
                judge_strips(options, seconds=training_seconds(Path(options.checkpoint)))
            case _:
                _beats(options)


def judge_strips(options: EvaluateConfig, *, seconds: Mapping[str, float]) -> None:
    """Score a classifier of whole strips and write what was found; one process does it."""
    if rank() != 0:
        return
    run_dir = Path(options.run_dir)
    results = evaluate_strips(options, seconds=seconds)
    say_all(results.held_out.lines())
    if isinstance(results.model.task, SuperclassConfig):
        lines = superclass_lines(write_superclass(results, run_dir=run_dir))
    else:
        lines = rhythm_lines(write_rhythm(results, run_dir=run_dir))
    _say_not_checked(results.audit)
    say_all([*lines, f"results     {run_dir / 'summary.json'}", f"report      {run_dir / 'report.html'}"])


def judge_other_forms(options: EvaluateConfig, *, seconds: Mapping[str, float]) -> None:
    """Score a delineator, a generator or a translator and write what was found.

    Raises:
        ConfigError: ``compare`` is given, which takes beat classifiers.
        SplitError: a patient or a record is on two sides.
    """
    model = load_model(Path(options.checkpoint))
    if options.compare is not None:
        raise ConfigError(
            f"compare= takes beat classifiers, and {options.checkpoint} was trained with "
            f"task={model.facts['task']['form']}; leave compare= out"
        )
    held_out = open_held_out(model, options.data)
    audit = audit_model(model, held_out)
    audit.require()
    say_all(held_out.lines())
    lines = write_held_out(
        model,
        held_out,
        audit=audit,
        resampling=Resampling(options.resamples, options.level, options.bootstrap_seed),
        run_dir=Path(options.run_dir),
        seconds=seconds,
    )
    _say_not_checked(audit)
    say_all(lines)
    _say_notes(held_out)


def write_beats(
    results: Results, *, run_dir: Path, seconds: Mapping[str, float], verdicts: bool = True
) -> None:
    """Write what was found about a classifier of beats, and print its figures, in the first process."""
    if rank() != 0:
        return
    summary = write_results(results, run_dir=run_dir, seconds=seconds)
    say_all([*(results.audit.verdicts() if verdicts else ()), *results.held_out.lines()])
    _say_not_checked(results.audit)
    _say_notes(results.held_out)
    say_all(beat_lines(summary))


def _say_notes(held_out: HeldOutRecords) -> None:
    """Say what was merged or left out of the reference annotations."""
    say_all([f"annotations {note}" for note in annotation_notes(held_out.test)])


def _say_not_checked(audit: Audit) -> None:
    """Say what the leak audit could not look at, before any figure."""
    say_all([f"NOT CHECKED {line}" for line in audit.not_checked()])


def _beats(options: EvaluateConfig) -> None:
    run_dir, checkpoint = Path(options.run_dir), Path(options.checkpoint)
    stages = Stages()
    with stages.timed("evaluate"):
        results = evaluate_checkpoint(options, curves=training_curves(checkpoint))
    with stages.timed("report"):
        write_beats(results, run_dir=run_dir, seconds=training_seconds(checkpoint))
    say(f"took        {', '.join(f'{stage} {taken:.1f} s' for stage, taken in stages.seconds.items())}")
    say(f"results     {run_dir / 'summary.json'}")
    say(f"report      {run_dir / 'report.html'}")
